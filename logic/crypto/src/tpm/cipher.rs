//! AES and SM4 in the modes of a TPM (SP 800-38A): ECB, CBC, CFB with whole blocks, CTR, OFB.
//!
//! The initialisation vector goes in and the next one comes out, so that a message encrypted in several calls,
//! split where blocks end, is the same as in one. No mode authenticates anything.
//!
//! SM4 (GB/T 32907) comes with the feature `tpm-sm`. Its library looks bytes up in a table of 256: where an attacker
//! shares the processor's cache, the time that takes may depend on the key. AES does not do that.
//!
//! CFB, and AES with keys of 16 bytes, are in every build; the other modes and lengths come with the feature `tpm-modes`.

#[cfg_attr(not(feature = "tpm-modes"), path = "cipher/modes_none.rs")]
mod modes;

use crate::aead::aes::{BLOCK_LEN as AES_BLOCK_LEN, Block, xor};
use crate::bytes::copy_prefix;
use crate::{CryptoError, Secret};
use modes::Aes;

/// Length of a block and of an initialisation vector, in bytes.
pub const BLOCK_LEN: usize = AES_BLOCK_LEN;

/// The longest key, in bytes.
pub const MAX_KEY_LEN: usize = 32;

/// A block cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CipherAlgorithm {
    /// AES, with keys of 16 bytes; of 24 or 32, too, with the feature `tpm-modes`.
    Aes,
    /// SM4, with keys of 16 bytes.
    Sm4,
}

impl CipherAlgorithm {
    /// Both, in the order of their TPM_ALG_ID.
    pub const ALL: [Self; 2] = [Self::Aes, Self::Sm4];

    /// Whether this build has it.
    pub const fn is_built(self) -> bool {
        match self {
            Self::Aes => true,
            Self::Sm4 => cfg!(feature = "tpm-sm"),
        }
    }
}

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

/// A key of a block cipher. Wiped when dropped.
pub struct Cipher {
    encryptor: Encryptor,
    /// For the two modes that decrypt blocks, which expand it again, and for saved states.
    key: Secret<MAX_KEY_LEN>,
    key_len: usize,
}

impl Cipher {
    /// Expands a key.
    ///
    /// [`CryptoError::KeyLength`] for one that the cipher does not have, [`CryptoError::InvalidKey`] for a cipher that is
    /// not built.
    pub fn new(algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self, CryptoError> {
        let encryptor = match algorithm {
            CipherAlgorithm::Aes => Encryptor::Aes(Aes::new(key)?),
            #[cfg(feature = "tpm-sm")]
            CipherAlgorithm::Sm4 => {
                let expanded = aes::cipher::KeyInit::new_from_slice(key);
                Encryptor::Sm4(expanded.map_err(|_| CryptoError::KeyLength)?)
            }
            #[cfg(not(feature = "tpm-sm"))]
            CipherAlgorithm::Sm4 => return Err(CryptoError::InvalidKey),
        };
        let mut copy = Secret::zeroed();
        copy.expose_mut(|copy: &mut [u8; MAX_KEY_LEN]| copy_prefix(copy, key));
        Ok(Self {
            encryptor,
            key: copy,
            key_len: key.len(),
        })
    }

    /// The cipher that it is a key of.
    pub fn algorithm(&self) -> CipherAlgorithm {
        match self.encryptor {
            Encryptor::Aes(_) => CipherAlgorithm::Aes,
            #[cfg(feature = "tpm-sm")]
            Encryptor::Sm4(_) => CipherAlgorithm::Sm4,
        }
    }

    /// Lets `f` read the key.
    pub(super) fn expose_key<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.key
            .expose(|key| f(key.get(..self.key_len).unwrap_or(key)))
    }

    /// Encrypts one block.
    pub(super) fn encrypt_block(&self, block: &mut Block) {
        match &self.encryptor {
            Encryptor::Aes(cipher) => cipher.encrypt_single(block),
            #[cfg(feature = "tpm-sm")]
            Encryptor::Sm4(cipher) => {
                aes::cipher::BlockCipherEncrypt::encrypt_block(cipher, block.into());
            }
        }
    }

    /// Encrypts in place, and leaves in `iv` what the next call continues with.
    ///
    /// A partial last block ends a message: for CFB `iv` is then its ciphertext and zeros, for CTR the counter
    /// after it, for OFB its key-stream block. ECB does not touch `iv`. [`CryptoError::DataLength`] for ECB
    /// and CBC when the data are no whole blocks, [`CryptoError::InvalidKey`] for a mode that is not built; nothing has
    /// changed then.
    pub fn encrypt(
        &self,
        mode: Mode,
        iv: &mut [u8; BLOCK_LEN],
        data: &mut [u8],
    ) -> Result<(), CryptoError> {
        if mode != Mode::Cfb {
            return self.encrypt_otherwise(mode, iv, data);
        }
        for part in data.chunks_mut(BLOCK_LEN) {
            self.encrypt_block(iv);
            xor(part, iv);
            *iv = padded(part);
        }
        Ok(())
    }

    /// Decrypts in place, otherwise as [`encrypt`](Self::encrypt).
    pub fn decrypt(
        &self,
        mode: Mode,
        iv: &mut [u8; BLOCK_LEN],
        data: &mut [u8],
    ) -> Result<(), CryptoError> {
        if mode != Mode::Cfb {
            return self.decrypt_otherwise(mode, iv, data);
        }
        for part in data.chunks_mut(BLOCK_LEN) {
            let ciphertext = padded(part);
            self.encrypt_block(iv);
            xor(part, iv);
            *iv = ciphertext;
        }
        Ok(())
    }
}

/// The encrypting direction of a cipher.
enum Encryptor {
    Aes(Aes),
    #[cfg(feature = "tpm-sm")]
    Sm4(sm4::Sm4),
}

/// At most a block, with zeros behind.
fn padded(part: &[u8]) -> Block {
    let mut block = [0; BLOCK_LEN];
    copy_prefix(&mut block, part);
    block
}
