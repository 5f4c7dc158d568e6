//! Reads what we need of a 32-bit little-endian ELF file: sections, symbols, what is loaded.
//!
//! Tool Interface Standard (TIS), Executable and Linking Format Specification 1.2, book I; Arm, ELF for
//! the Arm Architecture (bit 0 of a function's address says "Thumb" and is dropped here).

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// One file.
#[derive(Debug)]
pub(crate) struct Elf {
    pub(crate) path: PathBuf,
    pub(crate) sections: Vec<Section>,
    pub(crate) symbols: Vec<Symbol>,
    segments: Vec<Segment>,
}

/// One section.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) address: u32,
    pub(crate) size: u32,
    /// Takes memory while the program runs.
    pub(crate) allocated: bool,
    /// Has no bytes in the file (.bss, stacks).
    pub(crate) empty: bool,
    /// The file's bytes.
    pub(crate) content: Vec<u8>,
}

/// One named address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) address: u32,
    pub(crate) size: u32,
    pub(crate) function: bool,
}

/// Memory that a loader fills: where it runs, and where its bytes lie until then.
#[derive(Debug)]
struct Segment {
    address: u32,
    load_address: u32,
    size: u32,
}

const ALLOCATED: u32 = 2;
const SYMBOL_TABLE: u32 = 2;
const NO_BITS: u32 = 8;
const LOAD: u32 = 1;
const FUNCTION: u8 = 2;
/// Section and file symbols name no address of ours.
const KIND_SECTION: u8 = 3;

impl Elf {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut elf =
            Self::parse(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
        elf.path = path.to_path_buf();
        Ok(elf)
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        if !bytes.starts_with(b"\x7fELF\x01\x01") {
            bail!("not a 32-bit little-endian ELF file");
        }
        let file = Bytes(bytes);
        let headers = table(&file, 0x20, 0x2e, 0x30)?;
        let names_index = usize::from(file.half(0x32)?);
        let names_header = headers.get(names_index).context("no section names")?;
        let names = content(&file, names_header)?;

        let mut sections = Vec::new();
        let mut symbols = Vec::new();
        for header in &headers {
            let kind = header.word(4)?;
            let flags = header.word(8)?;
            sections.push(Section {
                name: text(names, header.word(0)?),
                address: header.word(12)?,
                size: header.word(20)?,
                allocated: flags & ALLOCATED != 0,
                empty: kind == NO_BITS,
                content: content(&file, header)?.to_vec(),
            });
            if kind == SYMBOL_TABLE {
                let link = usize::try_from(header.word(24)?)?;
                let strings = content(&file, headers.get(link).context("no symbol names")?)?;
                symbols = read_symbols(content(&file, header)?, strings)?;
            }
        }
        let mut segments = Vec::new();
        for header in table(&file, 0x1c, 0x2a, 0x2c)? {
            if header.word(0)? == LOAD {
                let (address, load_address) = (header.word(8)?, header.word(12)?);
                segments.push(Segment {
                    address,
                    load_address,
                    size: header.word(20)?,
                });
            }
        }
        Ok(Self {
            path: PathBuf::new(),
            sections,
            symbols,
            segments,
        })
    }

    /// The address of a symbol, bit 0 clear for functions.
    pub(crate) fn address(&self, name: &str) -> Result<u32> {
        self.find(name)
            .map(|symbol| symbol.address)
            .with_context(|| format!("{} defines no symbol {name}", self.path.display()))
    }

    /// A symbol by its exact name.
    pub(crate) fn find(&self, name: &str) -> Option<&Symbol> {
        self.symbols.iter().find(|symbol| symbol.name == name)
    }

    /// A section by name.
    pub(crate) fn section(&self, name: &str) -> Result<&Section> {
        self.sections
            .iter()
            .find(|section| section.name == name)
            .with_context(|| format!("{} has no section {name}", self.path.display()))
    }

