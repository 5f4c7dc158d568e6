//! The rows, in the order in which they are printed.

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Executed instructions.
    Instructions,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// As it stands in the machine-readable list.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Bytes => "bytes",
        }
    }
}

/// One figure to beat. Smaller is better in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Short name, which a benchmark application prints and a script can look for.
    pub key: &'static str,
    /// What a reader sees.
    pub name: &'static str,
    /// Of all the row's figures.
    pub unit: Unit,
    /// Whose figure the first peer's is.
    pub peer: &'static str,
    /// What the first peer takes, if that is known.
    pub peer_value: Option<u64>,
    /// The second peer's.
    pub second_value: Option<u64>,
    /// Must hold.
    pub target: Option<u64>,
    /// Where we are going.
    pub goal: Option<u64>,
}

/// TF-M's profile that most rows are held against.
pub const TFM: &str = "TF-M 2.2.2 profile_medium";
/// MCUboot by itself: bootutil with its cryptography, GCC -Os for Cortex-M33, flash driver stubbed.
pub const MCUBOOT: &str = "MCUboot 2.2.0 bootutil";

/// There is no peer.
const NOBODY: &str = "";

const fn instructions(
    key: &'static str,
    name: &'static str,
    medium: u64,
    large: u64,
    target: u64,
    goal: u64,
) -> Row {
    Row {
        key,
        name,
        unit: Unit::Instructions,
        peer: TFM,
        peer_value: Some(medium),
        second_value: Some(large),
        target: Some(target),
        goal: Some(goal),
    }
}

const fn bytes(
    key: &'static str,
    name: &'static str,
    peer: &'static str,
    peers: [Option<u64>; 2],
    limits: Option<(u64, u64)>,
) -> Row {
    let (target, goal) = match limits {
        Some((target, goal)) => (Some(target), Some(goal)),
        None => (None, None),
    };
    Row {
        key,
        name,
        unit: Unit::Bytes,
        peer,
        peer_value: peers[0],
        second_value: peers[1],
        target,
        goal,
    }
}

/// Executed instructions on AN521. Storage rows are means over at least two garbage collections.
#[rustfmt::skip]
pub const INSTRUCTIONS: [Row; 13] = [
    //            key                  name                                           medium       large       target      goal
    instructions("boot",               "reset to non-secure main, first boot",   118_821_033, 121_095_086, 30_000_000, 22_000_000),
    instructions("image-verification", "one P-256 image verification",            55_880_000,  55_880_000,  8_000_000,  7_000_000),
    instructions("null-call-prot",     "null call, PSA RoT service",                   2_120,       2_120,      1_200,        700),
    instructions("null-call-arot",     "null call, Application RoT service",           2_608,       3_163,      2_000,      1_200),
    instructions("64-in-out-prot",     "64 B in and out, PSA RoT service",             3_200,       3_200,      2_000,      1_200),
    instructions("sha-256-1k",         "SHA-256, 1 KiB",                              88_331,      67_691,     80_000,     50_000),
    instructions("sign-p256",          "ECDSA P-256 sign",                        10_692_116,  17_725_947, 15_500_000,  5_000_000),
    instructions("verify-p256",        "ECDSA P-256 verify",                      31_290_820,  51_317_767,  8_000_000,  7_000_000),
    instructions("its-set-64",         "ITS set 64 B",                                48_040,      26_580,     25_000,     15_000),
    instructions("its-get-64",         "ITS get 64 B",                                 8_485,       6_741,     10_000,      6_500),
    instructions("ps-set-64",          "PS set 64 B",                              1_192_089,     806_741,    150_000,     60_000),
    instructions("ps-get-64",          "PS get 64 B",                                124_329,     118_873,     80_000,     30_000),
    instructions("attestation-token",  "attestation token, 64 B challenge",       10_799_303,  17_823_634, 16_000_000,  5_500_000),
];

/// Bytes of the secure image on AN521, beside TF-M's profile_medium and profile_large.
#[rustfmt::skip]
pub const SECURE_SIZES: [Row; 4] = [
    bytes("secure-medium-flash", "secure image, medium: flash",       TFM, [Some(70_992), Some(121_240)], Some((115_000, 70_000))),
    bytes("secure-medium-ram",   "secure image, medium: RAM",         TFM, [Some(41_692), Some(48_164)],  Some((42_000, 30_000))),
    bytes("secure-flash",        "secure image, everything: flash",   TFM, [Some(70_992), Some(121_240)], None),
    bytes("secure-ram",          "secure image, everything: RAM",     TFM, [Some(41_692), Some(48_164)],  None),
];

