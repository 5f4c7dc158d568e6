//! Partitions: each linked on its own, behind the one before it.
//!
//! A partition is position dependent, and its place depends only on the sizes of those before it. So
//! they are linked in the manifests' order, each where the last one measured to end. Product partitions
//! come before test partitions, which therefore do not move them. Code and memory are aligned to
//! 32 bytes, the grain of the memory protection unit.

use super::compile::{Built, Compiler};
use crate::elf::Elf;
use crate::shell::{say, write_if_changed};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Where partition code may begin: behind the secure image's vector table.
const CODE_START: u32 = 0x1001_0600;
/// Partition memory (ARCHITECTURE.md, memory map).
const RAM: (u32, u32) = (0x3001_4000, 0x3002_0000);
/// Grain of the memory protection unit.
const GRAIN: u32 = 32;

/// A partition where it belongs.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) name: String,
    /// Name and version of its measured component.
    pub(crate) component: String,
    pub(crate) version: String,
    pub(crate) elf: PathBuf,
    /// The bytes at `code.0`.
    pub(crate) binary: PathBuf,
    /// First byte and end.
    pub(crate) code: (u32, u32),
    /// First byte and end: stack, data, bss.
    pub(crate) ram: (u32, u32),
}

/// Links all partitions of a configuration one behind the other.
pub(super) fn place_all(
    compiler: &Compiler<'_>,
    sources: &[Source],
    directory: &Path,
) -> Result<Vec<Placed>> {
    let mut placed: Vec<Placed> = Vec::new();
    for partition in sources {
        let code = placed.last().map_or(CODE_START, |last| last.code.1);
        let ram = placed.last().map_or(RAM.0, |last| last.ram.1);
        let next = Linker {
            compiler,
            partition,
            directory,
        }
        .link_at(code, ram)?;
        if next.ram.1 > RAM.1 {
            bail!(
                "partition {}: its memory ends at {:#x}, behind {:#x}",
                next.name,
                next.ram.1,
                RAM.1
            );
        }
        placed.push(next);
    }
    Ok(placed)
}

/// Where the PSA Root of Trust's own code begins: behind the last partition.
pub(super) fn root_text_base(placed: &[Placed]) -> u32 {
    placed.last().map_or(CODE_START, |last| last.code.1)
}

/// What is built.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Short: of folder and files.
    pub(super) name: String,
    /// Of the manifest, and of the measured component.
    pub(super) component: String,
    pub(super) version: String,
    pub(super) folder: PathBuf,
    pub(super) stack_size: u32,
}

/// A partition must not hold BXNS or BLXNS at any halfword: these are not privileged, so a taken-over
/// partition could leave for the non-secure world by them, past the secure memory protection. It cannot write
/// code, so what is not there now never will be. Arm v8-M Architecture Reference Manual, C2.4.22 and C2.4.25.
///
/// The two lowest bits should be zero; what a processor does when they are not is open, so they do not count.
fn refuse_branches_out(name: &str, base: u32, image: &[u8]) -> Result<()> {
    for (place, halfword) in image.as_chunks::<2>().0.iter().enumerate() {
        let halfword = u16::from_le_bytes(*halfword);
        if matches!(halfword & 0xFF84, 0x4704 | 0x4784) {
            bail!(
                "partition {name} holds {halfword:#06x} at {:#x}, which the processor would take for a \
                 branch into the non-secure world; change the code or the constant there",
                base as usize + 2 * place
            );
        }
    }
    Ok(())
}

struct Linker<'a> {
    compiler: &'a Compiler<'a>,
    partition: &'a Source,
    directory: &'a Path,
}

