//! The small TPM on a Cortex-M33: the engine that the host's daemon runs, without RSA and without a heap.

use ironroot_tests::{Device, Firmware};

/// What the application asks, in its order; the altered digest is the one that must be refused.
const ASKED: [&str; 16] = [
    "Startup: 0x000",
    "SelfTest: 0x000",
    "GetRandom: 0x000",
    "PCR_Extend: 0x000",
    "CreatePrimary: 0x000",
    "Create: 0x000",
    "Load: 0x000",
    "Sign: 0x000",
    "VerifySignature: 0x000",
    "VerifySignature, altered: 0x2db",
    "NV_DefineSpace: 0x000",
    "NV_Write: 0x000",
    "NV_Read: 0x000",
    "StartAuthSession: 0x000",
    "Shutdown: 0x000",
    "all done",
];

#[test]
fn the_small_tpm_makes_keys_signs_and_keeps_data_on_a_cortex_m() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let run = Device::with(&firmware, "tpm").run(0, 0);
    assert!(run.succeeded(), "{run}");
    let said: Vec<_> = run
        .lines
        .iter()
        .filter_map(|line| line.strip_prefix("tpm: "))
        .collect();
    let asked: Vec<_> = said
        .iter()
        .filter(|line| !line.starts_with("memory"))
        .copied()
        .collect();
    assert_eq!(asked, ASKED, "{run}");
    said.iter()
        .filter(|line| line.starts_with("memory"))
        .for_each(|line| println!("{line}"));
}
