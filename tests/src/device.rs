//! A device on AN521: a flash file made with the `ironroot` command, and QEMU to run it.

use crate::firmware::{Firmware, keys};
use ironroot_qemu::{Qemu, Run};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// Where the application looks for its orders: the last page of its memory, secure alias.
const MAILBOX: u32 = 0x381F_F000;

/// Longest run; the machine is emulated and the tests share two processors.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs the `ironroot` command.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn ironroot(arguments: &[&str]) -> Output {
    let program = std::env::var_os("IRONROOT_CLI").expect("set together with IRONROOT_AN521_DIR");
    Command::new(program)
        .args(arguments)
        .output()
        .expect("the ironroot command runs")
}

/// One provisioned device.
#[derive(Debug)]
pub struct Device {
    folder: TempDir,
    bootloader: PathBuf,
}

impl Device {
    /// Makes and provisions one, with nothing in its slots.
    ///
    /// # Panics
    /// When a command fails.
    #[must_use]
    pub fn blank(firmware: &Firmware) -> Self {
        Self::provisioned(Self::unprovisioned(firmware), &[])
    }

    /// The same for the layout whose images run in place.
    ///
    /// # Panics
    /// When a command fails.
    #[must_use]
    pub fn blank_in_place(firmware: &Firmware) -> Self {
        Self::blank_in_place_with(firmware, &[])
    }

    /// The same with more arguments of `device provision`.
    ///
    /// # Panics
    /// When a command fails.
    #[must_use]
    pub fn blank_in_place_with(firmware: &Firmware, more: &[&str]) -> Self {
        let bootloader = firmware.bootloader_in_place();
        Self::provisioned(Self::made_for(bootloader, "swap-offset"), more)
    }

    fn provisioned(device: Self, more: &[&str]) -> Self {
        let (secure, application) = (keys("secure"), keys("non-secure"));
        let arguments = [
            "--key",
            text(&secure),
            "--application-key",
            text(&application),
        ];
        device.command(
            &["provision"],
            &[&arguments[..], &["--seed", &"5a".repeat(32)], more].concat(),
        );
        device
    }

    /// Makes one without keys.
    ///
    /// # Panics
    /// When a command fails.
    #[must_use]
    pub fn unprovisioned(firmware: &Firmware) -> Self {
        Self::made_for(firmware.bootloader(), "ram-load")
    }

    /// The same, for images that run in place.
    #[must_use]
    pub fn unprovisioned_in_place(firmware: &Firmware) -> Self {
        Self::made_for(firmware.bootloader_in_place(), "swap-offset")
    }

    fn made_for(bootloader: PathBuf, strategy: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let device = Self { folder, bootloader };
        device.command(&["new"], &["--board", "an521", "--strategy", strategy]);
        device
    }

    /// Makes one that runs `application` over the firmware.
    #[must_use]
    pub fn with(firmware: &Firmware, application: &str) -> Self {
        let device = Self::blank(firmware);
        device.install(&firmware.secure(), 0, "a");
        device.install(&firmware.application(application), 1, "a");
        device
    }

    /// Makes one that runs `application` in place.
    #[must_use]
    pub fn in_place(firmware: &Firmware, application: &str) -> Self {
        Self::in_place_with(firmware, application, &[])
    }

    /// The same, provisioned with more arguments.
    #[must_use]
    pub fn in_place_with(firmware: &Firmware, application: &str, more: &[&str]) -> Self {
        let device = Self::blank_in_place_with(firmware, more);
        device.install(&firmware.in_place("secure"), 0, "a");
        device.install(&firmware.in_place(application), 1, "a");
        device
    }

    /// The file behind the board's PSRAM.
    #[must_use]
    pub fn flash(&self) -> PathBuf {
        self.folder.path().join("device.flash")
    }

    /// A file beside the flash.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes an image into a slot, confirmed.
    pub fn install(&self, image: &Path, number: u8, slot: &str) {
        let number = number.to_string();
        self.command(
            &["install"],
            &[text(image), "--image", &number, "--slot", slot],
        );
    }

    /// Writes an image into the free slot, on trial.
    pub fn update(&self, image: &Path, number: u8) {
        self.command(&["update"], &[text(image), "--image", &number.to_string()]);
    }

    /// Runs `ironroot device …` on this device and gives what it printed.
    ///
    /// # Panics
    /// When the command fails.
    pub fn command(&self, subcommand: &[&str], arguments: &[&str]) -> String {
        let flash = self.flash();
        let all = [&["device"], subcommand, &[text(&flash)], arguments].concat();
        let output = ironroot(&all);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "ironroot {}: {error}",
            all.join(" ")
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Changes one byte of the flash: what a thief with a programmer does.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn tamper(&self, offset: usize) {
        let mut bytes = std::fs::read(self.flash()).expect("the flash file");
        bytes[offset] ^= 1;
        std::fs::write(self.flash(), bytes).expect("the flash file");
    }

    /// The machine, with two words of orders for the application.
    #[must_use]
    pub fn machine(&self, command: u32, argument: u32) -> Qemu {
        Qemu::an521(&self.bootloader, self.flash())
            .word(MAILBOX, command)
            .word(MAILBOX + 4, argument)
            .deadline(DEADLINE)
    }

    /// Runs it until its application ends, or the deadline.
    ///
    /// # Panics
    /// When QEMU cannot be started.
    #[must_use]
    pub fn run(&self, command: u32, argument: u32) -> Run {
        self.machine(command, argument).run().expect("QEMU starts")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}
