//! Private keys of one tree, for host tools.
//!
//! **Every leaf signs once.** Two messages under one leaf let anybody forge a third. So signing has two
//! steps: [`LmsPrivateKey::reserve`] takes the next leaf, then the caller stores the key with its new
//! [`next`](LmsPrivateKey::next) for good, and only then makes the signature. A stored key must never be
//! restored from a copy.
//!
//! Secrets of leaves come from one seed (RFC 8554, appendix A). Each signature hashes the whole tree again:
//! with height 10 and width 8 nine million hashes, with height 15 thirty-two times as many.

use super::chain::{Chain, Digits};
use super::stream::Stream;
use super::{HASH_LEN, HssPublicKey, ID_LEN, LmsPublicKey, OtsType, TreeType, tree};
use crate::drbg::Drbg;
use crate::{CryptoError, Secret};
use ironroot_codec::{BufferFull, Writer};

/// The longest signature of one tree: height 25, width 1, with the word in front that makes it HSS's.
pub const MAX_SIGNATURE_LEN: usize = 4 + 4 + 4 + HASH_LEN * (1 + 265 + 25) + 4;

/// The step number that no chain has: for what comes from the seed.
const SECRET: u8 = 0xff;
/// The chain number that no chain has: for the randomizer.
const RANDOMIZER: u16 = 0xfffd;

/// A private key: one tree, and the first of its leaves that has signed nothing.
pub struct LmsPrivateKey {
    public: LmsPublicKey,
    seed: Secret<HASH_LEN>,
    next: u32,
}

/// A leaf that is taken. It signs once, so this cannot be copied.
#[derive(Debug)]
pub struct Leaf {
    number: u32,
}

impl LmsPrivateKey {
    /// Draws a key and builds its tree, which takes seconds for height 10 and width 8.
    pub fn generate(tree: TreeType, ots: OtsType, drbg: &mut Drbg) -> Self {
        let mut id = [0; ID_LEN];
        drbg.fill(&mut id);
        Self::from_seed(tree, ots, id, drbg.secret())
    }

    /// The key that identifier and seed make, none of its leaves used.
    pub fn from_seed(
        tree: TreeType,
        ots: OtsType,
        id: [u8; ID_LEN],
        seed: Secret<HASH_LEN>,
    ) -> Self {
        let public = LmsPublicKey {
            tree,
            ots,
            id,
            root: [0; HASH_LEN],
        };
        let mut key = Self {
            public,
            seed,
            next: 0,
        };
        key.public.root = key.walk(0, |_, _| ());
        key
    }

    /// A key that was stored: all of its parts, not computed again.
    pub fn from_parts(public: LmsPublicKey, seed: Secret<HASH_LEN>, next: u32) -> Self {
        Self { public, seed, next }
    }

    /// The public key, as HSS of one level.
    pub fn public(&self) -> HssPublicKey {
        HssPublicKey {
            levels: 1,
            top: self.public,
        }
    }

    /// The seed, for storing.
    pub fn seed(&self) -> &Secret<HASH_LEN> {
        &self.seed
    }

    /// The first leaf that has signed nothing, for storing.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// How many signatures it can still make.
    pub fn remaining(&self) -> u32 {
        self.public.tree.leaves().saturating_sub(self.next)
    }

    /// Takes a leaf; `None` when all have signed. **Store the key before the leaf signs.**
    pub fn reserve(&mut self) -> Option<Leaf> {
        if self.remaining() == 0 {
            return None;
        }
        let number = self.next;
        self.next = number.saturating_add(1);
        Some(Leaf { number })
    }

