//! `cargo xtask size`: flash and RAM of each image, read from the ELF files that are shipped.

mod stacks;

use crate::elf::Elf;
use crate::firmware::{self, Configuration, Images};
use crate::place::Place;
use crate::shell::output;
use anyhow::{Context, Result};
use ironroot_benches::{Measured, SIZES};
use std::path::Path;
use std::process::Command;

/// The boot hand-over and the fault record, which no image's sections hold.
const SHARED_RAM: u64 = 2 * 1024;

/// Arguments of `cargo xtask size`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// One list of objects {name, value, unit, peer, peer_value, target, met, goal}
    #[arg(long)]
    json: bool,
    /// Boot the demo application on QEMU and show how deep each stack got
    #[arg(long, conflicts_with = "json")]
    stacks: bool,
}

/// What one ELF file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    flash: u64,
    ram: u64,
    /// Part of `ram`.
    stacks: u64,
}

/// Builds the product and prints.
pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let images = firmware::build(place, Configuration::PRODUCT)?;
    let rows = measure(&images)?;
    if options.json {
        println!("{}", ironroot_benches::json(&rows)?);
        return Ok(());
    }
    parts(&images)?;
    println!("\n{}", ironroot_benches::table(&rows));
    if options.stacks {
        stacks::show(place, &images)?;
    }
    Ok(())
}

/// Each image by itself.
fn parts(images: &Images) -> Result<()> {
    println!(
        "{:<22} {:>8} {:>8} {:>8}  SHA-256 of the ELF file",
        "", "flash", "RAM", "stacks"
    );
    for path in crate::elfcheck::trusted(images) {
        let memory = Memory::of(&Elf::read(&path)?);
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        println!(
            "{name:<22} {:>8} {:>8} {:>8}  {}",
            memory.flash,
            memory.ram,
            memory.stacks,
            hash(&path)?
        );
    }
    Ok(())
}

/// The rows of the table of figures to beat.
pub(crate) fn measure(images: &Images) -> Result<Vec<Measured>> {
    let bootloader = Memory::of(&Elf::read(&images.file("bootloader.elf"))?);
    let root = Memory::of(&Elf::read(&images.file("secure.elf"))?);
    let mut partitions = Vec::new();
    for partition in &images.partitions {
        partitions.push(Memory::of(&Elf::read(&partition.elf)?));
    }
    // The packed payload, gaps and vector table included: what a slot holds.
    let secure_flash = std::fs::metadata(images.file("secure.bin"))?.len();
    let secure_ram = root.ram + partitions.iter().map(|memory| memory.ram).sum::<u64>();
    let values = [
        secure_flash,
        secure_ram + SHARED_RAM,
        bootloader.flash,
        bootloader.ram + SHARED_RAM,
    ];
    let notes = [
        "the whole image: root of trust and partitions, every algorithm of the list in the README",
        "sections and stacks of all parts, boot hand-over and fault record",
        "all signature algorithms that are compiled in",
        "sections, stacks, boot hand-over and fault record; reused by partitions after boot",
    ];
    Ok(SIZES
        .into_iter()
        .zip(values)
        .zip(notes)
        .map(|((row, value), note)| Measured {
            row,
            value: Some(value),
            note: note.to_owned(),
        })
        .collect())
}

impl Memory {
    fn of(elf: &Elf) -> Self {
        let mut memory = Self {
            flash: 0,
            ram: 0,
            stacks: 0,
        };
        for section in elf.sections.iter().filter(|section| section.allocated) {
            let size = u64::from(section.size);
            if !section.empty {
                memory.flash += size;
            }
            if is_ram(section.address) {
                memory.ram += size;
                if section.name.ends_with("stack") {
                    memory.stacks += size;
                }
            }
        }
        memory
    }
}

/// Internal SRAM or SSRAM, either alias.
fn is_ram(address: u32) -> bool {
    matches!(address >> 28, 2 | 3)
}

/// What `sha256sum` says.
pub(crate) fn hash(path: &Path) -> Result<String> {
    let text = output(Command::new("sha256sum").arg(path))?;
    Ok(text
        .split_whitespace()
        .next()
        .context("sha256sum said nothing")?
        .to_owned())
}
