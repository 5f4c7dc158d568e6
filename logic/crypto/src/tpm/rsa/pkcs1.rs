//! The paddings of PKCS#1 version 1.5 (RFC 8017, sections 7.2 and 9.2).
//!
//! ```text
//! signature:   │ 0 │ 1 │ 0xff … (8 and more) │ 0 │ DigestInfo │
//! encryption:  │ 0 │ 2 │ not 0 … (8 and more) │ 0 │ message │
//! ```

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};

use super::super::hash::HashAlgorithm;
use super::schemes::Found;
use crate::CryptoError;
use crate::bytes::copy_prefix;
use crate::drbg::Drbg;

const SIGNATURE: u8 = 1;
const ENCRYPTION: u8 = 2;

/// What surrounds the variable parts: two bytes before the padding and one behind it.
const FRAME: usize = 3;
const MIN_PADDING: usize = 8;

/// EMSA-PKCS1-v1_5-ENCODE over all of `encoded`. The digest has the hash's length.
pub(super) fn encode_digest(
    hash: HashAlgorithm,
    digest: &[u8],
    encoded: &mut [u8],
) -> Result<(), CryptoError> {
    let prefix = digest_info(hash);
    let content_len = prefix.len().saturating_add(digest.len());
    let (padding, content) = frame(SIGNATURE, content_len, encoded)?;
    padding.fill(0xff);
    for (to, from) in content.iter_mut().zip(prefix.iter().chain(digest)) {
        *to = *from;
    }
    Ok(())
}

/// EME-PKCS1-v1_5 encoding over all of `encoded`.
pub(super) fn encode_message(
    message: &[u8],
    drbg: &mut Drbg,
    encoded: &mut [u8],
) -> Result<(), CryptoError> {
    let (padding, content) = frame(ENCRYPTION, message.len(), encoded)?;
    copy_prefix(content, message);
    drbg.fill(padding);
    for byte in padding {
        while *byte == 0 {
            drbg.fill(core::slice::from_mut(byte));
        }
    }
    Ok(())
}

/// Where the message of an encryption begins, in the same time whatever is wrong (D. Bleichenbacher, 1998).
pub(super) fn find_message(encoded: &[u8]) -> Option<Found> {
    let [first, kind, rest @ ..] = encoded else {
        return None;
    };
    let (mut looking, mut start) = (Choice::from(1), 0u32);
    for (byte, position) in rest.iter().zip(2u32..) {
        let is_end = byte.ct_eq(&0) & looking;
        start.conditional_assign(&position.wrapping_add(1), is_end);
        looking &= !is_end;
    }
    let long_enough = start.ct_gt(&((FRAME + MIN_PADDING - 1) as u32));
    Some(Found {
        start,
        is_right: first.ct_eq(&0) & kind.ct_eq(&ENCRYPTION) & !looking & long_enough,
    })
}

/// Writes the frame and gives the places of padding and content.
fn frame(
    kind: u8,
    content_len: usize,
    encoded: &mut [u8],
) -> Result<(&mut [u8], &mut [u8]), CryptoError> {
    let padding_len = encoded
        .len()
        .checked_sub(content_len)
        .and_then(|room| room.checked_sub(FRAME))
        .filter(|padding| *padding >= MIN_PADDING)
        .ok_or(CryptoError::DataLength)?;
    let [first, second, rest @ ..] = encoded else {
        return Err(CryptoError::DataLength);
    };
    (*first, *second) = (0, kind);
    let (padding, rest) = rest
        .split_at_mut_checked(padding_len)
        .ok_or(CryptoError::DataLength)?;
    let (end, content) = rest.split_first_mut().ok_or(CryptoError::DataLength)?;
    *end = 0;
    Ok((padding, content))
}

/// The DER of DigestInfo before the digest (RFC 8017, section 9.2, note 1).
fn digest_info(hash: HashAlgorithm) -> &'static [u8] {
    match hash {
        #[cfg(feature = "tpm-sha1")]
        HashAlgorithm::Sha1 => &[
            0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04,
            0x14,
        ],
        HashAlgorithm::Sha256 => &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x01, 0x05, 0x00, 0x04, 0x20,
        ],
        HashAlgorithm::Sha384 => &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x02, 0x05, 0x00, 0x04, 0x30,
        ],
        HashAlgorithm::Sha512 => &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x03, 0x05, 0x00, 0x04, 0x40,
        ],
        #[cfg(feature = "tpm-sm")]
        HashAlgorithm::Sm3 => &[
            0x30, 0x30, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x11,
            0x05, 0x00, 0x04, 0x20,
        ],
        #[cfg(feature = "tpm-sha3")]
        HashAlgorithm::Sha3_256 => &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x08, 0x05, 0x00, 0x04, 0x20,
        ],
        #[cfg(feature = "tpm-sha3")]
        HashAlgorithm::Sha3_384 => &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x09, 0x05, 0x00, 0x04, 0x30,
        ],
        #[cfg(feature = "tpm-sha3")]
        HashAlgorithm::Sha3_512 => &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x0a, 0x05, 0x00, 0x04, 0x40,
        ],
    }
}
