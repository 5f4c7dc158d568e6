//! The recipes that the fuzz target `tpm_commands` begins with reach every command that can succeed.
//!
//! `TPM_RECIPES=folder` writes them there, as inputs for the fuzz target.
#![cfg(feature = "full")]

#[path = "common/store.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "a part of each test that uses it"
)]
mod store;

#[path = "command_stream/mod.rs"]
mod stream;

use stream::Successes;
use stream::recipes::recipes;

/// The PC Client profile has no PCR with a policy or an auth value of its own.
const NEVER: [u32; 2] = [0x12c, 0x183];

#[test]
fn every_command_that_can_succeed_does_in_a_recipe() {
    let mut all = Successes::new();
    for recipe in recipes() {
        for (code, count) in stream::run(&recipe) {
            *all.entry(code).or_default() += count;
        }
    }
    println!("how often each succeeded: {all:x?}");
    let listed = stream::codes();
    assert_eq!(listed.len(), 120);
    let missing: Vec<String> = listed
        .iter()
        .filter(|code| !all.contains_key(code) && !NEVER.contains(code))
        .map(|code| format!("{code:#x}"))
        .collect();
    assert!(missing.is_empty(), "no recipe for {missing:?}");
    assert!(NEVER.iter().all(|code| !all.contains_key(code)));
    if let Some(folder) = std::env::var_os("TPM_RECIPES") {
        for (number, recipe) in recipes().into_iter().enumerate() {
            let path = std::path::Path::new(&folder).join(format!("recipe-{number:03}"));
            std::fs::write(path, recipe).unwrap();
        }
    }
}
