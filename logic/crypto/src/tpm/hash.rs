//! The hash functions of a TPM (FIPS 180-4, FIPS 202, GB/T 32905) and HMAC over them, whose running states can be saved.
//!
//! A saved state is for a TPM's context blobs: it holds what was hashed so far, so it is as secret as that
//! and belongs into the encrypted part, and it comes back only in the same version of the program.
//!
//! SHA-1 comes with the feature `tpm-sha1`, SHA-3 with `tpm-sha3`, SM3 with `tpm-sm`. Without them their names are not there
//! either: starting a hash cannot fail, so what is not built cannot be asked for.

use sha2::Digest as _;
use sha2::digest::common::hazmat::SerializableState;
use zeroize::Zeroize;

use crate::CryptoError;
use crate::bytes::copy_prefix;
use crate::hash::Running;
use crate::mac::HmacOver;

pub use crate::hash::{Digest, MAX_DIGEST_LEN};

/// Room for the saved state of any hash, in bytes.
pub const HASH_STATE_LEN: usize = 210;

/// Room for the saved state of any HMAC, in bytes.
pub const HMAC_STATE_LEN: usize = 2 * HASH_STATE_LEN;

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    #[cfg(feature = "tpm-sha1")]
    /// SHA-1. Collisions are made in practice; for what old software asks only.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SM3.
    #[cfg(feature = "tpm-sm")]
    Sm3,
    /// SHA3-256.
    #[cfg(feature = "tpm-sha3")]
    Sha3_256,
    /// SHA3-384.
    #[cfg(feature = "tpm-sha3")]
    Sha3_384,
    /// SHA3-512.
    #[cfg(feature = "tpm-sha3")]
    Sha3_512,
}

impl HashAlgorithm {
    /// All of this build, in the order of their TPM_ALG_ID.
    pub const ALL: &[Self] = &[
        #[cfg(feature = "tpm-sha1")]
        Self::Sha1,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        #[cfg(feature = "tpm-sm")]
        Self::Sm3,
        #[cfg(feature = "tpm-sha3")]
        Self::Sha3_256,
        #[cfg(feature = "tpm-sha3")]
        Self::Sha3_384,
        #[cfg(feature = "tpm-sha3")]
        Self::Sha3_512,
    ];

    /// Length of a digest in bytes.
    pub const fn digest_len(self) -> usize {
        match self {
            #[cfg(feature = "tpm-sha1")]
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
            #[cfg(feature = "tpm-sm")]
            Self::Sm3 => 32,
            #[cfg(feature = "tpm-sha3")]
            Self::Sha3_256 => 32,
            #[cfg(feature = "tpm-sha3")]
            Self::Sha3_384 => 48,
            #[cfg(feature = "tpm-sha3")]
            Self::Sha3_512 => 64,
        }
    }

    /// Length of an input block in bytes: what HMAC pads its key to.
    pub const fn block_len(self) -> usize {
        match self {
            #[cfg(feature = "tpm-sha1")]
            Self::Sha1 => 64,
            Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
            #[cfg(feature = "tpm-sm")]
            Self::Sm3 => 64,
            #[cfg(feature = "tpm-sha3")]
            Self::Sha3_256 => 136,
            #[cfg(feature = "tpm-sha3")]
            Self::Sha3_384 => 104,
            #[cfg(feature = "tpm-sha3")]
            Self::Sha3_512 => 72,
        }
    }
}

/// A hash being computed. Wiped when dropped.
#[derive(Clone)]
pub struct Hasher {
    state: State,
}

#[derive(Clone)]
enum State {
    #[cfg(feature = "tpm-sha1")]
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
    #[cfg(feature = "tpm-sm")]
    Sm3(sm3::Sm3),
    #[cfg(feature = "tpm-sha3")]
    Sha3_256(sha3::Sha3_256),
    #[cfg(feature = "tpm-sha3")]
    Sha3_384(sha3::Sha3_384),
    #[cfg(feature = "tpm-sha3")]
    Sha3_512(sha3::Sha3_512),
}

impl Hasher {
    /// Starts a hash.
    pub fn new(algorithm: HashAlgorithm) -> Self {
        let state = match algorithm {
            #[cfg(feature = "tpm-sha1")]
            HashAlgorithm::Sha1 => State::Sha1(sha1::Sha1::new()),
            HashAlgorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            HashAlgorithm::Sha384 => State::Sha384(sha2::Sha384::new()),
            HashAlgorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
            #[cfg(feature = "tpm-sm")]
            HashAlgorithm::Sm3 => State::Sm3(sm3::Sm3::new()),
            #[cfg(feature = "tpm-sha3")]
            HashAlgorithm::Sha3_256 => State::Sha3_256(sha3::Sha3_256::new()),
            #[cfg(feature = "tpm-sha3")]
            HashAlgorithm::Sha3_384 => State::Sha3_384(sha3::Sha3_384::new()),
            #[cfg(feature = "tpm-sha3")]
            HashAlgorithm::Sha3_512 => State::Sha3_512(sha3::Sha3_512::new()),
        };
        Self { state }
    }

