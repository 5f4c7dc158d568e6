#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod attest;
pub mod control;
pub mod crypto;
pub mod fwu;
pub mod handle;
pub mod key;
pub mod message;
pub mod platform;
pub mod service;
mod status;
pub mod storage;
pub mod svc;
pub mod vector;
mod wire;

pub use control::Control;
pub use handle::{ClientId, Handle, StatelessHandle};
pub use message::PsaMessage;
pub use status::{Error, Status};
pub use vector::{InVec, MAX_VECTORS, OutVec};

/// The framework version every caller is told: FF-M 1.1 (major in bits 8 to 15, minor in 0 to 7).
pub const FRAMEWORK_VERSION: u32 = 0x0101;

/// What `psa_version` answers for a service that is absent or closed to the caller (`PSA_VERSION_NONE`).
pub const VERSION_NONE: u32 = 0;
