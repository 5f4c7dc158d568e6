//! What a story is told on: a device, its images, and how it boots.

use crate::place::Place;
use crate::shell::shown;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One device with everything that happens to it.
pub(super) struct Stage {
    /// xtask's own directory, which is not worth showing.
    pub(super) work: PathBuf,
    /// The built `ironroot` command.
    pub(super) ironroot: PathBuf,
    /// Directory or flash file.
    pub(super) device: PathBuf,
    pub(super) directory: PathBuf,
    /// `an521` or `host`.
    pub(super) board: &'static str,
    /// Development keys: secure, application.
    pub(super) keys: (PathBuf, PathBuf),
    /// Signed secure image, version 1.0.0.
    pub(super) secure: PathBuf,
    /// Unsigned application.
    pub(super) application: PathBuf,
    /// Arguments of `image sign` that depend on the board.
    pub(super) layout: Vec<String>,
    pub(super) boots: Boots,
}

/// How the device boots.
pub(super) enum Boots {
    /// QEMU with this bootloader.
    Qemu(PathBuf),
    /// `ironroot device boot`.
    Processes,
}

/// What a boot said.
pub(super) struct Console {
    pub(super) lines: Vec<String>,
}

impl Console {
    /// The rest of the first line that starts so.
    pub(super) fn after(&self, prefix: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(prefix))
    }

    /// Fails unless a line contains all these words.
    pub(super) fn must_say(&self, words: &[&str]) -> Result<()> {
        let all = |line: &&String| words.iter().all(|word| line.contains(word));
        if self.lines.iter().find(all).is_none() {
            bail!(
                "the story went wrong: no line with {words:?}; the whole console:\n{}",
                self.lines.join("\n")
            );
        }
        Ok(())
    }
}

impl Stage {
    /// Prints a command as typed in the checkout, runs it, prints what it says; fails if its exit
    /// status is not `expected`.
    pub(super) fn ironroot(&self, words: &[&str], expected: i32) -> Result<String> {
        self.ironroot_until("\0", words, expected)
    }

    /// The same, showing its output only before the first line that contains `stop`.
    pub(super) fn ironroot_until(
        &self,
        stop: &str,
        words: &[&str],
        expected: i32,
    ) -> Result<String> {
        let mut command = Command::new(&self.ironroot);
        command.args(words);
        println!("$ {}", self.shortened(&shown(&command)));
        let output = command.output()?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        for line in text.lines().take_while(|line| !line.contains(stop)) {
            println!("  {}", self.shortened(line));
        }
        if output.status.code() != Some(expected) {
            bail!(
                "the story went wrong: exit status {} instead of {expected}",
                output.status
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A path as seen from the checkout.
    pub(super) fn shown(&self, path: &Path) -> String {
        self.shortened(&path.to_string_lossy())
    }

    /// Text without the places of this machine.
    fn shortened(&self, text: &str) -> String {
        let command = self.ironroot.to_string_lossy().into_owned();
        let here = format!("{}/", self.directory.display());
        let work = format!("{}/", self.work.display());
        text.replace(&command, "ironroot")
            .replace(&here, "")
            .replace(&work, "")
    }
}

/// Development keys, made if they are not there.
pub(super) fn keys(place: &Place) -> Result<(PathBuf, (PathBuf, PathBuf))> {
    let signer = crate::firmware::Signer::new(place)?;
    Ok((
        signer.ironroot,
        (signer.keys.secure, signer.keys.non_secure),
    ))
}
