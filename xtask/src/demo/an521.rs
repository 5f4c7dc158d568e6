//! The story's device as an AN521 in QEMU.

use super::act::{Boots, Stage, keys};
use crate::firmware::{self, Configuration};
use crate::place::Place;
use crate::setup::{self, Need};
use anyhow::Result;
use std::path::Path;

/// Builds the product's firmware; the device itself is made in the story.
pub(super) fn stage(place: &Place, directory: &Path) -> Result<Stage> {
    setup::ensure(place, &[Need::Rust, Need::ArmCompiler, Need::Qemu])?;
    let images = firmware::build(place, Configuration::PRODUCT)?;
    let (ironroot, keys) = keys(place)?;
    Ok(Stage {
        work: place.work(),
        ironroot,
        device: directory.join("an521.flash"),
        directory: directory.to_path_buf(),
        board: "an521",
        keys,
        secure: images.file("secure-1.0.0.signed"),
        application: images.file("nonsecure.bin"),
        layout: ["--load-addr", "0x200000", "--slot-size", "0x100000"]
            .map(str::to_owned)
            .to_vec(),
        boots: Boots::Qemu(images.file("bootloader.elf")),
    })
}
