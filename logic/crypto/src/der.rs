//! The little DER (X.690) that keys and signatures need: sequences of non-negative integers.
//!
//! Strict reading: lengths in their shortest form, integers without needless zeros, nothing left
//! over. So each value has exactly one encoding here.

use ironroot_codec::Cursor;

use crate::CryptoError;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// The longest header that is read or written: a tag, and a length in two bytes.
const MAX_HEADER_LEN: usize = 4;

/// The contents of a sequence, read from the front.
pub(crate) struct Integers<'a> {
    input: Cursor<'a>,
}

impl<'a> Integers<'a> {
    /// Opens a sequence that must be all of `bytes`.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, CryptoError> {
        let mut outer = Cursor::new(bytes);
        let content = take_element(&mut outer, SEQUENCE)?;
        if !outer.is_empty() {
            return Err(CryptoError::Encoding);
        }
        Ok(Self {
            input: Cursor::new(content),
        })
    }

    /// The next integer's magnitude: big-endian, no leading zero unless it is zero itself.
    pub(crate) fn next(&mut self) -> Result<&'a [u8], CryptoError> {
        magnitude(take_element(&mut self.input, INTEGER)?)
    }

    /// Ends the sequence: nothing may be left.
    pub(crate) fn close(self) -> Result<(), CryptoError> {
        if self.input.is_empty() {
            Ok(())
        } else {
            Err(CryptoError::Encoding)
        }
    }
}

fn take_element<'a>(input: &mut Cursor<'a>, tag: u8) -> Result<&'a [u8], CryptoError> {
    if byte(input)? != tag {
        return Err(CryptoError::Encoding);
    }
    let len = match byte(input)? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => match byte(input)? {
            0..=0x7f => return Err(CryptoError::Encoding),
            len => usize::from(len),
        },
        0x82 => match u16::from_be_bytes([byte(input)?, byte(input)?]) {
            0..=0xff => return Err(CryptoError::Encoding),
            len => usize::from(len),
        },
        _ => return Err(CryptoError::Encoding),
    };
    input.take(len).map_err(|_| CryptoError::Encoding)
}

fn byte(input: &mut Cursor<'_>) -> Result<u8, CryptoError> {
    input.u8().map_err(|_| CryptoError::Encoding)
}

/// The bytes of a non-negative INTEGER without its sign byte (X.690, section 8.3.2).
fn magnitude(integer: &[u8]) -> Result<&[u8], CryptoError> {
    match integer {
        [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => Err(CryptoError::Encoding),
        [0, magnitude @ ..] if !magnitude.is_empty() => Ok(magnitude),
        magnitude => Ok(magnitude),
    }
}

/// Writes a sequence of non-negative integers and gives the length used; `None` if `out` is short.
///
/// Leading zeros of the numbers are dropped.
pub(crate) fn write_integers(numbers: &[&[u8]], out: &mut [u8]) -> Option<usize> {
    let content_len: usize = numbers.iter().map(|number| integer_len(number)).sum();
    let mut writer = Writer { out, used: 0 };
    writer.header(SEQUENCE, content_len)?;
    for number in numbers {
        let number = minimal(number);
        writer.header(INTEGER, content_of(number))?;
        if needs_sign_byte(number) {
            writer.put(&[0])?;
        }
        writer.put(number)?;
    }
    Some(writer.used)
}

struct Writer<'a> {
    out: &'a mut [u8],
    used: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.used.checked_add(bytes.len())?;
        self.out.get_mut(self.used..end)?.copy_from_slice(bytes);
        self.used = end;
        Some(())
    }

    fn header(&mut self, tag: u8, len: usize) -> Option<()> {
        let [high, low] = u16::try_from(len).ok()?.to_be_bytes();
        match len {
            0..=0x7f => self.put(&[tag, low]),
            0x80..=0xff => self.put(&[tag, 0x81, low]),
            _ => self.put(&[tag, 0x82, high, low]),
        }
    }
}

/// Without leading zeros; zero itself keeps one byte.
pub(crate) fn minimal(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let keep_from = zeros.min(number.len().saturating_sub(1));
    number.get(keep_from..).unwrap_or(number)
}

fn needs_sign_byte(number: &[u8]) -> bool {
    number.first().is_some_and(|first| *first >= 0x80)
}

fn content_of(number: &[u8]) -> usize {
    number
        .len()
        .saturating_add(usize::from(needs_sign_byte(number)))
}

fn integer_len(number: &[u8]) -> usize {
    let content = content_of(minimal(number));
    let header = match content {
        0..=0x7f => 2,
        0x80..=0xff => 3,
        _ => MAX_HEADER_LEN,
    };
    content.saturating_add(header)
}
