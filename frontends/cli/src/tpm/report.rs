//! Where a program says what it does: standard output and error, or a log file instead of both.

use anyhow::{Context, Result, bail};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

/// The way out for a program's words.
pub(crate) struct Report {
    log: Option<File>,
}

impl Report {
    /// Appends to a log file if there is a path. A symbolic link is refused: what else would a privileged
    /// program write to (CVE-2020-28407).
    pub(crate) fn open(path: Option<&str>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self { log: None });
        };
        if std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
            bail!("Logfile must not be a symlink.");
        }
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(path)
            .with_context(|| format!("Cannot write to logfile {path}."))?;
        Ok(Self { log: Some(log) })
    }

    /// A line about what goes as it should.
    pub(crate) fn say(&mut self, line: &str) {
        match &mut self.log {
            // Nobody is left to be told when this fails.
            Some(log) => drop(writeln!(log, "{line}")),
            None => println!("{line}"),
        }
    }

    /// A line about what does not.
    pub(crate) fn wrong(&mut self, line: &str) {
        match &mut self.log {
            Some(log) => drop(writeln!(log, "{line}")),
            None => eprintln!("{line}"),
        }
    }
}
