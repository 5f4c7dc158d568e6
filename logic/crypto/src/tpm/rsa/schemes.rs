//! Encrypting, decrypting, signing and verifying with the schemes of a TPM.

use subtle::{Choice, ConditionallySelectable};

use super::super::hash::{HashAlgorithm, MAX_DIGEST_LEN};
use super::{
    MAX_MODULUS_LEN, RsaPrivateKey, RsaPublicKey, oaep, pkcs1, pss, random_bytes, with_buffer,
};
use crate::bytes::copy_prefix;
use crate::drbg::Drbg;
use crate::{CryptoError, ct_eq, wipe};

/// How a message becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption<'a> {
    /// As it is: TPM_ALG_NULL.
    Null,
    /// RSAES-PKCS1-v1_5: TPM_ALG_RSAES.
    Pkcs1,
    /// RSAES-OAEP: TPM_ALG_OAEP.
    Oaep {
        /// The hash of the label and of MGF1.
        hash: HashAlgorithm,
        /// What is hashed: for a TPM, the label with its final zero byte.
        label: &'a [u8],
    },
}

/// How a digest becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureScheme {
    /// RSASSA-PKCS1-v1_5: TPM_ALG_RSASSA.
    Pkcs1 {
        /// The hash that made the digest.
        hash: HashAlgorithm,
    },
    /// RSASSA-PSS: TPM_ALG_RSAPSS.
    Pss {
        /// The hash that made the digest, and of MGF1.
        hash: HashAlgorithm,
        /// How long the salt is.
        salt: SaltLength,
    },
}

impl SignatureScheme {
    /// The hash that made the digest.
    pub const fn hash(self) -> HashAlgorithm {
        match self {
            Self::Pkcs1 { hash } | Self::Pss { hash, .. } => hash,
        }
    }
}

/// The length of a PSS salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaltLength {
    /// As long as the digest, or what fits if that is less: what FIPS 186-5 allows.
    Digest,
    /// As long as fits: what old TPMs make.
    Maximum,
    /// For verifying: any. Signing takes [`Digest`](Self::Digest).
    Any,
}

impl SaltLength {
    fn signing(self, hash: HashAlgorithm, modulus_len: usize) -> Option<usize> {
        let longest = pss::longest_salt(hash, modulus_len)?;
        Some(match self {
            Self::Digest | Self::Any => longest.min(hash.digest_len()),
            Self::Maximum => longest,
        })
    }
}

/// Where a message begins in its padding, and whether the padding is right.
pub(super) struct Found {
    pub(super) start: u32,
    pub(super) is_right: Choice,
}

impl RsaPublicKey {
    /// Encrypts a short message over all of `out`, which has the modulus's length.
    ///
    /// [`CryptoError::DataLength`] when it has not, and for a message that is too long; without padding, one that is
    /// not below the modulus as a number. `out` is zeros then.
    pub fn encrypt(
        &self,
        scheme: Encryption<'_>,
        message: &[u8],
        drbg: &mut Drbg,
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        if out.len() != self.size.modulus_len() {
            return Err(CryptoError::DataLength);
        }
        let encrypted = encode_message(scheme, message, drbg, out).and_then(|()| self.apply(out));
        if encrypted.is_err() {
            wipe(out);
        }
        encrypted
    }

    /// Checks a signature of a digest.
    ///
    /// [`CryptoError::DataLength`] when the digest is not one of the scheme's hash;
    /// [`CryptoError::Verification`] when the signature is wrong in any way, its length included.
    pub fn verify(
        &self,
        scheme: SignatureScheme,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let len = self.size.modulus_len();
        if digest.len() != scheme.hash().digest_len() {
            return Err(CryptoError::DataLength);
        }
        if signature.len() != len {
            return Err(CryptoError::Verification);
        }
        let mut opened = [0; MAX_MODULUS_LEN];
        let opened = opened.get_mut(..len).ok_or(CryptoError::Verification)?;
        opened.copy_from_slice(signature);
        self.apply(opened).map_err(|_| CryptoError::Verification)?;
        match scheme {
            SignatureScheme::Pkcs1 { hash } => same_encoding(hash, digest, opened),
            SignatureScheme::Pss { hash, salt } => {
                let wanted = match salt {
                    SaltLength::Any => None,
                    salt => Some(salt.signing(hash, len).ok_or(CryptoError::Verification)?),
                };
                pss::verify(hash, digest, wanted, opened)
            }
        }
    }
}

