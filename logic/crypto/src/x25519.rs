//! X25519 key agreement (RFC 7748).

use crate::drbg::Drbg;
use crate::{CryptoError, Secret, ct_eq};

/// Length of keys and of the shared secret, in bytes.
pub const KEY_LEN: usize = 32;

/// A private key, wiped when dropped. Every 32 bytes are one.
pub struct X25519PrivateKey {
    scalar: Secret<KEY_LEN>,
}

impl X25519PrivateKey {
    /// Takes the 32 bytes as RFC 7748 has them; they are clamped when used.
    pub const fn from_bytes(bytes: Secret<KEY_LEN>) -> Self {
        Self { scalar: bytes }
    }

    /// Draws a key.
    pub fn generate(drbg: &mut Drbg) -> Self {
        Self::from_bytes(drbg.secret())
    }

    /// Lets `f` read the key, for storing.
    pub fn expose<R>(&self, f: impl FnOnce(&[u8; KEY_LEN]) -> R) -> R {
        self.scalar.expose(f)
    }

    /// Computes the public key.
    pub fn public(&self) -> [u8; KEY_LEN] {
        self.multiply(&x25519_dalek::X25519_BASEPOINT_BYTES)
    }

    /// The secret shared with `peer` (RFC 7748, section 6.1). Not a key yet: feed it to a key derivation
    /// function.
    ///
    /// [`CryptoError::InvalidKey`] when `peer` is a point of low order: the secret would be zero for
    /// everybody.
    pub fn diffie_hellman(&self, peer: &[u8; KEY_LEN]) -> Result<Secret<KEY_LEN>, CryptoError> {
        let shared = Secret::new(self.multiply(peer));
        if shared.expose(|bytes| ct_eq(bytes, &[0; KEY_LEN])) {
            return Err(CryptoError::InvalidKey);
        }
        Ok(shared)
    }

    fn multiply(&self, point: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        self.scalar
            .expose(|scalar| x25519_dalek::x25519(*scalar, *point))
    }
}
