//! Words that are written behind the record during a device's life, each once.
//!
//! An entry of 32 bytes: the word, its complement, zeros. Where the two do not agree it was cut off: it did not
//! happen.

use super::{AREA_SIZE, OtpError};
use crate::otp::record::PLACES_SIZE;
use ironroot_platform::{Flash, FlashError};

pub(super) const ENTRY_SIZE: usize = 32;
pub(super) const ENTRIES: u32 = 16;

const _: () = assert!(PLACES_SIZE + ENTRIES * ENTRY_SIZE as u32 == AREA_SIZE);

const fn offset(index: u32) -> u32 {
    PLACES_SIZE.saturating_add(index.saturating_mul(ENTRY_SIZE as u32))
}

pub(super) fn entry(word: u32) -> [u8; ENTRY_SIZE] {
    let mut bytes = [0; ENTRY_SIZE];
    if let ([place, complement, ..], _) = bytes.as_chunks_mut() {
        *place = word.to_le_bytes();
        *complement = (!word).to_le_bytes();
    }
    bytes
}

/// The word of a whole entry.
#[inline(never)] // lifecycle and revocations
pub(super) fn read<F: Flash>(flash: &F, index: u32) -> Result<Option<u32>, OtpError> {
    let mut bytes = [0; 8];
    flash.read(offset(index), &mut bytes)?;
    let both = u64::from_le_bytes(bytes);
    let (word, complement) = (both as u32, (both >> 32) as u32);
    Ok((complement == !word).then_some(word))
}

pub(super) fn is_erased<F: Flash>(flash: &F, index: u32) -> Result<bool, OtpError> {
    let mut bytes = [0; ENTRY_SIZE];
    flash.read(offset(index), &mut bytes)?;
    Ok(bytes == [flash.geometry().erased; ENTRY_SIZE])
}

/// Writes an entry that reads as erased; says whether it could.
pub(super) fn write<F: Flash>(
    flash: &mut F,
    index: u32,
    entry: &[u8; ENTRY_SIZE],
) -> Result<bool, OtpError> {
    match flash.program(offset(index), entry) {
        Ok(()) => Ok(true),
        // Cut off before; it only reads as erased.
        Err(FlashError::NotErased) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
