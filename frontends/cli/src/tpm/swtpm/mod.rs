//! `swtpm`.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `swtpm` with the arguments behind its name.
pub(crate) fn run(_args: Vec<OsString>) -> ExitCode {
    eprintln!("swtpm: not in this version of ironroot");
    ExitCode::from(1)
}
