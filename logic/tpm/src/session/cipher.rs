//! How a session encrypts the first parameter (Part 1, section 21): by a block cipher in CFB mode or by XOR with a key stream.

use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::structures::{Alg, cipher_of};
use crate::wire::{Input, Marshal, Output, SecretBytes, Unmarshal};
use ironroot_crypto::Secret;
use ironroot_crypto::tpm::cipher::{self, BLOCK_LEN, CipherAlgorithm, MAX_KEY_LEN, Mode};
use ironroot_crypto::tpm::hash::{HashAlgorithm, hmac};
use ironroot_crypto::tpm::kdf::kdfa;

/// How a saved session says SM4; of AES it says the length of the key.
const SM4: u8 = 128;

/// `TPMT_SYM_DEF` of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    /// Parameters cannot be encrypted.
    None,
    /// XOR with a key stream of KDFa, by the session's hash.
    Xor,
    /// A block cipher in CFB mode.
    Cfb {
        /// The cipher.
        algorithm: CipherAlgorithm,
        /// Bytes of the key: 16, 24 or 32.
        key_len: u8,
    },
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// For the caller.
    Encrypt,
    /// From the caller.
    Decrypt,
}

impl Cipher {
    /// Encrypts or decrypts `data` in place. `key` is the session's value (session key, auth value); the nonces
    /// are that of who sends and that of who sent before.
    ///
    /// # Errors
    /// `SYMMETRIC`: there is no cipher. `FAILURE`.
    pub(crate) fn apply(
        self,
        direction: Direction,
        hash: HashAlgorithm,
        key: &SecretBytes<{ 2 * MAX_DIGEST }>,
        nonces: (&[u8], &[u8]),
        data: &mut [u8],
    ) -> Result<()> {
        match self {
            Self::None => Err(Rc::SYMMETRIC),
            Self::Xor => key.expose(|key| xor(hash, key, nonces, data)),
            Self::Cfb { algorithm, key_len } => key.expose(|key| {
                let cipher = (algorithm, usize::from(key_len));
                cfb(direction, hash, key, cipher, nonces, data)
            }),
        }
    }
}

/// Part 1, section 11.4.7: each block of the stream is one HMAC of KDFa with label "XOR".
fn xor(
    hash: HashAlgorithm,
    key: &[u8],
    (newer, older): (&[u8], &[u8]),
    data: &mut [u8],
) -> Result<()> {
    let bits = u32::try_from(data.len())
        .ok()
        .and_then(|len| len.checked_mul(8))
        .ok_or(Rc::FAILURE)?;
    for (counter, chunk) in (1u32..).zip(data.chunks_mut(hash.digest_len())) {
        let parts: [&[u8]; 5] = [
            &counter.to_be_bytes(),
            b"XOR\0",
            newer,
            older,
            &bits.to_be_bytes(),
        ];
        let mut mask = hmac(hash, key, &parts);
        chunk
            .iter_mut()
            .zip(mask.as_slice())
            .for_each(|(byte, mask)| *byte ^= mask);
        mask.wipe();
    }
    Ok(())
}

/// Part 1, section 21.3: KDFa with label "CFB" gives the key, then the IV.
fn cfb(
    direction: Direction,
    hash: HashAlgorithm,
    key: &[u8],
    (algorithm, key_len): (CipherAlgorithm, usize),
    (newer, older): (&[u8], &[u8]),
    data: &mut [u8],
) -> Result<()> {
    let mut both = Secret::<{ MAX_KEY_LEN + BLOCK_LEN }>::zeroed();
    both.expose_mut(|both| {
        let both = both
            .get_mut(..key_len.saturating_add(BLOCK_LEN))
            .ok_or(Rc::FAILURE)?;
        let bits = u32::try_from(both.len())
            .unwrap_or_default()
            .saturating_mul(8);
        kdfa(hash, key, b"CFB", newer, older, bits, both).map_err(|_| Rc::FAILURE)?;
        let (key, iv) = both.split_at_checked(key_len).ok_or(Rc::FAILURE)?;
        let mut iv: [u8; BLOCK_LEN] = iv.try_into().map_err(|_| Rc::FAILURE)?;
        let cipher = cipher::Cipher::new(algorithm, key).map_err(|_| Rc::FAILURE)?;
        match direction {
            Direction::Encrypt => cipher.encrypt(Mode::Cfb, &mut iv, data),
            Direction::Decrypt => cipher.decrypt(Mode::Cfb, &mut iv, data),
        }
        .map_err(|_| Rc::FAILURE)
    })
}

/// Unknown algorithms are `SYMMETRIC`, key sizes `VALUE`, any mode but CFB is `MODE`.
impl Unmarshal for Cipher {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get()? {
            Alg::NULL => Ok(Self::None),
            // The stream is made with the session's hash; the one named here has only to be one.
            Alg::XOR => input.get::<HashAlgorithm>().map(|_| Self::Xor),
            alg => {
                let algorithm = cipher_of(alg).ok_or(Rc::SYMMETRIC)?;
                let key_len = match (algorithm, input.get::<u16>()?) {
                    (_, 128) => 16,
                    (CipherAlgorithm::Aes, 192) => 24,
                    (CipherAlgorithm::Aes, 256) => 32,
                    _ => return Err(Rc::VALUE),
                };
                match input.get()? {
                    Alg::CFB => Ok(Self::Cfb { algorithm, key_len }),
                    _ => Err(Rc::MODE),
                }
            }
        }
    }
}

/// One byte, for saved sessions.
impl Marshal for Cipher {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&match self {
            Self::None => 0u8,
            Self::Xor => 1,
            Self::Cfb {
                algorithm: CipherAlgorithm::Aes,
                key_len,
            } => *key_len,
            Self::Cfb {
                algorithm: CipherAlgorithm::Sm4,
                ..
            } => SM4,
        })
    }
}

impl Cipher {
    /// Reads what [`Marshal`] wrote.
    ///
    /// # Errors
    /// `VALUE`, `INSUFFICIENT`.
    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self> {
        match input.get::<u8>()? {
            0 => Ok(Self::None),
            1 => Ok(Self::Xor),
            key_len @ (16 | 24 | 32) => Ok(Self::Cfb {
                algorithm: CipherAlgorithm::Aes,
                key_len,
            }),
            SM4 => Ok(Self::Cfb {
                algorithm: CipherAlgorithm::Sm4,
                key_len: 16,
            }),
            _ => Err(Rc::VALUE),
        }
    }
}
