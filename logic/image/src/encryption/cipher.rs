//! The content key and what it does to blocks of an image.

use super::Scheme;
use crate::Header;
use ironroot_crypto::{Secret, ct_eq};

/// The AES key of one image's payload. Wiped when dropped.
///
/// AES-128 keys use the first half.
pub struct ContentKey {
    bytes: Secret<32>,
    scheme: Scheme,
}

impl ContentKey {
    /// Takes a key of the scheme's length; `None` for another length.
    #[must_use]
    pub fn new(scheme: Scheme, key: &[u8]) -> Option<Self> {
        if key.len() != scheme.key_len() {
            return None;
        }
        let mut bytes = Secret::zeroed();
        bytes.expose_mut(|bytes| {
            for (to, from) in bytes.iter_mut().zip(key) {
                *to = *from;
            }
        });
        Some(Self { bytes, scheme })
    }

    /// The scheme it came by.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Lets `f` read the key, 16 or 32 bytes: for wrapping it, and for a trailer that keeps it in the clear.
    pub fn expose<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.bytes
            .expose(|bytes| f(bytes.get(..self.scheme.key_len()).unwrap_or(bytes)))
    }

    /// XORs `data` with the key stream: encrypts and decrypts. `offset` is that of `data`'s first byte in
    /// the payload; any offset and length will do.
    pub fn apply(&self, offset: u32, data: &mut [u8]) {
        self.scheme.keystream(&self.bytes, offset, data);
    }

    /// Whether both are the same key, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.expose(|one| other.expose(|two| ct_eq(one, two)))
    }
}

/// Turns blocks of one image from encrypted to plain and back: both are the same operation.
pub struct PayloadCipher {
    key: ContentKey,
    start: u32,
    end: u32,
}

impl PayloadCipher {
    /// The cipher of the image with this header.
    #[must_use]
    pub fn new(key: ContentKey, header: &Header) -> Self {
        let (start, end) = payload(header);
        Self { key, start, end }
    }

    /// The content key: for saving it in a trailer.
    #[must_use]
    pub const fn key(&self) -> &ContentKey {
        &self.key
    }

    /// Changes those bytes of a block that belong to the payload; header and TLVs stay. `offset` is that of
    /// the block's first byte **in the image** (in swap-offset's secondary slot: less the first sector).
    pub fn apply(&self, offset: u32, block: &mut [u8]) {
        apply_range(&self.key, (self.start, self.end), offset, block);
    }
}

/// Encrypts or decrypts the payload of a whole image.
pub(crate) fn apply_payload(key: &ContentKey, header: &Header, image: &mut [u8]) {
    apply_range(key, payload(header), 0, image);
}

/// Start and end of the payload.
fn payload(header: &Header) -> (u32, u32) {
    let start = u32::from(header.header_size);
    // `Header::parse` made sure that this does not wrap.
    (start, start.saturating_add(header.payload_size))
}

fn apply_range(key: &ContentKey, (start, end): (u32, u32), offset: u32, block: &mut [u8]) {
    let skip = start.saturating_sub(offset);
    let from = offset.max(start);
    let len = end.saturating_sub(from);
    let Some((_, payload)) = block.split_at_mut_checked(skip as usize) else {
        return; // all of it lies before the payload
    };
    let (payload, _) = payload.split_at_mut(payload.len().min(len as usize));
    if !payload.is_empty() {
        key.apply(from.saturating_sub(start), payload);
    }
}
