//! Ed25519 (RFC 8032, FIPS 186-5), the plain form that signs messages, not digests.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::drbg::Drbg;
use crate::{CryptoError, Secret};

/// Length of a private key (the seed of RFC 8032) and of a public key, in bytes.
pub const KEY_LEN: usize = 32;
/// Length of a signature in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// A private key, wiped when dropped.
pub struct Ed25519PrivateKey {
    // Holds the public key too, without which a signature cannot be made safely.
    key: SigningKey,
}

impl Ed25519PrivateKey {
    /// Takes the 32-byte seed that RFC 8032 calls the private key. Every value is one.
    pub fn from_seed(seed: &Secret<KEY_LEN>) -> Self {
        Self {
            key: seed.expose(SigningKey::from_bytes),
        }
    }

    /// Draws a key.
    pub fn generate(drbg: &mut Drbg) -> Self {
        Self::from_seed(&drbg.secret())
    }

    /// The seed, for storing.
    pub fn to_seed(&self) -> Secret<KEY_LEN> {
        Secret::new(*self.key.as_bytes())
    }

    /// The public key.
    pub fn public(&self) -> Ed25519PublicKey {
        Ed25519PublicKey {
            key: self.key.verifying_key(),
        }
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.key.sign(message).to_bytes()
    }
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ed25519PublicKey {
    key: VerifyingKey,
}

impl Ed25519PublicKey {
    /// Takes an encoded point.
    ///
    /// [`CryptoError::InvalidKey`] when it is no point of the curve, when it is not encoded the one
    /// right way, and when it is a point of low order, for which signatures prove nothing.
    pub fn from_bytes(bytes: &[u8; KEY_LEN]) -> Result<Self, CryptoError> {
        if !is_reduced(bytes) {
            return Err(CryptoError::InvalidKey);
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| CryptoError::InvalidKey)?;
        if key.is_weak() {
            return Err(CryptoError::InvalidKey);
        }
        Ok(Self { key })
    }

    /// The encoded point.
    pub fn to_bytes(&self) -> [u8; KEY_LEN] {
        self.key.to_bytes()
    }

    /// Checks a signature, strictly: S below the group order, R not of low order, R compared byte
    /// by byte, and no cofactor. [`CryptoError::Verification`] when anything is wrong.
    pub fn verify_strict(
        &self,
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), CryptoError> {
        let signature = Signature::from_bytes(signature);
        self.key
            .verify_strict(message, &signature)
            .map_err(|_| CryptoError::Verification)
    }
}

/// Whether y is below the field's prime 2^255 − 19 (RFC 8032, section 5.1.3); the library takes
/// larger ones too. The other doubtful encodings, x = 0 with a sign, are points of low order.
fn is_reduced(bytes: &[u8; KEY_LEN]) -> bool {
    let [first, middle @ .., last] = bytes;
    *first < 0xed || last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}
