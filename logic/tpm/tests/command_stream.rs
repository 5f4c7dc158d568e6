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

/// Codes of commands that can succeed and did not.
fn missing(successes: &Successes) -> Vec<String> {
    let listed = stream::codes();
    assert_eq!(listed.len(), 120);
    assert!(NEVER.iter().all(|code| !successes.contains_key(code)));
    listed
        .iter()
        .filter(|code| !successes.contains_key(code) && !NEVER.contains(code))
        .map(|code| format!("{code:#x}"))
        .collect()
}

fn run_all<'a>(inputs: impl Iterator<Item = &'a [u8]>) -> Successes {
    let mut all = Successes::new();
    for (code, count) in inputs.flat_map(stream::run) {
        *all.entry(code).or_default() += count;
    }
    all
}

#[test]
fn every_command_that_can_succeed_does_in_a_recipe() {
    let recipes = recipes();
    let all = run_all(recipes.iter().map(Vec::as_slice));
    println!("how often each succeeded: {all:x?}");
    let missing = missing(&all);
    assert!(missing.is_empty(), "no recipe for {missing:?}");
    if let Some(folder) = std::env::var_os("TPM_RECIPES") {
        for (number, recipe) in recipes.iter().enumerate() {
            let path = std::path::Path::new(&folder).join(format!("recipe-{number:03}"));
            std::fs::write(path, recipe).unwrap();
        }
    }
}

/// As `cargo xtask fuzz` keeps them: each input behind its length.
#[test]
fn the_kept_inputs_of_the_fuzz_target_reach_them_too() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fuzz/corpus/tpm_commands.bin"
    );
    let file = std::fs::read(path).unwrap();
    let mut rest = file.as_slice();
    let inputs = std::iter::from_fn(|| {
        let (len, after) = rest.split_first_chunk()?;
        let (input, after) = after.split_at(u32::from_le_bytes(*len) as usize);
        rest = after;
        Some(input)
    });
    let missing = missing(&run_all(inputs));
    assert!(missing.is_empty(), "no kept input for {missing:?}");
}
