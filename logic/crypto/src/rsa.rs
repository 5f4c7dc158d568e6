//! RSA-2048 and RSA-3072 (RFC 8017) over fixed-width big integers: RSASSA-PSS signatures and RSAES-OAEP.
//!
//! Only verification is built by default, without heap and with little stack. Private keys, for host
//! tools and for devices that decrypt, come with the feature `rsa-private`, and so does OAEP. Their
//! arithmetic is the library `crypto-bigint`'s; the public power, encodings, padding, blinding and prime
//! search are here. Why the `rsa` crate is not used:
//! `docs/decisions/0003-cryptography.md`.

#[cfg(feature = "rsa-private")]
mod modular;
mod pss;
mod public;

#[cfg(feature = "rsa-private")]
mod oaep;
#[cfg(feature = "rsa-private")]
mod prime;
#[cfg(feature = "rsa-private")]
mod private;
#[cfg(any(feature = "rsa-private", feature = "tpm-rsa"))]
pub(crate) mod sieve;

use crate::CryptoError;
use crate::bytes::copy_prefix;
use crate::der::{Integers, minimal, write_integers};
use crate::hash::HashAlgorithm;

#[cfg(feature = "rsa-private")]
pub use private::{MAX_PRIVATE_DER_LEN, RsaPrivateKey};

/// The longest modulus and signature, in bytes: RSA-3072.
pub const MAX_MODULUS_LEN: usize = 384;

/// The longest DER of a public key, in bytes: RSA-3072 with an exponent of 32 bits.
pub const MAX_PUBLIC_DER_LEN: usize = 400;

/// The only salt length that is made and accepted, in bytes: MCUboot's.
pub const SALT_LEN: usize = 32;

/// The size of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RsaSize {
    /// A modulus of 2048 bits.
    Rsa2048,
    /// A modulus of 3072 bits.
    Rsa3072,
}

impl RsaSize {
    /// Length of modulus and signature in bytes.
    pub const fn modulus_len(self) -> usize {
        match self {
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
        }
    }
}

/// A public key whose modulus is odd and has exactly 2048 or 3072 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    size: RsaSize,
    /// Big-endian, in the first `size.modulus_len()` bytes; zeros behind.
    modulus: [u8; MAX_MODULUS_LEN],
    /// Odd, at least 3.
    exponent: u32,
}

impl RsaPublicKey {
    /// Reads the DER of `RSAPublicKey` (RFC 8017, appendix A.1.1), strictly. Takes any bytes.
    ///
    /// [`CryptoError::Encoding`] for anything but its one encoding; [`CryptoError::InvalidKey`] for
    /// a modulus that is even or not of 2048 or 3072 bits, and for an exponent that is even, below
    /// 3 or above 32 bits.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, CryptoError> {
        let mut integers = Integers::open(der)?;
        let (modulus, exponent) = (integers.next()?, integers.next()?);
        integers.close()?;
        Self::from_numbers(modulus, exponent)
    }

    /// Takes modulus and exponent as big-endian numbers; leading zeros are allowed.
    ///
    /// [`CryptoError::InvalidKey`] as for [`from_pkcs1_der`](Self::from_pkcs1_der).
    pub fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, CryptoError> {
        let modulus = minimal(modulus);
        let size = match modulus.len() {
            256 => RsaSize::Rsa2048,
            384 => RsaSize::Rsa3072,
            _ => return Err(CryptoError::InvalidKey),
        };
        let top_bit_set = modulus.first().is_some_and(|byte| byte & 0x80 != 0);
        let is_odd = modulus.last().is_some_and(|byte| byte & 1 != 0);
        let exponent = small_number(exponent).ok_or(CryptoError::InvalidKey)?;
        if !top_bit_set || !is_odd || exponent < 3 || exponent & 1 == 0 {
            return Err(CryptoError::InvalidKey);
        }
        let mut key = Self {
            size,
            modulus: [0; MAX_MODULUS_LEN],
            exponent,
        };
        copy_prefix(&mut key.modulus, modulus);
        Ok(key)
    }

    /// The key's size.
    pub fn size(&self) -> RsaSize {
        self.size
    }

    /// Length of modulus and signature in bytes: 256 or 384.
    pub fn modulus_len(&self) -> usize {
        self.size.modulus_len()
    }

    /// The modulus, big-endian.
    pub fn modulus(&self) -> &[u8] {
        self.modulus
            .get(..self.modulus_len())
            .unwrap_or(&self.modulus)
    }

    /// The public exponent.
    pub fn exponent(&self) -> u32 {
        self.exponent
    }

    /// Writes the DER of `RSAPublicKey` and gives the length used.
    pub fn to_pkcs1_der(&self, out: &mut [u8; MAX_PUBLIC_DER_LEN]) -> usize {
        // The buffer holds the longest key, so there is always a length.
        write_integers(&[self.modulus(), &self.exponent.to_be_bytes()], out).unwrap_or(0)
    }

    /// Checks a PSS signature of a digest: MGF1 with the same hash, salt of exactly 32 bytes.
    ///
    /// [`CryptoError::DataLength`] when the digest is not one of that hash;
    /// [`CryptoError::Verification`] when the signature is wrong in any way, its length included.
    pub fn verify_pss(
        &self,
        hash: HashAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        if digest.len() != hash.digest_len() {
            return Err(CryptoError::DataLength);
        }
        if signature.len() != self.modulus_len() {
            return Err(CryptoError::Verification);
        }
        let mut encoded = [0; MAX_MODULUS_LEN];
        let encoded = encoded
            .get_mut(..signature.len())
            .ok_or(CryptoError::Verification)?;
        self.apply(signature, encoded)?;
        pss::verify(hash, digest, encoded)
    }

    /// Encrypts a short message with OAEP (RFC 8017, section 7.1.1): empty label, MGF1 with the same hash.
    ///
    /// [`CryptoError::DataLength`] when `ciphertext` has not the modulus's length, or the message does not
    /// leave room for two digests and two bytes.
    #[cfg(feature = "rsa-private")]
    pub fn encrypt_oaep(
        &self,
        hash: HashAlgorithm,
        message: &[u8],
        drbg: &mut crate::drbg::Drbg,
        ciphertext: &mut [u8],
    ) -> Result<(), CryptoError> {
        if ciphertext.len() != self.modulus_len() {
            return Err(CryptoError::DataLength);
        }
        let seed = drbg.secret::<{ crate::hash::MAX_DIGEST_LEN }>();
        let mut encoded = crate::Secret::<MAX_MODULUS_LEN>::zeroed();
        encoded.expose_mut(|encoded| {
            let encoded = encoded
                .get_mut(..ciphertext.len())
                .ok_or(CryptoError::DataLength)?;
            seed.expose(|seed| {
                let seed = seed.get(..hash.digest_len()).unwrap_or(seed);
                oaep::encode(hash, message, seed, encoded)
            })?;
            self.apply(encoded, ciphertext)
        })
    }

    /// RSAVP1 (RFC 8017, section 5.2.2): `input` to the power of e.
    ///
    /// [`CryptoError::Verification`] when `input` is not below the modulus.
    fn apply(&self, input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        public::power(self.modulus(), self.exponent, input, output)
    }
}

/// A big-endian number of at most 32 bits.
fn small_number(bytes: &[u8]) -> Option<u32> {
    let bytes = minimal(bytes);
    if bytes.len() > 4 {
        return None;
    }
    Some(
        bytes
            .iter()
            .fold(0, |number, byte| (number << 8) | u32::from(*byte)),
    )
}