impl Linker<'_> {
    fn link_at(&self, code: u32, ram: u32) -> Result<Placed> {
        let elf = self.link(code, ram)?;
        let placed = self.measure(&elf)?;
        if placed.code.0 != code || placed.ram.0 != ram {
            bail!(
                "partition {} was not linked where it was told to be",
                self.partition.name
            );
        }
        if !placed.code.0.is_multiple_of(GRAIN) || !placed.ram.0.is_multiple_of(GRAIN) {
            bail!(
                "partition {} does not begin on a protection border",
                self.partition.name
            );
        }
        let (base, mut image) = elf.image()?;
        if base != code || image.len() > (placed.code.1 - code) as usize {
            bail!(
                "partition {} loads more than its code region",
                self.partition.name
            );
        }
        refuse_branches_out(&placed.name, code, &image)?;
        image.resize((placed.code.1 - code) as usize, 0);
        write_if_changed(&placed.binary, &image)?;
        say!(
            "partition {:<12} code {:#x}..{:#x} memory {:#x}..{:#x}",
            placed.name,
            placed.code.0,
            placed.code.1,
            placed.ram.0,
            placed.ram.1
        );
        Ok(placed)
    }

    fn link(&self, code: u32, ram: u32) -> Result<Elf> {
        let variables = [
            ("IRONROOT_PARTITION_CODE_BASE", format!("{code:#x}")),
            ("IRONROOT_PARTITION_RAM_BASE", format!("{ram:#x}")),
            (
                "IRONROOT_PARTITION_STACK_SIZE",
                format!("{:#x}", self.partition.stack_size),
            ),
        ];
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let elf = self.elf_path();
        self.build(&variables)?.copy_to(&elf)?;
        Elf::read(&elf)
    }

    fn build(&self, variables: &[(&str, &str)]) -> Result<Built> {
        let folder = &self.partition.folder;
        if folder.join("build.sh").exists() {
            let out = self
                .directory
                .join(format!("{}.linking", self.partition.name));
            return self.compiler.script(folder, &out, variables);
        }
        let program = folder
            .file_name()
            .context("no folder name")?
            .to_string_lossy()
            .into_owned();
        self.compiler
            .image(&format!("ironroot-{program}"), &program, variables)
    }

    fn elf_path(&self) -> PathBuf {
        self.directory
            .join(format!("partition-{}.elf", self.partition.name))
    }

    fn measure(&self, elf: &Elf) -> Result<Placed> {
        Ok(Placed {
            name: self.partition.name.clone(),
            component: self.partition.component.clone(),
            version: self.partition.version.clone(),
            binary: self.elf_path().with_extension("bin"),
            elf: self.elf_path(),
            code: (
                elf.section(".text")?.address,
                elf.address("__partition_code_end")?,
            ),
            ram: (
                elf.address("__stack_limit")?,
                elf.address("__partition_ram_end")?,
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between two harmless instructions, as the second half of a long one or as data: it is the same halfword.
    fn holding(halfword: u16) -> Result<()> {
        let code = [0xbf00, 0xf000, halfword, 0x4770].map(u16::to_le_bytes);
        refuse_branches_out("test", 0x1001_0600, code.as_flattened())
    }

    #[test]
    fn a_partition_with_a_branch_into_the_other_world_is_refused_with_its_place() {
        // bxns r0 to lr and blxns r0 to lr, as `arm-none-eabi-as -mcpu=cortex-m33` encodes them.
        for register in 0..15 {
            for first in [0x4704, 0x4784] {
                let error = holding(first | register << 3).unwrap_err().to_string();
                assert!(error.contains("0x10010604"), "{error}");
            }
        }
    }

    #[test]
    fn the_bits_that_should_be_zero_hide_nothing() {
        for low in 1..4 {
            assert!(holding(0x4704 | low).is_err() && holding(0x47F4 | low).is_err());
        }
    }

    #[test]
    fn branches_that_stay_in_this_world_are_let_through() {
        // bx and blx r0 to lr; and the same bytes as a branch out, but across two halfwords.
        for register in 0..15 {
            holding(0x4700 | register << 3).unwrap();
            holding(0x4780 | register << 3).unwrap();
        }
        let across = [0x00, 0x04, 0x47, 0x00];
        refuse_branches_out("test", 0, &across).unwrap();
    }
}
