//! The secure image: PSA Root of Trust and partitions in one payload.

use super::Configuration;
use super::compile::Compiler;
use super::partitions::{Placed, Source, root_text_base};
use super::sign::{HEADER_SIZE, SECURE_BASE};
use crate::elf::Elf;
use crate::place::Place;
use crate::shell::write_if_changed;
use anyhow::{Context, Result, bail};
use ironroot_manifest::{BoardLimits, Manifest, Placement, System, product_root_services};
use std::path::{Path, PathBuf};

/// Partitions of every image, in the order in which they lie in it.
const PRODUCT: [&str; 1] = ["ps"];
/// Behind them in images for the attack tests and the benchmarks, and in no other.
const TESTS: [&str; 2] = ["echo", "hostile"];

/// The partitions of a configuration, checked against each other and the board.
pub(super) fn system(place: &Place, configuration: Configuration) -> Result<(System, Vec<Source>)> {
    let tests: &[_] = if configuration.test_partitions {
        &TESTS
    } else {
        &[]
    };
    let mut sources = Vec::new();
    let mut manifests = Vec::new();
    for short in PRODUCT.iter().chain(tests) {
        let folder = place.root.join(format!("firmware/an521-partition-{short}"));
        let path = folder.join("partition.toml");
        let manifest = Manifest::load(&path).with_context(|| path.display().to_string())?;
        sources.push(Source {
            name: (*short).to_owned(),
            component: manifest.name.clone(),
            version: manifest.version.clone(),
            folder,
            stack_size: manifest.stack_size,
        });
        manifests.push(manifest);
    }
    let system = System::new(product_root_services(), manifests, BoardLimits::AN521)
        .context("the partitions' manifests do not fit together")?;
    Ok((system, sources))
}

/// Writes the partition table that the secure image is compiled with.
fn write_table(system: &System, partitions: &[Placed], directory: &Path) -> Result<PathBuf> {
    let placements: Vec<_> = partitions
        .iter()
        .map(|partition| Placement {
            code: partition.code,
            ram: partition.ram,
        })
        .collect();
    let path = directory.join("partitions.rs");
    write_if_changed(&path, system.device_tables(&placements)?.as_bytes())?;
    Ok(path)
}

/// Builds `secure.elf`, `veneers.o` and the packed `secure.bin`; returns the last.
pub(super) fn secure_image(
    compiler: &Compiler<'_>,
    configuration: Configuration,
    system: &System,
    partitions: &[Placed],
    directory: &Path,
) -> Result<PathBuf> {
    let table = write_table(system, partitions, directory)?;
    let table = table.to_string_lossy();
    let level = configuration.level.to_string();
    let text_base = format!("{:#x}", root_text_base(partitions));
    let veneers = directory.join("veneers.o");
    // Written by the linker, so away with an old one: what is there afterwards is this build's.
    let fresh = directory.join("veneers.linking");
    let fresh_text = fresh.to_string_lossy();
    let built = compiler.variant(
        "ironroot-an521-secure",
        "an521-secure",
        configuration.algorithms.features(),
        &[
            ("IRONROOT_ISOLATION_LEVEL", &level),
            (
                "IRONROOT_TEST_SERVICES",
                if configuration.test_partitions {
                    "1"
                } else {
                    "0"
                },
            ),
            ("IRONROOT_ROOT_TEXT_BASE", &text_base),
            ("IRONROOT_PARTITION_TABLE", &table),
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
        elf.address("__callable_start")?,
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
