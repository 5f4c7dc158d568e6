//! Hashes of a tree's nodes and of messages (RFC 8554, sections 4.5, 5.3 and 5.4).

use super::stream::Stream;
use super::{HASH_LEN, ID_LEN};

const PUBLIC_KEY: [u8; 2] = [0x80, 0x80];
const MESSAGE: [u8; 2] = [0x81, 0x81];
const LEAF: [u8; 2] = [0x82, 0x82];
const INNER: [u8; 2] = [0x83, 0x83];

#[inline(never)] // called from many places
fn begin(hash: &mut Stream, id: &[u8; ID_LEN], number: u32, domain: [u8; 2]) {
    hash.update(id);
    hash.update(&number.to_be_bytes());
    hash.update(&domain);
}

/// Begins the hash over the ends of all chains of a leaf: its one-time public key, when finished.
pub(super) fn begin_one_time_key(hash: &mut Stream, id: &[u8; ID_LEN], leaf: u32) {
    begin(hash, id, leaf, PUBLIC_KEY);
}

/// Begins the hash over a message, after the randomizer.
pub(super) fn begin_message(
    hash: &mut Stream,
    id: &[u8; ID_LEN],
    leaf: u32,
    randomizer: &[u8; HASH_LEN],
) {
    begin(hash, id, leaf, MESSAGE);
    hash.update(randomizer);
}

/// Node number `node`, a leaf, over its one-time public key.
pub(super) fn leaf(id: &[u8; ID_LEN], node: u32, key: &[u8; HASH_LEN]) -> [u8; HASH_LEN] {
    let mut hash = Stream::new();
    begin(&mut hash, id, node, LEAF);
    hash.update(key);
    hash.finish()
}

/// Node number `node` over the two below it.
#[inline(never)]
pub(super) fn inner(
    id: &[u8; ID_LEN],
    node: u32,
    left: &[u8; HASH_LEN],
    right: &[u8; HASH_LEN],
) -> [u8; HASH_LEN] {
    let mut hash = Stream::new();
    begin(&mut hash, id, node, INNER);
    hash.update(left);
    hash.update(right);
    hash.finish()
}
