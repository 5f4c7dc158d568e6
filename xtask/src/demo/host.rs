//! The story's device as processes on this machine.

use super::act::{Boots, Stage, keys};
use crate::place::Place;
use crate::shell::{cargo, output, run, say};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the secure world's and the application's programs and signs the former.
pub(super) fn stage(place: &Place, directory: &Path) -> Result<Stage> {
    say!("building the host device's programs");
    run(cargo(&place.root).args(["build", "-p", "ironroot-host-device", "--bins"]))?;
    let (ironroot, keys) = keys(place)?;
    let secure = stripped(place, directory, "ironroot-host-secure")?;
    let application = stripped(place, directory, "ironroot-host-app")?;
    let signed = directory.join("host-secure-1.0.0.signed");
    let layout = ["--slot-size", "0x800000"].map(str::to_owned).to_vec();
    let mut sign = Command::new(&ironroot);
    sign.args([
        "image",
        "sign",
        "--public-key-format",
        "full",
        "--align",
        "4",
    ]);
    sign.args([
        "--header-size",
        "0x400",
        "--pad-header",
        "--boot-record",
        "SPE",
    ]);
    sign.args(["--version", "1.0.0", "--security-counter", "1", "--key"])
        .arg(&keys.0);
    output(sign.args(&layout).arg(&secure).arg(&signed))?;
    Ok(Stage {
        work: place.work(),
        ironroot,
        device: directory.join("host-device"),
        directory: directory.to_path_buf(),
        board: "host",
        keys,
        secure: signed,
        application,
        layout,
        boots: Boots::Processes,
    })
}

/// A program without its debug information: it has to fit a slot.
fn stripped(place: &Place, directory: &Path, program: &str) -> Result<PathBuf> {
    let to = directory.join(format!("{program}.elf"));
    let from = place.target.join("debug").join(program);
    output(Command::new("strip").arg("-o").arg(&to).arg(from))?;
    Ok(to)
}
