//! Reading: a slice that gets shorter from the front.

use core::fmt;

/// Fewer bytes were left than asked for, or bytes were left where none may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndOfInput;

impl fmt::Display for EndOfInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the input does not end where it should")
    }
}

impl core::error::Error for EndOfInput {}

/// A reader over foreign bytes that cannot leave them.
///
/// A read that fails consumes nothing. Integers are little endian unless the name says `be`.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `input`.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left, without consuming it.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], EndOfInput> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(EndOfInput)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], EndOfInput> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(EndOfInput)?;
        self.rest = rest;
        Ok(*head)
    }

    /// Passes over `len` bytes.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn skip(&mut self, len: usize) -> Result<(), EndOfInput> {
        self.take(len).map(|_| ())
    }

    /// The next byte without consuming it.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`EndOfInput`] when none is left.
    pub fn u8(&mut self) -> Result<u8, EndOfInput> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next two bytes, little endian.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn u16_le(&mut self) -> Result<u16, EndOfInput> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next four bytes, little endian.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn u32_le(&mut self) -> Result<u32, EndOfInput> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes, little endian.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn u64_le(&mut self) -> Result<u64, EndOfInput> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next four bytes as a signed number, little endian.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn i32_le(&mut self) -> Result<i32, EndOfInput> {
        self.array().map(i32::from_le_bytes)
    }

    /// The next two bytes, big endian.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn u16_be(&mut self) -> Result<u16, EndOfInput> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next four bytes, big endian.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn u32_be(&mut self) -> Result<u32, EndOfInput> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next eight bytes, big endian.
    ///
    /// # Errors
    /// [`EndOfInput`] when fewer are left.
    pub fn u64_be(&mut self) -> Result<u64, EndOfInput> {
        self.array().map(u64::from_be_bytes)
    }

    /// Ends the reading: nothing may be left.
    ///
    /// # Errors
    /// [`EndOfInput`] when bytes are left over.
    pub const fn finish(self) -> Result<(), EndOfInput> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(EndOfInput)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    #[test]
    fn integers_are_read_in_the_named_byte_order() {
        assert_eq!(Cursor::new(&BYTES).u8(), Ok(1));
        assert_eq!(Cursor::new(&BYTES).u16_le(), Ok(0x0201));
        assert_eq!(Cursor::new(&BYTES).u32_le(), Ok(0x0403_0201));
        assert_eq!(Cursor::new(&BYTES).i32_le(), Ok(0x0403_0201));
        assert_eq!(Cursor::new(&BYTES).u64_le(), Ok(0x0807_0605_0403_0201));
        assert_eq!(Cursor::new(&BYTES).u16_be(), Ok(0x0102));
        assert_eq!(Cursor::new(&BYTES).u32_be(), Ok(0x0102_0304));
        assert_eq!(Cursor::new(&BYTES).u64_be(), Ok(0x0102_0304_0506_0708));
    }

    #[test]
    fn a_read_one_byte_too_long_fails_and_consumes_nothing() {
        for len in 0..8 {
            let mut cursor = Cursor::new(&BYTES[..len]);
            assert_eq!(cursor.take(len + 1), Err(EndOfInput));
            assert_eq!(cursor.u64_le(), Err(EndOfInput));
            assert_eq!(cursor.remaining(), len);
            assert_eq!(cursor.take(len).map(<[u8]>::len), Ok(len));
            assert!(cursor.is_empty());
            assert_eq!(cursor.u8(), Err(EndOfInput));
        }
    }

    #[test]
    fn a_length_near_the_address_space_end_fails() {
        assert_eq!(Cursor::new(&BYTES).take(usize::MAX), Err(EndOfInput));
        assert_eq!(Cursor::new(&BYTES).skip(usize::MAX), Err(EndOfInput));
    }

    #[test]
    fn bytes_left_over_are_an_error_at_the_end() {
        let mut cursor = Cursor::new(&BYTES);
        assert_eq!(cursor.skip(7), Ok(()));
        assert_eq!(cursor.peek(), Some(8));
        assert_eq!(cursor.clone().finish(), Err(EndOfInput));
        assert_eq!(cursor.rest(), &[8]);
        assert_eq!(cursor.u8(), Ok(8));
        assert_eq!(cursor.peek(), None);
        assert_eq!(cursor.finish(), Ok(()));
    }
}
