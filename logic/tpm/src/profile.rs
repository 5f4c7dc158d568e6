//! How large a TPM is and what it knows.

use ironroot_crypto::tpm::hash::HashAlgorithm;

/// Who a TPM says that it is; texts as GetCapability has them, four bytes each, filled up with zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `TPM_PT_MANUFACTURER`
    pub manufacturer: [u8; 4],
    /// `TPM_PT_VENDOR_STRING_1` to `_4`
    pub vendor: [[u8; 4]; 4],
    /// `TPM_PT_VENDOR_TPM_TYPE`
    pub model: u32,
    /// `TPM_PT_FIRMWARE_VERSION_1` and `_2`
    pub firmware: [u32; 2],
}

impl Identity {
    /// As swtpm says: what was set up for it takes this TPM for one.
    pub const SWTPM: Self = Self {
        manufacturer: *b"IBM\0",
        vendor: [*b"SW  ", *b" TPM", [0; 4], [0; 4]],
        model: 1,
        firmware: FIRMWARE,
    };
    /// By our own name.
    pub const IRONROOT: Self = Self {
        manufacturer: *b"IRRT",
        vendor: [*b"Iron", *b"root", *b" TPM", [0; 4]],
        model: 1,
        firmware: FIRMWARE,
    };
}

/// Major and minor number of this crate's version, then its patch number.
const FIRMWARE: [u32; 2] = [
    number(env!("CARGO_PKG_VERSION_MAJOR")) << 16 | number(env!("CARGO_PKG_VERSION_MINOR")),
    number(env!("CARGO_PKG_VERSION_PATCH")) << 16,
];

/// A decimal number.
const fn number(text: &str) -> u32 {
    let mut rest = text.as_bytes();
    let mut value = 0;
    while let [digit, tail @ ..] = rest {
        value = value * 10 + (*digit - b'0') as u32;
        rest = tail;
    }
    value
}

/// What can be chosen when the TPM is put together. Slots are memory given to [`crate::Tpm::new`]; the numbers here
/// are the limits that GetCapability tells and that the engine keeps, at most what the memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name on the command line.
    pub name: &'static str,
    /// Loaded objects and sequences.
    pub loaded_objects: usize,
    /// Sessions in memory.
    pub loaded_sessions: usize,
    /// Sessions in memory and saved.
    pub active_sessions: usize,
    /// Persistent objects.
    pub persistent_objects: usize,
    /// NV indices.
    pub nv_indices: usize,
    /// The banks of PCRs that a new TPM has; PCR_Allocate changes them.
    pub pcr_banks: &'static [HashAlgorithm],
    /// Who it says that it is.
    pub identity: Identity,
}

/// The four banks of swtpm, or those of the small build.
const ALL_BANKS: &[HashAlgorithm] = &[
    #[cfg(feature = "full")]
    HashAlgorithm::Sha1,
    HashAlgorithm::Sha256,
    HashAlgorithm::Sha384,
    #[cfg(feature = "full")]
    HashAlgorithm::Sha512,
];

impl Profile {
    /// Plain tools need no resource manager.
    pub const FULL: Self = Self {
        name: "full",
        loaded_objects: 32,
        loaded_sessions: 32,
        active_sessions: 64,
        persistent_objects: 64,
        nv_indices: 256,
        pcr_banks: ALL_BANKS,
        identity: Identity::SWTPM,
    };
    /// As a TPM of a personal computer (PC Client Platform TPM Profile).
    pub const PC_CLIENT: Self = Self {
        name: "pc-client",
        loaded_objects: 3,
        loaded_sessions: 3,
        active_sessions: 64,
        persistent_objects: 64,
        nv_indices: 256,
        pcr_banks: ALL_BANKS,
        identity: Identity::SWTPM,
    };
    /// For a Cortex-M.
    pub const SMALL: Self = Self {
        name: "small",
        loaded_objects: 3,
        loaded_sessions: 3,
        active_sessions: 16,
        persistent_objects: 7,
        nv_indices: 16,
        pcr_banks: &[HashAlgorithm::Sha256, HashAlgorithm::Sha384],
        identity: Identity::IRONROOT,
    };
}

const FULL: bool = cfg!(feature = "full");

/// The longest command and answer, in bytes.
pub const MAX_COMMAND: usize = if FULL { 4096 } else { 2048 };
/// The longest digest, in bytes.
pub(crate) const MAX_DIGEST: usize = if FULL { 64 } else { 48 };
/// The longest RSA modulus, in bytes; 0 without RSA.
pub(crate) const MAX_RSA: usize = if FULL { 512 } else { 0 };
/// The longest coordinate of a curve, in bytes.
pub(crate) const MAX_COORDINATE: usize = if FULL { 66 } else { 32 };
/// The longest buffer of hash, HMAC and symmetric commands, in bytes (`MAX_DIGEST_BUFFER`).
pub(crate) const MAX_BUFFER: usize = 1024;
/// The largest NV index, in bytes.
pub(crate) const MAX_NV_INDEX: usize = if FULL { 2048 } else { 768 };
/// What one NV read or write may move, in bytes.
pub(crate) const MAX_NV_BUFFER: usize = if FULL { 1024 } else { 512 };
/// The most data that a sealed object holds, in bytes.
pub(crate) const MAX_SEALED: usize = 128;
/// How many banks of PCRs there can be.
pub(crate) const MAX_BANKS: usize = if FULL { 4 } else { 2 };
