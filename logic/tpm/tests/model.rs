//! Sequences of commands, power cuts and faults of the store, against a model that shares no code with the engine
//! (`tools/tpm-model`). The fuzz target `tpm_sequences` does the same with what libFuzzer chooses.
#![cfg(feature = "full")]

mod model_device;

use ironroot_tpm_model::{Choices, Runner, Tally, bytes_of_seed};
use model_device::with_engine;

/// How many sequences, of how many steps at most.
const SEQUENCES: u64 = 600;
const STEPS: usize = 200;

/// Runs one sequence; what was answered.
fn run(bytes: &[u8]) -> Tally {
    let mut tally = Tally::new();
    with_engine(|device| {
        let mut runner = Runner::new(device);
        tally.clone_from(runner.run(&mut Choices::new(bytes), STEPS));
    });
    tally
}

fn of_seed(seed: u64) -> Vec<u8> {
    bytes_of_seed(seed, 1_000)
}

/// `TPM_MODEL_SEED=N` runs that one alone, `TPM_MODEL_INPUT=file` an input of the fuzz target; `TPM_MODEL_TRACE=1` tells
/// the steps.
#[test]
fn sequences_of_commands_do_what_the_model_says() {
    if let Ok(seed) = std::env::var("TPM_MODEL_SEED") {
        run(&of_seed(seed.parse().expect("a number")));
        return;
    }
    if let Some(file) = std::env::var_os("TPM_MODEL_INPUT") {
        run(&std::fs::read(file).expect("it can be read"));
        return;
    }
    let (mut tally, mut differ) = (Tally::new(), Vec::new());
    for seed in 0..SEQUENCES {
        match std::panic::catch_unwind(|| run(&of_seed(seed))) {
            Ok(counts) => counts.into_iter().for_each(|(code, (good, refused))| {
                let sum = tally.entry(code).or_default();
                (sum.0, sum.1) = (sum.0 + good, sum.1 + refused);
            }),
            Err(_) => differ.push(seed),
        }
    }
    assert!(
        differ.is_empty(),
        "the engine and the model differ: seeds {differ:?}"
    );
    // A model that is never asked proves nothing.
    for (code, (good, refused)) in &tally {
        println!("{code:#x}: {good} done, {refused} refused");
        assert!(*good > 20, "{code:#x} succeeded {good} times only");
    }
    assert_eq!(tally.len(), 53, "commands in the sequences");
}
