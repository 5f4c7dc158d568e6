//! The region that the non-secure world may call into: gateway stubs and nothing else.
//!
//! Arm v8-M Architecture Reference Manual, B3.13 (SG must be the first instruction) and C2.4.26 (the
//! encoding T4 of B). Read from the bytes, so that no tool's opinion is in between.

use crate::disassembly;
use crate::elf::Elf;
use crate::place::Place;
use anyhow::{Context, Result};

/// The gates, and no others. Each is a symbol with a stub and `__acle_se_` + name behind it.
const GATES: [&str; 10] = [
    "tfm_nsce_acquire_ctx",
    "tfm_nsce_init",
    "tfm_nsce_load_ctx",
    "tfm_nsce_release_ctx",
    "tfm_nsce_save_ctx",
    "tfm_psa_call_veneer",
    "tfm_psa_close_veneer",
    "tfm_psa_connect_veneer",
    "tfm_psa_framework_version_veneer",
    "tfm_psa_version_veneer",
];

/// `sg`, as it lies in memory.
const SECURE_GATEWAY: [u8; 4] = [0x7f, 0xe9, 0x7f, 0xe9];

/// What is wrong with the callable region.
pub(super) fn stubs(elf: &Elf) -> Result<Vec<String>> {
    let section = elf.section(".gnu.sgstubs")?;
    let mut findings = Vec::new();
    let bounds = [
        ("__callable_start", section.address),
        ("__callable_end", section.address + section.size),
    ];
    for (symbol, address) in bounds {
        if elf.address(symbol)? != address {
            findings.push(format!(
                "{symbol} is not the border of the section of stubs"
            ));
        }
    }
    let mut found = Vec::new();
    let (chunks, rest) = section.content.as_chunks::<8>();
    for (address, bytes) in (section.address..).step_by(8).zip(chunks) {
        // Padding, the linker's own or zeros: not a gateway, so entering it is a fault.
        if bytes == &[0; 8] || bytes == &[0xd4; 8] {
            continue;
        }
        match stub(elf, address, bytes) {
            Ok(name) => found.push(name),
            Err(error) => findings.push(format!("{address:#x}: {error:#}")),
        }
    }
    if rest.iter().any(|byte| *byte != 0) {
        findings.push("something follows the last stub".to_owned());
    }
    found.sort();
    for gate in GATES {
        if !found.iter().any(|name| name == gate) {
            findings.push(format!("{gate} has no stub"));
        }
    }
    for name in &found {
        if !GATES.contains(&name.as_str()) {
            findings.push(format!("{name} is callable but not a known gate"));
        }
    }
    Ok(findings)
}

/// One stub is `sg` and a branch to the gate of the stub's name; the name if so.
fn stub(elf: &Elf, address: u32, bytes: &[u8; 8]) -> Result<String> {
    let (gateway, branch) = bytes.split_at(4);
    anyhow::ensure!(gateway == SECURE_GATEWAY, "does not start with sg");
    let target = branch_target(address + 4, branch).context("sg is not followed by b.w")?;
    let behind = elf
        .symbols
        .iter()
        .filter(|symbol| symbol.address == target)
        .find_map(|symbol| symbol.name.strip_prefix("__acle_se_"))
        .with_context(|| format!("branches to {target:#x}, which is no gate"))?;
    let named = elf
        .symbols
        .iter()
        .any(|s| s.address == address && s.name == behind);
    anyhow::ensure!(named, "the stub of {behind} has another name");
    Ok(behind.to_owned())
}

/// Where the 32-bit branch at `address` goes; `None` if it is no such branch.
fn branch_target(address: u32, bytes: &[u8]) -> Option<u32> {
    let [a, b, c, d] = *bytes else { return None };
    let first = u32::from(u16::from_le_bytes([a, b]));
    let second = u32::from(u16::from_le_bytes([c, d]));
    if first & 0xf800 != 0xf000 || second & 0xd000 != 0x9000 {
        return None;
    }
    let sign = first >> 10 & 1;
    let i1 = !(second >> 13 ^ sign) & 1;
    let i2 = !(second >> 11 ^ sign) & 1;
    let low = (first & 0x3ff) << 12 | (second & 0x7ff) << 1;
    let offset = sign << 24 | i1 << 23 | i2 << 22 | low;
    let extended = if sign == 1 {
        offset | 0xfe00_0000
    } else {
        offset
    };
    Some(address.wrapping_add(4).wrapping_add(extended))
}

