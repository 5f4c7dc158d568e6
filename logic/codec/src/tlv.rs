//! Records of `u16` type, `u16` length, data; little endian, no padding, no alignment.

use crate::{Cursor, EndOfInput};

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its type, all 16 bits.
    pub kind: u16,
    /// Its data.
    pub data: &'a [u8],
}

/// Iterator over the records of an area that must hold whole records only.
///
/// A record that does not fit gives one `Err` and then nothing more: the rest cannot be trusted.
#[derive(Debug, Clone)]
pub struct Tlvs<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Tlvs<'a> {
    /// The records of `area`, which has no header of its own any more.
    #[must_use]
    pub const fn new(area: &'a [u8]) -> Self {
        Self {
            cursor: Cursor::new(area),
        }
    }

    fn read(&mut self) -> Result<Tlv<'a>, EndOfInput> {
        let kind = self.cursor.u16_le()?;
        let len = self.cursor.u16_le()?;
        let data = self.cursor.take(usize::from(len))?;
        Ok(Tlv { kind, data })
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, EndOfInput>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.is_empty() {
            return None;
        }
        let record = self.read();
        if record.is_err() {
            self.cursor = Cursor::new(&[]);
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;
    use std::vec::Vec;

    fn area() -> Vec<u8> {
        let mut buffer = [0; 32];
        let mut writer = Writer::new(&mut buffer);
        writer.tlv(0x1234, b"abc").unwrap();
        writer.tlv(0xffff, b"").unwrap();
        writer.tlv(1, b"x").unwrap();
        writer.written().to_vec()
    }

    #[test]
    fn records_come_back_as_written() {
        let area = area();
        let records: Vec<_> = Tlvs::new(&area).map(Result::unwrap).collect();
        assert_eq!(
            records,
            [
                Tlv {
                    kind: 0x1234,
                    data: b"abc"
                },
                Tlv {
                    kind: 0xffff,
                    data: b""
                },
                Tlv {
                    kind: 1,
                    data: b"x"
                },
            ]
        );
    }

    #[test]
    fn an_area_cut_anywhere_but_between_records_ends_in_one_error() {
        let area = area();
        let borders = [0, 7, 11, 16];
        for cut in 0..=area.len() {
            let results: Vec<_> = Tlvs::new(&area[..cut]).collect();
            let errors = results.iter().filter(|result| result.is_err()).count();
            assert_eq!(errors, usize::from(!borders.contains(&cut)), "cut at {cut}");
            assert!(results.iter().rev().skip(1).all(Result::is_ok));
        }
    }
}
