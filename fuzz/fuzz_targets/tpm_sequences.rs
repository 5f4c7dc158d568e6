//! Sequences of commands, power cuts, faults of the store and signals, against a model that shares no code with the
//! engine (`tools/tpm-model`): every response code, every answer, and all that a TPM tells of itself must agree.

#![no_main]

#[path = "../../logic/tpm/tests/model_device/mod.rs"]
mod model_device;

use ironroot_tpm_model::{Choices, Runner};
use libfuzzer_sys::fuzz_target;

/// Steps of one sequence at most.
const STEPS: usize = 200;

fuzz_target!(|input: &[u8]| {
    model_device::with_engine(|device| {
        Runner::new(device).run(&mut Choices::new(input), STEPS);
    });
});
