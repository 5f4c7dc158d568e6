//! The DER form of an ECDSA signature: `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279, section 2.2.3).
//!
//! Strict: exactly one encoding of each signature is accepted. Whether r and s are in range is for
//! [`verify_prehash`](super::P256PublicKey::verify_prehash) to say.

use super::{SCALAR_LEN, SIGNATURE_LEN};
use crate::CryptoError;

/// The longest DER signature: two 33-byte integers with their headers, and the sequence's.
pub const MAX_LEN: usize = 72;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// Reads a DER signature into r ‖ s.
///
/// [`CryptoError::Encoding`] for trailing bytes, long-form lengths, other tags, negative or
/// needlessly padded integers, and integers of more than 256 bits.
pub fn parse(bytes: &[u8]) -> Result<[u8; SIGNATURE_LEN], CryptoError> {
    let (content, rest) = take_element(SEQUENCE, bytes)?;
    let (r, after_r) = take_element(INTEGER, content)?;
    let (s, after_s) = take_element(INTEGER, after_r)?;
    if !rest.is_empty() || !after_s.is_empty() {
        return Err(CryptoError::Encoding);
    }
    let mut signature = [0; SIGNATURE_LEN];
    let (r_out, s_out) = signature.split_at_mut(SCALAR_LEN);
    write_right_aligned(r_out, magnitude(r)?)?;
    write_right_aligned(s_out, magnitude(s)?)?;
    Ok(signature)
}

/// Writes r ‖ s as DER and gives the length used.
pub fn encode(signature: &[u8; SIGNATURE_LEN], out: &mut [u8; MAX_LEN]) -> usize {
    let (r, s) = signature.split_at(SCALAR_LEN);
    let (r, s) = (minimal(r), minimal(s));
    let content_len = 4 + integer_len(r) + integer_len(s);
    let header = [SEQUENCE, content_len as u8];
    let bytes = header
        .into_iter()
        .chain(integer_bytes(r))
        .chain(integer_bytes(s));
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = from;
    }
    2 + content_len
}

/// Splits one element with the given tag and a short-form length off the front.
fn take_element(tag: u8, bytes: &[u8]) -> Result<(&[u8], &[u8]), CryptoError> {
    let [actual_tag, len @ 0..=0x7f, rest @ ..] = bytes else {
        return Err(CryptoError::Encoding);
    };
    if *actual_tag != tag {
        return Err(CryptoError::Encoding);
    }
    rest.split_at_checked(usize::from(*len))
        .ok_or(CryptoError::Encoding)
}

/// The bytes of a non-negative INTEGER without its sign byte (X.690, section 8.3.2).
fn magnitude(integer: &[u8]) -> Result<&[u8], CryptoError> {
    match integer {
        [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => Err(CryptoError::Encoding),
        [0, magnitude @ ..] if !magnitude.is_empty() => Ok(magnitude),
        magnitude => Ok(magnitude),
    }
}

fn write_right_aligned(out: &mut [u8], value: &[u8]) -> Result<(), CryptoError> {
    if value.len() > out.len() {
        return Err(CryptoError::Encoding);
    }
    for (to, from) in out.iter_mut().rev().zip(value.iter().rev()) {
        *to = *from;
    }
    Ok(())
}

/// Without leading zeros, but at least one byte.
fn minimal(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros.min(SCALAR_LEN - 1)..).unwrap_or(number)
}

fn needs_sign_byte(number: &[u8]) -> bool {
    number.first().is_some_and(|first| *first >= 0x80)
}

fn integer_len(number: &[u8]) -> usize {
    number.len() + usize::from(needs_sign_byte(number))
}

fn integer_bytes(number: &[u8]) -> impl Iterator<Item = u8> {
    let header = [INTEGER, integer_len(number) as u8];
    let sign_byte = needs_sign_byte(number).then_some(0);
    header
        .into_iter()
        .chain(sign_byte)
        .chain(number.iter().copied())
}
