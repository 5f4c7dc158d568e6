#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod add_signature;
mod admit;
mod candidate;
mod decision;
mod dependency;
mod digest;
mod header;
mod policy;
mod refusal;
mod source;
mod suite;
mod verified;
mod verify;

pub mod boot_record;
pub mod build;
pub mod encryption;
pub mod shared_data;
pub mod tlv;
pub mod trailer;

pub use add_signature::AddSignature;
pub use boot_record::BootRecord;
pub use candidate::Candidate;
pub use dependency::Dependency;
pub use digest::{ImageHash, SHA256, SHA384, SHA512};
pub use header::{Flags, HEADER_LEN, HEADER_MAGIC, Header, Version, decimal, peek};
pub use policy::{AddressRange, Keys, Policy, Required, Signers, Slot};
pub use refusal::Refusal;
pub use source::{ImageSource, SourceError};
pub use suite::{Signature, Suite, suites};
pub use tlv::{Entries, TlvEntry};
pub use verified::{Extent, Verified};
pub use verify::SignatureCount;
