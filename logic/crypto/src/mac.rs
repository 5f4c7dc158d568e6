//! HMAC (FIPS 198-1, RFC 2104) over any hash of [`crate::hash`].

use zeroize::Zeroize;

use crate::hash::{Digest, HashAlgorithm, Hasher, MAX_BLOCK_LEN, Running, Sha256};
use crate::{CryptoError, ct_eq};

const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;

/// A MAC over a hash chosen at run time.
pub type Hmac = HmacOver<Hasher>;

/// A MAC over SHA-256 alone, for programs that must not carry the code of the other hashes.
pub type HmacSha256 = HmacOver<Sha256>;

/// A MAC being computed. Its hash states are wiped when dropped.
pub struct HmacOver<H> {
    inner: H,
    outer: H,
}

impl HmacOver<Hasher> {
    /// Starts a MAC. Every key length is allowed; one longer than the hash's block is hashed first.
    pub fn new(algorithm: HashAlgorithm, key: &[u8]) -> Self {
        Self::keyed(&Hasher::new(algorithm), key)
    }
}

impl HmacOver<Sha256> {
    /// Starts a MAC, likewise.
    pub fn with_key(key: &[u8]) -> Self {
        Self::keyed(&Sha256::new(), key)
    }
}

impl<H: Running> HmacOver<H> {
    pub(crate) fn keyed(fresh: &H, key: &[u8]) -> Self {
        if key.len() > fresh.block_len() {
            let mut hasher = fresh.clone();
            hasher.add(key);
            let mut short = hasher.end();
            let hmac = Self::with_short_key(fresh, short.as_slice());
            short.zeroize();
            return hmac;
        }
        Self::with_short_key(fresh, key)
    }

    fn with_short_key(fresh: &H, key: &[u8]) -> Self {
        Self {
            inner: padded(fresh, key, INNER_PAD),
            outer: padded(fresh, key, OUTER_PAD),
        }
    }

    /// A second MAC with the same key and the same input so far; saves hashing the key again.
    pub(crate) fn fork(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            outer: self.outer.clone(),
        }
    }

    /// The states of its inner and its outer hash, for who saves them.
    #[cfg(feature = "tpm")]
    pub(crate) fn states(&self) -> (&H, &H) {
        (&self.inner, &self.outer)
    }

    /// A MAC with these states, as [`states`](Self::states) gave them.
    #[cfg(feature = "tpm")]
    pub(crate) fn from_states(inner: H, outer: H) -> Self {
        Self { inner, outer }
    }

    /// Adds input.
    pub fn update(&mut self, data: &[u8]) {
        self.inner.add(data);
    }

    /// Ends the MAC.
    pub fn finish(self) -> Digest {
        let Self { inner, mut outer } = self;
        let mut inner_digest = inner.end();
        outer.add(inner_digest.as_slice());
        inner_digest.zeroize();
        outer.end()
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

fn padded<H: Running>(fresh: &H, key: &[u8], pad: u8) -> H {
    let mut block = [pad; MAX_BLOCK_LEN];
    for (to, from) in block.iter_mut().zip(key) {
        *to ^= *from;
    }
    let mut hasher = fresh.clone();
    hasher.add(block.get(..fresh.block_len()).unwrap_or(&block));
    block.zeroize();
    hasher
}
