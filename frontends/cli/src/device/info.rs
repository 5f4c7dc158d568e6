//! `ironroot device info`.

use super::provision::{required_words, scheme_name};
use super::values::DeviceArgument;
use crate::image::shared;
use clap::Args;
use ironroot_boot::otp::{Facts, OtpError, ProvisioningFlags};
use ironroot_boot::{Image, Slot, Standing};
use ironroot_host_device::{DeviceError, DeviceFiles, Report, facts, inspect, security_counter};
use ironroot_image::Refusal;
use ironroot_image::trailer::{FlagState, MagicState, Trailer};
use ironroot_platform::{FlashCounter, HardwareCounter as _};
use ironroot_port_host::FileFlash;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Options of `info`.
#[derive(Args)]
pub(crate) struct Info {
    #[command(flatten)]
    device: DeviceArgument,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Info {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let files = self.device.find()?;
        let flash = files.open_flash()?;
        let facts = match facts(flash.clone(), files.map()) {
            Ok(facts) => facts,
            Err(DeviceError::Otp(OtpError::Blank)) if self.json => {
                println!(
                    "{}",
                    json!({ "board": files.board().name(), "provisioned": false })
                );
                return Ok(ExitCode::SUCCESS);
            }
            Err(DeviceError::Otp(OtpError::Blank)) => {
                println!("board {}, not provisioned", files.board().name());
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(error.into()),
        };
        let details = Details::read(&files, &flash, facts)?;
        if self.json {
            println!("{:#}", details.json(&files));
        } else {
            details.print(&files);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// All that is shown.
struct Details {
    facts: Facts,
    boots: u32,
    vault_generation: u32,
    images: Vec<ImageDetails>,
}

struct ImageDetails {
    image: Image,
    counter: u32,
    slots: [Report; 2],
}

impl Details {
    fn read(files: &DeviceFiles, flash: &FileFlash, facts: Facts) -> anyhow::Result<Self> {
        let (map, layout) = (files.map(), files.layout());
        let counter = |area: ironroot_boot::Area| -> Result<u32, DeviceError> {
            Ok(FlashCounter::open(area.of(flash.clone())?)?.read()?)
        };
        let mut images = Vec::new();
        for image in Image::ALL {
            let inspect = |slot| inspect(flash, &layout, &facts.root_keys, image, slot);
            images.push(ImageDetails {
                image,
                counter: security_counter(flash, map, image)?
                    .read()
                    .map_err(DeviceError::from)?,
                slots: [inspect(Slot::A)?, inspect(Slot::B)?],
            });
        }
        Ok(Self {
            facts,
            boots: counter(map.boot_counter)?,
            vault_generation: counter(map.vault_counter)?,
            images,
        })
    }

    fn print(&self, files: &DeviceFiles) {
        let facts = &self.facts;
        let lifecycle = facts.lifecycle;
        println!(
            "board {}, updates by {}, lifecycle {} ({:#06x}), booted {} times, vault generation {}",
            files.board().name(),
            files.layout().mode.name(),
            lifecycle.words(),
            lifecycle as u16,
            self.boots,
            self.vault_generation
        );
        if facts.flags.contains(ProvisioningFlags::TEST_SECRETS) {
            println!("TEST DEVICE: its secrets come from a seed");
        }
        println!("instance id       {}", shared::to_hex(&facts.instance_id));
        println!(
            "implementation id {}",
            shared::to_hex(&facts.implementation_id)
        );
        for ImageDetails {
            image,
            counter,
            slots,
        } in &self.images
        {
            let keys = facts.root_keys.get(*image);
            println!();
            println!(
                "image {} ({image}): lowest security counter {counter}",
                image.number()
            );
            if keys.keys().count() > 1 {
                println!("  keys that must have signed: {}", required_words(keys));
            }
            for (index, key) in keys.keys().enumerate() {
                let revoked = keys.revoked() >> index & 1 == 1;
                println!(
                    "  signed by {}, key hash {}{}",
                    scheme_name(key.scheme),
                    shared::to_hex(key.key_hash),
                    if revoked { " (revoked)" } else { "" }
                );
            }
            for report in slots {
                println!("  slot {}: {}", report.slot, words(files, report));
            }
        }
    }

    fn json(&self, files: &DeviceFiles) -> Value {
        let images: Vec<Value> = self
            .images
            .iter()
            .map(|details| {
                json!({
                    "image": details.image.number(),
                    "security_counter": details.counter,
                    "slots": details.slots.iter().map(|report| slot_json(files, report)).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "board": files.board().name(),
            "strategy": files.layout().mode.name(),
            "provisioned": true,
            "lifecycle": self.facts.lifecycle.words(),
            "instance_id": shared::to_hex(&self.facts.instance_id),
            "implementation_id": shared::to_hex(&self.facts.implementation_id),
            "test_device": self.facts.flags.contains(ProvisioningFlags::TEST_SECRETS),
            "boots": self.boots,
            "vault_generation": self.vault_generation,
            "images": images,
        })
    }
}

fn is_empty(report: &Report) -> bool {
    matches!(report.state.header, Err(Refusal::NoImage))
}

/// What a slot's trailer means on this device.
fn standing(files: &DeviceFiles, report: &Report) -> &'static str {
    let mode = files.layout().mode;
    if !mode.moves_sectors() {
        return report.standing.words();
    }
    match (report.slot, report.standing) {
        (Slot::A, Standing::TrialFailed) => "on trial, the next boot goes back",
        (Slot::A, Standing::Confirmed) => "confirmed",
        (Slot::B, Standing::Pending) => "to be installed and tried next",
        (Slot::B, Standing::Confirmed) => "to be installed next, for good",
        (Slot::B, Standing::Unmarked) => "not asked for",
        (_, other) => other.words(),
    }
}

fn words(files: &DeviceFiles, report: &Report) -> String {
    if is_empty(report) {
        return "empty".to_owned();
    }
    let version = report
        .state
        .version()
        .map_or("no version".to_owned(), |v| v.to_string());
    let verdict = match report.verdict {
        Ok(accepted) => format!("acceptable, security counter {}", accepted.security_counter),
        Err(reason) => format!("REFUSED: {reason}"),
    };
    let trailer = report
        .state
        .trailer
        .map_or("trailer unreadable".to_owned(), |t| trailer_words(&t));
    format!(
        "{version}, {}, {verdict} [{trailer}]",
        standing(files, report)
    )
}

fn trailer_words(trailer: &Trailer) -> String {
    let flag = |state| match state {
        FlagState::Set => "set",
        FlagState::Unset => "unset",
        FlagState::Bad => "bad",
    };
    let magic = match trailer.magic {
        MagicState::Good => "good",
        MagicState::Unset => "unset",
        MagicState::Bad => "bad",
    };
    let (image_ok, copy_done) = (flag(trailer.image_ok), flag(trailer.copy_done));
    format!("magic {magic}, image_ok {image_ok}, copy_done {copy_done}")
}

fn slot_json(files: &DeviceFiles, report: &Report) -> Value {
    let version = report.state.version().map(|version| version.to_string());
    json!({
        "slot": report.slot.to_string(),
        "empty": is_empty(report),
        "version": version,
        "standing": standing(files, report),
        "acceptable": report.verdict.is_ok(),
        "reason": report.verdict.err().map(|reason| reason.to_string()),
    })
}
