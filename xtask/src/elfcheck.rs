//! What the linked images must look like, whatever the source promised.

mod gates;
mod leaks;
mod panics;

use crate::elf::Elf;
use crate::firmware::{self, Configuration, Images};
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::say;
use anyhow::{Result, bail};
use std::path::Path;

/// Arguments of `cargo xtask elf`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Take what is gone off xtask/panic-sites.txt (it never adds anything)
    #[arg(long)]
    shrink: bool,
    /// Look at these ELF files for panic sites instead of at the product's images
    files: Vec<std::path::PathBuf>,
}

/// How many checks passed and failed.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

/// `cargo xtask elf`.
pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    if !options.files.is_empty() {
        setup::ensure(place, &[Need::Rust, Need::ArmCompiler])?;
        return panics::show(place, &options.files);
    }
    let images = firmware::build(place, Configuration::PRODUCT)?;
    if options.shrink {
        return panics::shrink(place, &images);
    }
    let count = check(place, &images)?;
    if count.failed > 0 {
        bail!("{} ELF checks failed", count.failed);
    }
    Ok(())
}

/// Runs every check on a product's images and says what each found.
pub(crate) fn check(place: &Place, images: &Images) -> Result<Count> {
    let secure = Elf::read(&images.file("secure.elf"))?;
    let mut count = Count::default();
    let mut report = |name: &str, findings: Result<Vec<String>>| {
        let findings = findings.unwrap_or_else(|error| vec![format!("{error:#}")]);
        if findings.is_empty() {
            count.passed += 1;
            say!("ok       {name}");
        } else {
            count.failed += 1;
            findings.iter().for_each(|finding| eprintln!("  {finding}"));
            say!("FAILED   {name}");
        }
    };
    report(
        "only gateway stubs are callable, and only the known ones",
        gates::stubs(&secure),
    );
    report(
        "every gate clears the registers on its way out",
        gates::clearing(place, &secure),
    );
    report(
        "no image names a place of this machine",
        leaks::check(place, &images.directory),
    );
    report(
        "no panic path starts in our code",
        panics::ours(place, images),
    );
    report(
        "third-party panic sites are on the list",
        panics::third_party(place, images),
    );
    Ok(count)
}

/// The images that run with the root of trust's rights, or beside it.
pub(crate) fn trusted(images: &Images) -> Vec<std::path::PathBuf> {
    let mut files = vec![images.file("bootloader.elf"), images.file("secure.elf")];
    files.extend(
        images
            .partitions
            .iter()
            .map(|partition| partition.elf.clone()),
    );
    files
}

/// Where no panic may start: what is trusted, and the TPM, which is not yet part of it (so the panics of other crates
/// that only it could reach are not on the list).
fn without_panics(images: &Images) -> Vec<std::path::PathBuf> {
    let mut files = trusted(images);
    files.push(images.file("tpm.elf"));
    files
}

/// `secure.elf` of a path.
fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
