//! Other people's tools that are written in Python, in `.venv` of the checkout.

use super::{apt, installing_is_allowed};
use crate::place::Place;
use crate::shell::{run, say, works};
use anyhow::{Result, bail};
use std::process::Command;

/// One version of each, so that a new release does not change what the tests mean.
const TOOLS: &[&str] = &[
    // The other implementation that our images are held against.
    "imgtool==2.5.0",
    // An emulated processor that a test can stop before any instruction: tests/skips.
    "unicorn==2.1.4",
    "pyelftools==0.33",
    // MCUmgr clients, a library and a program: they speak with the recovery mode.
    "smpclient==7.3.0",
    "smpmgr==0.19.1",
];

/// Makes `.venv/bin/imgtool` and the libraries work.
pub(super) fn ensure(place: &Place) -> Result<()> {
    let imgtool = place.venv("imgtool");
    let stamp = place.root.join(".venv/ironroot-stamp");
    let tools = TOOLS.join(" ");
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == tools) && imgtool.exists() {
        return Ok(());
    }
    let by_hand = format!("By hand: python3 -m venv .venv && .venv/bin/pip install {tools}");
    if !installing_is_allowed() {
        bail!("Python tools are missing, and IRONROOT_NO_INSTALL is set. {by_hand}");
    }
    say!("set-up: installing {tools} into the private Python environment .venv");
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
    ]);
    pip.args(TOOLS);
    pip.stdout(std::io::stderr());
    if run(&mut pip).is_err() || !works(Command::new(&imgtool).arg("version")) {
        bail!("pip could not install {tools}. {by_hand}");
    }
    std::fs::write(stamp, tools)?;
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
