#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "mock"))]
extern crate std;

mod calls;
mod connection;
mod message;
mod ns_context;
mod partition;
mod services;
mod spm;
mod table;
mod traps;
mod vectors;

#[cfg(feature = "mock")]
pub mod mock;

pub use message::{Message, Overrun};
pub use ns_context::{NsContextError, NsContexts, NsToken};
pub use services::{FailureCause, FailureOutcome, PartitionFailure, RootServices};
pub use spm::{Caller, Spm};
pub use table::{
    AfterLastRestart, PartitionInfo, Priority, Provider, RestartPolicy, ServiceAccess, ServiceInfo,
    TableError, Tables, VersionPolicy,
};

// What the generated tables name, so that they need no other crate.
pub use ironroot_platform::PartitionIndex;
pub use ironroot_psa_api::ClientId;
