//! `swtpm_localca`: a certificate authority in a folder, that writes the certificates of TPMs. `swtpm_setup`
//! asks it, as it would any program that its configuration names.
//!
//! Exit status as swtpm's: 0 done, 1 anything else.

mod authority;
mod help;
mod issue;
mod options;
mod serial;

use super::getopt::{self, Dashes};
use super::report::Report;
use options::Order;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `swtpm_localca` with the arguments behind its name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let given = match getopt::parse(&options::KNOWN, Dashes::Two, args) {
        Ok(given) => given,
        Err(complaint) => {
            eprintln!("swtpm_localca: {complaint}");
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
            "TPM certificate authority version {} (ironroot)",
            super::cert::VERSION
        );
        return ExitCode::SUCCESS;
    }
    let mut report = match Report::open(given.get("logfile")) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::from(1);
        }
    };
    match Order::new(&given).and_then(|order| issue::issue(&order, &mut report)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report.wrong(&format!("{error:#}"));
            ExitCode::from(1)
        }
    }
}
