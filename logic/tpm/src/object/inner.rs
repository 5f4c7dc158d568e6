//! The inner wrapping of duplicates.

use super::protect::Plain;
use crate::rc::{Rc, Result};
use crate::structures::{DigestBytes, SymDefObject};
use crate::wire::{Input, SecretBytes};
use ironroot_crypto::tpm::cipher::{BLOCK_LEN, MAX_KEY_LEN, Mode};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest_parts};

/// The inner wrapping of a duplicate (Part 1, section 23.3.2.2): a digest over area and name, encrypted with both.
pub(crate) struct Inner {
    hash: HashAlgorithm,
    symmetric: SymDefObject,
    key: SecretBytes<MAX_KEY_LEN>,
}

impl Inner {
    /// Under that key; `hash` is the object's name algorithm.
    ///
    /// # Errors
    /// `SIZE`: the key is not one of that cipher.
    pub(crate) fn new(hash: HashAlgorithm, symmetric: SymDefObject, key: &[u8]) -> Result<Self> {
        match key.len() == symmetric.key_len() {
            true => Ok(Self {
                hash,
                symmetric,
                key: SecretBytes::new(key).ok_or(Rc::SIZE)?,
            }),
            false => Err(Rc::SIZE),
        }
    }

    /// Wraps.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn wrap(&self, name: &[u8], plain: &Plain) -> Result<Plain> {
        let mut whole = plain.expose(|area| {
            let integrity = digest_parts(self.hash, &[area, name]);
            Plain::written(|out| {
                out.sized(integrity.as_slice())?;
                out.raw(area)
            })
        })?;
        let cipher = self.key.expose(|key| self.symmetric.cipher(key))?;
        whole
            .expose_mut(|data| cipher.encrypt(Mode::Cfb, &mut [0; BLOCK_LEN], data))
            .map_err(|_| Rc::FAILURE)?;
        Ok(whole)
    }

    /// Checks and unwraps.
    ///
    /// # Errors
    /// `INTEGRITY`; `SIZE`, `INSUFFICIENT`: it is malformed.
    pub(crate) fn unwrap(&self, name: &[u8], mut whole: Plain) -> Result<Plain> {
        let cipher = self.key.expose(|key| self.symmetric.cipher(key))?;
        whole
            .expose_mut(|data| cipher.decrypt(Mode::Cfb, &mut [0; BLOCK_LEN], data))
            .map_err(|_| Rc::FAILURE)?;
        whole.expose(|data| {
            let mut input = Input::new(data);
            let integrity: DigestBytes = input.get()?;
            let expected = digest_parts(self.hash, &[input.rest(), name]);
            match ironroot_crypto::ct_eq(expected.as_slice(), integrity.as_slice()) {
                true => Plain::new(input.rest()).ok_or(Rc::SIZE),
                false => Err(Rc::INTEGRITY),
            }
        })
    }
}
