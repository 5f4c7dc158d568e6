//! `ironroot device faults`.

use super::values::DeviceArgument;
use clap::Args;
use ironroot_boot::Refused;
use ironroot_boot::fault::{Cause, FaultRecord, Origin};
use ironroot_host_device::{Board, faults};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Options of `faults`.
#[derive(Args)]
pub(crate) struct Faults {
    #[command(flatten)]
    device: DeviceArgument,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Faults {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let files = self.device.find()?;
        let found = faults(&files)?;
        if self.json {
            let list = |records: &[FaultRecord]| records.iter().map(to_json).collect::<Vec<_>>();
            println!(
                "{:#}",
                json!({ "log": list(&found.logged), "since": list(&found.retained) })
            );
            return Ok(ExitCode::SUCCESS);
        }
        if found.logged.is_empty() && found.retained.is_empty() {
            println!("no faults");
        }
        // Oldest first, as things happened.
        found
            .logged
            .iter()
            .rev()
            .for_each(|record| println!("{}", words(record)));
        for record in &found.retained {
            println!("{} (not in the log yet)", words(record));
        }
        if files.board() == Board::An521 {
            println!("(records since the last boot are in the machine's memory, not in this file)");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn origin(origin: Origin) -> String {
    match origin {
        Origin::Bootloader => "bootloader".to_owned(),
        Origin::NonSecure => "non-secure world".to_owned(),
        Origin::RootOfTrust => "PSA root of trust".to_owned(),
        Origin::Partition(index) => format!("partition {index}"),
    }
}

fn detail(record: &FaultRecord) -> String {
    match (record.cause, Refused::from_detail(record.detail)) {
        (Cause::BootRefused, Some(refused)) => {
            format!(
                ": {} slot {}, {}",
                refused.image, refused.slot, refused.reason
            )
        }
        _ if record.detail != 0 => format!(", detail {:#x}", record.detail),
        _ => String::new(),
    }
}

fn words(record: &FaultRecord) -> String {
    let mut line = format!(
        "boot {}: {}, {}",
        record.boot_count,
        origin(record.origin),
        record.cause.words()
    );
    line.push_str(&detail(record));
    if let Some(address) = record.address {
        line.push_str(&format!(", address {address:#010x}"));
    }
    if record.program_counter != 0 {
        line.push_str(&format!(", at {:#010x}", record.program_counter));
    }
    if record.status != 0 || record.secure_status != 0 {
        line.push_str(&format!(
            ", status {:#x}/{:#x}",
            record.status, record.secure_status
        ));
    }
    line
}

fn to_json(record: &FaultRecord) -> Value {
    json!({
        "boot": record.boot_count,
        "origin": origin(record.origin),
        "cause": record.cause.words(),
        "detail": record.detail,
        "address": record.address,
        "program_counter": record.program_counter,
        "link_register": record.link_register,
        "status": record.status,
        "secure_status": record.secure_status,
        "words": words(record),
    })
}