    /// The loaded bytes as one block, gaps filled with 0xff, and its first address.
    ///
    /// Section by section: a segment may also cover what has no bytes, a stack before empty data.
    pub(crate) fn image(&self) -> Result<(u32, Vec<u8>)> {
        let mut parts: Vec<_> = self
            .sections
            .iter()
            .filter(|section| section.allocated && !section.content.is_empty())
            .map(|section| (self.load_address(section.address), &section.content))
            .collect();
        parts.sort_by_key(|(address, _)| *address);
        let base = parts.first().context("nothing is loaded")?.0;
        let mut image = Vec::new();
        for (address, content) in parts {
            let at = usize::try_from(address - base)?;
            if at < image.len() {
                bail!("{}: two loaded parts overlap", self.path.display());
            }
            if at > 64 * 1024 * 1024 {
                bail!("{}: loaded parts are far apart", self.path.display());
            }
            image.resize(at, 0xff);
            image.extend_from_slice(content);
        }
        Ok((base, image))
    }

    /// Where the byte that runs at `address` lies before the program starts.
    fn load_address(&self, address: u32) -> u32 {
        let covers = |segment: &&Segment| {
            address
                .checked_sub(segment.address)
                .is_some_and(|offset| offset < segment.size)
        };
        match self.segments.iter().find(covers) {
            Some(segment) => segment.load_address.wrapping_add(address - segment.address),
            None => address,
        }
    }

    /// Functions by address.
    pub(crate) fn functions(&self) -> Vec<&Symbol> {
        let mut functions: Vec<_> = self
            .symbols
            .iter()
            .filter(|symbol| symbol.function)
            .collect();
        functions.sort_by_key(|symbol| symbol.address);
        functions
    }
}

fn read_symbols(table: &[u8], strings: &[u8]) -> Result<Vec<Symbol>> {
    let mut symbols = Vec::new();
    for entry in table.chunks_exact(16).map(Bytes) {
        let kind = entry.0[12] & 15;
        let name = text(strings, entry.word(0)?);
        // "$t" and "$d" only mark code and data.
        if kind >= KIND_SECTION || name.is_empty() || name.starts_with('$') {
            continue;
        }
        let function = kind == FUNCTION;
        let value = entry.word(4)?;
        let address = if function { value & !1 } else { value };
        symbols.push(Symbol {
            name,
            address,
            size: entry.word(8)?,
            function,
        });
    }
    Ok(symbols)
}

/// A header table: where the header says its offset, entry size and entry count are.
fn table<'a>(file: &Bytes<'a>, offset: u32, size: u32, count: u32) -> Result<Vec<Bytes<'a>>> {
    let (start, size) = (file.word(offset)?, u32::from(file.half(size)?));
    (0..u32::from(file.half(count)?))
        .map(|index| {
            let at = index
                .checked_mul(size)
                .and_then(|skip| start.checked_add(skip));
            Ok(Bytes(file.span(
                at.context("a table points outside the file")?,
                size,
            )?))
        })
        .collect()
}

fn content<'a>(file: &Bytes<'a>, header: &Bytes<'_>) -> Result<&'a [u8]> {
    if header.word(4)? == NO_BITS {
        return Ok(&[]);
    }
    file.span(header.word(16)?, header.word(20)?)
}

fn text(strings: &[u8], at: u32) -> String {
    let rest = strings.get(at as usize..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(rest.len());
    String::from_utf8_lossy(&rest[..end]).into_owned()
}

#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn span(&self, at: u32, length: u32) -> Result<&'a [u8]> {
        let (at, length) = (at as usize, length as usize);
        self.0
            .get(at..at.saturating_add(length))
            .context("a table points outside the file")
    }

    fn word(&self, at: u32) -> Result<u32> {
        Ok(u32::from_le_bytes(self.span(at, 4)?.try_into()?))
    }

    fn half(&self, at: u32) -> Result<u16> {
        Ok(u16::from_le_bytes(self.span(at, 2)?.try_into()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_elf_file_is_refused() {
        assert!(Elf::parse(b"").is_err());
        assert!(Elf::parse(b"\x7fELF\x02\x01").is_err());
        assert!(Elf::parse(&[b"\x7fELF\x01\x01".as_slice(), &[0; 10]].concat()).is_err());
        assert!(Elf::parse(&[b"\x7fELF\x01\x01".as_slice(), &[0xff; 80]].concat()).is_err());
    }
}
