//! ChaCha20-Poly1305 (RFC 8439) and its long-nonce form.

use chacha20::{R20, hchacha};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use zeroize::Zeroize;

use crate::CryptoError;
use crate::bytes::copy_prefix;

pub(super) fn seal(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &mut [u8],
) -> Result<(), CryptoError> {
    let cipher = ChaCha20Poly1305::new_from_slice(key).map_err(|_| CryptoError::KeyLength)?;
    let nonce = <&Nonce>::try_from(nonce).map_err(|_| CryptoError::NonceLength)?;
    let full_tag = cipher
        .encrypt_inout_detached(nonce, aad, buf.into())
        .map_err(|_| CryptoError::DataLength)?;
    copy_prefix(tag, &full_tag);
    Ok(())
}

pub(super) fn open(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &[u8],
) -> Result<(), CryptoError> {
    let cipher = ChaCha20Poly1305::new_from_slice(key).map_err(|_| CryptoError::KeyLength)?;
    let nonce = <&Nonce>::try_from(nonce).map_err(|_| CryptoError::NonceLength)?;
    let tag = tag.try_into().map_err(|_| CryptoError::TagLength)?;
    cipher
        .decrypt_inout_detached(nonce, aad, buf.into(), tag)
        .map_err(|_| CryptoError::Verification)
}

pub(super) fn seal_extended(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &mut [u8],
) -> Result<(), CryptoError> {
    let mut inner = Inner::new(key, nonce)?;
    let sealed = seal(&inner.key, &inner.nonce, aad, buf, tag);
    inner.key.zeroize();
    sealed
}

pub(super) fn open_extended(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &[u8],
) -> Result<(), CryptoError> {
    let mut inner = Inner::new(key, nonce)?;
    let opened = open(&inner.key, &inner.nonce, aad, buf, tag);
    inner.key.zeroize();
    opened
}

/// What the long-nonce form hands to the short-nonce one (draft-irtf-cfrg-xchacha-03, section 2.3).
///
/// The library has a type for the long form too; going through the short one keeps a single copy
/// of the code in the image.
struct Inner {
    key: [u8; 32],
    nonce: [u8; 12],
}

impl Inner {
    fn new(key: &[u8], nonce: &[u8]) -> Result<Self, CryptoError> {
        let key: &[u8; 32] = key.try_into().map_err(|_| CryptoError::KeyLength)?;
        let (prefix, rest) = nonce
            .split_first_chunk::<16>()
            .ok_or(CryptoError::NonceLength)?;
        let &[a, b, c, d, e, f, g, h] = rest else {
            return Err(CryptoError::NonceLength);
        };
        Ok(Self {
            key: hchacha::<R20>(key.into(), prefix.into()).into(),
            nonce: [0, 0, 0, 0, a, b, c, d, e, f, g, h],
        })
    }
}
