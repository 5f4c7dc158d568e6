//! The one helper for bytes that everything here needs.

/// Copies as many bytes as the shorter of the two has; there is no length to get wrong.
pub(crate) fn copy_prefix(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}
