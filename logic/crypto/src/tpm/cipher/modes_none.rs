//! CFB alone, and AES-128 alone.

use aes::cipher::{BlockCipherEncrypt, KeyInit};

use super::{Cipher, Mode};
use crate::CryptoError;
use crate::aead::aes::Block;

/// A key of AES-128, expanded.
pub(super) struct Aes(aes::Aes128Enc);

impl Aes {
    /// [`CryptoError::KeyLength`] for other than 16 bytes.
    pub(super) fn new(key: &[u8]) -> Result<Self, CryptoError> {
        let expanded = aes::Aes128Enc::new_from_slice(key);
        expanded.map(Self).map_err(|_| CryptoError::KeyLength)
    }

    pub(super) fn encrypt_single(&self, block: &mut Block) {
        self.0.encrypt_block(block.into());
    }
}

impl Cipher {
    pub(super) fn encrypt_otherwise(
        &self,
        _: Mode,
        _: &mut Block,
        _: &mut [u8],
    ) -> Result<(), CryptoError> {
        Err(CryptoError::InvalidKey)
    }

    pub(super) fn decrypt_otherwise(
        &self,
        _: Mode,
        _: &mut Block,
        _: &mut [u8],
    ) -> Result<(), CryptoError> {
        Err(CryptoError::InvalidKey)
    }
}
