//! AES-GCM (SP 800-38D) over the GHASH of a library, with nonce and tag lengths chosen at run time.

use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use zeroize::Zeroize;

use super::aes::{Aes, BLOCK_LEN, Block, check_message_len, increment, xor};
use crate::bytes::copy_prefix;
use crate::{CryptoError, ct_eq};

/// Section 7.1. Lengths of nonce and tag were checked by the caller.
pub(super) fn seal(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &mut [u8],
) -> Result<(), CryptoError> {
    check_message_len(buf.len())?;
    let mut gcm = Gcm::new(key, nonce)?;
    gcm.cipher.apply_keystream(&mut gcm.counter, buf);
    let full_tag = gcm.tag(aad, buf);
    copy_prefix(tag, &full_tag);
    Ok(())
}

/// Section 7.2. Decrypts only what the tag vouches for.
pub(super) fn open(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &[u8],
) -> Result<(), CryptoError> {
    check_message_len(buf.len())?;
    let mut gcm = Gcm::new(key, nonce)?;
    let mut full_tag = gcm.tag(aad, buf);
    let genuine = ct_eq(full_tag.get(..tag.len()).unwrap_or(&[]), tag);
    full_tag.zeroize();
    if !genuine {
        return Err(CryptoError::Verification);
    }
    gcm.cipher.apply_keystream(&mut gcm.counter, buf);
    Ok(())
}

struct Gcm {
    cipher: Aes,
    hash: GHash,
    /// The counter of the next block of key stream.
    counter: Block,
    /// The encrypted first counter block, which masks the tag.
    tag_mask: Block,
}

impl Gcm {
    fn new(key: &[u8], nonce: &[u8]) -> Result<Self, CryptoError> {
        let cipher = Aes::new(key)?;
        let mut hash_key = [0; BLOCK_LEN];
        cipher.encrypt_block(&mut hash_key);
        let hash = GHash::new(&hash_key.into());
        hash_key.zeroize();

        let mut counter = first_counter(&hash, nonce);
        let mut tag_mask = counter;
        cipher.encrypt_block(&mut tag_mask);
        increment(&mut counter);
        Ok(Self {
            cipher,
            hash,
            counter,
            tag_mask,
        })
    }

    fn tag(&self, aad: &[u8], ciphertext: &[u8]) -> Block {
        let mut hash = self.hash.clone();
        hash.update_padded(aad);
        hash.update_padded(ciphertext);
        hash.update(&[lengths(aad.len(), ciphertext.len()).into()]);
        let mut tag: Block = hash.finalize().into();
        xor(&mut tag, &self.tag_mask);
        tag
    }
}

impl Drop for Gcm {
    fn drop(&mut self) {
        // Cipher and hash wipe themselves.
        self.tag_mask.zeroize();
    }
}

/// J0 of section 7.1, step 2.
fn first_counter(hash: &GHash, nonce: &[u8]) -> Block {
    if nonce.len() == 12 {
        let mut block = [0; BLOCK_LEN];
        copy_prefix(&mut block, nonce);
        increment(&mut block);
        return block;
    }
    let mut hash = hash.clone();
    hash.update_padded(nonce);
    hash.update(&[lengths(0, nonce.len()).into()]);
    hash.finalize().into()
}

/// Two lengths in bits, 64 bits each, big-endian.
fn lengths(first: usize, second: usize) -> Block {
    let first = (first as u128).wrapping_mul(8) << 64;
    (first | (second as u64).wrapping_mul(8) as u128).to_be_bytes()
}
