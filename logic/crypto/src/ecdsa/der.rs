//! The DER form of an ECDSA signature: `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279, section 2.2.3).
//!
//! Strict: exactly one encoding of each signature is accepted. Whether r and s are in range is for
//! [`verify_prehash`](super::P256PublicKey::verify_prehash) to say.

use super::{SCALAR_LEN, SIGNATURE_LEN};
use crate::CryptoError;
use crate::der::{Integers, write_integers};

/// The longest DER signature: two 33-byte integers with their headers, and the sequence's.
pub const MAX_LEN: usize = 72;

/// Reads a DER signature into r ‖ s. This is the entry point for fuzzing, too: it takes any bytes.
///
/// [`CryptoError::Encoding`] for trailing bytes, lengths not in their shortest form, other tags,
/// negative or needlessly padded integers, and integers of more than 256 bits.
pub fn parse(bytes: &[u8]) -> Result<[u8; SIGNATURE_LEN], CryptoError> {
    let mut signature = [0; SIGNATURE_LEN];
    let (r_out, s_out) = signature.split_at_mut(SCALAR_LEN);
    read_integers(bytes, r_out, s_out)?;
    Ok(signature)
}

/// Reads two integers, for a curve of any size.
#[inline]
pub(crate) fn read_integers(
    bytes: &[u8],
    r_out: &mut [u8],
    s_out: &mut [u8],
) -> Result<(), CryptoError> {
    let mut integers = Integers::open(bytes)?;
    let (r, s) = (integers.next()?, integers.next()?);
    integers.close()?;
    write_right_aligned(r_out, r)?;
    write_right_aligned(s_out, s)
}

/// Writes r ‖ s as DER and gives the length used.
pub fn encode(signature: &[u8; SIGNATURE_LEN], out: &mut [u8; MAX_LEN]) -> usize {
    let (r, s) = signature.split_at(SCALAR_LEN);
    // The buffer holds the longest signature, so there is always a length.
    write_integers(&[r, s], out).unwrap_or(0)
}

fn write_right_aligned(out: &mut [u8], value: &[u8]) -> Result<(), CryptoError> {
    let start = out
        .len()
        .checked_sub(value.len())
        .ok_or(CryptoError::Encoding)?;
    for (to, from) in out.iter_mut().skip(start).zip(value) {
        *to = *from;
    }
    Ok(())
}
