//! Writing: a buffer that fills from the front.

use core::fmt;

/// The buffer has no room for what was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferFull;

impl fmt::Display for BufferFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the output buffer is full")
    }
}

impl core::error::Error for BufferFull {}

/// A writer into a buffer that cannot leave it.
///
/// A write that fails writes nothing. Integers are little endian unless the name says `be`.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    position: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `buffer`.
    #[must_use]
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            position: 0,
        }
    }

    /// How many bytes are written.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// How many bytes still fit.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.buffer.len().saturating_sub(self.position)
    }

    /// What is written so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.position).unwrap_or(&[])
    }

    /// Ends the writing and gives the written part of the buffer.
    #[must_use]
    pub fn finish(self) -> &'a mut [u8] {
        self.buffer.get_mut(..self.position).unwrap_or(&mut [])
    }

    /// Appends `data`.
    ///
    /// # Errors
    /// [`BufferFull`] when it does not fit whole.
    pub fn put(&mut self, data: &[u8]) -> Result<(), BufferFull> {
        self.reserve(data.len())?.copy_from_slice(data);
        Ok(())
    }

    /// Appends `len` bytes of `value`.
    ///
    /// # Errors
    /// [`BufferFull`] when they do not fit.
    pub fn fill(&mut self, value: u8, len: usize) -> Result<(), BufferFull> {
        self.reserve(len)?.fill(value);
        Ok(())
    }

    /// Appends a run of `len` bytes and gives it to be filled; until then it holds what was there.
    ///
    /// # Errors
    /// [`BufferFull`] when it does not fit.
    pub fn reserve(&mut self, len: usize) -> Result<&mut [u8], BufferFull> {
        let end = self.position.checked_add(len).ok_or(BufferFull)?;
        let run = self.buffer.get_mut(self.position..end).ok_or(BufferFull)?;
        self.position = end;
        Ok(run)
    }

    /// Overwrites bytes already written, from `position` on.
    ///
    /// # Errors
    /// [`BufferFull`] when the range is not all written yet; nothing is changed then.
    pub fn patch(&mut self, position: usize, data: &[u8]) -> Result<(), BufferFull> {
        let end = position.checked_add(data.len()).ok_or(BufferFull)?;
        if end > self.position {
            return Err(BufferFull);
        }
        self.buffer
            .get_mut(position..end)
            .ok_or(BufferFull)?
            .copy_from_slice(data);
        Ok(())
    }

    /// Takes back everything from `position` on; a position not reached yet changes nothing.
    pub fn truncate(&mut self, position: usize) {
        self.position = self.position.min(position);
    }

    /// Appends one byte.
    ///
    /// # Errors
    /// [`BufferFull`] when it does not fit.
    pub fn u8(&mut self, value: u8) -> Result<(), BufferFull> {
        self.put(&[value])
    }

    /// Appends two bytes, little endian.
    ///
    /// # Errors
    /// [`BufferFull`] when they do not fit.
    pub fn u16_le(&mut self, value: u16) -> Result<(), BufferFull> {
        self.put(&value.to_le_bytes())
    }

    /// Appends four bytes, little endian.
    ///
    /// # Errors
    /// [`BufferFull`] when they do not fit.
    pub fn u32_le(&mut self, value: u32) -> Result<(), BufferFull> {
        self.put(&value.to_le_bytes())
    }

    /// Appends eight bytes, little endian.
    ///
    /// # Errors
    /// [`BufferFull`] when they do not fit.
    pub fn u64_le(&mut self, value: u64) -> Result<(), BufferFull> {
        self.put(&value.to_le_bytes())
    }

    /// Appends a signed number in four bytes, little endian.
    ///
    /// # Errors
    /// [`BufferFull`] when they do not fit.
    pub fn i32_le(&mut self, value: i32) -> Result<(), BufferFull> {
        self.put(&value.to_le_bytes())
    }

    /// Appends two bytes, big endian.
    ///
    /// # Errors
    /// [`BufferFull`] when they do not fit.
    pub fn u16_be(&mut self, value: u16) -> Result<(), BufferFull> {
        self.put(&value.to_be_bytes())
    }

    /// Appends four bytes, big endian.
    ///
    /// # Errors
    /// [`BufferFull`] when they do not fit.
    pub fn u32_be(&mut self, value: u32) -> Result<(), BufferFull> {
        self.put(&value.to_be_bytes())
    }

    /// Appends eight bytes, big endian.
    ///
    /// # Errors
    /// [`BufferFull`] when they do not fit.
    pub fn u64_be(&mut self, value: u64) -> Result<(), BufferFull> {
        self.put(&value.to_be_bytes())
    }

    /// Appends one record: `u16` type, `u16` length, data. All of it or nothing.
    ///
    /// # Errors
    /// [`BufferFull`] when it does not fit, or `data` is longer than a record can say.
    pub fn tlv(&mut self, kind: u16, data: &[u8]) -> Result<(), BufferFull> {
        let len = u16::try_from(data.len()).map_err(|_| BufferFull)?;
        if self.remaining() < data.len().checked_add(4).ok_or(BufferFull)? {
            return Err(BufferFull);
        }
        self.u16_le(kind)?;
        self.u16_le(len)?;
        self.put(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn what_is_written_is_what_python_struct_writes() {
        // python3: struct.pack('<BHIQi', 1, 0x203, 0x4050607, 8, -2) + struct.pack('>HIQ', 9, 10, 11)
        let expected = "010302070605040800000000000000feffffff00090000000a000000000000000b";
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer);
        writer.u8(1).unwrap();
        writer.u16_le(0x203).unwrap();
        writer.u32_le(0x0405_0607).unwrap();
        writer.u64_le(8).unwrap();
        writer.i32_le(-2).unwrap();
        writer.u16_be(9).unwrap();
        writer.u32_be(10).unwrap();
        writer.u64_be(11).unwrap();
        let hex: Vec<_> = writer
            .written()
            .iter()
            .map(|b| std::format!("{b:02x}"))
            .collect();
        assert_eq!(hex.concat(), expected);
        assert_eq!(writer.position(), writer.written().len());
    }

    #[test]
    fn a_write_that_does_not_fit_changes_nothing() {
        let mut buffer = [0xee; 5];
        let mut writer = Writer::new(&mut buffer);
        writer.u32_le(0).unwrap();
        assert_eq!(writer.u16_le(0), Err(BufferFull));
        assert_eq!(writer.put(&[0; 2]), Err(BufferFull));
        assert_eq!(writer.fill(0, usize::MAX), Err(BufferFull));
        assert_eq!(writer.tlv(0, &[]), Err(BufferFull));
        assert_eq!(writer.remaining(), 1);
        assert_eq!(writer.finish(), &[0; 4]);
        assert_eq!(buffer, [0, 0, 0, 0, 0xee]);
    }

    #[test]
    fn what_is_taken_back_can_be_written_anew() {
        let mut buffer = [0; 4];
        let mut writer = Writer::new(&mut buffer);
        writer.u32_le(1).unwrap();
        writer.truncate(9);
        assert_eq!(writer.position(), 4);
        writer.truncate(1);
        writer.put(&[7, 7, 7]).unwrap();
        assert_eq!(writer.written(), &[1, 7, 7, 7]);
    }

    #[test]
    fn only_written_bytes_can_be_patched() {
        let mut buffer = [0; 8];
        let mut writer = Writer::new(&mut buffer);
        writer.u32_le(0).unwrap();
        assert_eq!(writer.patch(3, &[1]), Ok(()));
        assert_eq!(writer.patch(3, &[1, 2]), Err(BufferFull));
        assert_eq!(writer.patch(usize::MAX, &[1]), Err(BufferFull));
        assert_eq!(writer.written(), &[0, 0, 0, 1]);
    }

    #[test]
    fn a_record_longer_than_its_length_field_is_refused() {
        let mut buffer = std::vec![0; 0x1_0010];
        let data = std::vec![0; 0x1_0000];
        let mut writer = Writer::new(&mut buffer);
        assert_eq!(writer.tlv(1, &data), Err(BufferFull));
        assert_eq!(writer.tlv(1, &data[1..]), Ok(()));
    }
}
