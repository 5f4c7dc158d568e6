//! `cargo xtask size`: flash and RAM of each image, read from the ELF files that are shipped.

mod stacks;
mod tpm;

use crate::elf::Elf;
use crate::firmware::{self, Configuration, Images, VARIANTS, Variant};
use crate::place::Place;
use crate::shell::output;
use anyhow::{Context, Result, bail};
use ironroot_benches::{BOOTLOADER_SIZES, MCUBOOT_AND_BL2, Measured, SECURE_SIZES, TFM_PROFILES};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The boot hand-over and the fault record, which no image's sections hold.
const SHARED_RAM: u64 = 2 * 1024;

const ABOUT: &str = "\
Builds the secure image (with every algorithm, and with what TF-M's profile_medium offers) and each variant of \
the bootloader, and prints what they take, beside TF-M and MCUboot; and what the small TPM takes.

Flash is what a slot or the bootloader's place must hold: code, constants, initial data, padding. RAM is data, \
stacks, the boot hand-over (1 KiB) and the fault record (1 KiB). Both come from the one ELF file whose hash is \
printed. A variant whose ELF file holds code of an algorithm that it leaves out is an error.

--stacks boots devices on QEMU and prints how deep each stack got: of the bootloader with images of each \
signature scheme, of the secure world while the demonstration and the benchmark run. Where the figures lead: \
docs/decisions/0006-size-and-speed.md.";

/// Arguments of `cargo xtask size`.
#[derive(Debug, clap::Args)]
#[command(long_about = ABOUT)]
pub(crate) struct Options {
    /// One list of objects {name, value, unit, peer, peer_value, target, met, goal}
    #[arg(long)]
    json: bool,
    /// Boot devices on QEMU too and show each stack: configured, highest seen (some minutes)
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

/// Builds all that is measured and prints.
pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let medium = firmware::build(place, Configuration::MEDIUM)?;
    let product = firmware::build(place, Configuration::PRODUCT)?;
    refuse_code(place, &medium.file("secure.elf"), MEDIUM_WITHOUT)?;
    let mut bootloaders = Vec::new();
    for variant in VARIANTS {
        let elf = variant.build(place)?;
        refuse_code(place, &elf, variant.without)?;
        bootloaders.push((variant, elf));
    }
    let secure = secure_rows(&medium, &product)?;
    let boot = bootloader_rows(&bootloaders)?;
    let tpm = tpm::rows(place, &product)?;
    if options.json {
        println!("{}", ironroot_benches::json(&[secure, boot, tpm].concat())?);
        return Ok(());
    }
    files_head();
    for (_, elf) in &bootloaders {
        file(elf)?;
    }
    for images in [&medium, &product] {
        println!(
            "{}:",
            images.directory.file_name().unwrap_or_default().display()
        );
        let bootloader = images.file("bootloader.elf");
        for path in crate::elfcheck::trusted(images) {
            if path != bootloader {
                file(&path)?;
            }
        }
    }
    println!("\n{}", ironroot_benches::table(TFM_PROFILES, &secure));
    println!("{}", ironroot_benches::table(MCUBOOT_AND_BL2, &boot));
    for one in &tpm {
        println!("{:<56} {:>10}", one.row.name, one.value.unwrap_or(0));
    }
    if options.stacks {
        stacks::show(place, &product, &bootloaders)?;
    }
    Ok(())
}

/// Parts of function names that the medium image must not hold.
const MEDIUM_WITHOUT: &[&str] = &["curve25519", "polyval", "rsa", "Suspect"];

/// An image that says it leaves an algorithm out must not hold its code.
fn refuse_code(place: &Place, elf: &Path, without: &[&str]) -> Result<()> {
    for name in crate::disassembly::functions(place, &Elf::read(elf)?)?.values() {
        let mut words = name.split(|c: char| !c.is_alphanumeric() && c != '_');
        let found = words.find_map(|word| {
            let of_word = |part: &&&str| word.strip_prefix(**part).is_some_and(no_letter_first);
            without.iter().find(of_word)
        });
        if let Some(part) = found {
            bail!("{} leaves {part} out, but holds {name}", elf.display());
        }
    }
    Ok(())
}

/// `curve25519_dalek` is of `curve25519`, `rsa_private` of `rsa`; `rsanything` is not.
fn no_letter_first(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric())
}

/// The line above [`file`]'s.
pub(crate) fn files_head() {
    println!(
        "{:<22} {:>8} {:>8} {:>8}  SHA-256 of the ELF file",
        "", "flash", "RAM", "stacks"
    );
}

/// One ELF file by itself.
pub(crate) fn file(path: &Path) -> Result<()> {
    let memory = Memory::of(&Elf::read(path)?);
    println!(
        "{:<22} {:>8} {:>8} {:>8}  {}",
        path.file_name().unwrap_or_default().display(),
        memory.flash,
        memory.ram,
        memory.stacks,
        hash(path)?
    );
    Ok(())
}

/// The secure image with everything and with less.
fn secure_rows(medium: &Images, product: &Images) -> Result<Vec<Measured>> {
    let mut values = Vec::new();
    for images in [medium, product] {
        let mut ram = SHARED_RAM + Memory::of(&Elf::read(&images.file("secure.elf"))?).ram;
        for partition in &images.partitions {
            ram += Memory::of(&Elf::read(&partition.elf)?).ram;
        }
        // The packed payload, gaps and vector table included: what a slot holds.
        values.push(std::fs::metadata(images.file("secure.bin"))?.len());
        values.push(ram);
    }
    let notes = [
        "root of trust and partitions at isolation level 3; what TF-M's medium has here: no Ed25519, AES-GCM, firmware update",
        "sections and stacks of all parts, boot hand-over and fault record",
        "",
        "",
    ];
    let rows = SECURE_SIZES.into_iter().zip(values).zip(notes);
    Ok(rows.map(measured).collect())
}

fn bootloader_rows(bootloaders: &[(Variant, PathBuf)]) -> Result<Vec<Measured>> {
    let mut rows = Vec::new();
    for (variant, elf) in bootloaders {
        let memory = Memory::of(&Elf::read(elf)?);
        let figures = [("flash", memory.flash), ("ram", memory.ram + SHARED_RAM)];
        for (what, value) in figures {
            let key = format!("{}-{what}", variant.name);
            let row = BOOTLOADER_SIZES.into_iter().find(|row| row.key == key);
            let note = match &*key {
                "hash-only-flash" => {
                    "what all variants share; by itself it starts nothing, for no device does without a signature"
                }
                "p256-flash" => {
                    "MCUboot alone has no board, console, fault record, OTP or hand-over; TF-M's BL2 has, as ours"
                }
                "everything-flash" => "without encrypted images: with them it is above its 64 KiB",
                "p256-ram" => {
                    "stacks, boot hand-over and fault record included; used again once booted"
                }
                _ => "",
            };
            let row = row.with_context(|| format!("benches/src/rows.rs has no row {key}"))?;
            rows.push(measured(((row, value), note)));
        }
    }
    Ok(rows)
}

fn measured(((row, value), note): ((ironroot_benches::Row, u64), &str)) -> Measured {
    Measured {
        row,
        value: Some(value),
        note: note.to_owned(),
    }
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
