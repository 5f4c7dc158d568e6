//! A provisioned device of development, made by the `ironroot` command.

use crate::firmware::{Images, Signer};
use crate::place::Place;
use crate::shell::output;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files that `ironroot device` may leave beside an AN521's flash.
const BESIDE: [&str; 5] = [
    "",
    ".json",
    ".attestation-key.pem",
    ".retained",
    ".strategy",
];

/// The two layouts of an AN521.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Strategy {
    /// Images are copied to memory
    RamLoad,
    /// Images run in place, updates are swapped in
    SwapOffset,
}

impl Strategy {
    /// The bootloader among a product's files.
    pub(crate) const fn bootloader(self) -> &'static str {
        match self {
            Self::RamLoad => "bootloader.elf",
            Self::SwapOffset => "bootloader-in-place.elf",
        }
    }

    /// The first version of an image among a product's files.
    pub(crate) fn signed(self, name: &str) -> String {
        match self {
            Self::RamLoad => format!("{name}-1.0.0.signed"),
            Self::SwapOffset => format!("{name}-1.0.0.in-place.signed"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::RamLoad => "ram-load",
            Self::SwapOffset => "swap-offset",
        }
    }
}

/// An AN521 whose flash is a file.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    ironroot: PathBuf,
    flash: PathBuf,
}

impl Device {
    /// A new device with development secrets, the development keys' hashes in OTP, and the secure
    /// image in its first slot. What was in `flash` is lost.
    pub(crate) fn provisioned(place: &Place, images: &Images, flash: &Path) -> Result<Self> {
        Self::provisioned_for(place, images, flash, Strategy::RamLoad)
    }

    /// The same for a layout.
    pub(crate) fn provisioned_for(
        place: &Place,
        images: &Images,
        flash: &Path,
        strategy: Strategy,
    ) -> Result<Self> {
        let signer = Signer::new(place)?;
        let secure = images.file(&strategy.signed("secure"));
        Self::signed_by(&signer, &secure, flash, strategy)
    }

    /// The same for another signer's images.
    pub(crate) fn signed_by(
        signer: &Signer,
        secure: &Path,
        flash: &Path,
        strategy: Strategy,
    ) -> Result<Self> {
        remove(flash)?;
        let device = Self {
            ironroot: signer.ironroot.clone(),
            flash: flash.to_path_buf(),
        };
        let made = ["--board", "an521", "--strategy", strategy.name()];
        device.run(&["new"], &made)?;
        let provisioning = signer.provisioning();
        let provisioning: Vec<_> = provisioning.iter().map(|word| &**word).collect();
        device.run(&["provision"], &provisioning)?;
        device.install("0", secure)?;
        Ok(device)
    }

    /// The device whose flash is in `flash`, with the secure image of this build.
    pub(crate) fn existing(
        place: &Place,
        images: &Images,
        flash: &Path,
        strategy: Strategy,
    ) -> Result<Self> {
        let signer = Signer::new(place)?;
        let device = Self {
            ironroot: signer.ironroot,
            flash: flash.to_path_buf(),
        };
        device.install("0", &images.file(&strategy.signed("secure")))?;
        Ok(device)
    }

    /// Puts an application into its first slot, confirmed.
    pub(crate) fn install_application(&self, signed: &Path) -> Result<()> {
        self.install("1", signed)
    }

    fn install(&self, image: &str, signed: &Path) -> Result<()> {
        let signed = signed.to_string_lossy();
        self.run(&["install"], &[&signed, "--image", image, "--slot", "a"])
    }

    /// Puts an application into its free slot, on trial.
    pub(crate) fn update_application(&self, signed: &Path) -> Result<()> {
        let signed = signed.to_string_lossy();
        self.run(&["update"], &[&signed, "--image", "1"])
    }

    /// The flash file.
    pub(crate) fn flash(&self) -> &Path {
        &self.flash
    }

    fn run(&self, before: &[&str], after: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.ironroot);
        command
            .arg("device")
            .args(before)
            .arg(&self.flash)
            .args(after);
        output(&mut command).map(drop)
    }
}

/// Removes a device, of either kind, with all that is beside it.
pub(crate) fn remove(device: &Path) -> Result<()> {
    if device.is_dir() {
        return std::fs::remove_dir_all(device)
            .with_context(|| format!("cannot remove {}", device.display()));
    }
    for suffix in BESIDE {
        let mut file = device.as_os_str().to_owned();
        file.push(suffix);
        let file = PathBuf::from(file);
        if file.exists() {
            std::fs::remove_file(&file)
                .with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    Ok(())
}
