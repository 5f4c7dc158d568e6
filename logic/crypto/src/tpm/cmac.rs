//! CMAC (SP 800-38B, RFC 4493) over AES and SM4, whose running state can be saved.
//!
//! A saved state holds the key: it belongs into the encrypted part of a context.

use zeroize::Zeroize;

use super::cipher::{BLOCK_LEN, Cipher, CipherAlgorithm, MAX_KEY_LEN};
use super::hash::Digest;
use crate::aead::aes::{Block, xor};
use crate::bytes::copy_prefix;
use crate::{CryptoError, ct_eq};

/// Length of a MAC in bytes.
pub const CMAC_LEN: usize = BLOCK_LEN;

/// Room for a saved state, in bytes.
pub const CMAC_STATE_LEN: usize = 3 + MAX_KEY_LEN + 2 * BLOCK_LEN;

/// What doubling adds when a bit falls out: x^7 + x^2 + x + 1, of the polynomial for blocks of 128 bits.
const REDUCTION: u128 = 0x87;

/// A CMAC being computed. Wiped when dropped.
pub struct Cmac {
    cipher: Cipher,
    /// The MAC of all whole blocks so far but the last.
    chain: Block,
    /// The last block; how it counts is only known at the end.
    last: Block,
    last_len: usize,
}

impl Cmac {
    /// Starts a MAC. Errors as [`Cipher::new`].
    pub fn new(algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self {
            cipher: Cipher::new(algorithm, key)?,
            chain: [0; BLOCK_LEN],
            last: [0; BLOCK_LEN],
            last_len: 0,
        })
    }

    /// The cipher it was started with.
    pub fn algorithm(&self) -> CipherAlgorithm {
        self.cipher.algorithm()
    }

    /// Adds input.
    pub fn update(&mut self, data: &[u8]) {
        for byte in data {
            if self.last_len >= BLOCK_LEN {
                xor(&mut self.chain, &self.last);
                self.cipher.encrypt_block(&mut self.chain);
                self.last_len = 0;
            }
            if let Some(place) = self.last.get_mut(self.last_len) {
                *place = *byte;
                self.last_len = self.last_len.saturating_add(1);
            }
        }
    }

    /// Ends the MAC.
    pub fn finish(mut self) -> Digest {
        let mut subkey = [0; BLOCK_LEN];
        self.cipher.encrypt_block(&mut subkey);
        double(&mut subkey);
        if self.last_len < BLOCK_LEN {
            double(&mut subkey);
            let (_, padding) = self
                .last
                .split_at_mut_checked(self.last_len)
                .unwrap_or_default();
            padding.fill(0);
            if let Some(first) = padding.first_mut() {
                *first = 0x80;
            }
        }
        xor(&mut self.chain, &self.last);
        xor(&mut self.chain, &subkey);
        subkey.zeroize();
        self.cipher.encrypt_block(&mut self.chain);
        Digest::from_bytes(&self.chain)
    }

    /// Ends the MAC and compares it in constant time with the whole `expected` value.
    ///
    /// [`CryptoError::Verification`] when it differs, in length too.
    pub fn verify(self, expected: &[u8]) -> Result<(), CryptoError> {
        let mut actual = self.finish();
        let equal = ct_eq(actual.as_slice(), expected);
        actual.wipe();
        match equal {
            true => Ok(()),
            false => Err(CryptoError::Verification),
        }
    }

    /// Writes the running state with the key, and gives the number of bytes used.
    pub fn save(&self, out: &mut [u8; CMAC_STATE_LEN]) -> usize {
        out.fill(0);
        let (head, rest) = out.split_at_mut(3);
        let algorithm = match self.algorithm() {
            CipherAlgorithm::Aes => 1,
            CipherAlgorithm::Sm4 => 2,
        };
        // Neither is longer than a byte says.
        let key_len = u8::try_from(self.cipher.expose_key(<[u8]>::len)).unwrap_or_default();
        let last_len = u8::try_from(self.last_len).unwrap_or_default();
        copy_prefix(head, &[algorithm, key_len, last_len]);
        let (key, rest) = rest.split_at_mut(MAX_KEY_LEN);
        self.cipher.expose_key(|bytes| copy_prefix(key, bytes));
        let (chain, last) = rest.split_at_mut(BLOCK_LEN);
        copy_prefix(chain, &self.chain);
        copy_prefix(last, &self.last);
        CMAC_STATE_LEN
    }

    /// Takes up a MAC where [`save`](Self::save) left it.
    ///
    /// [`CryptoError::Encoding`] for bytes that are no saved state. That they are the right one is for the
    /// caller's MAC to say.
    pub fn restore(saved: &[u8]) -> Result<Self, CryptoError> {
        let saved: &[u8; CMAC_STATE_LEN] = saved.try_into().map_err(|_| CryptoError::Encoding)?;
        let ([algorithm, key_len, last_len], rest) = saved
            .split_first_chunk::<3>()
            .ok_or(CryptoError::Encoding)?;
        let algorithm = match algorithm {
            1 => CipherAlgorithm::Aes,
            2 => CipherAlgorithm::Sm4,
            _ => return Err(CryptoError::Encoding),
        };
        let (key, rest) = rest
            .split_first_chunk::<MAX_KEY_LEN>()
            .ok_or(CryptoError::Encoding)?;
        let (chain, rest) = rest
            .split_first_chunk::<BLOCK_LEN>()
            .ok_or(CryptoError::Encoding)?;
        let last = rest.first_chunk().ok_or(CryptoError::Encoding)?;
        let key = key
            .get(..usize::from(*key_len))
            .ok_or(CryptoError::Encoding)?;
        let mut cmac = Self::new(algorithm, key).map_err(|_| CryptoError::Encoding)?;
        cmac.last_len = usize::from(*last_len);
        if cmac.last_len > BLOCK_LEN {
            return Err(CryptoError::Encoding);
        }
        (cmac.chain, cmac.last) = (*chain, *last);
        Ok(cmac)
    }
}

impl Drop for Cmac {
    fn drop(&mut self) {
        self.chain.zeroize();
        self.last.zeroize();
    }
}

/// The MAC of byte strings as if they were one. Errors as [`Cipher::new`].
pub fn cmac(
    algorithm: CipherAlgorithm,
    key: &[u8],
    parts: &[&[u8]],
) -> Result<Digest, CryptoError> {
    let mut mac = Cmac::new(algorithm, key)?;
    for part in parts {
        mac.update(part);
    }
    Ok(mac.finish())
}

/// Multiplies by x in the field of 2^128 elements, whatever the bit that falls out.
fn double(block: &mut Block) {
    let number = u128::from_be_bytes(*block);
    let carry = 0u128.wrapping_sub(number >> 127);
    *block = (number << 1 ^ carry & REDUCTION).to_be_bytes();
}
