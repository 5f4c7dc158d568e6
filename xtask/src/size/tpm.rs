//! What the TPM's small profile takes on a Cortex-M33: measured on the application that shows it.
//!
//! Code is counted by the names of functions: what the compiler inlined into another part counts there, and constants,
//! the application and the console are only in the whole.

use super::{Memory, measured, stacks::Watcher};
use crate::device::Device;
use crate::disassembly;
use crate::elf::Elf;
use crate::firmware::Images;
use crate::place::Place;
use anyhow::{Context, Result, bail};
use ironroot_benches::{Measured, TPM_SIZES};
use ironroot_icount::Stack;

/// Crates and symbols that are neither the engine nor its cryptography.
const OTHERS: [&str; 5] = [
    "an521_tpm",
    "ironroot_port_armv8m",
    "core",
    "compiler_builtins",
    "__rustc",
];
const ENGINE: [&str; 2] = ["ironroot_tpm", "ironroot_codec"];

/// Flash and RAM, from the ELF file.
pub(super) fn rows(place: &Place, images: &Images) -> Result<Vec<Measured>> {
    let elf = Elf::read(&images.file("tpm.elf"))?;
    let (engine, cryptography) = code(place, &elf)?;
    let [engine_ram, objects, sessions] = parts(&elf)?;
    let values = [
        Memory::of(&elf).flash,
        engine,
        cryptography,
        engine_ram,
        objects,
        sessions,
    ];
    let rows = TPM_SIZES.into_iter().zip(values);
    Ok(rows.map(|row| measured((row, ""))).collect())
}

/// Bytes of code of the engine and of its cryptography.
fn code(place: &Place, elf: &Elf) -> Result<(u64, u64)> {
    let names = disassembly::functions(place, elf)?;
    let (mut engine, mut cryptography) = (0, 0);
    for symbol in elf.functions() {
        let name = names.get(&symbol.address).map_or("", |name| name.as_str());
        match crate_of(name) {
            Some(name) if ENGINE.contains(&name) => engine += u64::from(symbol.size),
            Some(name) if !OTHERS.contains(&name) => cryptography += u64::from(symbol.size),
            _ => {}
        }
    }
    Ok((engine, cryptography))
}

/// `p256` of `<p256::arithmetic::scalar::Scalar as core::ops::arith::Mul>::mul`; `None` for a symbol without a path.
/// Of a slice or an array it is the trait's crate.
fn crate_of(name: &str) -> Option<&str> {
    let (before, _) = name.split_once("::")?;
    before
        .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

/// What the application's list of memory says: engine, objects, sessions.
fn parts(elf: &Elf) -> Result<[u64; 3]> {
    let list = elf
        .symbols
        .iter()
        .find(|symbol| symbol.name.contains("MEMORY_OF_PARTS"))
        .context("tpm.elf has no list of its memory")?;
    let section = elf
        .sections
        .iter()
        .find(|section| (section.address..section.address + section.size).contains(&list.address))
        .context("the list is in no section")?;
    let at = usize::try_from(list.address - section.address)?;
    let words = section.content.get(at..at + 12).context("a short list")?;
    let (words, _) = words.as_chunks::<4>();
    let mut sizes = words
        .iter()
        .map(|word| u64::from(u32::from_le_bytes(*word)));
    Ok(std::array::from_fn(|_| sizes.next().unwrap_or(0)))
}

/// Runs the application; prints how deep its commands got, and its start.
pub(super) fn stacks(watcher: &Watcher<'_>, images: &Images) -> Result<()> {
    let elf = Elf::read(&images.file("tpm.elf"))?;
    let stack = Stack {
        low: elf.address("__ns_bss_end")?,
        high: elf.address("__ns_stack_top")?,
        from: elf.address("ns_main")?,
        until: 0,
    };
    let flash = watcher.directory().join("an521.flash");
    let device = Device::provisioned(watcher.place(), images, &flash)?;
    device.install_application(images.application("tpm")?)?;
    let (run, log) = watcher.run(images, &device, &[stack])?;
    let begin = run
        .lines
        .iter()
        .find_map(|line| line.strip_prefix("tpm: memory: commands begin at 0x"))
        .and_then(|address| u32::from_str_radix(address, 16).ok());
    let (Some(begin), Some(deepest)) = (begin, log.stack_used(stack)) else {
        bail!("the application did not say where its commands begin:\n{run}");
    };
    let above = stack.high.saturating_sub(begin);
    super::stacks::line(
        "small TPM, all memory: engine, slots, store, stack",
        stack.high - stack.low,
        deepest,
    );
    super::stacks::line(
        "small TPM, of that the stack of its commands",
        stack.high - stack.low - above,
        deepest.saturating_sub(above),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_of_the_crate_that_its_type_is_of() {
        let names = [
            (
                "ironroot_tpm::commands::nv::define_space",
                Some("ironroot_tpm"),
            ),
            ("<p256::Scalar as core::ops::arith::Mul>::mul", Some("p256")),
            ("<&mut aes::Block as cipher::Xor>::xor", Some("aes")),
            ("<[Z; N] as zeroize::Zeroize>::zeroize", Some("zeroize")),
            (
                "<u32 as ironroot_tpm::wire::output::Marshal>::marshal",
                Some("ironroot_tpm"),
            ),
            ("ns_main", None),
        ];
        for (name, its) in names {
            assert_eq!(crate_of(name), its, "{name}");
        }
    }
}
