//! `imgtool`, the other implementation that our images are held against, in `.venv` of the checkout.

use super::{apt, installing_is_allowed};
use crate::place::Place;
use crate::shell::{run, say, works};
use anyhow::{Result, bail};
use std::process::Command;

/// One version, so that a new release does not change what the tests mean.
const IMGTOOL: &str = "imgtool==2.5.0";

/// Makes `.venv/bin/imgtool` work.
pub(super) fn ensure(place: &Place) -> Result<()> {
    let imgtool = place.venv("imgtool");
    let stamp = place.root.join(".venv/ironroot-stamp");
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == IMGTOOL) && imgtool.exists() {
        return Ok(());
    }
    let by_hand = format!("By hand: python3 -m venv .venv && .venv/bin/pip install {IMGTOOL}");
    if !installing_is_allowed() {
        bail!("imgtool is missing, and IRONROOT_NO_INSTALL is set. {by_hand}");
    }
    say!("set-up: installing {IMGTOOL} into the private Python environment .venv");
    let directory = place.root.join(".venv");
    if !make(&directory) {
        // Debian's Python comes without the module that puts pip into an environment.
        apt::ensure("python3 with venv", &["python3", "python3-venv"], || {
            make(&directory)
        })?;
    }
    let mut pip = Command::new(place.venv("python3"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        IMGTOOL,
    ]);
    pip.stdout(std::io::stderr());
    if run(&mut pip).is_err() || !works(Command::new(&imgtool).arg("version")) {
        bail!("pip could not install imgtool. {by_hand}");
    }
    std::fs::write(stamp, IMGTOOL)?;
    Ok(())
}

fn make(directory: &std::path::Path) -> bool {
    let pip = directory.join("bin/pip");
    if pip.exists() {
        return true;
    }
    works(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(directory),
    ) && pip.exists()
}
