//! Checking signatures (RFC 8554, algorithms 4b, 6, 6a and section 6.3).
//!
//! Layout of an HSS signature of L levels: u32 L − 1; for each level but the last the tree's signature of the
//! next tree's public key and that key (56 bytes); then the last tree's signature of the message. One tree's
//! signature: u32 leaf, u32 one-time type, randomizer (32), p chain values (32 each), u32 tree type, h
//! nodes of the path to the root (32 each). Big endian. Not a byte more.

use super::chain::{Chain, Digits};
use super::stream::Stream;
use super::tree;
use super::{HASH_LEN, HssPublicKey, LMS_PUBLIC_KEY_LEN, LmsPublicKey, SignatureSource};
use crate::CryptoError;

const HASH: u32 = HASH_LEN as u32;
const WORD: u32 = 4;

/// A signature being checked: takes in the message.
pub struct Verification<'s> {
    source: &'s dyn SignatureSource,
    key: LmsPublicKey,
    leaf: u32,
    randomizer_at: u32,
    message: Stream,
}

impl<'s> Verification<'s> {
    pub(super) fn start(
        key: &HssPublicKey,
        source: &'s dyn SignatureSource,
    ) -> Result<Self, CryptoError> {
        let mut key = *key;
        let at = descend(source, &mut key)?;
        let claim = Claim::last(source, at, &key.top)?;
        let mut message = Stream::new();
        claim.begin_message(&mut message)?;
        Ok(Self {
            source,
            leaf: claim.leaf,
            randomizer_at: claim.randomizer_at,
            key: key.top,
            message,
        })
    }

    /// Takes in a piece of the message.
    pub fn update(&mut self, piece: &[u8]) {
        self.message.update(piece);
    }

    /// The verdict over all pieces. [`CryptoError::Verification`] when the signature is wrong.
    pub fn finish(mut self) -> Result<(), CryptoError> {
        let claim = Claim {
            source: self.source,
            key: &self.key,
            leaf: self.leaf,
            randomizer_at: self.randomizer_at,
        };
        claim.open(&self.message.finish())?.verdict()
    }
}

/// Works out a signature of a message that lies in memory.
pub(super) fn open(
    key: &HssPublicKey,
    source: &dyn SignatureSource,
    message: &[u8],
) -> Result<Opened, CryptoError> {
    let mut key = *key;
    let at = descend(source, &mut key)?;
    let claim = Claim::last(source, at, &key.top)?;
    let digest = claim.digest(message)?;
    claim.open(&digest)
}

/// A signature worked out, up to the question whether it is good.
pub struct Opened {
    found: [u8; HASH_LEN],
    root: [u8; HASH_LEN],
}

impl Opened {
    /// Whether the path from the signature's leaf ended at the key's root.
    #[inline(never)]
    pub fn holds(&self) -> bool {
        self.found == self.root
    }

    pub(super) fn verdict(&self) -> Result<(), CryptoError> {
        if self.holds() {
            Ok(())
        } else {
            Err(CryptoError::Verification)
        }
    }
}

/// Checks each tree's signature of the tree below it. `key` becomes the lowest tree's; gives where its signature
/// is.
fn descend(source: &dyn SignatureSource, key: &mut HssPublicKey) -> Result<u32, CryptoError> {
    let upper = read_word(source, 0)?;
    if upper != key.levels.wrapping_sub(1) {
        return Err(CryptoError::Verification);
    }
    let mut at = WORD;
    for _ in 0..upper {
        at = tree_below(source, at, &mut key.top)?;
    }
    Ok(at)
}

/// Checks a tree's signature of the key of the tree below it, at `at`. `key` becomes that key; gives the end of
/// both.
#[inline(never)] // its memory is free again when the message comes
fn tree_below(
    source: &dyn SignatureSource,
    at: u32,
    key: &mut LmsPublicKey,
) -> Result<u32, CryptoError> {
    let (claim, end) = Claim::read(source, at, key)?;
    let mut below = [0; LMS_PUBLIC_KEY_LEN];
    source.read_at(end, &mut below)?;
    let digest = claim.digest(&below)?;
    claim.open(&digest)?.verdict()?;
    *key = LmsPublicKey::from_bytes(&below).map_err(|_| CryptoError::Verification)?;
    Ok(end.saturating_add(LMS_PUBLIC_KEY_LEN as u32))
}

