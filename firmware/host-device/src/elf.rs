//! Executables without what is not loaded: symbols and debug information would only fill the slot.
//!
//! ELF-64, little endian (System V ABI, "ELF Header" and "Program Header").

const MAGIC: &[u8] = b"\x7fELF\x02\x01\x01";
const PROGRAM_HEADER_OFFSET: usize = 0x20;
const SECTION_HEADER_OFFSET: usize = 0x28;
const PROGRAM_HEADER_SIZE: usize = 0x36;
const PROGRAM_HEADER_COUNT: usize = 0x38;
const SECTION_HEADER_COUNT: usize = 0x3c;
const HEADER_LEN: usize = 0x40;

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn u64_at(bytes: &[u8], at: usize) -> Option<usize> {
    u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?)
        .try_into()
        .ok()
}

/// The part of an executable that the kernel loads, as an executable; nothing if it is no such file.
#[must_use]
pub fn loaded_part(executable: &[u8]) -> Option<Vec<u8>> {
    if !executable.starts_with(MAGIC) || executable.len() < HEADER_LEN {
        return None;
    }
    let table = u64_at(executable, PROGRAM_HEADER_OFFSET)?;
    let size = u16_at(executable, PROGRAM_HEADER_SIZE)?;
    let count = u16_at(executable, PROGRAM_HEADER_COUNT)?;
    let mut end = table.checked_add(size.checked_mul(count)?)?;
    for index in 0..count {
        let header = table.checked_add(index.checked_mul(size)?)?;
        let (offset, len) = (
            u64_at(executable, header + 0x08)?,
            u64_at(executable, header + 0x20)?,
        );
        end = end.max(offset.checked_add(len)?);
    }
    let mut part = executable.get(..end)?.to_vec();
    // There is no section table any more: its offset, and entry size, count and string section.
    part.get_mut(SECTION_HEADER_OFFSET..SECTION_HEADER_OFFSET + 8)?
        .fill(0);
    part.get_mut(SECTION_HEADER_COUNT..HEADER_LEN)?.fill(0);
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_loaded_part_of_a_program_runs() {
        let whole = std::fs::read("/proc/self/exe").unwrap();
        let part = loaded_part(&whole).unwrap();
        assert!(part.len() < whole.len() / 2, "debug information is gone");
        let program = ironroot_port_host::SealedProgram::new("part", &part).unwrap();
        let listed = program.command().arg("--list").output().unwrap();
        let usual = Command::new("/proc/self/exe")
            .arg("--list")
            .output()
            .unwrap();
        assert!(usual.status.success());
        assert_eq!(listed.stdout, usual.stdout);
    }

    #[test]
    fn what_is_no_executable_or_is_cut_has_no_loaded_part() {
        assert_eq!(loaded_part(b""), None);
        assert_eq!(loaded_part(&[0; 100]), None);
        let whole = std::fs::read("/proc/self/exe").unwrap();
        let part = loaded_part(&whole).unwrap();
        for len in [10, 0x3f, 0x40, 0x200, part.len() - 1] {
            assert_eq!(loaded_part(&whole[..len]), None, "{len}");
        }
    }
}
