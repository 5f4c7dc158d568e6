//! The secure image: PSA Root of Trust and partitions in one payload.

use super::Configuration;
use super::compile::Compiler;
use super::partitions::{Placed, Source, root_text_base};
use super::sign::{HEADER_SIZE, SECURE_BASE};
use crate::elf::Elf;
use crate::place::Place;
use crate::shell::write_if_changed;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// The partitions of a configuration, in the order in which they lie in the image.
pub(super) fn partitions(_place: &Place, configuration: Configuration) -> Result<Vec<Source>> {
    let source = |name: &str, folder: &str| Source {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        folder: folder.to_owned(),
        stack_size: 0x400,
    };
    let mut sources = vec![source("ps", "firmware/an521-partition-ps")];
    if configuration.test_partitions {
        sources.push(source("echo", "firmware/an521-partition-echo"));
        sources.push(source("hostile", "firmware/an521-partition-hostile"));
    }
    Ok(sources)
}

/// Builds `secure.elf`, `veneers.o` and the packed `secure.bin`; returns the last.
pub(super) fn secure_image(
    compiler: &Compiler<'_>,
    configuration: Configuration,
    partitions: &[Placed],
    directory: &Path,
) -> Result<PathBuf> {
    let level = configuration.level.to_string();
    let text_base = format!("{:#x}", root_text_base(partitions));
    let veneers = directory.join("veneers.o");
    // Written by the linker, so away with an old one: what is there afterwards is this build's.
    let fresh = directory.join("veneers.linking");
    let fresh_text = fresh.to_string_lossy();
    let built = compiler.image(
        "ironroot-an521-secure",
        "an521-secure",
        &[
            ("IRONROOT_ISOLATION_LEVEL", &level),
            ("IRONROOT_ROOT_TEXT_BASE", &text_base),
            ("IRONROOT_VENEERS_OUT", &fresh_text),
        ],
    )?;
    let object = std::fs::read(&fresh)
        .with_context(|| format!("the linker wrote no import object {}", fresh.display()))?;
    write_if_changed(&veneers, &object)?;
    let elf_path = directory.join("secure.elf");
    built.copy_to(&elf_path)?;

    let elf = Elf::read(&elf_path)?;
    let binary = directory.join("secure.bin");
    write_if_changed(&binary, &pack(&elf, partitions)?)?;
    Ok(binary)
}

/// The secure image's bytes with the partitions laid into its gap.
fn pack(elf: &Elf, partitions: &[Placed]) -> Result<Vec<u8>> {
    let (base, mut image) = elf.image()?;
    if base != SECURE_BASE + HEADER_SIZE {
        bail!("the secure image starts at {base:#x}, not behind its header");
    }
    let gap = (
        elf.address("__secure_vectors_end")?,
        elf.address("__gate_start")?,
    );
    for partition in partitions {
        let (start, end) = partition.code;
        if start < gap.0 || end > gap.1 {
            bail!(
                "partition {} does not lie between vector table and gates",
                partition.name
            );
        }
        let at = (start - base) as usize;
        let bytes = std::fs::read(&partition.binary)?;
        let place = image
            .get_mut(at..at + bytes.len())
            .context("behind the image")?;
        if place.iter().any(|byte| *byte != 0xff) {
            bail!("partition {} would cover something", partition.name);
        }
        place.copy_from_slice(&bytes);
    }
    Ok(image)
}