/// One tree's signature, with the key it must be by.
struct Claim<'c> {
    source: &'c dyn SignatureSource,
    key: &'c LmsPublicKey,
    leaf: u32,
    randomizer_at: u32,
}

impl<'c> Claim<'c> {
    /// Reads the fields at `at` that say what is claimed; gives the end of the signature too. All of it lies
    /// inside the source.
    fn read(
        source: &'c dyn SignatureSource,
        at: u32,
        key: &'c LmsPublicKey,
    ) -> Result<(Self, u32), CryptoError> {
        let leaf = read_word(source, at)?;
        let ots_at = at.saturating_add(WORD);
        let claim = Self {
            source,
            key,
            leaf,
            randomizer_at: ots_at.saturating_add(WORD),
        };
        let tree_at = claim.chain_at(key.ots.chains());
        let fits = read_word(source, ots_at)? == key.ots.code()
            && read_word(source, tree_at)? == key.tree.code()
            && leaf < key.tree.leaves();
        let end = claim.path_at(key.tree.height());
        if fits && end <= source.len() {
            Ok((claim, end))
        } else {
            Err(CryptoError::Verification)
        }
    }

    fn chain_at(&self, chain: u16) -> u32 {
        let values = HASH.saturating_mul(u32::from(chain).saturating_add(1));
        self.randomizer_at.saturating_add(values)
    }

    fn path_at(&self, level: u32) -> u32 {
        let path = self.chain_at(self.key.ots.chains()).saturating_add(WORD);
        path.saturating_add(HASH.saturating_mul(level))
    }

    /// Reads the last signature, behind which there is nothing.
    fn last(
        source: &'c dyn SignatureSource,
        at: u32,
        key: &'c LmsPublicKey,
    ) -> Result<Self, CryptoError> {
        let (claim, end) = Self::read(source, at, key)?;
        if end == source.len() {
            Ok(claim)
        } else {
            Err(CryptoError::Verification)
        }
    }

    fn begin_message(&self, message: &mut Stream) -> Result<(), CryptoError> {
        let mut randomizer = [0; HASH_LEN];
        self.source.read_at(self.randomizer_at, &mut randomizer)?;
        tree::begin_message(message, &self.key.id, self.leaf, &randomizer);
        Ok(())
    }

    #[inline(never)] // its memory is free again when the chains are hashed
    fn digest(&self, message: &[u8]) -> Result<[u8; HASH_LEN], CryptoError> {
        let mut hash = Stream::new();
        self.begin_message(&mut hash)?;
        hash.update(message);
        Ok(hash.finish())
    }

    /// Where the path from the signature's leaf ends.
    #[inline(never)] // one copy for trees' keys and messages
    fn open(&self, digest: &[u8; HASH_LEN]) -> Result<Opened, CryptoError> {
        let mut node = self.key.tree.leaves().saturating_add(self.leaf);
        let mut value = tree::leaf(&self.key.id, node, &self.one_time_key(digest)?);
        for level in 0..self.key.tree.height() {
            let mut sibling = [0; HASH_LEN];
            self.source.read_at(self.path_at(level), &mut sibling)?;
            let (left, right) = match node % 2 {
                0 => (&value, &sibling),
                _ => (&sibling, &value),
            };
            node /= 2;
            value = tree::inner(&self.key.id, node, left, right);
        }
        Ok(Opened {
            found: value,
            root: self.key.root,
        })
    }

    /// The one-time public key that the chains lead to (algorithm 4b).
    #[inline(never)] // its memory is free again when the path is hashed
    fn one_time_key(&self, digest: &[u8; HASH_LEN]) -> Result<[u8; HASH_LEN], CryptoError> {
        let kind = self.key.ots;
        let digits = Digits::new(kind, digest);
        let mut ends = Stream::new();
        tree::begin_one_time_key(&mut ends, &self.key.id, self.leaf);
        let mut chain = Chain::new(&self.key.id, self.leaf);
        for number in 0..kind.chains() {
            let at = self.chain_at(number);
            self.source.read_at(at, chain.value_mut())?;
            chain.run(number, digits.get(number), kind.chain_len());
            ends.update(chain.value());
        }
        Ok(ends.finish())
    }
}

fn read_word(source: &dyn SignatureSource, at: u32) -> Result<u32, CryptoError> {
    let mut word = [0; 4];
    source.read_at(at, &mut word)?;
    Ok(u32::from_be_bytes(word))
}
