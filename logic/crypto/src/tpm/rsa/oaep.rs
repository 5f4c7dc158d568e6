//! EME-OAEP (RFC 8017, section 7.1) with MGF1 over the hash of the label.
//!
//! ```text
//! encoded message: │ 0 │ seed xor MGF1(data) │ data xor MGF1(seed) │    data = Hash(label) ‖ zeros ‖ 1 ‖ message
//! ```

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::super::hash::{self, HashAlgorithm};
use super::super::kdf::mgf1_xor;
use super::schemes::Found;
use crate::CryptoError;
use crate::bytes::copy_prefix;

const SEPARATOR: u8 = 1;

/// Encodes over all of `encoded`. `seed` has the hash's length.
pub(super) fn encode(
    hash: HashAlgorithm,
    label: &[u8],
    message: &[u8],
    seed: &[u8],
    encoded: &mut [u8],
) -> Result<(), CryptoError> {
    encoded.fill(0);
    let (seed_out, data) = split(hash, encoded).ok_or(CryptoError::DataLength)?;
    let (label_out, rest) = data
        .split_at_mut_checked(hash.digest_len())
        .ok_or(CryptoError::DataLength)?;
    copy_prefix(label_out, hash::digest(hash, label).as_slice());
    let zeros = rest
        .len()
        .checked_sub(message.len())
        .and_then(|room| room.checked_sub(1))
        .ok_or(CryptoError::DataLength)?;
    if let Some([separator, message_out @ ..]) = rest.get_mut(zeros..) {
        *separator = SEPARATOR;
        copy_prefix(message_out, message);
    }
    copy_prefix(seed_out, seed);
    mgf1_xor(hash, seed, data);
    mgf1_xor(hash, data, seed_out);
    Ok(())
}

/// Decodes in place and says where the message begins.
///
/// Takes the same time whatever is wrong, and says only that something is: telling a first byte that is not zero
/// from other faults would open every ciphertext (J. Manger, 2001).
pub(super) fn decode(hash: HashAlgorithm, label: &[u8], encoded: &mut [u8]) -> Option<Found> {
    let first_is_zero = encoded.first()?.ct_eq(&0);
    let (seed, data) = split(hash, encoded)?;
    mgf1_xor(hash, data, seed);
    mgf1_xor(hash, seed, data);
    let (label_in, rest) = data.split_at_checked(hash.digest_len())?;
    let label_is_right = label_in.ct_eq(hash::digest(hash, label).as_slice());
    let before = encoded_len_before(hash);
    let (mut looking, mut start, mut only_zeros) = (Choice::from(1), 0u32, Choice::from(1));
    for (byte, position) in rest.iter().zip(before..) {
        let is_separator = byte.ct_eq(&SEPARATOR) & looking;
        start.conditional_assign(&position.wrapping_add(1), is_separator);
        looking &= !is_separator;
        only_zeros &= !looking | byte.ct_eq(&0);
    }
    Some(Found {
        start,
        is_right: first_is_zero & label_is_right & only_zeros & !looking,
    })
}

/// Zero byte, seed and hash of the label.
fn encoded_len_before(hash: HashAlgorithm) -> u32 {
    (1 + 2 * hash.digest_len()) as u32
}

/// Seed and data block.
fn split(hash: HashAlgorithm, encoded: &mut [u8]) -> Option<(&mut [u8], &mut [u8])> {
    let (_, body) = encoded.split_first_mut()?;
    body.split_at_mut_checked(hash.digest_len())
}
