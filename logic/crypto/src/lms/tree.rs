//! Hashes of a tree's nodes and of messages (RFC 8554, sections 4.5, 5.3 and 5.4).

use super::{HASH_LEN, ID_LEN};
use crate::hash::Sha256;

const PUBLIC_KEY: [u8; 2] = [0x80, 0x80];
const MESSAGE: [u8; 2] = [0x81, 0x81];
const LEAF: [u8; 2] = [0x82, 0x82];
const INNER: [u8; 2] = [0x83, 0x83];

fn begin(id: &[u8; ID_LEN], number: u32, domain: [u8; 2]) -> Sha256 {
    let mut hash = Sha256::new();
    hash.update(id);
    hash.update(&number.to_be_bytes());
    hash.update(&domain);
    hash
}

fn end(hash: Sha256) -> [u8; HASH_LEN] {
    hash.finish().to_array().unwrap_or_default()
}

/// The hash over the ends of all chains of a leaf: its one-time public key, when finished with
/// [`one_time_key`].
pub(super) fn begin_one_time_key(id: &[u8; ID_LEN], leaf: u32) -> Sha256 {
    begin(id, leaf, PUBLIC_KEY)
}

pub(super) fn one_time_key(hash: Sha256) -> [u8; HASH_LEN] {
    end(hash)
}

/// The hash over a message, after the randomizer.
pub(super) fn begin_message(id: &[u8; ID_LEN], leaf: u32, randomizer: &[u8; HASH_LEN]) -> Sha256 {
    let mut hash = begin(id, leaf, MESSAGE);
    hash.update(randomizer);
    hash
}

/// Node number `node`, a leaf, over its one-time public key.
pub(super) fn leaf(id: &[u8; ID_LEN], node: u32, key: &[u8; HASH_LEN]) -> [u8; HASH_LEN] {
    let mut hash = begin(id, node, LEAF);
    hash.update(key);
    end(hash)
}

/// Node number `node` over the two below it.
pub(super) fn inner(
    id: &[u8; ID_LEN],
    node: u32,
    left: &[u8; HASH_LEN],
    right: &[u8; HASH_LEN],
) -> [u8; HASH_LEN] {
    let mut hash = begin(id, node, INNER);
    hash.update(left);
    hash.update(right);
    end(hash)
}
