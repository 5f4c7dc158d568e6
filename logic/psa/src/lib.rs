#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod attestation;
mod crypto;
mod error;
mod faults;
mod its;
mod platform;
mod root;
mod scratch;
mod store;
mod table;
mod update;

pub use root::{Parts, RootOfTrust, System};
pub use table::SERVICES;
pub use update::{ImageRules, ImageSlots};

/// What fits: fixed pools, no heap.
pub mod limits {
    /// Volatile keys, of all clients together.
    pub const VOLATILE_KEYS: usize = crate::crypto::MAX_VOLATILE_KEYS;
    /// Multipart operations, of all clients together.
    pub const OPERATIONS: usize = crate::crypto::MAX_OPERATIONS;
    /// The longest key in bytes.
    pub const KEY_LEN: usize = crate::crypto::MAX_KEY_LEN;
    /// The longest HKDF information in bytes.
    pub const DERIVATION_INFO: usize = crate::crypto::MAX_INFO;
    /// Additional data, message and tag of an AEAD call together, or the message of an Ed25519 call, in
    /// bytes; hashes, MACs and ECDSA take messages of any length.
    pub const WHOLE_MESSAGE: usize = crate::SCRATCH_LEN;
    /// Faults that the log keeps.
    pub const FAULTS: u32 = crate::faults::MAX_FAULTS;
}

/// Bytes of the buffer for calls that need a whole message: a Protected Storage object with its header,
/// and a token.
pub(crate) const SCRATCH_LEN: usize = 2304;

/// Name spaces of the record store. Numbers are part of the stored format: never reuse one.
pub mod space {
    use ironroot_vault::Space;

    /// Internal Trusted Storage: owner and uid.
    pub const ITS: Space = Space(1);
    /// Persistent keys: owner and key id.
    pub const KEY: Space = Space(2);
    /// The fault log.
    pub const FAULT: Space = Space(3);
    /// How far updates are.
    pub const UPDATE: Space = Space(4);
}
