//! Boot records: what was measured, as a CBOR map.
//!
//! TLV 0x60, made by the image tool with a zero measurement that the bootloader overwrites; Arm PSA
//! Attestation API 1.0, software component claims:
//!
//! ```text
//! map(5) { 1: type text, 4: version text, 5: signer id bytes, 6: "SHA256", 2: measurement bytes }
//! ```
//!
//! The measurement is the last item, so that its bytes are the last of the record. Only definite
//! lengths and shortest forms are taken: one record has one encoding.

use crate::Refusal;
use ironroot_codec::{BufferFull, Cursor, Writer};

/// A boot record's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootRecord<'a> {
    /// What the component is, "SPE" or "NSPE" for instance.
    pub component: &'a str,
    /// Its version in words.
    pub version: &'a str,
    /// Hash of the public key that signed it.
    pub signer: &'a [u8],
    /// Hash algorithm of the measurement, "SHA256".
    pub algorithm: &'a str,
    /// Hash of the component.
    pub measurement: &'a [u8],
}

const TYPE: u8 = 1;
const MEASUREMENT: u8 = 2;
const VERSION: u8 = 4;
const SIGNER: u8 = 5;
const ALGORITHM: u8 = 6;

const MAP_OF_FIVE: u8 = 0xa5;
const BYTES: u8 = 0x40;
const TEXT: u8 = 0x60;

impl<'a> BootRecord<'a> {
    /// The longest record taken: with SHA-512 and 12 characters of type one is 164 bytes.
    pub const MAX_LEN: usize = 256;

    /// The longest component type that imgtool writes.
    pub const MAX_COMPONENT: usize = 12;

    /// Reads a record; it must be in the form above, with nothing after it.
    ///
    /// # Errors
    /// [`Refusal::BootRecordMalformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let items = Items::read(bytes).ok_or(Refusal::BootRecordMalformed)?;
        let text = |item| core::str::from_utf8(item).map_err(|_| Refusal::BootRecordMalformed);
        Ok(Self {
            component: text(items.component)?,
            version: text(items.version)?,
            signer: items.signer,
            algorithm: text(items.algorithm)?,
            measurement: items.measurement,
        })
    }

    /// Writes the record.
    ///
    /// # Errors
    /// [`BufferFull`] when it does not fit, or an item is longer than 255 bytes.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), BufferFull> {
        let items = Items {
            component: self.component.as_bytes(),
            version: self.version.as_bytes(),
            signer: self.signer,
            algorithm: self.algorithm.as_bytes(),
            measurement: self.measurement,
        };
        items.write(writer)
    }
}

/// A record's items before anyone asks whether text is text: all a bootloader needs, and without the
/// tables that UTF-8 takes.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    /// As [`BootRecord::component`].
    pub component: &'a [u8],
    /// As [`BootRecord::version`].
    pub version: &'a [u8],
    /// As [`BootRecord::signer`].
    pub signer: &'a [u8],
    /// As [`BootRecord::algorithm`].
    pub algorithm: &'a [u8],
    /// As [`BootRecord::measurement`].
    pub measurement: &'a [u8],
}

impl<'a> Items<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > BootRecord::MAX_LEN {
            return None;
        }
        let mut cursor = Cursor::new(bytes);
        if cursor.u8().ok()? != MAP_OF_FIVE {
            return None;
        }
        let items = Self {
            component: item(&mut cursor, TYPE, TEXT)?,
            version: item(&mut cursor, VERSION, TEXT)?,
            signer: item(&mut cursor, SIGNER, BYTES)?,
            algorithm: item(&mut cursor, ALGORITHM, TEXT)?,
            measurement: item(&mut cursor, MEASUREMENT, BYTES)?,
        };
        (cursor.is_empty() && !items.measurement.is_empty()).then_some(items)
    }

    /// Writes the record; text must be UTF-8.
    ///
    /// # Errors
    /// As [`BootRecord::write`].
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), BufferFull> {
        writer.u8(MAP_OF_FIVE)?;
        put(writer, TYPE, TEXT, self.component)?;
        put(writer, VERSION, TEXT, self.version)?;
        put(writer, SIGNER, BYTES, self.signer)?;
        put(writer, ALGORITHM, TEXT, self.algorithm)?;
        put(writer, MEASUREMENT, BYTES, self.measurement)
    }
}

