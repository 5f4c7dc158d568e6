//! HSS/LMS hash-based signatures (RFC 8554) with SHA-256: all heights, all widths, one to eight levels.
//!
//! A signature is verified where it lies: it is read in pieces of at most 56 bytes through
//! [`SignatureSource`], and the message is streamed, so a verification takes a few hundred bytes of memory
//! whatever the parameters. What a public key says of heights and widths a signature cannot change.
//!
//! Making signatures needs the feature `sign-lms`, for host tools: see `LmsPrivateKey`.

mod chain;
mod parameters;
#[cfg(feature = "sign-lms")]
mod sign;
mod stream;
mod tree;
mod verify;

pub use parameters::{OtsType, TreeType};
#[cfg(feature = "sign-lms")]
pub use sign::{Leaf, LmsPrivateKey, MAX_SIGNATURE_LEN};
pub use verify::{Opened, Verification};

use crate::CryptoError;
use crate::bytes::copy_prefix;

/// Length in bytes of the identifier of a tree, I.
pub const ID_LEN: usize = 16;
/// Length in bytes of a hash, n and m of the RFC.
pub const HASH_LEN: usize = 32;
/// Length in bytes of the public key of one tree (RFC 8554, section 5.3).
pub const LMS_PUBLIC_KEY_LEN: usize = 56;
/// Length in bytes of an HSS public key (RFC 8554, section 6.1).
pub const HSS_PUBLIC_KEY_LEN: usize = 4 + LMS_PUBLIC_KEY_LEN;
/// The most levels of trees (RFC 8554, section 6).
pub const MAX_LEVELS: u32 = 8;

/// Where the bytes of a signature come from.
pub trait SignatureSource {
    /// How many bytes there are.
    fn len(&self) -> u32;

    /// Fills `out` from `offset` on.
    ///
    /// [`CryptoError::Verification`] when the range is not all inside, or cannot be read.
    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), CryptoError>;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl SignatureSource for &[u8] {
    fn len(&self) -> u32 {
        // No signature is that long; the rest is out of reach.
        u32::try_from(<[u8]>::len(self)).unwrap_or(u32::MAX)
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), CryptoError> {
        let from = usize::try_from(offset).ok();
        let found = from
            .and_then(|from| self.get(from..from.checked_add(out.len())?))
            .ok_or(CryptoError::Verification)?;
        copy_prefix(out, found);
        Ok(())
    }
}

/// The public key of one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LmsPublicKey {
    pub(crate) tree: TreeType,
    pub(crate) ots: OtsType,
    pub(crate) id: [u8; ID_LEN],
    pub(crate) root: [u8; HASH_LEN],
}

impl LmsPublicKey {
    /// Takes an encoded key: types of tree and one-time signature, I, root.
    ///
    /// [`CryptoError::InvalidKey`] for a type that is not one of RFC 8554 with SHA-256.
    pub fn from_bytes(bytes: &[u8; LMS_PUBLIC_KEY_LEN]) -> Result<Self, CryptoError> {
        let (types, rest) = bytes.as_chunks::<4>().0.split_at_checked(2).unzip();
        let ([tree, ots], Some(rest)) = (types.unwrap_or_default(), rest) else {
            return Err(CryptoError::Encoding);
        };
        let (mut id, mut root) = ([0; ID_LEN], [0; HASH_LEN]);
        let rest = rest.as_flattened();
        copy_prefix(&mut id, rest);
        copy_prefix(&mut root, rest.get(ID_LEN..).unwrap_or_default());
        Ok(Self {
            tree: TreeType::from_code(u32::from_be_bytes(*tree)).ok_or(CryptoError::InvalidKey)?,
            ots: OtsType::from_code(u32::from_be_bytes(*ots)).ok_or(CryptoError::InvalidKey)?,
            id,
            root,
        })
    }

    /// The encoded key.
    pub fn to_bytes(&self) -> [u8; LMS_PUBLIC_KEY_LEN] {
        let mut bytes = [0; LMS_PUBLIC_KEY_LEN];
        let types = [
            self.tree.code().to_be_bytes(),
            self.ots.code().to_be_bytes(),
        ];
        let all = types
            .as_flattened()
            .iter()
            .chain(&self.id)
            .chain(&self.root);
        for (to, from) in bytes.iter_mut().zip(all) {
            *to = *from;
        }
        bytes
    }

    /// How many signatures the tree can make, and in which way.
    pub fn tree(&self) -> TreeType {
        self.tree
    }

    /// The one-time signature at its leaves.
    pub fn ots(&self) -> OtsType {
        self.ots
    }
}

/// A public key: the topmost tree's, and how many levels of trees there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HssPublicKey {
    levels: u32,
    top: LmsPublicKey,
}

impl HssPublicKey {
    /// The key of one tree alone, or the top of `levels` of them; `None` for no level or more than eight.
    pub fn new(levels: u32, top: LmsPublicKey) -> Option<Self> {
        (1..=MAX_LEVELS)
            .contains(&levels)
            .then_some(Self { levels, top })
    }

    /// Takes an encoded key: number of levels, then the topmost tree's key.
    ///
    /// [`CryptoError::Encoding`] for another length, [`CryptoError::InvalidKey`] for a number of levels
    /// outside one to eight or types that are not of RFC 8554 with SHA-256.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        let (levels, top) = bytes.split_first_chunk().ok_or(CryptoError::Encoding)?;
        let top = top.try_into().map_err(|_| CryptoError::Encoding)?;
        Self::new(u32::from_be_bytes(*levels), LmsPublicKey::from_bytes(top)?)
            .ok_or(CryptoError::InvalidKey)
    }

    /// The encoded key.
    pub fn to_bytes(&self) -> [u8; HSS_PUBLIC_KEY_LEN] {
        let mut bytes = [0; HSS_PUBLIC_KEY_LEN];
        let all = self.levels.to_be_bytes().into_iter();
        for (to, from) in bytes.iter_mut().zip(all.chain(self.top.to_bytes())) {
            *to = from;
        }
        bytes
    }

    /// How many levels of trees there are.
    pub fn levels(&self) -> u32 {
        self.levels
    }

    /// The topmost tree.
    pub fn top(&self) -> &LmsPublicKey {
        &self.top
    }

    /// Begins to check a signature: every tree's signature of the tree below it is checked at once, and the
    /// message is taken in afterwards.
    ///
    /// [`CryptoError::Verification`] when anything is wrong: a length, a type that is not the key's, a leaf
    /// outside its tree, or a signature of a tree.
    pub fn start<'s>(
        &self,
        signature: &'s dyn SignatureSource,
    ) -> Result<Verification<'s>, CryptoError> {
        Verification::start(self, signature)
    }

    /// Works out a signature of a message that lies in memory, for a caller that asks more than once whether it is
    /// good. [`CryptoError::Verification`] when it cannot be one, as [`start`](Self::start).
    pub fn open(
        &self,
        message: &[u8],
        signature: &dyn SignatureSource,
    ) -> Result<Opened, CryptoError> {
        verify::open(self, signature, message)
    }

    /// Checks a signature of a message that lies in memory. [`CryptoError::Verification`] when it is wrong.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.open(message, &signature)?.verdict()
    }
}
