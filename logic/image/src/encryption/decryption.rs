//! What a device opens content keys with.

use super::{ContentKey, Scheme};
use crate::Refusal;
use ironroot_crypto::{CryptoError, Secret};

/// What a device needs to open encrypted images: the scheme, and its private key, borrowed from where the
/// device keeps it. Printed is only the scheme.
#[derive(Clone, Copy)]
pub struct Decryption<'k> {
    scheme: Scheme,
    private_key: &'k [u8],
}

impl<'k> Decryption<'k> {
    /// The private key is, for
    ///
    /// - ECIES: the 32 bytes of the scalar (P-256 big-endian, X25519 as RFC 7748 has it);
    /// - AES-KW: the key-encryption key, as long as the content key;
    /// - RSA: the DER of PKCS#1 `RSAPrivateKey`.
    ///
    /// A key that is none of its scheme is found out when it is used.
    #[must_use]
    pub const fn new(scheme: Scheme, private_key: &'k [u8]) -> Self {
        Self {
            scheme,
            private_key,
        }
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Unwraps the content key from the data of its TLV: out of an image, or out of a trailer that keeps
    /// the wrapped form.
    ///
    /// # Errors
    /// [`Refusal::TlvLength`]; [`Refusal::ContentKey`] for everything else, which one is not said,
    /// nor shown by the time where a secret is looked at: altered, for another device, or the device's own key
    /// is bad.
    pub fn unwrap_key(&self, data: &[u8]) -> Result<ContentKey, Refusal> {
        if data.len() != usize::from(self.scheme.tlv_len()) {
            return Err(Refusal::TlvLength);
        }
        let mut key = Secret::<32>::zeroed();
        let opened = key.expose_mut(|out| {
            let out = out
                .get_mut(..self.scheme.key_len())
                .ok_or(CryptoError::KeyLength)?;
            self.scheme.unwrap(self.private_key, data, out)
        });
        opened.map_err(|_| Refusal::ContentKey)?;
        key.expose(|key| {
            let key = key.get(..self.scheme.key_len()).unwrap_or(key);
            ContentKey::new(self.scheme, key).ok_or(Refusal::ContentKey)
        })
    }
}

impl core::fmt::Debug for Decryption<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Decryption({})", self.scheme.name())
    }
}
