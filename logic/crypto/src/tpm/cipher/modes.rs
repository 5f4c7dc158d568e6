//! The other modes, which decrypt blocks, and all lengths of key of AES.

use aes::cipher::{BlockCipherDecrypt, KeyInit};
use zeroize::Zeroize;

use super::{BLOCK_LEN, Cipher, Encryptor, Mode};
use crate::CryptoError;
use crate::aead::aes::{Block, xor};

pub(super) use crate::aead::aes::Aes;

impl Cipher {
    pub(super) fn encrypt_otherwise(
        &self,
        mode: Mode,
        iv: &mut Block,
        data: &mut [u8],
    ) -> Result<(), CryptoError> {
        match mode {
            Mode::Ecb => each_block(data, |block| self.encrypt_block(block)),
            Mode::Cbc => each_block(data, |block| {
                xor(iv, block);
                self.encrypt_block(iv);
                *block = *iv;
            }),
            Mode::Cfb => self.encrypt(mode, iv, data),
            Mode::Ctr => key_stream(data, iv, |stream, iv| {
                *stream = *iv;
                self.encrypt_block(stream);
                *iv = u128::from_be_bytes(*iv).wrapping_add(1).to_be_bytes();
            }),
            Mode::Ofb => key_stream(data, iv, |stream, iv| {
                self.encrypt_block(iv);
                *stream = *iv;
            }),
        }
    }

    pub(super) fn decrypt_otherwise(
        &self,
        mode: Mode,
        iv: &mut Block,
        data: &mut [u8],
    ) -> Result<(), CryptoError> {
        match mode {
            Mode::Ecb => {
                let decryptor = self.decryptor()?;
                each_block(data, |block| decryptor.decrypt(block))
            }
            Mode::Cbc => {
                let decryptor = self.decryptor()?;
                each_block(data, |block| {
                    let ciphertext = *block;
                    decryptor.decrypt(block);
                    xor(block, iv);
                    *iv = ciphertext;
                })
            }
            Mode::Cfb => self.decrypt(mode, iv, data),
            Mode::Ctr | Mode::Ofb => self.encrypt_otherwise(mode, iv, data),
        }
    }

    fn decryptor(&self) -> Result<Decryptor<'_>, CryptoError> {
        match &self.encryptor {
            Encryptor::Aes(_) => self.expose_key(aes_decryptor),
            #[cfg(feature = "tpm-sm")]
            Encryptor::Sm4(cipher) => Ok(Decryptor::Sm4(cipher)),
        }
    }
}

fn each_block(data: &mut [u8], mut each: impl FnMut(&mut Block)) -> Result<(), CryptoError> {
    let (blocks, []) = data.as_chunks_mut::<BLOCK_LEN>() else {
        return Err(CryptoError::DataLength);
    };
    for block in blocks {
        each(block);
    }
    Ok(())
}

fn key_stream(
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

/// The decrypting direction. SM4's is the same key.
enum Decryptor<'a> {
    Aes128(aes::Aes128Dec),
    Aes192(aes::Aes192Dec),
    Aes256(aes::Aes256Dec),
    #[cfg(feature = "tpm-sm")]
    Sm4(&'a sm4::Sm4),
    #[cfg(not(feature = "tpm-sm"))]
    #[expect(dead_code, reason = "gives the lifetime a place")]
    Never(&'a core::convert::Infallible),
}

fn aes_decryptor(key: &[u8]) -> Result<Decryptor<'static>, CryptoError> {
    match key.len() {
        16 => aes::Aes128Dec::new_from_slice(key).map(Decryptor::Aes128),
        24 => aes::Aes192Dec::new_from_slice(key).map(Decryptor::Aes192),
        _ => aes::Aes256Dec::new_from_slice(key).map(Decryptor::Aes256),
    }
    .map_err(|_| CryptoError::KeyLength)
}

impl Decryptor<'_> {
    fn decrypt(&self, block: &mut Block) {
        let block = block.into();
        match self {
            Self::Aes128(cipher) => cipher.decrypt_block(block),
            Self::Aes192(cipher) => cipher.decrypt_block(block),
            Self::Aes256(cipher) => cipher.decrypt_block(block),
            #[cfg(feature = "tpm-sm")]
            Self::Sm4(cipher) => cipher.decrypt_block(block),
            #[cfg(not(feature = "tpm-sm"))]
            Self::Never(never) => match **never {},
        }
    }
}
