//! Chains of hashes: the one-time signatures (RFC 8554, section 4).
//!
//! Every hash of a chain is over 55 bytes, I ‖ q ‖ i ‖ j ‖ value, so with its padding over exactly one block
//! of SHA-256. The block is made once and hashed in place: that is nearly all the time a verification takes.

use super::parameters::OtsType;
use super::stream::INITIAL;
use super::{HASH_LEN, ID_LEN};
use crate::bytes::copy_prefix;
use sha2::block_api::compress256;
use zeroize::ZeroizeOnDrop;

/// Bits of the 55 bytes.
const MESSAGE_BITS: [u8; 2] = (55_u16 * 8).to_be_bytes();
const CHAIN_AT: usize = ID_LEN + 4;
const STEP_AT: usize = CHAIN_AT + 2;
const VALUE: core::ops::Range<usize> = STEP_AT + 1..STEP_AT + 1 + HASH_LEN;

/// The block that a chain's hash is over: I, leaf, chain, step, value; padding.
#[derive(ZeroizeOnDrop)]
pub(super) struct Chain {
    block: [u8; 64],
}

impl Chain {
    /// The chains of leaf `leaf` in tree `id`.
    pub(super) fn new(id: &[u8; ID_LEN], leaf: u32) -> Self {
        let mut block = [0; 64];
        let head = id.iter().copied().chain(leaf.to_be_bytes());
        for (to, from) in block.iter_mut().zip(head) {
            *to = from;
        }
        // FIPS 180-4, section 5.1.1.
        let [.., high, low] = &mut block;
        [*high, *low] = MESSAGE_BITS;
        if let Some(byte) = block.get_mut(VALUE.end) {
            *byte = 0x80;
        }
        Self { block }
    }

    /// The chain's value.
    pub(super) fn value(&self) -> &[u8] {
        self.block.get(VALUE).unwrap_or_default()
    }

    /// The place for the chain's value.
    pub(super) fn value_mut(&mut self) -> &mut [u8] {
        self.block.get_mut(VALUE).unwrap_or_default()
    }

    /// Hashes the value, of chain `chain`, from step `from` up to before step `to`.
    pub(super) fn run(&mut self, chain: u16, from: u8, to: u8) {
        for step in from..to {
            self.hash(chain, step);
        }
    }

    /// One hash with this step number.
    pub(super) fn hash(&mut self, chain: u16, step: u8) {
        let [high, low] = chain.to_be_bytes();
        if let Some(place) = self.block.get_mut(CHAIN_AT..=STEP_AT) {
            copy_prefix(place, &[high, low, step]);
        }
        let mut state = INITIAL;
        compress256(&mut state, core::slice::from_ref(&self.block));
        let (words, _) = self.value_mut().as_chunks_mut();
        for (to, word) in words.iter_mut().zip(state) {
            *to = word.to_be_bytes();
        }
    }
}

/// The digits that a hash's chains stand at: the hash itself and its checksum (RFC 8554, section 4.4).
pub(super) struct Digits {
    kind: OtsType,
    bytes: [u8; HASH_LEN + 2],
}

impl Digits {
    pub(super) fn new(kind: OtsType, hash: &[u8]) -> Self {
        let mut digits = Self {
            kind,
            bytes: [0; HASH_LEN + 2],
        };
        copy_prefix(&mut digits.bytes, hash);
        // At most 256 digits of at most 255, so below 2^16 and, shifted, still.
        let sum = (0..kind.hash_chains()).fold(0_u16, |sum, chain| {
            let missing = kind.chain_len().saturating_sub(digits.get(chain));
            sum.wrapping_add(u16::from(missing))
        });
        let checksum = (sum << kind.checksum_shift()).to_be_bytes();
        if let Some(place) = digits.bytes.last_chunk_mut() {
            *place = checksum;
        }
        digits
    }

    /// The digit of one chain.
    pub(super) fn get(&self, chain: u16) -> u8 {
        let bit = u32::from(chain).wrapping_mul(self.kind.width());
        let byte = self.bytes.get((bit / 8) as usize).copied();
        let shift = 8_u32.wrapping_sub(self.kind.width()).wrapping_sub(bit % 8);
        byte.unwrap_or_default().wrapping_shr(shift) & self.kind.chain_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Sha256;

    #[test]
    fn a_step_of_a_chain_is_sha_256_of_its_55_bytes() {
        let mut chain = Chain::new(&[0x11; ID_LEN], 0x0102_0304);
        chain.value_mut().fill(0x77);
        let mut expected = [0x77; HASH_LEN];
        for step in 3..7 {
            let mut hash = Sha256::new();
            hash.update(&[0x11; ID_LEN]);
            hash.update(&[1, 2, 3, 4, 0x01, 0x08, step]);
            hash.update(&expected);
            expected = hash.finish().to_array().unwrap();
        }
        chain.run(264, 3, 7);
        assert_eq!(chain.value(), expected);
    }

    #[test]
    fn digits_are_those_of_the_rfcs_example() {
        // RFC 8554, section 3.1.3: coef(0x1234, 7, 1) = 0 and coef(0x1234, 0, 4) = 1.
        let digits = Digits::new(OtsType::Sha256N32W1, &[0x12, 0x34]);
        assert_eq!(digits.get(7), 0);
        let digits = Digits::new(OtsType::Sha256N32W4, &[0x12, 0x34]);
        assert_eq!((digits.get(0), digits.get(3)), (1, 4));
    }

    #[test]
    fn the_checksum_fills_its_chains_and_no_more() {
        // All zeros: the largest sum. All ones: zero.
        for kind in OtsType::ALL {
            let most = Digits::new(kind, &[0; 32]);
            let sum = u32::from(kind.hash_chains()) * u32::from(kind.chain_len());
            let digits =
                (kind.hash_chains()..kind.chains()).map(|chain| u32::from(most.get(chain)));
            let read = digits.fold(0, |sum, digit| sum << kind.width() | digit);
            assert_eq!(read, sum, "{kind:?}");
            let least = Digits::new(kind, &[0xff; 32]);
            assert!((kind.hash_chains()..kind.chains()).all(|chain| least.get(chain) == 0));
        }
    }
}
