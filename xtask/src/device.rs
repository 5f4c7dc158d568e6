//! A provisioned AN521 whose flash is a file, made by the `ironroot` command.

use crate::firmware::{Images, Signer};
use crate::place::Place;
use crate::shell::output;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The device.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    ironroot: PathBuf,
    flash: PathBuf,
}

impl Device {
    /// A new device with development secrets, the development keys' hashes in OTP, and the secure
    /// image in its first slot.
    pub(crate) fn provisioned(place: &Place, images: &Images, flash: &Path) -> Result<Self> {
        let signer = Signer::new(place)?;
        let device = Self {
            ironroot: signer.ironroot,
            flash: flash.to_path_buf(),
        };
        device.ironroot(&["device", "create", "--board", "an521"])?;
        device.install("secure", "a", &images.file("secure-1.0.0.signed"))?;
        Ok(device)
    }

    /// The device whose flash is in `flash`, with the secure image of this build.
    pub(crate) fn existing(place: &Place, images: &Images, flash: &Path) -> Result<Self> {
        let signer = Signer::new(place)?;
        let device = Self {
            ironroot: signer.ironroot,
            flash: flash.to_path_buf(),
        };
        device.install("secure", "a", &images.file("secure-1.0.0.signed"))?;
        Ok(device)
    }

    /// Puts an application into its first slot, confirmed.
    pub(crate) fn install_application(&self, signed: &Path) -> Result<()> {
        self.install("non-secure", "a", signed)
    }

    fn install(&self, image: &str, slot: &str, signed: &Path) -> Result<()> {
        let signed = signed.to_string_lossy();
        self.ironroot(&[
            "device", "install", "--image", image, "--slot", slot, &signed,
        ])
    }

    /// The flash file.
    pub(crate) fn flash(&self) -> &Path {
        &self.flash
    }

    fn ironroot(&self, words: &[&str]) -> Result<()> {
        output(
            Command::new(&self.ironroot)
                .args(words)
                .arg("--flash")
                .arg(&self.flash),
        )
        .map(drop)
    }
}
