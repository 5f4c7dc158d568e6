//! Thousands of random call sequences, hostile arguments among them, against the model of the state table.
//! `IRONROOT_UPDATE_SEQUENCES=100000` plays more.

mod common;

use common::update_model::Player;
use std::collections::BTreeSet;

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[test]
fn every_answer_state_and_byte_is_the_models_whatever_is_called_in_whatever_order() {
    let sequences = std::env::var("IRONROOT_UPDATE_SEQUENCES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(3000);
    let (mut calls, mut seen) = (0, BTreeSet::new());
    for seed in 0..sequences {
        let mut random = SplitMix(seed);
        let len = 40 + random.next() % 160;
        let script: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
        let played = std::panic::catch_unwind(|| {
            let mut player = Player::new();
            player.play(&script);
            (player.calls, player.seen)
        });
        match played {
            Ok((played, states)) => {
                calls += played;
                seen.extend(states);
            }
            Err(_) => panic!("sequence {seed}"),
        }
    }
    assert_eq!(seen.len(), 16, "both components come to all eight states");
    println!("{sequences} sequences, {calls} steps");
}
