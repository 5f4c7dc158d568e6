//! What RSA keys do for a caller: sign, verify, encrypt, decrypt.

use super::Object;
use crate::profile::MAX_RSA;
use crate::rc::{Rc, Result};
use crate::structures::{SignScheme, Signature};
use crate::wire::{Bytes, SecretBytes};
use ironroot_crypto::CryptoError;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::rsa::{Encryption, SaltLength, SignatureScheme};

/// A signature of a digest.
///
/// # Errors
/// `SCHEME`: not one of RSA; `KEY`: only the public part is loaded; `SIZE`: the digest does not fit the modulus.
pub(super) fn sign(
    object: &Object,
    scheme: SignScheme,
    digest: &[u8],
    drbg: &mut Drbg,
) -> Result<Signature> {
    let key = object.rsa_private()?;
    let mut value = [0; MAX_RSA];
    let len = object.public.rsa_public()?.size().modulus_len();
    let out = value.get_mut(..len).ok_or(Rc::FAILURE)?;
    key.sign(padding(scheme, SaltLength::Digest)?, digest, drbg, out)
        .map_err(|error| match error {
            CryptoError::DataLength => Rc::SIZE,
            _ => Rc::FAILURE,
        })?;
    let value = Bytes::new(out).ok_or(Rc::FAILURE)?;
    match scheme {
        SignScheme::RsaPss(hash) => Ok(Signature::RsaPss { hash, value }),
        _ => Ok(Signature::RsaSsa {
            hash: scheme.hash(),
            value,
        }),
    }
}

/// Checks a signature; a salt of any length is taken, for other TPMs use other lengths.
///
/// # Errors
/// `SCHEME`: not one of RSA; `SIGNATURE`
pub(super) fn verify(
    object: &Object,
    scheme: SignScheme,
    digest: &[u8],
    value: &[u8],
) -> Result<()> {
    let key = object.public.rsa_public().map_err(|_| Rc::SIGNATURE)?;
    let padding = padding(scheme, SaltLength::Any)?;
    key.verify(padding, digest, value)
        .map_err(|_| Rc::SIGNATURE)
}

fn padding(scheme: SignScheme, salt: SaltLength) -> Result<SignatureScheme> {
    match scheme {
        SignScheme::RsaSsa(hash) => Ok(SignatureScheme::Pkcs1 { hash }),
        SignScheme::RsaPss(hash) => Ok(SignatureScheme::Pss { hash, salt }),
        _ => Err(Rc::SCHEME),
    }
}

impl Object {
    /// Encrypts a short message.
    ///
    /// # Errors
    /// `VALUE`: too long for key and padding, or as a number not below the modulus; `KEY`.
    pub(crate) fn rsa_encrypt(
        &self,
        scheme: Encryption<'_>,
        message: &[u8],
        drbg: &mut Drbg,
    ) -> Result<Bytes<MAX_RSA>> {
        let key = self.public.rsa_public()?;
        let mut cipher = [0; MAX_RSA];
        let out = cipher
            .get_mut(..key.size().modulus_len())
            .ok_or(Rc::FAILURE)?;
        key.encrypt(scheme, message, drbg, out)
            .map_err(|_| Rc::VALUE)?;
        Bytes::new(out).ok_or(Rc::FAILURE)
    }

    /// Decrypts one.
    ///
    /// # Errors
    /// `SIZE`: not as long as the modulus; `VALUE`: it is not below the modulus, or the padding is wrong, which of
    /// the two and where nobody is told; `KEY`: only the public part is loaded; `FAILURE`: a fault in the arithmetic.
    pub(crate) fn rsa_decrypt(
        &self,
        scheme: Encryption<'_>,
        cipher: &[u8],
        drbg: &mut Drbg,
    ) -> Result<SecretBytes<MAX_RSA>> {
        let key = self.rsa_private()?;
        if cipher.len() != self.public.rsa_public()?.size().modulus_len() {
            return Err(Rc::SIZE);
        }
        let mut len = Ok(0);
        let room = cipher.len();
        let mut plain = SecretBytes::filled(room, |out| {
            len = key.decrypt(scheme, cipher, drbg, out);
        })
        .ok_or(Rc::FAILURE)?;
        let len = len.map_err(|error| match error {
            CryptoError::Corruption => Rc::FAILURE,
            _ => Rc::VALUE,
        })?;
        plain.truncate(len);
        Ok(plain)
    }
}
