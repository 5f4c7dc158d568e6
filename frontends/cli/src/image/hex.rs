//! Intel HEX files (Intel, "Hexadecimal Object File Format Specification", revision A).
//!
//! Read: data, extended segment and extended linear addresses, start addresses (left out), end. Gaps read
//! 0xff. Written as the intelhex library of Python does, which imgtool uses: 16 bytes a line.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// What gaps between records read.
const GAP: u8 = 0xff;

/// More than any flash: records far apart are a mistake, not a file of gigabytes.
const MAX_SPAN: u32 = 0x1000_0000;

/// Whether a file is to be read or written as Intel HEX: by its name, as imgtool does.
pub(super) fn is_hex(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("hex"))
}

/// The contents of an image file, whatever its form.
pub(super) fn read_image(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = super::files::read(path)?;
    if !is_hex(path) {
        return Ok(bytes);
    }
    let text = std::str::from_utf8(&bytes).ok().context("not Intel HEX");
    let parsed = text.and_then(parse);
    Ok(parsed.with_context(|| format!("{}", path.display()))?.1)
}

/// The first address and the bytes from there to the last one.
pub(super) fn parse(text: &str) -> anyhow::Result<(u32, Vec<u8>)> {
    let mut pieces = BTreeMap::new();
    let (mut base, mut ended) = (0u32, false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if ended {
            bail!("line {}: there is more behind the end record", number + 1);
        }
        let record = Record::parse(line).with_context(|| format!("line {}", number + 1))?;
        match (record.kind, record.data.as_slice()) {
            (0, data) => {
                let start = base.checked_add(u32::from(record.address));
                let start = start.context("an address beyond 4 GiB")?;
                for (address, byte) in (start..).zip(data) {
                    if pieces.insert(address, *byte).is_some() {
                        bail!("line {}: address {address:#x} is there twice", number + 1);
                    }
                }
            }
            (1, []) => ended = true,
            (2, [high, low]) => base = u32::from(u16::from_be_bytes([*high, *low])) << 4,
            (4, [high, low]) => base = u32::from(u16::from_be_bytes([*high, *low])) << 16,
            (3 | 5, [_, _, _, _]) => {}
            _ => bail!("line {}: a record of unknown kind", number + 1),
        }
    }
    if !ended {
        bail!("the end record is missing");
    }
    let (Some((first, _)), Some((last, _))) = (pieces.first_key_value(), pieces.last_key_value())
    else {
        bail!("no data");
    };
    let (first, last) = (*first, *last);
    if last - first >= MAX_SPAN {
        bail!("the addresses {first:#x} and {last:#x} are too far apart for one image");
    }
    let mut bytes = vec![GAP; (last - first) as usize + 1];
    for (address, byte) in pieces {
        bytes[(address - first) as usize] = byte;
    }
    Ok((first, bytes))
}

struct Record {
    kind: u8,
    address: u16,
    data: Vec<u8>,
}

impl Record {
    fn parse(line: &str) -> anyhow::Result<Self> {
        let digits = line.strip_prefix(':').context("no Intel HEX record")?;
        let bytes = super::arguments::from_hex(digits).context("broken hexadecimal digits")?;
        let [len, high, low, kind, data @ .., _sum] = bytes.as_slice() else {
            bail!("a record that is too short");
        };
        if usize::from(*len) != data.len() {
            bail!("a record of another length than it says");
        }
        if bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) != 0 {
            bail!("a record with a wrong checksum");
        }
        Ok(Self {
            kind: *kind,
            address: u16::from_be_bytes([*high, *low]),
            data: data.to_vec(),
        })
    }
}

/// Pieces, each with its address; in rising order and apart. `None` if they leave 32 bits.
pub(super) fn write(pieces: &[(u32, &[u8])]) -> Option<String> {
    let end = |(start, data): &(u32, &[u8])| {
        let len = u32::try_from(data.len()).ok()?;
        start.checked_add(len.checked_sub(1)?)
    };
    let last = pieces.iter().map(end).collect::<Option<Vec<_>>>()?;
    let long = last.iter().any(|last| *last > 0xffff);
    let mut text = String::new();
    let mut high = None;
    for (start, data) in &joined(pieces) {
        let mut address = *start;
        let mut rest = data.as_slice();
        while !rest.is_empty() {
            if long && high != Some(address >> 16) {
                high = Some(address >> 16);
                line(&mut text, 0, 4, &((address >> 16) as u16).to_be_bytes());
            }
            let room = 0x1_0000 - (address & 0xffff);
            let (now, later) = rest.split_at(rest.len().min(16).min(room as usize));
            line(&mut text, address as u16, 0, now);
            address = address.wrapping_add(now.len() as u32);
            rest = later;
        }
    }
    line(&mut text, 0, 1, &[]);
    Some(text)
}

/// Pieces that touch become one.
fn joined(pieces: &[(u32, &[u8])]) -> Vec<(u32, Vec<u8>)> {
    let mut all: Vec<(u32, Vec<u8>)> = Vec::new();
    for (start, data) in pieces {
        match all.last_mut() {
            Some((first, before)) if first.wrapping_add(before.len() as u32) == *start => {
                before.extend_from_slice(data);
            }
            _ => all.push((*start, data.to_vec())),
        }
    }
    all
}

fn line(text: &mut String, address: u16, kind: u8, data: &[u8]) {
    let [high, low] = address.to_be_bytes();
    let record = [&[data.len() as u8, high, low, kind], data].concat();
    let sum = record.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    text.push(':');
    for byte in record.iter().chain([&sum.wrapping_neg()]) {
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_those_of_the_specification() {
        // Lines of Intel's specification and of common textbooks.
        let (start, bytes) =
            parse(":10010000214601360121470136007EFE09D2190140\n:00000001FF\n").unwrap();
        assert_eq!(start, 0x100);
        assert_eq!(bytes[..4], [0x21, 0x46, 0x01, 0x36]);
        let (start, bytes) = parse(":020000040800F2\n:04000000DEADBEEFC4\n:00000001FF").unwrap();
        assert_eq!(
            (start, bytes.as_slice()),
            (0x0800_0000, &[0xde, 0xad, 0xbe, 0xef][..])
        );
        let (start, _) = parse(":020000021200EA\n:0100000000FF\n:00000001FF").unwrap();
        assert_eq!(start, 0x1_2000);
    }

    #[test]
    fn broken_files_are_refused() {
        for broken in [
            "",
            ":00000001FF",
            ":0100000000FE\n:00000001FF",
            ":0200000000FE\n:00000001FF",
            ":0100000000FF",
            "0100000000FF\n:00000001FF",
            ":0100000000FF\n:0100000000FF\n:00000001FF",
            ":00000001FF\n:0100000000FF",
            ":01000006F9FF\n:00000001FF",
            ":010000000\n:00000001FF",
            ":0100000000FF\n:020000049000 6A\n:00000001FF",
        ] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let data: Vec<u8> = (0..100_000u32).map(|i| (i * 7) as u8).collect();
        for start in [0, 1, 0xfff8, 0x0800_0003] {
            let text = write(&[(start, &data)]).unwrap();
            assert_eq!(parse(&text).unwrap(), (start, data.clone()), "{start:#x}");
        }
        let text = write(&[(0x10, b"ab"), (0x14, b"c")]).unwrap();
        assert_eq!(parse(&text).unwrap(), (0x10, b"ab\xff\xffc".to_vec()));
        assert!(write(&[(u32::MAX, b"ab")]).is_none());
        assert!(write(&[(0, b"")]).is_none());
    }
}
