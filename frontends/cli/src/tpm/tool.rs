//! What the programs beside `swtpm` have in common: a complaint about the command line, help, version, how they end.
//!
//! Exit status as swtpm's: 0 done, 1 anything else.

use super::getopt::{self, Dashes, Given, Known};
use super::report::Report;
use anyhow::Result;
use std::ffi::OsString;
use std::process::ExitCode;

/// The version of swtpm that the options and answers of its programs are those of.
pub(super) const VERSION: &str = "0.7.1";

/// A program.
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// What `--version` calls it.
    pub(super) title: &'static str,
    pub(super) help: &'static str,
    pub(super) known: &'static [Known],
    pub(super) dashes: Dashes,
}

impl Tool {
    /// The options of a command line that asks for work. `Err`: all is said, and the program ends.
    pub(super) fn options(&self, arguments: Vec<OsString>) -> Result<Given, ExitCode> {
        let given = getopt::parse(self.known, self.dashes, arguments).map_err(|complaint| {
            eprintln!("{}: {complaint}", self.name);
            print!("{}", self.help);
            ExitCode::FAILURE
        })?;
        if given.has("help") {
            print!("{}", self.help);
        } else if given.has("version") {
            println!("{} version {VERSION} (ironroot)", self.title);
        } else {
            return Ok(given);
        }
        Err(ExitCode::SUCCESS)
    }
}

/// Works with a report, and says there what went wrong.
pub(super) fn report(
    report: Result<Report>,
    work: impl FnOnce(&mut Report) -> Result<()>,
) -> ExitCode {
    let mut report = match report {
        Ok(report) => report,
        Err(error) => return failed(&error),
    };
    match work(&mut report) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report.wrong(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Says on standard error what went wrong.
pub(super) fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("{error:#}");
    ExitCode::FAILURE
}
