//! EMSA-PSS (RFC 8017, section 9.1) with MGF1 over the same hash and a salt of 32 bytes.
//!
//! ```text
//! encoded message: │ (zeros ‖ 0x01 ‖ salt) xor MGF1(H) │ H │ 0xbc │
//! H = Hash(8 zeros ‖ digest ‖ salt)
//! ```
//!
//! Modulus lengths are multiples of 8 bits, so the encoded message is as long as the modulus and
//! its first bit is zero.

use super::SALT_LEN;
use crate::CryptoError;
use crate::hash::{Digest, HashAlgorithm, Hasher};

const TRAILER: u8 = 0xbc;
const SEPARATOR: u8 = 1;
const FIRST_BYTE_MASK: u8 = 0x7f;

/// EMSA-PSS-VERIFY, section 9.1.2. Destroys `encoded`. All inputs are public.
pub(super) fn verify(
    hash: HashAlgorithm,
    digest: &[u8],
    encoded: &mut [u8],
) -> Result<(), CryptoError> {
    let (masked, given_hash) = split(hash, encoded)?;
    if masked
        .first()
        .is_none_or(|byte| byte & !FIRST_BYTE_MASK != 0)
    {
        return Err(CryptoError::Verification);
    }
    apply_mask(hash, given_hash, masked);
    if let Some(first) = masked.first_mut() {
        *first &= FIRST_BYTE_MASK;
    }
    let salt = salt_of(masked)?;
    if hash_with_salt(hash, digest, salt).as_slice() == &*given_hash {
        Ok(())
    } else {
        Err(CryptoError::Verification)
    }
}

/// EMSA-PSS-ENCODE, section 9.1.1. `encoded` has the modulus's length.
#[cfg(feature = "rsa-private")]
pub(super) fn encode(
    hash: HashAlgorithm,
    digest: &[u8],
    salt: &[u8; SALT_LEN],
    encoded: &mut [u8],
) -> Result<(), CryptoError> {
    encoded.fill(0);
    if let Some(trailer) = encoded.last_mut() {
        *trailer = TRAILER;
    }
    let (data, hash_out) = split(hash, encoded)?;
    let (rest, salt_out) = data
        .split_last_chunk_mut::<SALT_LEN>()
        .ok_or(CryptoError::DataLength)?;
    *salt_out = *salt;
    *rest.last_mut().ok_or(CryptoError::DataLength)? = SEPARATOR;
    hash_out.copy_from_slice(hash_with_salt(hash, digest, salt).as_slice());
    apply_mask(hash, hash_out, data);
    if let Some(first) = data.first_mut() {
        *first &= FIRST_BYTE_MASK;
    }
    Ok(())
}

/// The masked data block and H, once the trailer is right.
fn split(hash: HashAlgorithm, encoded: &mut [u8]) -> Result<(&mut [u8], &mut [u8]), CryptoError> {
    let [body @ .., TRAILER] = encoded else {
        return Err(CryptoError::Verification);
    };
    let data_len = body
        .len()
        .checked_sub(hash.digest_len())
        .ok_or(CryptoError::Verification)?;
    body.split_at_mut_checked(data_len)
        .ok_or(CryptoError::Verification)
}

/// The salt behind zeros and the separator; any other salt length puts the separator elsewhere.
fn salt_of(data: &[u8]) -> Result<&[u8; SALT_LEN], CryptoError> {
    let (padding, salt) = data.split_last_chunk().ok_or(CryptoError::Verification)?;
    match padding {
        [zeros @ .., SEPARATOR] if zeros.iter().all(|byte| *byte == 0) => Ok(salt),
        _ => Err(CryptoError::Verification),
    }
}

fn hash_with_salt(hash: HashAlgorithm, digest: &[u8], salt: &[u8; SALT_LEN]) -> Digest {
    let mut hasher = Hasher::new(hash);
    hasher.update(&[0; 8]);
    hasher.update(digest);
    hasher.update(salt);
    hasher.finish()
}

/// XORs with MGF1 (RFC 8017, appendix B.2.1).
pub(super) fn apply_mask(hash: HashAlgorithm, seed: &[u8], data: &mut [u8]) {
    let mut seeded = Hasher::new(hash);
    seeded.update(seed);
    for (chunk, counter) in data.chunks_mut(hash.digest_len()).zip(0u32..) {
        let mut hasher = seeded.clone();
        hasher.update(&counter.to_be_bytes());
        for (to, from) in chunk.iter_mut().zip(hasher.finish().as_slice()) {
            *to ^= *from;
        }
    }
}
