//! `swtpm_localca`.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `swtpm_localca` with the arguments behind its name.
pub(crate) fn run(_args: Vec<OsString>) -> ExitCode {
    eprintln!("swtpm_localca: not in this version of ironroot");
    ExitCode::from(1)
}
