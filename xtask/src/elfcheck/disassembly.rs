//! LLVM's disassembler as a list of instructions.

use crate::elf::Elf;
use crate::place::Place;
use crate::shell::output;
use anyhow::Result;
use std::process::Command;

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) address: u32,
    /// Mnemonic.
    pub(super) name: String,
    pub(super) operands: String,
    /// Where it branches or calls to, if that is in its operands.
    pub(super) target: Option<u32>,
}

/// Everything executable.
pub(super) fn of(place: &Place, elf: &Elf) -> Result<Vec<Instruction>> {
    disassemble(place, elf, &[])
}

/// One section.
pub(super) fn of_section(place: &Place, elf: &Elf, section: &str) -> Result<Vec<Instruction>> {
    disassemble(place, elf, &["-j", section])
}

fn disassemble(place: &Place, elf: &Elf, more: &[&str]) -> Result<Vec<Instruction>> {
    let mut command = Command::new(place.llvm("llvm-objdump")?);
    command
        .args(["-d", "--no-show-raw-insn", "--print-imm-hex"])
        .args(more)
        .arg(&elf.path);
    Ok(output(&mut command)?.lines().filter_map(parse).collect())
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
