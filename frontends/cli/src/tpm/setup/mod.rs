//! `swtpm_setup`: makes the state of a TPM as a manufacturer would: endorsement keys, their certificates
//! in non-volatile memory, the banks of PCRs.

mod banks;
mod capabilities;
mod certificates;
mod commands;
mod config_files;
mod help;
mod keys;
mod manufacture;
mod options;
mod server;
mod state;

use super::getopt::{Dashes, Given};
use super::report::Report;
use super::tool::{self, Tool};
use super::user::User;
use anyhow::{Result, bail};
use std::ffi::OsString;
use std::process::ExitCode;

const TOOL: Tool = Tool {
    name: "swtpm_setup",
    title: "TPM emulator setup tool",
    help: help::TEXT,
    known: &options::KNOWN,
    dashes: Dashes::Two,
};

/// Runs `swtpm_setup` with the arguments behind its name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let given = match TOOL.options(args) {
        Ok(given) => given,
        Err(ended) => return ended,
    };
    let report = become_user(&given).and_then(|()| Report::open(given.get("logfile")));
    tool::report(report, |report| go(&given, report))
}

fn become_user(given: &Given) -> Result<()> {
    match given.get("runas") {
        Some(user) => User::find(user)?.become_it(),
        None => Ok(()),
    }
}

fn go(given: &Given, report: &mut Report) -> Result<()> {
    if let Some(flags) = given.get("create-config-files") {
        return config_files::create(flags, report);
    }
    if given.has("print-capabilities") {
        return capabilities::print(given);
    }
    for old in ["tcsd-system-ps-file", "swtpm_ioctl"] {
        if given.has(old) {
            report.say(&format!(
                "Warning: --{old} is deprecated and has no effect."
            ));
        }
    }
    let Some(place) = given.get("tpm-state").or(given.get("tpmstate")) else {
        bail!("--tpm-state must be provided");
    };
    if !given.has("tpm2") {
        bail!(
            "Only TPM 2.0 is supported; --tpm2 is missing (without it swtpm_setup means a TPM 1.2)."
        );
    }
    let plan = options::Plan::new(given, place, report)?;
    manufacture::manufacture(&plan, report)
}
