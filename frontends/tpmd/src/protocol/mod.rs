//! What comes over the wires: bytes in, messages out. Nothing here waits, keeps or decides.

pub mod control;
pub mod data;
pub mod platform;

/// The word at `at`, big-endian.
fn word(input: &[u8], at: usize) -> Option<u32> {
    let bytes = input.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

/// A length on the wire as a length in memory, if it is at most `limit`.
fn bounded(len: u32, limit: usize) -> Option<usize> {
    usize::try_from(len).ok().filter(|len| *len <= limit)
}
