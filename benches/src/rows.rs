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
    /// TF-M, profile_medium.
    pub medium: u64,
    /// TF-M, profile_large.
    pub large: u64,
    /// Must hold.
    pub target: u64,
    /// Where we are going.
    pub goal: u64,
}

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
        medium,
        large,
        target,
        goal,
    }
}

const fn bytes(
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
        unit: Unit::Bytes,
        medium,
        large,
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

/// Bytes on AN521.
#[rustfmt::skip]
pub const SIZES: [Row; 4] = [
    //     key                 name                             medium   large   target    goal
    bytes("secure-flash",     "secure image, flash",           70_992, 121_240, 115_000, 70_000),
    bytes("secure-ram",       "secure image, RAM with stacks", 41_692,  48_164,  42_000, 30_000),
    bytes("bootloader-flash", "bootloader, flash",             18_500,  19_996,  40_000, 18_000),
    bytes("bootloader-ram",   "bootloader, RAM with stacks",   25_728,  25_760,  16_000,  8_000),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_goal_is_never_easier_than_its_target_and_keys_are_unique() {
        let mut keys = BTreeSet::new();
        for row in INSTRUCTIONS.iter().chain(&SIZES) {
            assert!(row.goal <= row.target, "{}", row.key);
            assert!(keys.insert(row.key), "{}", row.key);
        }
    }
}
