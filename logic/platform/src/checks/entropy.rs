//! What can be seen of an entropy source from outside: not its quality, only its gross failures.

use std::collections::BTreeSet;
use std::vec;
use std::vec::Vec;

use crate::Entropy;

/// Checks the [`Entropy`] contract as far as output can show it: a source that is stuck, that repeats
/// itself, that leaves part of the buffer alone or that prefers one value of a bit.
///
/// A sound source fails with a probability below one in a million.
///
/// # Panics
/// When a promise is broken.
pub fn check_entropy<E: Entropy>(entropy: &mut E) {
    entropy
        .fill(&mut [])
        .expect("nothing can be had for nothing");
    fills_any_length_whole(entropy);
    let bytes = draw(entropy, 4096);
    let blocks: BTreeSet<&[u8]> = bytes.chunks(16).collect();
    assert_eq!(blocks.len(), 4096 / 16, "no sixteen bytes come twice");
    let again = draw(entropy, 4096);
    assert!(
        again.chunks(16).all(|block| !blocks.contains(block)),
        "nor in the next request"
    );
    // 32768 fair bits: the standard deviation is 90; 5.5 of them is one in 26 million.
    let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    assert!(
        (15_890..=16_878).contains(&ones),
        "ones and zeros are about as frequent: {ones}"
    );
}

fn fills_any_length_whole<E: Entropy>(entropy: &mut E) {
    for len in (1..=70).chain([255, 256, 257, 1000]) {
        // A byte that a request leaves alone stays zero every time; chance makes that 2^-64.
        let mut seen = vec![0; len];
        for _ in 0..8 {
            let drawn = draw(entropy, len);
            seen.iter_mut()
                .zip(drawn)
                .for_each(|(seen, byte)| *seen |= byte);
        }
        assert!(
            seen.iter().all(|byte| *byte != 0),
            "all {len} bytes are filled"
        );
    }
}

fn draw<E: Entropy>(entropy: &mut E, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    entropy.fill(&mut bytes).expect("the source works");
    bytes
}