/// Bytes of the TPM's small profile on a Cortex-M33: the whole application that shows it, the functions of its two parts,
/// and the memory of its parts. Nobody else's figure is known.
#[rustfmt::skip]
pub const TPM_SIZES: [Row; 6] = [
    bytes("tpm-flash",        "small TPM, whole application: flash", NOBODY, [None, None], None),
    bytes("tpm-engine-code",  "small TPM, engine: code",             NOBODY, [None, None], None),
    bytes("tpm-crypto-code",  "small TPM, cryptography: code",       NOBODY, [None, None], None),
    bytes("tpm-engine-ram",   "small TPM, engine: RAM",              NOBODY, [None, None], None),
    bytes("tpm-objects-ram",  "small TPM, three objects: RAM",       NOBODY, [None, None], None),
    bytes("tpm-sessions-ram", "small TPM, three sessions: RAM",      NOBODY, [None, None], None),
];

/// Bytes of the bootloader's variants on AN521, beside MCUboot's own code and beside the whole BL2 of
/// TF-M's profile_medium.
#[rustfmt::skip]
pub const BOOTLOADER_SIZES: [Row; 22] = [
    bytes("hash-only-flash",  "bootloader, hash only: flash",  MCUBOOT, [Some(10_384), None],         None),
    bytes("hash-only-ram",    "bootloader, hash only: RAM",    MCUBOOT, [None, None],                 None),
    bytes("p256-flash",       "bootloader, P-256: flash",      MCUBOOT, [Some(13_581), Some(18_500)], Some((40_000, 18_000))),
    bytes("p256-ram",         "bootloader, P-256: RAM",        MCUBOOT, [None, Some(25_728)],         Some((16_000, 8_000))),
    bytes("p256-ecies-flash", "bootloader, P-256 and ECIES-P256: flash", MCUBOOT, [Some(18_708), None], None),
    bytes("p256-ecies-ram",   "bootloader, P-256 and ECIES-P256: RAM",   MCUBOOT, [None, None],         None),
    bytes("p256-smp-flash",   "bootloader, P-256 and SMP recovery: flash", MCUBOOT, [None, None],    None),
    bytes("p256-smp-ram",     "bootloader, P-256 and SMP recovery: RAM",   MCUBOOT, [None, None],    None),
    bytes("p256-ymodem-flash", "bootloader, P-256 and Ymodem recovery: flash", MCUBOOT, [None, None], None),
    bytes("p256-ymodem-ram",  "bootloader, P-256 and Ymodem recovery: RAM",   MCUBOOT, [None, None], None),
    bytes("p256-in-place-flash", "bootloader, P-256, swap-offset: flash", MCUBOOT, [None, None], None),
    bytes("p256-in-place-ram",   "bootloader, P-256, swap-offset: RAM",   MCUBOOT, [None, None], None),
    bytes("p256-ecies-in-place-flash", "bootloader, P-256 and ECIES-P256, swap-offset: flash", MCUBOOT, [None, None], None),
    bytes("p256-ecies-in-place-ram",   "bootloader, P-256 and ECIES-P256, swap-offset: RAM",   MCUBOOT, [None, None], None),
    bytes("p256-lms-flash",   "bootloader, P-256 and LMS: flash", MCUBOOT, [None, None],               None),
    bytes("p256-lms-ram",     "bootloader, P-256 and LMS: RAM",   MCUBOOT, [None, None],               None),
    bytes("rsa-flash",        "bootloader, RSA: flash",        MCUBOOT, [Some(17_930), None],         None),
    bytes("rsa-ram",          "bootloader, RSA: RAM",          MCUBOOT, [None, None],                 None),
    bytes("ed25519-flash",    "bootloader, Ed25519: flash",    MCUBOOT, [Some(26_340), None],         None),
    bytes("ed25519-ram",      "bootloader, Ed25519: RAM",      MCUBOOT, [None, None],                 None),
    bytes("everything-flash", "bootloader, every signature: flash", MCUBOOT, [None, None],                 None),
    bytes("everything-ram",   "bootloader, every signature: RAM",   MCUBOOT, [None, None],                 None),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_goal_is_never_easier_than_its_target_and_keys_are_unique() {
        let mut keys = BTreeSet::new();
        for row in INSTRUCTIONS
            .iter()
            .chain(&SECURE_SIZES)
            .chain(&BOOTLOADER_SIZES)
            .chain(&TPM_SIZES)
        {
            assert!(row.goal <= row.target, "{}", row.key);
            assert_eq!(row.goal.is_some(), row.target.is_some(), "{}", row.key);
            assert!(keys.insert(row.key), "{}", row.key);
        }
    }
}
