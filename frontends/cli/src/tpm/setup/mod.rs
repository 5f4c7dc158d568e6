//! `swtpm_setup`.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `swtpm_setup` with the arguments behind its name.
pub(crate) fn run(_args: Vec<OsString>) -> ExitCode {
    eprintln!("swtpm_setup: not in this version of ironroot");
    ExitCode::from(1)
}
