//! Authenticated encryption with associated data, one call, in place, tag apart.
//!
//! | algorithm | key | nonce | tag | standard |
//! |---|---|---|---|---|
//! | AES-GCM | 16, 24, 32 | 1 or more (12 is the usual) | 4, 8, 12 to 16 | SP 800-38D |
//! | AES-CCM | 16, 24, 32 | 7 to 13 | 4, 6, 8, 10, 12, 14, 16 | SP 800-38C |
//! | ChaCha20-Poly1305 | 32 | 12 | 16 | RFC 8439 |
//! | XChaCha20-Poly1305 | 32 | 24 | 16 | draft-irtf-cfrg-xchacha-03 |
//!
//! These are the lengths of the PSA Cryptography API. Lengths in bytes, chosen at run time.
//!
//! A nonce must never serve twice under one key. With random nonces only the 24-byte one is long
//! enough not to count messages.

pub(crate) mod aes;
mod ccm;
mod chacha;
mod gcm;

use crate::{CryptoError, wipe};

/// An AEAD algorithm; the key's length chooses between AES-128, AES-192 and AES-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AeadAlgorithm {
    /// AES in Galois/counter mode.
    AesGcm,
    /// AES in counter mode with CBC-MAC.
    AesCcm,
    /// ChaCha20 and Poly1305 with a 12-byte nonce.
    ChaCha20Poly1305,
    /// The same with a 24-byte nonce.
    XChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// Whether the algorithm has a tag of `len` bytes.
    pub const fn allows_tag_len(self, len: usize) -> bool {
        match self {
            Self::AesGcm => matches!(len, 4 | 8 | 12..=16),
            Self::AesCcm => matches!(len, 4 | 6 | 8 | 10 | 12 | 14 | 16),
            Self::ChaCha20Poly1305 | Self::XChaCha20Poly1305 => len == 16,
        }
    }

    /// Whether the algorithm has a nonce of `len` bytes.
    pub const fn allows_nonce_len(self, len: usize) -> bool {
        match self {
            Self::AesGcm => len >= 1,
            Self::AesCcm => matches!(len, 7..=13),
            Self::ChaCha20Poly1305 => len == 12,
            Self::XChaCha20Poly1305 => len == 24,
        }
    }

    /// Whether the algorithm has a key of `len` bytes.
    pub const fn allows_key_len(self, len: usize) -> bool {
        match self {
            Self::AesGcm | Self::AesCcm => matches!(len, 16 | 24 | 32),
            Self::ChaCha20Poly1305 | Self::XChaCha20Poly1305 => len == 32,
        }
    }

    fn check_lengths(self, key: &[u8], nonce: &[u8], tag: &[u8]) -> Result<(), CryptoError> {
        if !self.allows_key_len(key.len()) {
            return Err(CryptoError::KeyLength);
        }
        if !self.allows_nonce_len(nonce.len()) {
            return Err(CryptoError::NonceLength);
        }
        if !self.allows_tag_len(tag.len()) {
            return Err(CryptoError::TagLength);
        }
        Ok(())
    }
}

/// Encrypts `buf` in place and writes the tag.
///
/// The tag's length is the length of `tag`. Errors: [`CryptoError::KeyLength`],
/// [`CryptoError::NonceLength`], [`CryptoError::TagLength`], and [`CryptoError::DataLength`] for a
/// message too long for the algorithm. After an error `buf` **still holds the plaintext**.
// Always inline, and `open` too: who names one algorithm links that one only.
#[inline(always)]
pub fn seal(
    algorithm: AeadAlgorithm,
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &mut [u8],
) -> Result<(), CryptoError> {
    algorithm.check_lengths(key, nonce, tag)?;
    match algorithm {
        AeadAlgorithm::AesGcm => gcm::seal(key, nonce, aad, buf, tag),
        AeadAlgorithm::AesCcm => ccm::seal(key, nonce, aad, buf, tag),
        AeadAlgorithm::ChaCha20Poly1305 => chacha::seal(key, nonce, aad, buf, tag),
        AeadAlgorithm::XChaCha20Poly1305 => chacha::seal_extended(key, nonce, aad, buf, tag),
    }
}

/// Checks the tag and decrypts `buf` in place.
///
/// Errors as [`seal`], and [`CryptoError::Verification`] when tag, nonce, key, associated data and
/// ciphertext do not belong together. After any error `buf` is all zeros: unauthenticated
/// plaintext is never seen.
#[inline(always)]
pub fn open(
    algorithm: AeadAlgorithm,
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &[u8],
) -> Result<(), CryptoError> {
    let opened = open_unwiped(algorithm, key, nonce, aad, buf, tag);
    if opened.is_err() {
        wipe(buf);
    }
    opened
}

#[inline(always)]
fn open_unwiped(
    algorithm: AeadAlgorithm,
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &[u8],
) -> Result<(), CryptoError> {
    algorithm.check_lengths(key, nonce, tag)?;
    match algorithm {
        AeadAlgorithm::AesGcm => gcm::open(key, nonce, aad, buf, tag),
        AeadAlgorithm::AesCcm => ccm::open(key, nonce, aad, buf, tag),
        AeadAlgorithm::ChaCha20Poly1305 => chacha::open(key, nonce, aad, buf, tag),
        AeadAlgorithm::XChaCha20Poly1305 => chacha::open_extended(key, nonce, aad, buf, tag),
    }
}
