//! SHA-256 (FIPS 180-4) over pieces, finished where it lies.
//!
//! The library's own hash is moved and copied on its way to a digest, 400 bytes of stack at the deepest point of a
//! verification. This one is not; the compression is the library's.

use super::HASH_LEN;
use sha2::block_api::compress256;

/// FIPS 180-4, section 5.3.3.
pub(super) const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

const BLOCK: u64 = 64;

pub(super) struct Stream {
    state: [u32; 8],
    block: [u8; BLOCK as usize],
    len: u64,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self {
            state: INITIAL,
            block: [0; BLOCK as usize],
            len: 0,
        }
    }

    #[inline(never)] // called from many places
    pub(super) fn update(&mut self, data: &[u8]) {
        for byte in data {
            self.push(*byte);
        }
    }

    /// Ends the hash; what comes after it is another one's.
    #[inline(never)] // called from many places
    pub(super) fn finish(&mut self) -> [u8; HASH_LEN] {
        let bits = self.len.wrapping_mul(8).to_be_bytes();
        self.push(0x80);
        while self.len % BLOCK != BLOCK.wrapping_sub(bits.len() as u64) {
            self.push(0);
        }
        self.update(&bits);
        let mut digest = [0; HASH_LEN];
        for (to, word) in digest.as_chunks_mut().0.iter_mut().zip(self.state) {
            *to = word.to_be_bytes();
        }
        digest
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.block.get_mut((self.len % BLOCK) as usize) {
            *place = byte;
        }
        self.len = self.len.wrapping_add(1);
        if self.len.is_multiple_of(BLOCK) {
            compress256(&mut self.state, core::slice::from_ref(&self.block));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{HashAlgorithm, digest};

    #[test]
    fn every_length_in_every_split_hashes_as_it_does_at_once() {
        let data: std::vec::Vec<u8> = (0..200).collect();
        for len in 0..data.len() {
            let expected = digest(HashAlgorithm::Sha256, &data[..len]);
            for split in [0, 1, 55, 56, 63, 64, 65, 128] {
                let (first, second) = data[..len].split_at(split.min(len));
                let mut stream = Stream::new();
                stream.update(first);
                stream.update(second);
                assert_eq!(stream.finish(), expected.as_slice());
            }
        }
    }
}
