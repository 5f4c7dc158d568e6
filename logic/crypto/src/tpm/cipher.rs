//! AES in the modes of a TPM (SP 800-38A): ECB, CBC, CFB with whole blocks, CTR, OFB.
//!
//! The initialisation vector goes in and the next one comes out, so that a message encrypted in several calls,
//! split where blocks end, is the same as in one. No mode authenticates anything.

use aes::cipher::{BlockCipherDecrypt, KeyInit};
use zeroize::Zeroize;

use crate::aead::aes::{Aes as Encryptor, BLOCK_LEN as AES_BLOCK_LEN, Block, xor};
use crate::bytes::copy_prefix;
use crate::{CryptoError, Secret};

/// Length of a block and of an initialisation vector, in bytes.
pub const BLOCK_LEN: usize = AES_BLOCK_LEN;

const MAX_KEY_LEN: usize = 32;

/// A mode of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Each block by itself. Takes whole blocks only.
    Ecb,
    /// Cipher block chaining. Takes whole blocks only.
    Cbc,
    /// Cipher feedback of whole blocks (CFB128).
    Cfb,
    /// A key stream from a counter of 128 bits.
    Ctr,
    /// A key stream from output feedback.
    Ofb,
}

/// A key of AES-128, AES-192 or AES-256. Wiped when dropped.
pub struct Aes {
    encryptor: Encryptor,
    /// For the two modes that decrypt blocks; they expand it again.
    key: Secret<MAX_KEY_LEN>,
    key_len: usize,
}

impl Aes {
    /// Expands a key of 16, 24 or 32 bytes; [`CryptoError::KeyLength`] for others.
    pub fn new(key: &[u8]) -> Result<Self, CryptoError> {
        let encryptor = Encryptor::new(key)?;
        let mut copy = Secret::zeroed();
        copy.expose_mut(|copy: &mut [u8; MAX_KEY_LEN]| copy_prefix(copy, key));
        Ok(Self {
            encryptor,
            key: copy,
            key_len: key.len(),
        })
    }

    /// Encrypts in place, and leaves in `iv` what the next call continues with.
    ///
    /// A partial last block ends a message: for CFB `iv` is then its ciphertext and zeros, for CTR the counter
    /// after it, for OFB its key-stream block. ECB does not touch `iv`. [`CryptoError::DataLength`] for ECB
    /// and CBC when the data are no whole blocks; nothing has changed then.
    pub fn encrypt(
        &self,
        mode: Mode,
        iv: &mut [u8; BLOCK_LEN],
        data: &mut [u8],
    ) -> Result<(), CryptoError> {
        match mode {
            Mode::Ecb => self.each_block(data, |block| self.encryptor.encrypt_single(block)),
            Mode::Cbc => self.each_block(data, |block| {
                xor(iv, block);
                self.encryptor.encrypt_single(iv);
                *block = *iv;
            }),
            Mode::Cfb => {
                for part in data.chunks_mut(BLOCK_LEN) {
                    self.encryptor.encrypt_single(iv);
                    xor(part, iv);
                    *iv = padded(part);
                }
                Ok(())
            }
            Mode::Ctr => self.key_stream(data, iv, |stream, iv| {
                *stream = *iv;
                self.encryptor.encrypt_single(stream);
                *iv = u128::from_be_bytes(*iv).wrapping_add(1).to_be_bytes();
            }),
            Mode::Ofb => self.key_stream(data, iv, |stream, iv| {
                self.encryptor.encrypt_single(iv);
                *stream = *iv;
            }),
        }
    }

    /// Decrypts in place, otherwise as [`encrypt`](Self::encrypt).
    pub fn decrypt(
        &self,
        mode: Mode,
        iv: &mut [u8; BLOCK_LEN],
        data: &mut [u8],
    ) -> Result<(), CryptoError> {
        match mode {
            Mode::Ecb => {
                let decryptor = self.decryptor()?;
                self.each_block(data, |block| decryptor.decrypt(block))
            }
            Mode::Cbc => {
                let decryptor = self.decryptor()?;
                self.each_block(data, |block| {
                    let ciphertext = *block;
                    decryptor.decrypt(block);
                    xor(block, iv);
                    *iv = ciphertext;
                })
            }
            Mode::Cfb => {
                for part in data.chunks_mut(BLOCK_LEN) {
                    let ciphertext = padded(part);
                    self.encryptor.encrypt_single(iv);
                    xor(part, iv);
                    *iv = ciphertext;
                }
                Ok(())
            }
            Mode::Ctr | Mode::Ofb => self.encrypt(mode, iv, data),
        }
    }

    fn each_block(
        &self,
        data: &mut [u8],
        mut each: impl FnMut(&mut Block),
    ) -> Result<(), CryptoError> {
        let (blocks, []) = data.as_chunks_mut::<BLOCK_LEN>() else {
            return Err(CryptoError::DataLength);
        };
        for block in blocks {
            each(block);
        }
        Ok(())
    }

    fn key_stream(
        &self,
        data: &mut [u8],
        iv: &mut Block,
        mut next: impl FnMut(&mut Block, &mut Block),
    ) -> Result<(), CryptoError> {
        let mut stream = [0; BLOCK_LEN];
        for part in data.chunks_mut(BLOCK_LEN) {
            next(&mut stream, iv);
            xor(part, &stream);
        }
        stream.zeroize();
        Ok(())
    }

    fn decryptor(&self) -> Result<Decryptor, CryptoError> {
        self.key
            .expose(|key| match self.key_len {
                16 => aes::Aes128Dec::new_from_slice(key.get(..16).unwrap_or(key))
                    .map(Decryptor::Aes128),
                24 => aes::Aes192Dec::new_from_slice(key.get(..24).unwrap_or(key))
                    .map(Decryptor::Aes192),
                _ => aes::Aes256Dec::new_from_slice(key).map(Decryptor::Aes256),
            })
            .map_err(|_| CryptoError::KeyLength)
    }
}

/// The decrypting direction of AES.
enum Decryptor {
    Aes128(aes::Aes128Dec),
    Aes192(aes::Aes192Dec),
    Aes256(aes::Aes256Dec),
}

impl Decryptor {
    fn decrypt(&self, block: &mut Block) {
        let block = block.into();
        match self {
            Self::Aes128(cipher) => cipher.decrypt_block(block),
            Self::Aes192(cipher) => cipher.decrypt_block(block),
            Self::Aes256(cipher) => cipher.decrypt_block(block),
        }
    }
}

/// At most a block, with zeros behind.
fn padded(part: &[u8]) -> Block {
    let mut block = [0; BLOCK_LEN];
    copy_prefix(&mut block, part);
    block
}