impl RsaPrivateKey {
    /// Decrypts into the beginning of `out`, and gives the message's length.
    ///
    /// [`CryptoError::DataLength`] when `ciphertext` has not the modulus's length or is not below it as a number,
    /// and when `out` is shorter than the modulus. [`CryptoError::Verification`] when the padding is wrong,
    /// found in the same time whatever is wrong with it; `out` is zeros then.
    pub fn decrypt(
        &self,
        scheme: Encryption<'_>,
        ciphertext: &[u8],
        drbg: &mut Drbg,
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let len = self.size.modulus_len();
        let out = out.get_mut(..len).ok_or(CryptoError::DataLength)?;
        if ciphertext.len() != len {
            return Err(CryptoError::DataLength);
        }
        out.copy_from_slice(ciphertext);
        if let Err(error) = self.apply(out, drbg) {
            wipe(out);
            return Err(error);
        }
        let found = match scheme {
            Encryption::Null => return Ok(len),
            Encryption::Pkcs1 => pkcs1::find_message(out),
            Encryption::Oaep { hash, label } => oaep::decode(hash, label, out),
        };
        let Some(found) = found else {
            wipe(out);
            return Err(CryptoError::Verification);
        };
        extract(&found, out)
    }

    /// Signs a digest over all of `out`.
    ///
    /// [`CryptoError::DataLength`] when the digest is not one of the scheme's hash, when it does not fit the
    /// modulus, and when `out` has not the modulus's length. [`CryptoError::Corruption`] as
    /// [`apply`](Self::apply). `out` is zeros after an error.
    pub fn sign(
        &self,
        scheme: SignatureScheme,
        digest: &[u8],
        drbg: &mut Drbg,
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        if out.len() != self.size.modulus_len() || digest.len() != scheme.hash().digest_len() {
            return Err(CryptoError::DataLength);
        }
        let signed = encode_digest(scheme, digest, drbg, out).and_then(|()| self.apply(out, drbg));
        if signed.is_err() {
            wipe(out);
        }
        signed
    }
}

fn encode_message(
    scheme: Encryption<'_>,
    message: &[u8],
    drbg: &mut Drbg,
    out: &mut [u8],
) -> Result<(), CryptoError> {
    match scheme {
        Encryption::Null => {
            out.fill(0);
            let zeros = out.len().checked_sub(message.len());
            let place = zeros.and_then(|zeros| out.get_mut(zeros..));
            place
                .ok_or(CryptoError::DataLength)?
                .copy_from_slice(message);
            Ok(())
        }
        Encryption::Pkcs1 => pkcs1::encode_message(message, drbg, out),
        Encryption::Oaep { hash, label } => {
            let seed = drbg.secret::<MAX_DIGEST_LEN>();
            seed.expose(|seed| {
                let seed = seed.get(..hash.digest_len()).unwrap_or(seed);
                oaep::encode(hash, label, message, seed, out)
            })
        }
    }
}

fn encode_digest(
    scheme: SignatureScheme,
    digest: &[u8],
    drbg: &mut Drbg,
    out: &mut [u8],
) -> Result<(), CryptoError> {
    match scheme {
        SignatureScheme::Pkcs1 { hash } => pkcs1::encode_digest(hash, digest, out),
        SignatureScheme::Pss { hash, salt } => {
            let len = salt
                .signing(hash, out.len())
                .ok_or(CryptoError::DataLength)?;
            let salt = random_bytes(drbg, len);
            pss::encode(hash, digest, salt.get(..len).unwrap_or(&[]), out)
        }
    }
}

/// Encodes again and compares, which leaves a forger no freedom.
fn same_encoding(hash: HashAlgorithm, digest: &[u8], opened: &[u8]) -> Result<(), CryptoError> {
    with_buffer(|expected| {
        let expected = expected
            .get_mut(..opened.len())
            .ok_or(CryptoError::Verification)?;
        pkcs1::encode_digest(hash, digest, expected).map_err(|_| CryptoError::Verification)?;
        if ct_eq(expected, opened) {
            Ok(())
        } else {
            Err(CryptoError::Verification)
        }
    })
}

/// Moves the message to the front, or leaves zeros. Up to the answer nothing depends on the place or on
/// whether there is one.
fn extract(found: &Found, bytes: &mut [u8]) -> Result<usize, CryptoError> {
    for place in 0..MAX_MODULUS_LEN.ilog2() {
        let distance = 1usize << place;
        let shift = Choice::from(((found.start >> place) & 1) as u8);
        shift_left(bytes, distance, shift);
    }
    for byte in bytes.iter_mut() {
        *byte = u8::conditional_select(&0, byte, found.is_right);
    }
    if bool::from(found.is_right) {
        let start = found.start as usize;
        let len = bytes.len().saturating_sub(start);
        wipe(bytes.get_mut(len..).unwrap_or(&mut []));
        Ok(len)
    } else {
        Err(CryptoError::Verification)
    }
}

/// Moves all bytes to the front by `distance`, or leaves them.
fn shift_left(bytes: &mut [u8], distance: usize, shift: Choice) {
    let mut window = [0u8; MAX_MODULUS_LEN];
    copy_prefix(&mut window, bytes);
    let moved = window.iter().skip(distance).chain(core::iter::repeat(&0));
    for (to, from) in bytes.iter_mut().zip(moved) {
        to.conditional_assign(from, shift);
    }
    wipe(&mut window);
}