    /// Signs with a leaf of this key, and checks the result. Gives the signature at the start of `out`.
    ///
    /// [`CryptoError::DataLength`] when `out` is too small (see [`MAX_SIGNATURE_LEN`]);
    /// [`CryptoError::Corruption`] when the leaf is another key's, or the key's parts do not belong together.
    pub fn sign<'o>(
        &self,
        leaf: Leaf,
        message: &[u8],
        out: &'o mut [u8],
    ) -> Result<&'o [u8], CryptoError> {
        let mut writer = Writer::new(out);
        self.write(leaf.number, message, &mut writer)
            .map_err(|_| CryptoError::DataLength)?;
        let signature = writer.finish();
        match self.public().verify(message, signature) {
            Ok(()) => Ok(signature),
            Err(_) => {
                signature.fill(0);
                Err(CryptoError::Corruption)
            }
        }
    }

    fn write(&self, leaf: u32, message: &[u8], out: &mut Writer<'_>) -> Result<(), BufferFull> {
        let LmsPublicKey { tree, ots, id, .. } = &self.public;
        out.put(&0_u32.to_be_bytes())?;
        out.put(&leaf.to_be_bytes())?;
        out.put(&ots.code().to_be_bytes())?;
        let mut chain = Chain::new(id, leaf);
        self.start_chain(&mut chain, RANDOMIZER);
        let randomizer = chain.value().try_into().unwrap_or([0; HASH_LEN]);
        out.put(&randomizer)?;
        let mut hash = Stream::new();
        tree::begin_message(&mut hash, id, leaf, &randomizer);
        hash.update(message);
        let digits = Digits::new(*ots, &hash.finish());
        for number in 0..ots.chains() {
            self.start_chain(&mut chain, number);
            chain.run(number, 0, digits.get(number));
            out.put(chain.value())?;
        }
        out.put(&tree.code().to_be_bytes())?;
        let mut path = [[0; HASH_LEN]; 25];
        self.walk(leaf, |level, node| {
            if let Some(place) = path.get_mut(level as usize) {
                *place = *node;
            }
        });
        for node in path.iter().take(tree.height() as usize) {
            out.put(node)?;
        }
        Ok(())
    }

    /// The secret start of a chain (RFC 8554, appendix A).
    fn start_chain(&self, chain: &mut Chain, number: u16) {
        self.seed
            .expose(|seed| crate::bytes::copy_prefix(chain.value_mut(), seed));
        chain.hash(number, SECRET);
    }

    /// The leaf's node: over the ends of all of its chains (algorithm 1).
    fn leaf_node(&self, leaf: u32) -> [u8; HASH_LEN] {
        let LmsPublicKey { tree, ots, id, .. } = &self.public;
        let mut ends = Stream::new();
        tree::begin_one_time_key(&mut ends, id, leaf);
        let mut chain = Chain::new(id, leaf);
        for number in 0..ots.chains() {
            self.start_chain(&mut chain, number);
            chain.run(number, 0, ots.chain_len());
            ends.update(chain.value());
        }
        let node = tree.leaves().saturating_add(leaf);
        tree::leaf(id, node, &ends.finish())
    }

    /// Builds the tree from left to right and gives its root; tells of each node beside the way from `leaf`
    /// to the root, with its level.
    fn walk(&self, leaf: u32, mut beside: impl FnMut(u32, &[u8; HASH_LEN])) -> [u8; HASH_LEN] {
        let leaves = self.public.tree.leaves();
        let way = leaves.saturating_add(leaf);
        // The left neighbour that waits at each level; on top of it the root.
        let mut waiting = [[0; HASH_LEN]; 26];
        for index in 0..leaves {
            let mut node = leaves.saturating_add(index);
            let mut value = self.leaf_node(index);
            for (level, place) in (0_u32..).zip(waiting.iter_mut()) {
                if node ^ 1 == way >> level {
                    beside(level, &value);
                }
                if node % 2 == 0 || node == 1 {
                    *place = value;
                    break;
                }
                node /= 2;
                value = tree::inner(&self.public.id, node, place, &value);
            }
        }
        let root = waiting.get(self.public.tree.height() as usize);
        root.copied().unwrap_or_default()
    }
}
