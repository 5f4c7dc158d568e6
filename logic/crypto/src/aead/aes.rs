//! AES as a block cipher with a key length chosen at run time, and its counter mode.

use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{
    Array, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use zeroize::Zeroize;

use crate::CryptoError;

/// Length of a block in bytes.
pub(crate) const BLOCK_LEN: usize = 16;

/// One block.
pub(crate) type Block = [u8; BLOCK_LEN];

/// The longest message that a 32-bit block counter can carry (SP 800-38D, section 5.2.1.1), bytes.
const MAX_MESSAGE_LEN: u64 = (1 << 36) - 32;

/// How many counter blocks are encrypted together: all that the widest back end can use.
const KEYSTREAM_BLOCKS: usize = 8;

/// The encrypting direction of AES; counter mode and CBC-MAC need no other.
pub(crate) enum Aes {
    Aes128(aes::Aes128Enc),
    Aes192(aes::Aes192Enc),
    Aes256(aes::Aes256Enc),
}

impl Aes {
    /// Expands a key of 16, 24 or 32 bytes; [`CryptoError::KeyLength`] for others.
    pub(crate) fn new(key: &[u8]) -> Result<Self, CryptoError> {
        match key.len() {
            16 => aes::Aes128Enc::new_from_slice(key).map(Self::Aes128),
            24 => aes::Aes192Enc::new_from_slice(key).map(Self::Aes192),
            _ => aes::Aes256Enc::new_from_slice(key).map(Self::Aes256),
        }
        .map_err(|_| CryptoError::KeyLength)
    }

    /// Encrypts each block by itself.
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        let job = EncryptAll { blocks };
        match self {
            Self::Aes128(cipher) => cipher.encrypt_with_backend(job),
            Self::Aes192(cipher) => cipher.encrypt_with_backend(job),
            Self::Aes256(cipher) => cipher.encrypt_with_backend(job),
        }
    }

    /// Encrypts one block.
    pub(crate) fn encrypt_block(&self, block: &mut Block) {
        self.encrypt(core::slice::from_mut(block));
    }

    /// Encrypts one block where the next one needs its result: alone, not as one of a group.
    #[cfg(feature = "tpm-modes")]
    pub(crate) fn encrypt_single(&self, block: &mut Block) {
        let block = block.into();
        match self {
            Self::Aes128(cipher) => cipher.encrypt_block(block),
            Self::Aes192(cipher) => cipher.encrypt_block(block),
            Self::Aes256(cipher) => cipher.encrypt_block(block),
        }
    }

    /// XORs `buf` with the key stream that starts at `counter`, and moves `counter` on.
    pub(crate) fn apply_keystream(&self, counter: &mut Block, buf: &mut [u8]) {
        let mut keystream = [[0; BLOCK_LEN]; KEYSTREAM_BLOCKS];
        for chunk in buf.chunks_mut(KEYSTREAM_BLOCKS * BLOCK_LEN) {
            let used = chunk.len().div_ceil(BLOCK_LEN);
            let Some(blocks) = keystream.get_mut(..used) else {
                return;
            };
            for block in blocks.iter_mut() {
                *block = *counter;
                increment(counter);
            }
            self.encrypt(blocks);
            xor(chunk, blocks.as_flattened());
        }
        keystream.zeroize();
    }
}

/// Encrypts blocks by the back end's many-at-once function only, filling up the last group.
///
/// The software back end takes as long for one block as for two, and has a second copy of AES for
/// the single ones; not calling that keeps it out of the image.
pub(crate) struct EncryptAll<'a> {
    pub(crate) blocks: &'a mut [Block],
}

impl BlockSizeUser for EncryptAll<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for EncryptAll<'_> {
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        for chunk in self.blocks.chunks_mut(B::ParBlocksSize::USIZE) {
            let mut group = Array::<Array<u8, U16>, B::ParBlocksSize>::default();
            for (to, from) in group.iter_mut().zip(chunk.iter()) {
                to.0 = *from;
            }
            backend.encrypt_par_blocks((&mut group).into());
            for (to, from) in chunk.iter_mut().zip(group.iter()) {
                *to = from.0;
            }
        }
    }
}

/// Refuses what the block counter cannot carry.
pub(crate) fn check_message_len(len: usize) -> Result<(), CryptoError> {
    if len as u64 > MAX_MESSAGE_LEN {
        return Err(CryptoError::DataLength);
    }
    Ok(())
}

/// Adds one to the last 32 bits, big-endian, wrapping (inc32 of SP 800-38D, section 6.2).
///
/// CCM's counter may be wider or narrower, but with [`check_message_len`] and CCM's own limit it
/// never leaves its field and never needs more than 32 bits.
pub(crate) fn increment(counter: &mut Block) {
    if let Some(low) = counter.last_chunk_mut::<4>() {
        *low = u32::from_be_bytes(*low).wrapping_add(1).to_be_bytes();
    }
}

/// XORs as many bytes as the shorter of the two has.
pub(crate) fn xor(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to ^= *from;
    }
}
