#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod attest;
mod attributes;
mod authorize;
mod commands;
mod context;
mod core;
mod dispatch;
mod entity;
mod handle;
mod nv;
mod object;
mod pcr;
#[cfg_attr(not(feature = "full"), path = "pool_none.rs")]
mod pool;
mod profile;
mod rc;
mod selftest;
mod session;
#[cfg(feature = "full")]
mod snapshot;
mod state;
mod store;
mod structures;
#[cfg_attr(not(feature = "full"), path = "supplement_none.rs")]
mod supplement;
mod table;
mod ticket;
mod tpm;
mod transaction;
mod wire;

pub use commands::REVISION;
pub use dispatch::Locality;
pub use object::ObjectSlot;
#[cfg(feature = "full")]
pub use pool::{Finder, Order, Primes, Shelf, SparePrime};
pub use profile::{Identity, MAX_COMMAND, Profile};
pub use rc::Rc;
pub use session::SessionSlot;
#[cfg(feature = "full")]
pub use snapshot::{MAX_SNAPSHOT, SnapshotError};
pub use store::{
    Change, Entropy, EntropyError, MAX_RECORD, Platform, RecordId, Store, StoreError, Ticks,
    UniqueKey,
};
pub use tpm::{Memory, Progress, StartError, Tpm};
