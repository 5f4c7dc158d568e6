//! Streams of TPM commands: half built (code, handles that often name something, sessions that often are right,
//! templates, parts of earlier answers), half raw. The engine never panics; every answer is well formed; a command
//! that failed leaves a TPM that works.

#![no_main]

#[path = "../../logic/tpm/tests/common/store.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod store;

#[path = "../../logic/tpm/tests/command_stream/mod.rs"]
#[allow(dead_code, reason = "the recipes are seeds, written by a test")]
mod stream;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    stream::run(input);
});
