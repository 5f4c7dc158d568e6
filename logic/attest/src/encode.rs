//! Writing deterministic CBOR (RFC 8949, 4.2): shortest heads, definite lengths. Keys are written in ascending
//! order by whoever writes a map.
//!
//! One writer for three places, so that the code that walks the claims is there once in a device's image:
//! it measures, fills a buffer, or feeds a hash.

use ironroot_crypto::hash::Hasher;

/// Major types.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// Where the bytes go.
enum Place<'a> {
    Nowhere,
    Buffer(&'a mut [u8]),
    Hash(&'a mut Hasher),
}

/// Writes CBOR items and counts their bytes.
pub(crate) struct Encoder<'a> {
    place: Place<'a>,
    len: usize,
}

impl<'a> Encoder<'a> {
    /// Only counts.
    pub(crate) const fn measure() -> Self {
        Self {
            place: Place::Nowhere,
            len: 0,
        }
    }

    /// Writes to the start of `buffer`. What does not fit is counted and dropped.
    pub(crate) const fn into_buffer(buffer: &'a mut [u8]) -> Self {
        Self {
            place: Place::Buffer(buffer),
            len: 0,
        }
    }

    /// Writes into a hash.
    pub(crate) const fn into_hash(hasher: &'a mut Hasher) -> Self {
        Self {
            place: Place::Hash(hasher),
            len: 0,
        }
    }

    /// How many bytes there are so far, dropped ones included.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes as they are: items encoded elsewhere.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        match &mut self.place {
            Place::Nowhere => {}
            Place::Hash(hasher) => hasher.update(bytes),
            Place::Buffer(buffer) => {
                // Exactly as long as the bytes, and the compiler sees it: no way to a panic.
                let rest = buffer.get_mut(self.len..);
                if let Some(place) = rest.and_then(|rest| rest.get_mut(..bytes.len())) {
                    place.copy_from_slice(bytes);
                }
            }
        }
        self.len = self.len.saturating_add(bytes.len());
    }

    fn head(&mut self, major: u8, value: u32) {
        let [a, b, c, d] = value.to_be_bytes();
        let major = major << 5;
        match value {
            0..=23 => self.raw(&[major | d]),
            24..=0xff => self.raw(&[major | 24, d]),
            0x100..=0xffff => self.raw(&[major | 25, c, d]),
            _ => self.raw(&[major | 26, a, b, c, d]),
        }
    }

    fn head_of(&mut self, major: u8, len: usize) {
        // No buffer of ours is 4 GiB long.
        self.head(major, u32::try_from(len).unwrap_or(u32::MAX));
    }

    pub(crate) fn integer(&mut self, value: i32) {
        if value < 0 {
            self.head(NEGATIVE, (!value).cast_unsigned());
        } else {
            self.head(UNSIGNED, value.cast_unsigned());
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes_head(bytes.len());
        self.raw(bytes);
    }

    /// The head of a byte string whose bytes follow in another way.
    pub(crate) fn bytes_head(&mut self, len: usize) {
        self.head_of(BYTES, len);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.head_of(TEXT, text.len());
        self.raw(text.as_bytes());
    }

    /// The head of an array of `len` items.
    pub(crate) fn array(&mut self, len: usize) {
        self.head_of(ARRAY, len);
    }

    /// The head of a map of `pairs` pairs.
    pub(crate) fn map(&mut self, pairs: usize) {
        self.head_of(MAP, pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn encoded(write: impl Fn(&mut Encoder<'_>)) -> Vec<u8> {
        let mut counter = Encoder::measure();
        write(&mut counter);
        let mut buffer = std::vec![0xee; counter.len()];
        let mut encoder = Encoder::into_buffer(&mut buffer);
        write(&mut encoder);
        assert_eq!(encoder.len(), counter.len());
        buffer
    }

    #[test]
    fn items_are_those_of_rfc_8949_appendix_a() {
        for (value, expected) in [
            (0, &[0x00][..]),
            (23, &[0x17]),
            (24, &[0x18, 0x18]),
            (255, &[0x18, 0xff]),
            (256, &[0x19, 0x01, 0x00]),
            (1000, &[0x19, 0x03, 0xe8]),
            (65_535, &[0x19, 0xff, 0xff]),
            (65_536, &[0x1a, 0x00, 0x01, 0x00, 0x00]),
            (1_000_000, &[0x1a, 0x00, 0x0f, 0x42, 0x40]),
            (i32::MAX, &[0x1a, 0x7f, 0xff, 0xff, 0xff]),
            (-1, &[0x20]),
            (-10, &[0x29]),
            (-100, &[0x38, 0x63]),
            (-1000, &[0x39, 0x03, 0xe7]),
            (i32::MIN, &[0x3a, 0x7f, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(
                encoded(|encoder| encoder.integer(value)),
                expected,
                "{value}"
            );
        }
        assert_eq!(
            encoded(|encoder| encoder.bytes(&[1, 2, 3, 4])),
            [0x44, 1, 2, 3, 4]
        );
        assert_eq!(encoded(|encoder| encoder.text("IETF")), *b"\x64IETF");
        assert_eq!(encoded(|encoder| encoder.array(25)), [0x98, 0x19]);
        assert_eq!(encoded(|encoder| encoder.map(2)), [0xa2]);
    }

    #[test]
    fn a_buffer_too_short_is_not_written_past_its_end() {
        let mut buffer = [0xee; 4];
        let mut encoder = Encoder::into_buffer(&mut buffer[..3]);
        encoder.bytes(&[1, 2, 3, 4]);
        encoder.integer(1);
        assert_eq!(encoder.len(), 6);
        assert_eq!(buffer[3], 0xee);
    }
}
