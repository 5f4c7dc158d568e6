//! A guest that has a TPM: QEMU for PCs, a static busybox, and Debian's kernel for cloud machines with its driver of
//! TPMs that a process provides, unpacked below `target` and not installed.

use super::apt;
use crate::place::{Place, on_path};
use crate::shell::{output, run, say};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package that names the kernel's own package.
const KERNEL: &str = "linux-image-cloud-amd64";

/// The driver's file, a module of that kernel's.
const DRIVER: &str = "tpm_vtpm_proxy.ko";

/// The kernel's image, once it was unpacked.
pub(crate) fn kernel(place: &Place) -> PathBuf {
    place.work().join("guest/vmlinuz")
}

/// The driver behind `/dev/vtpmx`, beside the kernel.
fn driver(place: &Place) -> PathBuf {
    place.work().join("guest").join(DRIVER)
}

/// Makes them present; with QEMU comes what makes its images.
pub(super) fn ensure(place: &Place) -> Result<()> {
    apt::ensure("qemu-system-x86_64", &["qemu-system-x86"], || {
        on_path("qemu-system-x86_64").is_some()
    })?;
    apt::ensure("qemu-img", &["qemu-utils"], || {
        on_path("qemu-img").is_some()
    })?;
    apt::ensure("a static busybox", &["busybox-static"], || {
        Path::new("/usr/share/doc/busybox-static").exists()
    })?;
    if kernel(place).exists() && driver(place).exists() {
        return Ok(());
    }
    unpack(place).context("the kernel of the guest")
}

fn unpack(place: &Place) -> Result<()> {
    let directory = place.work().join("guest");
    std::fs::create_dir_all(&directory)?;
    let depends = output(Command::new("apt-cache").args(["depends", "--no-recommends", KERNEL]))?;
    let package = depends
        .lines()
        .find_map(|line| line.trim().strip_prefix("Depends: "))
        .context("apt knows no such kernel")?;
    say!("set-up: fetching {package} for the guest (unpacked below target, not installed)");
    run(Command::new("apt-get")
        .args(["download", "--quiet", package])
        .current_dir(&directory))?;
    let files: Vec<_> = std::fs::read_dir(&directory)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let archive = files
        .iter()
        .find(|path| path.extension().is_some_and(|end| end == "deb"));
    let archive = archive.context("apt-get fetched nothing")?;
    run(Command::new("dpkg-deb")
        .arg("-x")
        .arg(archive)
        .arg(directory.join("root")))?;
    let images = std::fs::read_dir(directory.join("root/boot"))?.flatten();
    let image = images.map(|entry| entry.path()).find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"))
    });
    let Some(image) = image else {
        bail!("{package} has no kernel in it");
    };
    std::fs::copy(image, kernel(place))?;
    let modules = std::fs::read_dir(directory.join("root/lib/modules"))?.flatten();
    let module = modules
        .map(|version| version.path().join("kernel/drivers/char/tpm").join(DRIVER))
        .find(|path| path.exists());
    let Some(module) = module else {
        bail!("{package} has no {DRIVER} in it");
    };
    std::fs::copy(module, driver(place))?;
    std::fs::remove_file(archive)?;
    std::fs::remove_dir_all(directory.join("root"))?;
    Ok(())
}
