//! HMAC (FIPS 198-1, RFC 2104) over any hash of [`crate::hash`].

use zeroize::Zeroize;

use crate::hash::{self, Digest, HashAlgorithm, Hasher, MAX_BLOCK_LEN};
use crate::{CryptoError, ct_eq};

const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;

/// A MAC being computed. Its hash states are wiped when dropped.
pub struct Hmac {
    inner: Hasher,
    outer: Hasher,
}

impl Hmac {
    /// Starts a MAC. Every key length is allowed; one longer than the hash's block is hashed first.
    pub fn new(algorithm: HashAlgorithm, key: &[u8]) -> Self {
        if key.len() > algorithm.block_len() {
            let mut short = hash::digest(algorithm, key);
            let hmac = Self::with_short_key(algorithm, short.as_slice());
            short.zeroize();
            return hmac;
        }
        Self::with_short_key(algorithm, key)
    }

    fn with_short_key(algorithm: HashAlgorithm, key: &[u8]) -> Self {
        Self {
            inner: padded(algorithm, key, INNER_PAD),
            outer: padded(algorithm, key, OUTER_PAD),
        }
    }

    /// A second MAC with the same key and the same input so far; saves hashing the key again.
    pub(crate) fn fork(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            outer: self.outer.clone(),
        }
    }

    /// Adds input.
    pub fn update(&mut self, data: &[u8]) {
        self.inner.update(data);
    }

    /// Ends the MAC.
    pub fn finish(self) -> Digest {
        let Self { inner, mut outer } = self;
        let mut inner_digest = inner.finish();
        outer.update(inner_digest.as_slice());
        inner_digest.zeroize();
        outer.finish()
    }

    /// Ends the MAC and compares it in constant time with the whole `expected` value.
    ///
    /// [`CryptoError::Verification`] when it differs, in length too.
    pub fn verify(self, expected: &[u8]) -> Result<(), CryptoError> {
        let mut actual = self.finish();
        let equal = ct_eq(actual.as_slice(), expected);
        actual.zeroize();
        if equal {
            Ok(())
        } else {
            Err(CryptoError::Verification)
        }
    }
}

/// Computes the MAC of one byte string.
pub fn hmac(algorithm: HashAlgorithm, key: &[u8], data: &[u8]) -> Digest {
    let mut mac = Hmac::new(algorithm, key);
    mac.update(data);
    mac.finish()
}

fn padded(algorithm: HashAlgorithm, key: &[u8], pad: u8) -> Hasher {
    let mut block = [pad; MAX_BLOCK_LEN];
    for (to, from) in block.iter_mut().zip(key) {
        *to ^= *from;
    }
    let mut hasher = Hasher::new(algorithm);
    hasher.update(block.get(..algorithm.block_len()).unwrap_or(&block));
    block.zeroize();
    hasher
}
