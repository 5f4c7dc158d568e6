//! LLVM's disassembler as a list of instructions, and names of functions.

use crate::elf::Elf;
use crate::place::Place;
use crate::shell::output;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) address: u32,
    /// Mnemonic.
    pub(crate) name: String,
    pub(crate) operands: String,
    /// Where it branches or calls to, if that is in its operands.
    pub(crate) target: Option<u32>,
}

/// Everything executable.
pub(crate) fn of(place: &Place, elf: &Elf) -> Result<Vec<Instruction>> {
    let mut command = Command::new(place.llvm("llvm-objdump")?);
    command
        .args(["-d", "--no-show-raw-insn", "--print-imm-hex"])
        .arg(&elf.path);
    Ok(output(&mut command)?.lines().filter_map(parse).collect())
}

/// Demangled names of functions by address.
pub(crate) fn functions(place: &Place, elf: &Elf) -> Result<BTreeMap<u32, String>> {
    let mut nm = Command::new(place.llvm("llvm-nm")?);
    nm.args(["--demangle", "--defined-only"]).arg(&elf.path);
    let known: BTreeSet<u32> = elf
        .functions()
        .iter()
        .map(|symbol| symbol.address)
        .collect();
    let mut names = BTreeMap::new();
    for line in output(&mut nm)?.lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(address), Some(_), Some(name)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let address = u32::from_str_radix(address, 16)? & !1;
        if known.contains(&address) {
            names.insert(address, name.to_owned());
        }
    }
    Ok(names)
}

/// A demangled name without the hash that older mangling appends.
pub(crate) fn plain(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit()) => {
            path.to_owned()
        }
        _ => name.to_owned(),
    }
}

/// `100108a4:      \tb.w\t0x10010600 <__gate_start> @ imm = #-0x2a8`
fn parse(line: &str) -> Option<Instruction> {
    let (address, rest) = line.split_once(':')?;
    let address = u32::from_str_radix(address.trim(), 16).ok()?;
    let mut parts = rest.trim().splitn(2, '\t');
    let name = parts.next().filter(|name| !name.is_empty())?.to_owned();
    let operands = parts.next().unwrap_or("");
    let operands = operands.split(" @").next().unwrap_or("").trim().to_owned();
    let word = operands
        .split([' ', ','])
        .find(|word| word.starts_with("0x"));
    let target = word.and_then(|word| u32::from_str_radix(&word[2..], 16).ok());
    let target = target.filter(|_| name.starts_with('b') || name.starts_with("cb"));
    Some(Instruction {
        address,
        name,
        operands,
        target,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_disassembler_become_instructions() {
        let line = "100108a4:      \tb.w\t0x10010600 <__gate_start> @ imm = #-0x2a8";
        let branch = parse(line).unwrap();
        assert_eq!(
            (branch.address, branch.target),
            (0x1001_08a4, Some(0x1001_0600))
        );
        assert_eq!(parse("1000:\tmovs\tr1, #0x0").unwrap().operands, "r1, #0x0");
        assert_eq!(parse("1000:\tmovs\tr1, #0x0").unwrap().target, None);
        assert_eq!(
            parse("1002:\tcbz\tr0, 0x1010 <a+0x10> @ imm = #0xa")
                .unwrap()
                .target,
            Some(0x1010)
        );
        assert_eq!(parse("100108a0 <tfm_nsce_acquire_ctx>:"), None);
        assert_eq!(parse("Disassembly of section .text:"), None);
    }
}
