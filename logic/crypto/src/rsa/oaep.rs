//! EME-OAEP (RFC 8017, section 7.1) with MGF1 over the same hash and an empty label.
//!
//! ```text
//! encoded message: │ 0 │ seed xor MGF1(data) │ data xor MGF1(seed) │    data = Hash("") ‖ zeros ‖ 1 ‖ message
//! ```

use super::pss::apply_mask;
use crate::CryptoError;
use crate::hash::{self, HashAlgorithm};
use subtle::{ConditionallySelectable, ConstantTimeEq};

const SEPARATOR: u8 = 1;

/// EME-OAEP encoding into all of `encoded`. `seed` has the hash's length.
pub(super) fn encode(
    hash: HashAlgorithm,
    message: &[u8],
    seed: &[u8],
    encoded: &mut [u8],
) -> Result<(), CryptoError> {
    encoded.fill(0);
    let (seed_out, data) = split(hash, encoded)?;
    let label = hash::digest(hash, &[]);
    let (label_out, rest) = data
        .split_at_mut_checked(label.as_slice().len())
        .ok_or(CryptoError::DataLength)?;
    label_out.copy_from_slice(label.as_slice());
    let padding = rest
        .len()
        .checked_sub(message.len())
        .and_then(|room| room.checked_sub(1))
        .ok_or(CryptoError::DataLength)?;
    let tail = rest.get_mut(padding..).unwrap_or(&mut []);
    for (to, from) in tail.iter_mut().zip([SEPARATOR].iter().chain(message)) {
        *to = *from;
    }
    if seed_out.len() != seed.len() {
        return Err(CryptoError::DataLength);
    }
    seed_out.copy_from_slice(seed);
    apply_mask(hash, seed, data);
    apply_mask(hash, data, seed_out);
    Ok(())
}

/// EME-OAEP decoding of a message whose length is known: that of `message`. Destroys `encoded`.
///
/// Takes the same time whatever is wrong, and says only that something is: telling a first byte that is not
/// zero from other faults would open every ciphertext (J. Manger, 2001). `message` is zeros then.
pub(super) fn decode(
    hash: HashAlgorithm,
    encoded: &mut [u8],
    message: &mut [u8],
) -> Result<(), CryptoError> {
    let first_is_zero = encoded.first().ok_or(CryptoError::DataLength)?.ct_eq(&0);
    let (seed, data) = split(hash, encoded)?;
    apply_mask(hash, data, seed);
    apply_mask(hash, seed, data);
    let label = hash::digest(hash, &[]);
    let (label_in, rest) = data
        .split_at_checked(label.as_slice().len())
        .ok_or(CryptoError::DataLength)?;
    let padding_len = rest
        .len()
        .checked_sub(message.len())
        .ok_or(CryptoError::DataLength)?;
    let (padding, found) = rest
        .split_at_checked(padding_len)
        .ok_or(CryptoError::DataLength)?;
    let (separator, zeros) = padding.split_last().ok_or(CryptoError::DataLength)?;
    let rest_is_zero = zeros.iter().fold(0, |all, byte| all | byte).ct_eq(&0);
    let right = first_is_zero
        & label_in.ct_eq(label.as_slice())
        & rest_is_zero
        & separator.ct_eq(&SEPARATOR);
    for (to, from) in message.iter_mut().zip(found) {
        *to = u8::conditional_select(&0, from, right);
    }
    if bool::from(right) {
        Ok(())
    } else {
        Err(CryptoError::Verification)
    }
}

/// Seed and data block.
fn split(hash: HashAlgorithm, encoded: &mut [u8]) -> Result<(&mut [u8], &mut [u8]), CryptoError> {
    let (_, body) = encoded.split_first_mut().ok_or(CryptoError::DataLength)?;
    body.split_at_mut_checked(hash.digest_len())
        .ok_or(CryptoError::DataLength)
}
