//! Little-endian fields at fixed places of a fixed-size block.

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(array_at(bytes, at)?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(array_at(bytes, at)?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(array_at(bytes, at)?))
}

pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// Writes `field` at `at`. A field that does not fit is left out: the callers' places are constants
/// and each layout has a test that reads every field back.
pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(rest) = bytes.get_mut(at..) {
        for (to, from) in rest.iter_mut().zip(field) {
            *to = *from;
        }
    }
}
