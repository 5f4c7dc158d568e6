//! Little-endian words in byte strings, without a way to panic.

/// Copies the shorter of the two lengths.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    let len = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..len), from.get(..len)) {
        to.copy_from_slice(from); // the same length: one `memcpy`, no check left
    }
}

/// Whether every byte is `value`.
pub(crate) fn all(bytes: &[u8], value: u8) -> bool {
    let (words, rest) = bytes.as_chunks::<4>();
    let word = u32::from_ne_bytes([value; 4]);
    words.iter().all(|bytes| u32::from_ne_bytes(*bytes) == word)
        && rest.iter().all(|byte| *byte == value)
}

pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// Writes `from` at `at`; what does not fit is not written.
pub(crate) fn put(to: &mut [u8], at: usize, from: &[u8]) {
    if let Some(to) = to.get_mut(at..) {
        copy(to, from);
    }
}