/// Each way out of a gate writes r1, r2, r3, r12 and the flags last of all; r0 is the answer.
pub(super) fn clearing(place: &Place, elf: &Elf) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let text = disassembly::of(place, elf)?;
    let mut starts: Vec<_> = elf
        .functions()
        .iter()
        .map(|symbol| symbol.address)
        .collect();
    starts.dedup();
    for gate in GATES {
        let start = elf.address(&format!("__acle_se_{gate}"))?;
        let next = starts.iter().find(|address| **address > start);
        let end = *next.context("nothing follows the last gate")?;
        let body: Vec<_> = text
            .iter()
            .filter(|i| (start..end).contains(&i.address))
            .collect();
        let exits: Vec<_> = body
            .iter()
            .enumerate()
            .filter(|(_, i)| i.name == "bxns")
            .collect();
        if exits.is_empty() {
            findings.push(format!("{gate} never returns to the non-secure world"));
        }
        for (index, exit) in exits {
            let missing = not_cleared(body[..index].iter().rev().copied());
            if exit.operands != "lr" || !missing.is_empty() {
                findings.push(format!("{gate} leaves {} as it was", missing.join(", ")));
            }
        }
    }
    Ok(findings)
}

/// What the instructions right before an exit do not clear.
fn not_cleared<'a>(
    backwards: impl Iterator<Item = &'a disassembly::Instruction>,
) -> Vec<&'static str> {
    let mut left = vec!["r1", "r2", "r3", "r12", "the flags"];
    for instruction in backwards {
        let cleared = match (&*instruction.name, &*instruction.operands) {
            ("msr", operands) if operands.to_lowercase().starts_with("apsr_nzcvq") => "the flags",
            ("mov" | "movs" | "mov.w", operands) => match operands.split_once(", ") {
                Some((register, "#0x0" | "#0")) => register,
                _ => break,
            },
            _ => break,
        };
        left.retain(|item| *item != cleared);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodings and targets as GNU and LLVM disassemblers show them.
    #[test]
    fn the_target_of_a_branch_is_read_from_its_bits() {
        assert_eq!(
            branch_target(0x1001_08a4, &[0xff, 0xf7, 0xac, 0xbe]),
            Some(0x1001_0600)
        );
        assert_eq!(
            branch_target(0x1000, &[0x00, 0xf0, 0x00, 0xb8]),
            Some(0x1004)
        );
        assert_eq!(
            branch_target(0x1000, &[0xff, 0xf7, 0xfe, 0xbf]),
            Some(0x1000)
        );
    }

    #[test]
    fn a_call_or_another_instruction_is_no_branch() {
        assert_eq!(branch_target(0, &[0xff, 0xf7, 0xac, 0xfe]), None, "bl");
        assert_eq!(branch_target(0, &[0x7f, 0xe9, 0x7f, 0xe9]), None, "sg");
        assert_eq!(branch_target(0, &[0x00, 0xbf]), None, "nop");
    }

    #[test]
    fn an_exit_that_forgets_a_register_is_found() {
        let line = |name: &str, operands: &str| disassembly::Instruction {
            address: 0,
            name: name.into(),
            operands: operands.into(),
            target: None,
        };
        let all = [
            line("bl", "0x100"),
            line("movs", "r1, #0x0"),
            line("movs", "r2, #0x0"),
            line("movs", "r3, #0x0"),
            line("mov.w", "r12, #0x0"),
            line("msr", "apsr_nzcvq, r12"),
        ];
        assert!(not_cleared(all.iter().rev()).is_empty());
        assert_eq!(not_cleared(all[..2].iter().chain(&all[3..]).rev()), ["r2"]);
        // Cleared before the call is not cleared at the exit.
        let early = [line("movs", "r2, #0x0"), line("bl", "0x100")];
        assert_eq!(not_cleared(early.iter().rev()).len(), 5);
    }
}
