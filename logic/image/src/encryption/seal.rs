//! The tools' side: content keys wrapped for a device.

use super::ecies;
use super::{ContentKey, MAX_WRAPPED_KEY, Scheme};
use crate::tlv;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey};
use ironroot_crypto::x25519::X25519PrivateKey;
use ironroot_crypto::{CryptoError, Secret, key_wrap};

/// The data of a content key's TLV.
#[derive(Debug, Clone, Copy)]
pub struct WrappedKey {
    bytes: [u8; MAX_WRAPPED_KEY],
    len: usize,
}

impl WrappedKey {
    /// The data as they stand in the TLV.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl ContentKey {
    /// Draws a key for one image.
    #[must_use]
    pub fn generate(scheme: Scheme, drbg: &mut Drbg) -> Option<Self> {
        let random = drbg.secret::<32>();
        random.expose(|bytes| Self::new(scheme, bytes.get(..scheme.key_len())?))
    }

    /// Wraps the key for the device with this key: for ECIES the public key (uncompressed point, or 32 bytes),
    /// for RSA the DER of PKCS#1 `RSAPublicKey`, for AES-KW the key-encryption key itself. AES-KW is the one
    /// that needs no random numbers: the same keys give the same bytes.
    ///
    /// # Errors
    /// [`CryptoError::KeyLength`], [`CryptoError::Encoding`] or [`CryptoError::InvalidKey`] when that key is
    /// none of the scheme.
    pub fn wrap(&self, recipient: &[u8], drbg: &mut Drbg) -> Result<WrappedKey, CryptoError> {
        let mut wrapped = WrappedKey {
            bytes: [0; MAX_WRAPPED_KEY],
            len: usize::from(self.scheme().tlv_len()),
        };
        let out = wrapped
            .bytes
            .get_mut(..wrapped.len)
            .ok_or(CryptoError::DataLength)?;
        self.expose(|key| match self.scheme().tlv() {
            tlv::ENC_KW => wrap_by_key(recipient, key, out),
            tlv::ENC_EC256 => seal_p256(recipient, key, drbg, out),
            tlv::ENC_X25519 => seal_x25519(&ecies::SHA256, recipient, key, drbg, out),
            tlv::ENC_X25519_SHA512 => seal_x25519(&ecies::SHA512, recipient, key, drbg, out),
            #[cfg(feature = "rsa-decryption")]
            tlv::ENC_RSA2048 => super::oaep::seal(recipient, key, drbg, out),
            _ => Err(CryptoError::InvalidKey),
        })?;
        Ok(wrapped)
    }
}

fn wrap_by_key(recipient: &[u8], key: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
    if recipient.len() != key.len() {
        return Err(CryptoError::KeyLength);
    }
    if let Some(recipient) = Secret::from_slice(recipient) {
        key_wrap::wrap_128(&recipient, key, out)
    } else if let Some(recipient) = Secret::from_slice(recipient) {
        key_wrap::wrap_256(&recipient, key, out)
    } else {
        Err(CryptoError::KeyLength)
    }
}

fn seal_p256(
    recipient: &[u8],
    key: &[u8],
    drbg: &mut Drbg,
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let recipient = P256PublicKey::from_sec1(recipient)?;
    let ephemeral = P256PrivateKey::generate(drbg);
    let shared = ephemeral.diffie_hellman(&recipient);
    ecies::seal(
        &ecies::SHA256,
        &shared,
        &ephemeral.public().to_sec1(),
        key,
        out,
    )
}

fn seal_x25519(
    hash: &ecies::Hash,
    recipient: &[u8],
    key: &[u8],
    drbg: &mut Drbg,
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let recipient = recipient.try_into().map_err(|_| CryptoError::KeyLength)?;
    let ephemeral = X25519PrivateKey::generate(drbg);
    let shared = ephemeral.diffie_hellman(recipient)?;
    ecies::seal(hash, &shared, &ephemeral.public(), key, out)
}
