//! Where the numbers of a new key come from: 64 secret bytes, and what follows from them.
//!
//! TPM2_Create draws the 64 bytes, TPM2_CreatePrimary derives them from the hierarchy's seed and the template;
//! from there on both go the same way (an ordinary RSA key may take spare primes besides).
//! `docs/decisions/0012-keys-from-seeds.md` says it precisely, for a second implementation, and
//! `tests/tpm/derivation.py` is one. Changing anything here changes every primary key; there must be another
//! derivation id then, and the old one must stay.

use super::ec::{Curve, EcScalar, MAX_EXTRA_BITS_LEN};
use super::hash::{HashAlgorithm, hmac};
use super::kdf::kdfa_parts;
#[cfg(feature = "tpm-rsa")]
use super::rsa::{RsaSearch, RsaSize};
use crate::bytes::copy_prefix;
use crate::drbg::Drbg;
use crate::{CryptoError, Secret};
use zeroize::Zeroize;

/// The number of the derivation described here. A stored seed names the derivation that it is for.
pub const DERIVATION_ID: u8 = 1;

/// Length of the secret from which a key follows, in bytes.
pub const KEY_SOURCE_LEN: usize = 64;

/// What all derivations are keyed with, from hash to label.
const HASH: HashAlgorithm = HashAlgorithm::Sha512;

/// What a derived byte string is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The key of a symmetric cipher object.
    SymmetricKey,
    /// The key of a keyed-hash object.
    KeyedHashKey,
    /// The seed value of a sensitive area: obfuscation, or the seed of a storage key's children.
    SeedValue,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::SymmetricKey => b"SYMMETRIC",
            Self::KeyedHashKey => b"KEYEDHASH",
            Self::SeedValue => b"SEED",
        }
    }
}

/// The secret from which all numbers of one new key follow. Wiped when dropped.
pub struct KeySource {
    secret: Secret<KEY_SOURCE_LEN>,
}

impl KeySource {
    /// For a primary key: from the hierarchy's seed, the hierarchy's handle, the template (a TPMT_PUBLIC as it was
    /// given, its unique field included) and the caller's sensitive data.
    ///
    /// HMAC-SHA-512 under the seed, of "IRONROOT PRIMARY 1", a zero byte, the handle, the template's length (both
    /// as 32 bits), the template, and the data.
    pub fn derived(seed: &[u8], hierarchy: u32, template: &[u8], data: &[u8]) -> Self {
        // A template of 4 GiB fits no TPM.
        let template_len = u32::try_from(template.len()).unwrap_or(u32::MAX);
        let parts = [
            b"IRONROOT PRIMARY 1\0".as_slice(),
            &hierarchy.to_be_bytes(),
            &template_len.to_be_bytes(),
            template,
            data,
        ];
        let mut digest = hmac(HASH, seed, &parts);
        let mut secret = Secret::zeroed();
        secret.expose_mut(|secret| copy_prefix(secret, digest.as_slice()));
        digest.zeroize();
        Self { secret }
    }

    /// For an ordinary key: drawn.
    pub fn random(drbg: &mut Drbg) -> Self {
        Self {
            secret: drbg.secret(),
        }
    }

    /// From the bytes of another, which [`to_bytes`](Self::to_bytes) gave.
    pub fn from_bytes(bytes: &Secret<KEY_SOURCE_LEN>) -> Self {
        Self {
            secret: bytes.expose(|bytes| Secret::new(*bytes)),
        }
    }

    /// Its bytes, to be kept while a command is suspended.
    pub fn to_bytes(&self) -> Secret<KEY_SOURCE_LEN> {
        self.secret.expose(|bytes| Secret::new(*bytes))
    }

    /// A search for an RSA key.
    ///
    /// [`CryptoError::InvalidKey`] for an exponent that is even or not above 2^16; 0 stands for 65537.
    #[cfg(feature = "tpm-rsa")]
    pub fn rsa_search(&self, size: RsaSize, exponent: u32) -> Result<RsaSearch, CryptoError> {
        RsaSearch::new(self, size, exponent)
    }

    /// A private key on a curve.
    ///
    /// [`CryptoError::InvalidKey`] for a curve that is not built.
    pub fn ec_scalar(&self, curve: Curve) -> Result<EcScalar, CryptoError> {
        if !curve.is_built() {
            return Err(CryptoError::InvalidKey);
        }
        let mut bytes = Secret::<MAX_EXTRA_BITS_LEN>::zeroed();
        bytes.expose_mut(|bytes| {
            let bytes = bytes
                .get_mut(..curve.extra_bits_len())
                .ok_or(CryptoError::InvalidKey)?;
            self.draw(b"EC SCALAR", 0, bytes);
            EcScalar::from_extra_bits(curve, bytes)
        })
    }

    /// Secret bytes for a purpose.
    pub fn fill(&self, purpose: Purpose, out: &mut [u8]) {
        self.draw(purpose.label(), 0, out);
    }

    /// KDFa with SHA-512 under the secret: a label, an index as contextU, no contextV, and as many bits as wanted.
    pub(super) fn draw(&self, label: &[u8], index: u32, out: &mut [u8]) {
        self.secret.expose(|secret| {
            kdfa_parts(HASH, secret, label, &[&index.to_be_bytes()], out);
        });
    }
}
