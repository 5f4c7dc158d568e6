//! EMSA-PSS (RFC 8017, section 9.1) with MGF1 over the same hash and a salt of any length.
//!
//! ```text
//! encoded message: │ (zeros ‖ 0x01 ‖ salt) xor MGF1(H) │ H │ 0xbc │
//! H = Hash(8 zeros ‖ digest ‖ salt)
//! ```
//!
//! Modulus lengths are multiples of 8 bits, so the encoded message is as long as the modulus and its first bit
//! is zero.

use super::super::hash::{Digest, HashAlgorithm, digest_parts};
use super::super::kdf::mgf1_xor;
use crate::CryptoError;
use crate::ct_eq;

const TRAILER: u8 = 0xbc;
const SEPARATOR: u8 = 1;
const FIRST_BYTE_MASK: u8 = 0x7f;

/// The longest salt that fits, in bytes; `None` when not even an empty one does.
pub(super) fn longest_salt(hash: HashAlgorithm, modulus_len: usize) -> Option<usize> {
    modulus_len.checked_sub(hash.digest_len())?.checked_sub(2)
}

/// EMSA-PSS-ENCODE, section 9.1.1, over all of `encoded`.
pub(super) fn encode(
    hash: HashAlgorithm,
    digest: &[u8],
    salt: &[u8],
    encoded: &mut [u8],
) -> Result<(), CryptoError> {
    encoded.fill(0);
    if let Some(trailer) = encoded.last_mut() {
        *trailer = TRAILER;
    }
    let (data, hash_out) = split(hash, encoded).ok_or(CryptoError::DataLength)?;
    let padding = data
        .len()
        .checked_sub(salt.len())
        .ok_or(CryptoError::DataLength)?;
    let (padding, salt_out) = data
        .split_at_mut_checked(padding)
        .ok_or(CryptoError::DataLength)?;
    salt_out.copy_from_slice(salt);
    *padding.last_mut().ok_or(CryptoError::DataLength)? = SEPARATOR;
    hash_out.copy_from_slice(hash_with_salt(hash, digest, salt).as_slice());
    mgf1_xor(hash, hash_out, data);
    if let Some(first) = data.first_mut() {
        *first &= FIRST_BYTE_MASK;
    }
    Ok(())
}

/// EMSA-PSS-VERIFY, section 9.1.2. Destroys `encoded`. The salt has `salt_len` bytes, or any number of them.
/// All inputs are public.
pub(super) fn verify(
    hash: HashAlgorithm,
    digest: &[u8],
    salt_len: Option<usize>,
    encoded: &mut [u8],
) -> Result<(), CryptoError> {
    let (data, given_hash) = split(hash, encoded).ok_or(CryptoError::Verification)?;
    if data.first().is_none_or(|byte| byte & !FIRST_BYTE_MASK != 0) {
        return Err(CryptoError::Verification);
    }
    mgf1_xor(hash, given_hash, data);
    if let Some(first) = data.first_mut() {
        *first &= FIRST_BYTE_MASK;
    }
    let zeros = data.iter().take_while(|byte| **byte == 0).count();
    let [SEPARATOR, salt @ ..] = data.get(zeros..).unwrap_or(&[]) else {
        return Err(CryptoError::Verification);
    };
    let right_len = salt_len.is_none_or(|len| len == salt.len());
    let right_hash = ct_eq(hash_with_salt(hash, digest, salt).as_slice(), given_hash);
    if right_len && right_hash {
        Ok(())
    } else {
        Err(CryptoError::Verification)
    }
}

/// The masked data block and H, once the trailer is right.
fn split(hash: HashAlgorithm, encoded: &mut [u8]) -> Option<(&mut [u8], &mut [u8])> {
    let [body @ .., TRAILER] = encoded else {
        return None;
    };
    let data_len = body.len().checked_sub(hash.digest_len())?;
    body.split_at_mut_checked(data_len)
}

fn hash_with_salt(hash: HashAlgorithm, digest: &[u8], salt: &[u8]) -> Digest {
    digest_parts(hash, &[&[0; 8], digest, salt])
}
