//! A command of the user's that keeps the anchor: a hardware counter, a server, a smart card.
//!
//! It is started once and asked line by line, so that nothing need be started once the daemon is
//! confined:
//!
//! | we write | it answers |
//! |---|---|
//! | `get` | `none`, or what was set last |
//! | `set HEX` | `ok`, when it is kept |
//!
//! It has five seconds for an answer; anything else, or its end, fails the change at hand.

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);
const MAX_LINE: usize = 256;

/// The command, running.
pub(super) struct Coprocess {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Coprocess {
    pub(super) fn start(command: &str) -> Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C at a terminal is for us: the last changes still need it.
            .process_group(0)
            .spawn()
            .context("cannot run the anchor's command")?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the anchor's command has no pipes");
        };
        Ok(Self { child, to, from })
    }

    /// Writes a line and reads one.
    pub(super) fn ask(&mut self, line: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        self.to
            .write_all(format!("{line}\n").as_bytes())
            .context("the anchor's command does not listen")?;
        let mut answer = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: left.as_secs().try_into()?,
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut polled = [PollFd::new(&self.from, PollFlags::IN)];
            if poll(&mut polled, Some(&timeout))? == 0 {
                bail!("the anchor's command does not answer");
            }
            let mut byte = [0];
            if self.from.read(&mut byte)? == 0 {
                bail!("the anchor's command has ended");
            }
            match byte {
                [b'\n'] => return Ok(String::from_utf8(answer)?),
                _ if answer.len() >= MAX_LINE => bail!("the anchor's command answers too much"),
                _ => answer.extend(byte),
            }
        }
    }
}

impl Drop for Coprocess {
    fn drop(&mut self) {
        // It also sees its input end; who does not look is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
