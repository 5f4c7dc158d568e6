//! `swtpm_setup`: makes the state of a TPM as a manufacturer would: endorsement keys, their certificates
//! in non-volatile memory, the banks of PCRs.
//!
//! Exit status as swtpm's: 0 done, 1 anything else.

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

use super::getopt::{self, Dashes, Given};
use super::report::Report;
use super::user::User;
use anyhow::{Result, bail};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `swtpm_setup` with the arguments behind its name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let given = match getopt::parse(&options::KNOWN, Dashes::Two, args) {
        Ok(given) => given,
        Err(complaint) => {
            eprintln!("swtpm_setup: {complaint}");
            print!("{}", help::TEXT);
            return ExitCode::from(1);
        }
    };
    if given.has("help") {
        print!("{}", help::TEXT);
        return ExitCode::SUCCESS;
    }
    if given.has("version") {
        println!(
            "TPM emulator setup tool version {} (ironroot)",
            super::cert::VERSION
        );
        return ExitCode::SUCCESS;
    }
    let mut report = match become_user(&given).and_then(|()| Report::open(given.get("logfile"))) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::from(1);
        }
    };
    match go(&given, &mut report) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report.wrong(&format!("{error:#}"));
            ExitCode::from(1)
        }
    }
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
