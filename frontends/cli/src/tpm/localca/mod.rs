//! `swtpm_localca`: a certificate authority in a folder, that writes the certificates of TPMs. `swtpm_setup`
//! asks it, as it would any program that its configuration names.

mod authority;
mod help;
mod issue;
mod options;
mod serial;

use super::getopt::Dashes;
use super::report::Report;
use super::tool::{self, Tool};
use options::Order;
use std::ffi::OsString;
use std::process::ExitCode;

const TOOL: Tool = Tool {
    name: "swtpm_localca",
    title: "TPM certificate authority",
    help: help::TEXT,
    known: &options::KNOWN,
    dashes: Dashes::Two,
};

/// Runs `swtpm_localca` with the arguments behind its name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let given = match TOOL.options(args) {
        Ok(given) => given,
        Err(ended) => return ended,
    };
    tool::report(Report::open(given.get("logfile")), |report| {
        issue::issue(&Order::new(&given)?, report)
    })
}
