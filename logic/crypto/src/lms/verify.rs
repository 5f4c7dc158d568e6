//! Checking signatures (RFC 8554, algorithms 4b, 6, 6a and section 6.3).
//!
//! Layout of an HSS signature of L levels: u32 L − 1; for each level but the last the tree's signature of the
//! next tree's public key and that key (56 bytes); then the last tree's signature of the message. One tree's
//! signature: u32 leaf, u32 one-time type, randomizer (32), p chain values (32 each), u32 tree type, h
//! nodes of the path to the root (32 each). Big endian. Not a byte more.

use super::chain::{Chain, Digits};
use super::tree;
use super::{HASH_LEN, HssPublicKey, LMS_PUBLIC_KEY_LEN, LmsPublicKey, SignatureSource};
use crate::CryptoError;
use crate::hash::Sha256;

const HASH: u32 = HASH_LEN as u32;
const WORD: u32 = 4;

/// A signature being checked: takes in the message.
pub struct Verification<'s> {
    claim: Claim<'s>,
    message: Sha256,
}

impl<'s> Verification<'s> {
    pub(super) fn start(
        key: &HssPublicKey,
        source: &'s dyn SignatureSource,
    ) -> Result<Self, CryptoError> {
        let upper = read_word(source, 0)?;
        if upper != key.levels().wrapping_sub(1) {
            return Err(CryptoError::Verification);
        }
        let mut key = *key.top();
        let mut at = WORD;
        for _ in 0..upper {
            let (claim, end) = Claim::read(source, at, key)?;
            let mut below = [0; LMS_PUBLIC_KEY_LEN];
            source.read_at(end, &mut below)?;
            let mut message = claim.begin_message()?;
            message.update(&below);
            claim.check(message)?;
            key = LmsPublicKey::from_bytes(&below).map_err(|_| CryptoError::Verification)?;
            at = end.saturating_add(LMS_PUBLIC_KEY_LEN as u32);
        }
        let (claim, end) = Claim::read(source, at, key)?;
        if end != source.len() {
            return Err(CryptoError::Verification);
        }
        let message = claim.begin_message()?;
        Ok(Self { claim, message })
    }

    /// Takes in a piece of the message.
    pub fn update(&mut self, piece: &[u8]) {
        self.message.update(piece);
    }

    /// The verdict over all pieces. [`CryptoError::Verification`] when the signature is wrong.
    pub fn finish(self) -> Result<(), CryptoError> {
        self.claim.check(self.message)
    }

    /// Works out the signature over all pieces, for a caller that asks more than once whether it is good.
    /// [`CryptoError::Verification`] when it cannot be read.
    pub fn open(self) -> Result<Opened, CryptoError> {
        self.claim.open(self.message)
    }
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
}

/// One tree's signature, with the key it must be by.
struct Claim<'s> {
    source: &'s dyn SignatureSource,
    key: LmsPublicKey,
    leaf: u32,
    randomizer_at: u32,
}

impl<'s> Claim<'s> {
    /// Reads the fields at `at` that say what is claimed; gives the end of the signature too. All of it lies
    /// inside the source.
    fn read(
        source: &'s dyn SignatureSource,
        at: u32,
        key: LmsPublicKey,
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

    fn begin_message(&self) -> Result<Sha256, CryptoError> {
        let mut randomizer = [0; HASH_LEN];
        self.source.read_at(self.randomizer_at, &mut randomizer)?;
        Ok(tree::begin_message(&self.key.id, self.leaf, &randomizer))
    }

    fn check(&self, message: Sha256) -> Result<(), CryptoError> {
        if self.open(message)?.holds() {
            Ok(())
        } else {
            Err(CryptoError::Verification)
        }
    }

    /// Where the path from the signature's leaf ends.
    #[inline(never)] // one copy for trees' keys and messages
    fn open(&self, message: Sha256) -> Result<Opened, CryptoError> {
        let mut node = self.key.tree.leaves().saturating_add(self.leaf);
        let mut value = tree::leaf(&self.key.id, node, &self.one_time_key(message)?);
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
    fn one_time_key(&self, message: Sha256) -> Result<[u8; HASH_LEN], CryptoError> {
        let kind = self.key.ots;
        let digits = Digits::new(kind, message.finish().as_slice());
        let mut ends = tree::begin_one_time_key(&self.key.id, self.leaf);
        let mut chain = Chain::new(&self.key.id, self.leaf);
        for number in 0..kind.chains() {
            let at = self.chain_at(number);
            self.source.read_at(at, chain.value_mut())?;
            chain.run(number, digits.get(number), kind.chain_len());
            ends.update(chain.value());
        }
        Ok(tree::one_time_key(ends))
    }
}

fn read_word(source: &dyn SignatureSource, at: u32) -> Result<u32, CryptoError> {
    let mut word = [0; 4];
    source.read_at(at, &mut word)?;
    Ok(u32::from_be_bytes(word))
}