/// The string of major type `major` under `key`.
fn item<'a>(cursor: &mut Cursor<'a>, key: u8, major: u8) -> Option<&'a [u8]> {
    if cursor.u8().ok()? != key {
        return None;
    }
    let initial = cursor.u8().ok()?;
    let len = match initial.checked_sub(major)? {
        short @ 0..=23 => short,
        24 => cursor.u8().ok().filter(|len| *len >= 24)?,
        _ => return None,
    };
    cursor.take(usize::from(len)).ok()
}

fn put(writer: &mut Writer<'_>, key: u8, major: u8, data: &[u8]) -> Result<(), BufferFull> {
    let len = u8::try_from(data.len()).map_err(|_| BufferFull)?;
    writer.u8(key)?;
    if len < 24 {
        writer.u8(major | len)?;
    } else {
        writer.put(&[major | 24, len])?;
    }
    writer.put(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// From valid/p256-combo.bin of the vectors, written by imgtool with `--boot-record SPE`.
    const IMGTOOL: &[u8] = b"\xa5\x01\x63SPE\x04\x651.2.3\x05\x58\x20\
        \x46\x74\xc1\x85\x3a\x9e\x7e\x01\x37\x1f\xa1\xb4\xa8\x6c\xa9\xd1\
        \x98\xfc\xb6\x48\x4e\x93\x09\x7b\xe9\xb2\x10\xaa\x0c\x64\x08\xb3\
        \x06\x66SHA256\x02\x58\x20\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    fn written(record: &BootRecord<'_>) -> Vec<u8> {
        let mut buffer = [0; BootRecord::MAX_LEN];
        let mut writer = Writer::new(&mut buffer);
        record.write(&mut writer).unwrap();
        writer.written().to_vec()
    }

    #[test]
    fn imgtools_record_is_read_and_written_back_byte_for_byte() {
        let record = BootRecord::parse(IMGTOOL).unwrap();
        assert_eq!(record.component, "SPE");
        assert_eq!(record.version, "1.2.3");
        assert_eq!(record.algorithm, "SHA256");
        assert_eq!(record.measurement, [0; 32]);
        assert_eq!(written(&record), IMGTOOL);
    }

    #[test]
    fn a_record_one_byte_short_or_long_is_malformed() {
        for len in 0..IMGTOOL.len() {
            assert!(BootRecord::parse(&IMGTOOL[..len]).is_err(), "{len} bytes");
        }
        let mut long = IMGTOOL.to_vec();
        long.push(0);
        assert!(BootRecord::parse(&long).is_err());
    }

    #[test]
    fn another_order_a_longer_form_and_bad_text_are_malformed() {
        let edit = |change: fn(&mut Vec<u8>)| {
            let mut bytes = IMGTOOL.to_vec();
            change(&mut bytes);
            BootRecord::parse(&bytes).is_err()
        };
        assert!(edit(|b| b[0] = 0xbf), "indefinite map");
        assert!(edit(|b| b[0] = 0xa6), "one item more announced");
        assert!(edit(|b| b[1] = 4), "another key first");
        assert!(edit(|b| b[2] = 0x43), "bytes for text");
        assert!(edit(|b| b[3] = 0xff), "no UTF-8");
        assert!(
            edit(|b| drop(b.splice(2..3, [0x78, 3]))),
            "length not in its shortest form"
        );
    }

    #[test]
    fn items_too_long_for_the_form_are_not_written() {
        let long = [0; 256];
        let record = BootRecord {
            signer: &long,
            ..BootRecord::parse(IMGTOOL).unwrap()
        };
        let mut buffer = [0; 600];
        assert_eq!(record.write(&mut Writer::new(&mut buffer)), Err(BufferFull));
    }
}
