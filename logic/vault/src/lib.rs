#![doc = include_str!("../README.md")]
//!
//! ## Reading the source
//!
//! [`Vault`]'s public face is `vault`. `layout` says what stands where on flash, `header` and `frame` hold
//! the two formats, `log` the state of the ring. `mount` reads it, `write` appends to it and commits,
//! `collect` frees sectors, `space` says when it is full.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod bytes;
mod cipher;
mod collect;
mod error;
mod frame;
mod header;
mod index;
mod layout;
mod log;
mod mount;
mod record;
mod space;
mod vault;
mod write;

pub use error::VaultError;
pub use record::{Change, RecordId, RecordInfo, Space, Statistics};
pub use vault::{MAX_RECORD, Vault};
