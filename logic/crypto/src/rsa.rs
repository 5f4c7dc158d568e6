//! RSA-2048 and RSA-3072 signatures, RSASSA-PSS (RFC 8017), over fixed-width big integers.
//!
//! The `rsa` crate is not used: see `docs/decisions/0003-cryptography.md`.

use crate::CryptoError;
use crate::hash::HashAlgorithm;

/// A public key of 2048 or 3072 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicKey;

impl RsaPublicKey {
    /// Reads the DER of `RSAPublicKey` (RFC 8017, appendix A.1.1), strictly.
    ///
    /// [`CryptoError::Encoding`] for anything but its one encoding; [`CryptoError::InvalidKey`] for
    /// a modulus that is even or not of 2048 or 3072 bits, and for an exponent that is even, below
    /// 3 or above 32 bits.
    pub fn from_pkcs1_der(_der: &[u8]) -> Result<Self, CryptoError> {
        Err(CryptoError::Encoding)
    }

    /// Length of modulus and signature in bytes: 256 or 384.
    pub fn modulus_len(&self) -> usize {
        0
    }

    /// Checks a PSS signature of a digest: MGF1 with the same hash, salt of exactly 32 bytes.
    ///
    /// [`CryptoError::DataLength`] when the digest is not the hash's; [`CryptoError::Verification`]
    /// when the signature is wrong in any way, its length included.
    pub fn verify_pss(
        &self,
        _hash: HashAlgorithm,
        _digest: &[u8],
        _signature: &[u8],
    ) -> Result<(), CryptoError> {
        Err(CryptoError::Verification)
    }
}

impl RsaPublicKey {
    /// Takes modulus and exponent as big-endian numbers; leading zeros are allowed.
    ///
    /// [`CryptoError::InvalidKey`] as for [`from_pkcs1_der`](Self::from_pkcs1_der).
    pub fn from_numbers(_modulus: &[u8], _exponent: &[u8]) -> Result<Self, CryptoError> {
        Err(CryptoError::InvalidKey)
    }

    /// Writes the DER of `RSAPublicKey` and gives the length used, at most [`MAX_PUBLIC_DER_LEN`].
    pub fn to_pkcs1_der(&self, _out: &mut [u8; MAX_PUBLIC_DER_LEN]) -> usize {
        0
    }
}

/// The longest DER of a public key: RSA-3072 with an exponent of 32 bits.
pub const MAX_PUBLIC_DER_LEN: usize = 400;

/// The longest signature: RSA-3072.
pub const MAX_MODULUS_LEN: usize = 384;