    /// The algorithm it was started with.
    pub fn algorithm(&self) -> HashAlgorithm {
        match self.state {
            #[cfg(feature = "tpm-sha1")]
            State::Sha1(_) => HashAlgorithm::Sha1,
            State::Sha256(_) => HashAlgorithm::Sha256,
            State::Sha384(_) => HashAlgorithm::Sha384,
            State::Sha512(_) => HashAlgorithm::Sha512,
            #[cfg(feature = "tpm-sm")]
            State::Sm3(_) => HashAlgorithm::Sm3,
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_256(_) => HashAlgorithm::Sha3_256,
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_384(_) => HashAlgorithm::Sha3_384,
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_512(_) => HashAlgorithm::Sha3_512,
        }
    }

    /// Adds input.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            #[cfg(feature = "tpm-sha1")]
            State::Sha1(hash) => hash.update(data),
            State::Sha256(hash) => hash.update(data),
            State::Sha384(hash) => hash.update(data),
            State::Sha512(hash) => hash.update(data),
            #[cfg(feature = "tpm-sm")]
            State::Sm3(hash) => hash.update(data),
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_256(hash) => hash.update(data),
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_384(hash) => hash.update(data),
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_512(hash) => hash.update(data),
        }
    }

    /// Ends the hash.
    pub fn finish(self) -> Digest {
        match self.state {
            #[cfg(feature = "tpm-sha1")]
            State::Sha1(hash) => Digest::from_bytes(&hash.finalize()),
            State::Sha256(hash) => Digest::from_bytes(&hash.finalize()),
            State::Sha384(hash) => Digest::from_bytes(&hash.finalize()),
            State::Sha512(hash) => Digest::from_bytes(&hash.finalize()),
            #[cfg(feature = "tpm-sm")]
            State::Sm3(hash) => Digest::from_bytes(&hash.finalize()),
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_256(hash) => Digest::from_bytes(&hash.finalize()),
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_384(hash) => Digest::from_bytes(&hash.finalize()),
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_512(hash) => Digest::from_bytes(&hash.finalize()),
        }
    }

    /// Writes the running state and gives the number of bytes used.
    pub fn save(&self, out: &mut [u8; HASH_STATE_LEN]) -> usize {
        self.write_state(out)
    }

    /// Takes up a hash where [`save`](Self::save) left it.
    ///
    /// [`CryptoError::Encoding`] for bytes that are no saved state. That they are the right one is for the
    /// caller's MAC to say.
    pub fn restore(saved: &[u8]) -> Result<Self, CryptoError> {
        let (tag, state) = saved.split_first().ok_or(CryptoError::Encoding)?;
        if !has_sane_count(*tag, state) {
            return Err(CryptoError::Encoding);
        }
        let state = match tag {
            #[cfg(feature = "tpm-sha1")]
            1 => State::Sha1(deserialize(state)?),
            2 => State::Sha256(deserialize(state)?),
            3 => State::Sha384(deserialize(state)?),
            4 => State::Sha512(deserialize(state)?),
            #[cfg(feature = "tpm-sm")]
            5 => State::Sm3(deserialize(state)?),
            #[cfg(feature = "tpm-sha3")]
            6 => State::Sha3_256(deserialize(state)?),
            #[cfg(feature = "tpm-sha3")]
            7 => State::Sha3_384(deserialize(state)?),
            #[cfg(feature = "tpm-sha3")]
            8 => State::Sha3_512(deserialize(state)?),
            _ => return Err(CryptoError::Encoding),
        };
        Ok(Self { state })
    }

    fn write_state(&self, out: &mut [u8]) -> usize {
        let Some((tag, out)) = out.split_first_mut() else {
            return 0;
        };
        let (number, len) = match &self.state {
            #[cfg(feature = "tpm-sha1")]
            State::Sha1(hash) => (1, serialize(hash, out)),
            State::Sha256(hash) => (2, serialize(hash, out)),
            State::Sha384(hash) => (3, serialize(hash, out)),
            State::Sha512(hash) => (4, serialize(hash, out)),
            #[cfg(feature = "tpm-sm")]
            State::Sm3(hash) => (5, serialize(hash, out)),
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_256(hash) => (6, serialize(hash, out)),
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_384(hash) => (7, serialize(hash, out)),
            #[cfg(feature = "tpm-sha3")]
            State::Sha3_512(hash) => (8, serialize(hash, out)),
        };
        *tag = number;
        len.saturating_add(1)
    }
}

