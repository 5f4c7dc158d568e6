//! Sequences of Firmware Update calls with any arguments and resets between them, on a device with the real
//! bootloader: every answer, every state and every byte of the slots must be those of the model.

#![no_main]

#[path = "../../logic/psa/tests/common/mod.rs"]
mod common;

use common::update_model::Player;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    Player::new().play(script.get(..400).unwrap_or(script));
});
