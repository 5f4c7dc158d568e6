#![doc = include_str!("../README.md")]

mod log;

pub use log::{Log, read_profile};

/// A stack to watch: its memory, and between which addresses' execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stack {
    /// First byte.
    pub low: u32,
    /// End.
    pub high: u32,
    /// Watching begins when this address first executes.
    pub from: u32,
    /// And ends when this one does; 0: never.
    pub until: u32,
}

/// Exit code of a machine whose power failed ([`Counter::count_stores`]).
pub const POWER_CUT: i32 = 99;

use ironroot_qemu::Qemu;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("../plugin.c");

/// The built plugin.
#[derive(Debug, Clone)]
pub struct Counter {
    library: PathBuf,
}

impl Counter {
    /// Builds the plugin for the QEMU that [`Qemu`] starts into `directory`, or finds it there.
    ///
    /// # Errors
    /// When there is no C compiler, or it fails; the text says so.
    pub fn build(directory: &Path) -> io::Result<Self> {
        let interface = interface_of(&qemu_version()?);
        let source = directory.join("icount.c");
        let library = directory.join(format!("icount-{interface}.so"));
        let same = std::fs::read_to_string(&source).is_ok_and(|text| text == SOURCE);
        if same && library.exists() {
            return Ok(Self { library });
        }
        std::fs::create_dir_all(directory)?;
        std::fs::write(&source, SOURCE)?;
        let output = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-fvisibility=hidden"])
            .arg(format!("-DPLUGIN_ABI={interface}"))
            .arg("-o")
            .arg(&library)
            .arg(&source)
            .output()
            .map_err(|error| io::Error::other(format!("cannot run the C compiler cc: {error}")))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(format!(
                "cc failed on the counting plugin:\n{text}"
            )));
        }
        Ok(Self { library })
    }

    /// `machine` with the counter, logging each time one of `marks` executes.
    #[must_use]
    pub fn attach(&self, machine: Qemu, log: &Path, marks: &[u32]) -> Qemu {
        let mut option = format!("{},out={}", self.library.display(), log.display());
        for mark in marks {
            // Bit 0 of a function's address only says "Thumb".
            option.push_str(&format!(",mark={:x}", mark & !1));
        }
        machine.counted_time().arg("-plugin").arg(option)
    }

    /// `machine` with an eye on how deep stacks get; [`Log::stack_used`] tells afterwards. Slow.
    #[must_use]
    pub fn watch_stacks(&self, machine: Qemu, log: &Path, stacks: &[Stack]) -> Qemu {
        let mut option = format!("{},out={}", self.library.display(), log.display());
        for Stack {
            low,
            high,
            from,
            until,
        } in stacks
        {
            option.push_str(&format!(
                ",stack={low:x}-{high:x}-{:x}-{:x}",
                from & !1,
                until & !1
            ));
        }
        machine.counted_time().arg("-plugin").arg(option)
    }

    /// `machine` that counts its stores to a range of addresses, [`Log::stores`], and whose power fails at store
    /// number `cut` (from 0), if it comes so far: it ends with [`POWER_CUT`].
    #[must_use]
    pub fn count_stores(
        &self,
        machine: Qemu,
        log: &Path,
        range: (u32, u32),
        cut: Option<u64>,
    ) -> Qemu {
        let mut option = format!("{},out={}", self.library.display(), log.display());
        option.push_str(&format!(",stores={:x}-{:x}", range.0, range.1));
        if let Some(cut) = cut {
            option.push_str(&format!(",cut={cut}"));
        }
        machine.counted_time().arg("-plugin").arg(option)
    }

    /// `machine` with a count per address, from the `nth` time (from 1) that `from` executes until
    /// `to` does.
    #[must_use]
    pub fn profile(&self, machine: Qemu, into: &Path, from: u32, to: u32, nth: usize) -> Qemu {
        let log = into.with_extension("log");
        machine.counted_time().arg("-plugin").arg(format!(
            "{},out={},profile={},from={:x},to={:x},nth={nth}",
            self.library.display(),
            log.display(),
            into.display(),
            from & !1,
            to & !1,
        ))
    }
}

fn qemu_version() -> io::Result<String> {
    let output = Qemu::without_flash("").version_command().output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The plugin interface of a QEMU that calls itself `version`.
fn interface_of(version: &str) -> u32 {
    let major = version
        .split_whitespace()
        .find_map(|word| word.split_once('.')?.0.parse::<u32>().ok())
        .unwrap_or(7);
    if major < 9 { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_follows_qemus_version() {
        assert_eq!(
            interface_of("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg)"),
            1
        );
        assert_eq!(
            interface_of("QEMU emulator version 10.0.2 (Debian 1:10.0.2)"),
            2
        );
        assert_eq!(interface_of("something else"), 1);
    }
}
