//! How secrets leave the TPM and come back (Part 1, section 22; credentials: section 24).
//!
//! ```text
//! integrity (TPM2B)  [IV (TPM2B)]  ciphertext
//! HMAC over all that follows, and the name        CFB
//! ```
//! Both keys follow from one seed: a parent's own for its children, one agreed upon for duplicates and credentials.
//! The name of the object goes into key and HMAC, so nothing can be put in the place of something else.

use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::structures::{DigestBytes, MAX_SENSITIVE_AREA, Public, Sensitive, SymDefObject};
use crate::wire::{Bytes, Input, Output, SecretBytes};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::cipher::{BLOCK_LEN, Cipher, MAX_KEY_LEN, Mode};
use ironroot_crypto::tpm::hash::{Digest, HashAlgorithm, hmac};
use ironroot_crypto::tpm::kdf::kdfa;

/// A sized digest.
const SIZED_DIGEST: usize = 2 + MAX_DIGEST;
/// The longest `TPM2B_PRIVATE`, without its size: outer integrity, IV, inner integrity, sensitive area.
pub(crate) const MAX_PRIVATE: usize =
    SIZED_DIGEST + 2 + BLOCK_LEN + SIZED_DIGEST + 2 + MAX_SENSITIVE_AREA;
/// The longest `TPM2B_ID_OBJECT`, without its size.
pub(crate) const MAX_ID_OBJECT: usize = SIZED_DIGEST + SIZED_DIGEST;

/// What is inside a wrapping.
pub(crate) type Plain = SecretBytes<MAX_PRIVATE>;
/// A seed that keys follow from.
pub(crate) type Seed = SecretBytes<MAX_DIGEST>;

/// What protects: algorithms of a parent, and a seed.
pub(crate) struct Protector {
    hash: HashAlgorithm,
    symmetric: SymDefObject,
    seed: Seed,
}

impl Protector {
    /// With the algorithms of that key. `None`: it is not one that protects.
    pub(crate) fn of(public: &Public, seed: Seed) -> Option<Self> {
        Some(Self {
            hash: public.name_alg?,
            symmetric: public.parameters.symmetric()?,
            seed,
        })
    }

    /// Encrypts `plain` and writes the whole.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn wrap(
        &self,
        name: &[u8],
        iv: Option<[u8; BLOCK_LEN]>,
        mut plain: Plain,
        out: &mut Output<'_>,
    ) -> Result<()> {
        let mut chain = iv.unwrap_or_default();
        plain.expose_mut(|data| {
            self.cipher(name)?
                .encrypt(Mode::Cfb, &mut chain, data)
                .map_err(|_| Rc::FAILURE)
        })?;
        let sized_iv = sized_iv(iv);
        let integrity = plain.expose(|data| self.integrity(&[sized_iv.as_slice(), data, name]));
        out.sized(integrity?.as_slice())?;
        out.raw(sized_iv.as_slice())?;
        plain.expose(|data| out.raw(data))
    }

    /// Checks and decrypts.
    ///
    /// # Errors
    /// `INTEGRITY`; `SIZE`, `INSUFFICIENT`, `VALUE`: it is malformed.
    pub(crate) fn unwrap(&self, name: &[u8], has_iv: bool, wrapped: &[u8]) -> Result<Plain> {
        let mut input = Input::new(wrapped);
        let integrity: DigestBytes = input.get()?;
        let expected = self.integrity(&[input.rest(), name])?;
        if !ironroot_crypto::ct_eq(expected.as_slice(), integrity.as_slice()) {
            return Err(Rc::INTEGRITY);
        }
        let mut chain = [0; BLOCK_LEN];
        if has_iv {
            let iv = input.sized(BLOCK_LEN)?;
            chain = <[u8; BLOCK_LEN]>::try_from(iv).map_err(|_| Rc::VALUE)?;
        }
        let mut plain = Plain::new(input.rest()).ok_or(Rc::SIZE)?;
        plain.expose_mut(|data| {
            self.cipher(name)?
                .decrypt(Mode::Cfb, &mut chain, data)
                .map_err(|_| Rc::FAILURE)
        })?;
        Ok(plain)
    }

    /// Protects a child's sensitive area: a `TPM2B_PRIVATE`, with its size.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn wrap_child(
        &self,
        name: &[u8],
        public: &Public,
        sensitive: &Sensitive,
        drbg: &mut Drbg,
        out: &mut Output<'_>,
    ) -> Result<()> {
        let mut iv = [0; BLOCK_LEN];
        drbg.fill(&mut iv);
        let plain = sensitive_area(public, sensitive)?;
        out.sized_with(|out| self.wrap(name, Some(iv), plain, out))
    }

    /// A child's sensitive area.
    ///
    /// # Errors
    /// As [`Protector::unwrap`]; `SENSITIVE`: what is inside is malformed.
    pub(crate) fn unwrap_child(&self, name: &[u8], wrapped: &[u8]) -> Result<Sensitive> {
        let plain = self.unwrap(name, true, wrapped)?;
        plain
            .expose(|area| Input::new(area).whole_sized())
            .map_err(|_| Rc::SENSITIVE)
    }

    /// KDFa(hash, seed, "STORAGE", name).
    fn cipher(&self, name: &[u8]) -> Result<Cipher> {
        let mut key = Secret::<MAX_KEY_LEN>::zeroed();
        key.expose_mut(|key| {
            let key = key.get_mut(..self.symmetric.key_len()).ok_or(Rc::FAILURE)?;
            self.derive(b"STORAGE", name, key)?;
            self.symmetric.cipher(key)
        })
    }

    /// HMAC under KDFa(hash, seed, "INTEGRITY").
    fn integrity(&self, parts: &[&[u8]]) -> Result<Digest> {
        let mut key = Secret::<MAX_DIGEST>::zeroed();
        key.expose_mut(|key| {
            let key = key.get_mut(..self.hash.digest_len()).ok_or(Rc::FAILURE)?;
            self.derive(b"INTEGRITY", &[], key)?;
            Ok(hmac(self.hash, key, parts))
        })
    }

    fn derive(&self, label: &[u8], context: &[u8], key: &mut [u8]) -> Result<()> {
        let bits = u32::try_from(key.len().saturating_mul(8)).map_err(|_| Rc::FAILURE)?;
        self.seed
            .expose(|seed| kdfa(self.hash, seed, label, context, &[], bits, key))
            .map_err(|_| Rc::FAILURE)
    }
}

/// A `TPM2B_SENSITIVE` whose auth value is filled up to the length of the object's digest.
///
/// # Errors
/// `FAILURE`: it does not fit.
pub(crate) fn sensitive_area(public: &Public, sensitive: &Sensitive) -> Result<Plain> {
    let auth_len = public.name_alg.map_or(0, HashAlgorithm::digest_len);
    Plain::written(|out| out.sized_with(|out| sensitive.write_padded(auth_len, out)))
}

fn sized_iv(iv: Option<[u8; BLOCK_LEN]>) -> Bytes<{ 2 + BLOCK_LEN }> {
    let mut bytes = [0; 2 + BLOCK_LEN];
    let mut out = Output::new(&mut bytes);
    match iv.map(|iv| out.sized(&iv)) {
        Some(Ok(())) => Bytes::new(out.written()).unwrap_or_default(),
        _ => Bytes::EMPTY,
    }
}
