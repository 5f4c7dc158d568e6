//! `--daemon`: a second process serves; the first one ends when the TPM can be used, or with its refusal.

use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};

/// Set for the process that serves. Its standard output is a pipe to the one that waits.
const MARK: &str = "IRONROOT_SWTPM_DAEMON";
/// What it says last. What comes before is for who started it.
const READY: u8 = b'+';

/// Whether this is the process that serves.
pub(super) fn is_child() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Starts the process that serves and waits until it can be used. Inherited descriptors go on to it.
pub(super) fn start(interface: &str, args: &[OsString]) -> Result<ExitCode> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg0("swtpm")
        .arg(interface)
        .args(args)
        .env(MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the process that serves")?;
    let mut said = Vec::new();
    let pipe = child.stdout.take().context("no pipe")?;
    BufReader::new(pipe).read_until(READY, &mut said)?;
    let is_ready = said.pop_if(|last| *last == READY).is_some();
    std::io::stdout().write_all(&said)?;
    if is_ready {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.filter(|code| *code != 0).unwrap_or(1)))
}

/// The process that serves, on its way to the background.
pub(super) struct Background {
    nothing: File,
}

impl Background {
    /// Leaves the session of who started it.
    pub(super) fn enter() -> Result<Self> {
        // The leader of a group cannot, and then it is apart already.
        let _ = rustix::process::setsid();
        let nothing = File::options().read(true).write(true).open("/dev/null")?;
        Ok(Self { nothing })
    }

    /// Tells who waits, and lets go of its terminal and pipes.
    pub(super) fn ready(&self) {
        let mut out = std::io::stdout();
        let _ = out.write_all(&[READY]).and_then(|()| out.flush());
        let _ = rustix::stdio::dup2_stdout(&self.nothing);
        let _ = rustix::stdio::dup2_stderr(&self.nothing);
    }
}