/// Whether the number of blocks hashed so far is one that happens. The libraries take any and multiply it.
///
/// It stands behind the chaining value, the lowest byte first; below 2^48 it is more than anybody will hash. SHA-3 has none.
fn has_sane_count(tag: u8, state: &[u8]) -> bool {
    let count = match tag {
        1 => state.get(20..28),
        2 | 5 => state.get(32..40),
        6..=8 => return true,
        _ => state.get(64..80),
    };
    count.is_some_and(|count| count.iter().skip(6).all(|byte| *byte == 0))
}

fn serialize<H: SerializableState>(hash: &H, out: &mut [u8]) -> usize {
    let mut state = hash.serialize();
    copy_prefix(out, &state);
    let len = state.len().min(out.len());
    state.as_mut_slice().zeroize();
    len
}

fn deserialize<H: SerializableState>(bytes: &[u8]) -> Result<H, CryptoError> {
    let state = bytes.try_into().map_err(|_| CryptoError::Encoding)?;
    H::deserialize(state).map_err(|_| CryptoError::Encoding)
}

impl Running for Hasher {
    fn block_len(&self) -> usize {
        self.algorithm().block_len()
    }
    fn add(&mut self, data: &[u8]) {
        self.update(data);
    }
    fn end(self) -> Digest {
        self.finish()
    }
}

/// Hashes one byte string.
pub fn digest(algorithm: HashAlgorithm, data: &[u8]) -> Digest {
    digest_parts(algorithm, &[data])
}

/// Hashes byte strings as if they were one.
pub fn digest_parts(algorithm: HashAlgorithm, parts: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    for part in parts {
        hasher.update(part);
    }
    hasher.finish()
}

/// An HMAC (FIPS 198-1) being computed. Wiped when dropped.
pub struct Hmac {
    algorithm: HashAlgorithm,
    mac: HmacOver<Hasher>,
}

impl Hmac {
    /// Starts a MAC with a key of any length; one longer than the hash's block is hashed first.
    pub fn new(algorithm: HashAlgorithm, key: &[u8]) -> Self {
        Self {
            algorithm,
            mac: HmacOver::keyed(&Hasher::new(algorithm), key),
        }
    }

    /// The hash it was started with.
    pub fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// Adds input.
    pub fn update(&mut self, data: &[u8]) {
        self.mac.update(data);
    }

    /// Ends the MAC.
    pub fn finish(self) -> Digest {
        self.mac.finish()
    }

    /// Ends the MAC and compares it in constant time with the whole `expected` value.
    ///
    /// [`CryptoError::Verification`] when it differs, in length too.
    pub fn verify(self, expected: &[u8]) -> Result<(), CryptoError> {
        self.mac.verify(expected)
    }

    /// A second MAC with the same key and the same input so far; saves hashing the key again.
    pub(crate) fn fork(&self) -> Self {
        Self {
            algorithm: self.algorithm,
            mac: self.mac.fork(),
        }
    }

    /// Writes the running state, which is as good as the key, and gives the number of bytes used.
    pub fn save(&self, out: &mut [u8; HMAC_STATE_LEN]) -> usize {
        let (inner, outer) = self.mac.states();
        let inner_len = inner.write_state(out);
        let rest = out.get_mut(inner_len..).unwrap_or(&mut []);
        inner_len.saturating_add(outer.write_state(rest))
    }

    /// Takes up a MAC where [`save`](Self::save) left it. Errors as [`Hasher::restore`].
    pub fn restore(saved: &[u8]) -> Result<Self, CryptoError> {
        // Both states are of one hash, so of one length.
        let (inner, outer) = saved
            .split_at_checked(saved.len() / 2)
            .ok_or(CryptoError::Encoding)?;
        let (inner, outer) = (Hasher::restore(inner)?, Hasher::restore(outer)?);
        let algorithm = inner.algorithm();
        if outer.algorithm() != algorithm {
            return Err(CryptoError::Encoding);
        }
        Ok(Self {
            algorithm,
            mac: HmacOver::from_states(inner, outer),
        })
    }
}

/// Computes the MAC of byte strings as if they were one.
pub fn hmac(algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Digest {
    let mut mac = Hmac::new(algorithm, key);
    for part in parts {
        mac.update(part);
    }
    mac.finish()
}
