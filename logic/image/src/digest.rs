//! Image hashes: the table of algorithms and how a range of an image is hashed.

use crate::{ImageSource, Refusal};
use ironroot_crypto::hash::{Digest, HashAlgorithm, Hasher, Sha256};

/// One hash algorithm of the format.
///
/// A device uses one. The algorithms are statics with a function each, so that a bootloader holds
/// the code of the one it names and of no other.
pub struct ImageHash {
    /// How people write it, "SHA-256".
    pub name: &'static str,
    /// How a boot record writes it, "SHA256".
    pub record_name: &'static str,
    /// TLV type of the image hash.
    pub tlv: u16,
    /// Length of the digest in bytes.
    pub len: u16,
    run: fn(&dyn ImageSource, u32) -> Result<Digest, Refusal>,
}

/// SHA-256.
pub static SHA256: ImageHash = ImageHash {
    name: "SHA-256",
    record_name: "SHA256",
    tlv: crate::tlv::SHA256,
    len: 32,
    run: |source, len| run(Sha256::new(), source, len),
};

/// SHA-384.
pub static SHA384: ImageHash = ImageHash {
    name: "SHA-384",
    record_name: "SHA384",
    tlv: crate::tlv::SHA384,
    len: 48,
    run: |source, len| run(Hasher::new(HashAlgorithm::Sha384), source, len),
};

/// SHA-512.
pub static SHA512: ImageHash = ImageHash {
    name: "SHA-512",
    record_name: "SHA512",
    tlv: crate::tlv::SHA512,
    len: 64,
    run: |source, len| run(Hasher::new(HashAlgorithm::Sha512), source, len),
};

impl ImageHash {
    /// Every algorithm of the format.
    pub const ALL: [&'static Self; 3] = [&SHA256, &SHA384, &SHA512];

    /// The hash of the first `len` bytes of `source`.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`].
    pub fn of(&self, source: &dyn ImageSource, len: u32) -> Result<Digest, Refusal> {
        (self.run)(source, len)
    }

    /// The hash of `bytes`.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`] for more than 4 GiB.
    pub fn of_bytes(&self, bytes: &[u8]) -> Result<Digest, Refusal> {
        (self.run)(&bytes, ImageSource::len(bytes))
    }
}

impl core::fmt::Debug for ImageHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

/// A hash being computed. SHA-256 has a type of its own so that it comes without its brothers.
trait Running {
    fn update(&mut self, data: &[u8]);
    fn finish(self) -> Digest;
}

impl Running for Sha256 {
    fn update(&mut self, data: &[u8]) {
        Self::update(self, data);
    }
    fn finish(self) -> Digest {
        Self::finish(self)
    }
}

impl Running for Hasher {
    fn update(&mut self, data: &[u8]) {
        Self::update(self, data);
    }
    fn finish(self) -> Digest {
        Self::finish(self)
    }
}

fn run(mut hasher: impl Running, source: &dyn ImageSource, len: u32) -> Result<Digest, Refusal> {
    if let Some(bytes) = source.contiguous(0, len) {
        hasher.update(bytes);
        return Ok(hasher.finish());
    }
    let mut buffer = [0; 256];
    let mut offset = 0u32;
    while offset < len {
        let left = len.saturating_sub(offset);
        let step = left.min(buffer.len() as u32);
        let part = buffer.get_mut(..step as usize).ok_or(Refusal::Unreadable)?;
        source
            .read_at(offset, part)
            .map_err(|_| Refusal::Unreadable)?;
        hasher.update(part);
        offset = offset.saturating_add(step);
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceError;
    use std::vec::Vec;

    /// A source that gives no slices, as flash does.
    struct Pieces(Vec<u8>);

    impl ImageSource for Pieces {
        fn len(&self) -> u32 {
            self.0.len() as u32
        }
        fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError> {
            self.0.as_slice().read_at(offset, out)
        }
    }

    #[test]
    fn a_source_read_in_pieces_hashes_as_one_in_memory() {
        for len in [0, 1, 255, 256, 257, 511, 512, 1000] {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
            for hash in ImageHash::ALL {
                let whole = hash.of_bytes(&bytes).unwrap();
                assert_eq!(hash.of(&Pieces(bytes.clone()), len as u32).unwrap(), whole);
                assert_eq!(whole.as_slice().len(), usize::from(hash.len));
            }
        }
    }

    #[test]
    fn a_range_beyond_the_source_is_unreadable() {
        let pieces = Pieces(std::vec![0; 10]);
        assert_eq!(SHA256.of(&pieces, 11).unwrap_err(), Refusal::Unreadable);
    }
}
