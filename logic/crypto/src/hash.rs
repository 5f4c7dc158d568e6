//! SHA-2 (FIPS 180-4), chosen at run time.

use sha2::Digest as _;
use zeroize::Zeroize;

use crate::bytes::copy_prefix;

/// The longest digest of any algorithm here, in bytes.
pub const MAX_DIGEST_LEN: usize = 64;

/// The longest input block of any algorithm here, in bytes.
pub(crate) const MAX_BLOCK_LEN: usize = if cfg!(feature = "tpm-sha3") { 136 } else { 128 };

/// A hash function of FIPS 180-4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Length of a digest in bytes.
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Length of an input block in bytes: what HMAC pads its key to.
    pub const fn block_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
        }
    }
}

/// The result of a hash or MAC: up to 64 bytes.
///
/// Comparing with `==` is fine for public values; a MAC is checked with
/// [`Hmac::verify`](crate::mac::Hmac::verify).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    // Bytes past `len` are zero, so the derived comparison is right.
    bytes: [u8; MAX_DIGEST_LEN],
    len: u8,
}

impl Digest {
    pub(crate) const fn empty() -> Self {
        Self {
            bytes: [0; MAX_DIGEST_LEN],
            len: 0,
        }
    }

    /// `len` bytes (at most 64) of the same value.
    pub(crate) fn filled(value: u8, len: usize) -> Self {
        Self::from_bytes([value; MAX_DIGEST_LEN].get(..len).unwrap_or(&[]))
    }

    pub(crate) fn from_bytes(source: &[u8]) -> Self {
        let mut digest = Self::empty();
        copy_prefix(&mut digest.bytes, source);
        digest.len = source.len().min(MAX_DIGEST_LEN) as u8;
        digest
    }

    /// The digest's bytes, as many as its algorithm has.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }

    /// Overwrites the value with zeros: for one derived from a key, when it is done with.
    pub fn wipe(&mut self) {
        self.bytes.zeroize();
    }

    /// The digest as an array, if it has exactly `N` bytes.
    pub fn to_array<const N: usize>(&self) -> Option<[u8; N]> {
        self.as_slice().try_into().ok()
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for byte in self.as_slice() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

// For values derived from keys; a public digest need not be wiped.
impl Zeroize for Digest {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
    }
}

/// A hash being computed.
///
/// Wiped when dropped, because the input may have been a key.
#[derive(Clone)]
pub struct Hasher {
    state: State,
}

#[derive(Clone)]
enum State {
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Starts a hash.
    pub fn new(algorithm: HashAlgorithm) -> Self {
        let state = match algorithm {
            HashAlgorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            HashAlgorithm::Sha384 => State::Sha384(sha2::Sha384::new()),
            HashAlgorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        };
        Self { state }
    }

    /// The algorithm it was started with.
    pub fn algorithm(&self) -> HashAlgorithm {
        match self.state {
            State::Sha256(_) => HashAlgorithm::Sha256,
            State::Sha384(_) => HashAlgorithm::Sha384,
            State::Sha512(_) => HashAlgorithm::Sha512,
        }
    }

    /// Adds input.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            State::Sha256(hash) => hash.update(data),
            State::Sha384(hash) => hash.update(data),
            State::Sha512(hash) => hash.update(data),
        }
    }

    /// Ends the hash.
    pub fn finish(self) -> Digest {
        match self.state {
            State::Sha256(hash) => Digest::from_bytes(&hash.finalize()),
            State::Sha384(hash) => Digest::from_bytes(&hash.finalize()),
            State::Sha512(hash) => Digest::from_bytes(&hash.finalize()),
        }
    }
}

/// SHA-256 alone, for programs that must not carry the code of the other algorithms, as a
/// [`Hasher`] makes them do: bootloaders.
///
/// Wiped when dropped, like a [`Hasher`].
#[derive(Clone)]
pub struct Sha256 {
    state: sha2::Sha256,
}

impl Sha256 {
    /// Starts a hash.
    #[expect(clippy::new_without_default, reason = "starts a hash, as in Hasher")]
    pub fn new() -> Self {
        Self {
            state: sha2::Sha256::new(),
        }
    }

    /// Adds input.
    pub fn update(&mut self, data: &[u8]) {
        self.state.update(data);
    }

    /// Ends the hash.
    pub fn finish(self) -> Digest {
        Digest::from_bytes(&self.state.finalize())
    }
}

/// A hash being computed: what HMAC runs on. [`Hasher`] and [`Sha256`] are.
pub trait Running: Clone {
    /// Length of an input block in bytes.
    fn block_len(&self) -> usize;
    /// Adds input.
    fn add(&mut self, data: &[u8]);
    /// Ends the hash.
    fn end(self) -> Digest;
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

impl Running for Sha256 {
    fn block_len(&self) -> usize {
        HashAlgorithm::Sha256.block_len()
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
    let mut hasher = Hasher::new(algorithm);
    hasher.update(data);
    hasher.finish()
}
