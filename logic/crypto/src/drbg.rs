//! Random bit generators.
//!
//! [`Drbg`] is the one that the firmware uses: a fast-key-erasure generator on ChaCha20 (D. J.
//! Bernstein, "Fast-key-erasure random-number generators", 2017). Its state is one 32-byte key.
//! Each request runs the cipher once; the first 32 bytes of key stream become the next key, the
//! rest is the output. Whoever steals the state learns nothing about earlier outputs, and no state
//! is left behind in buffers.
//!
//! [`HmacDrbg`] is HMAC_DRBG of SP 800-90A, for where a standard names it: RFC 6979 signatures here,
//! the TPM's deterministic key derivation later.

mod hmac_drbg;

use chacha20::cipher::{Array, KeyIvInit, StreamCipherCore};
use chacha20::variants::Ietf;
use chacha20::{ChaChaCore, R20};
use ironroot_platform::Entropy;
use zeroize::Zeroize;

use crate::bytes::copy_prefix;
use crate::hash::HashAlgorithm;
use crate::{CryptoError, Secret, kdf};

pub use hmac_drbg::HmacDrbg;

const BLOCK_LEN: usize = 64;
const KEY_LEN: usize = 32;

/// The most that is made under one key. Far below the cipher's limit of 2^38 bytes.
const MAX_REQUEST: usize = 1 << 16;

/// The random bit generator. See the [module](self).
pub struct Drbg {
    key: Secret<KEY_LEN>,
}

impl Drbg {
    /// Starts from a full-entropy seed. Two generators with different personalisation strings are
    /// independent even if their seeds are equal.
    ///
    /// The key is HKDF-SHA-256(salt "ironroot drbg 1", seed, personalisation). The same seed and
    /// string give the same output for ever: tests and seed-derived keys rely on that.
    pub fn new(seed: &Secret<32>, personalisation: &[u8]) -> Self {
        seed.expose(|seed| Self::from_parts(b"ironroot drbg 1", seed, personalisation))
    }

    /// Starts from 48 bytes of the platform's entropy.
    ///
    /// [`CryptoError::Entropy`] when the source fails: there is then no generator at all.
    pub fn from_entropy(
        entropy: &mut impl Entropy,
        personalisation: &[u8],
    ) -> Result<Self, CryptoError> {
        let mut seed = Secret::<48>::zeroed();
        seed.expose_mut(|seed| entropy.fill(seed))
            .map_err(|_| CryptoError::Entropy)?;
        Ok(seed.expose(|seed| Self::from_parts(b"ironroot drbg 1", seed, personalisation)))
    }

    /// Mixes fresh material in. Bad material cannot make the state worse than it was.
    pub fn reseed(&mut self, fresh: &[u8]) {
        *self = self
            .key
            .expose(|key| Self::from_parts(key, fresh, b"ironroot drbg reseed"));
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        for part in out.chunks_mut(MAX_REQUEST) {
            self.fill_part(part);
        }
    }

    /// A random secret of any length.
    pub fn secret<const N: usize>(&mut self) -> Secret<N> {
        let mut secret = Secret::zeroed();
        secret.expose_mut(|bytes| self.fill(bytes));
        secret
    }

    fn from_parts(salt: &[u8], seed: &[u8], info: &[u8]) -> Self {
        let mut key = Secret::zeroed();
        kdf::hkdf_extract(HashAlgorithm::Sha256, salt, seed).expose(|prk| {
            let mut block = kdf::expand_first(HashAlgorithm::Sha256, prk, &[info]);
            key.expose_mut(|key| copy_prefix(key, block.as_slice()));
            block.zeroize();
        });
        Self { key }
    }

    /// One run of the cipher: block 0 is the next key and up to 32 bytes of output.
    fn fill_part(&mut self, out: &mut [u8]) {
        let mut cipher = self
            .key
            .expose(|key| ChaChaCore::<R20, Ietf>::new(key.into(), &Array::default()));
        let mut block = [0u8; BLOCK_LEN];
        cipher.write_keystream_block((&mut block).into());
        let (next_key, output) = block.split_at(KEY_LEN);
        self.key.expose_mut(|key| copy_prefix(key, next_key));
        let (head, tail) = out.split_at_mut(out.len().min(KEY_LEN));
        copy_prefix(head, output);
        for chunk in tail.chunks_mut(BLOCK_LEN) {
            cipher.write_keystream_block((&mut block).into());
            copy_prefix(chunk, &block);
        }
        block.zeroize();
    }
}
