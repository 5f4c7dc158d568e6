//! Power-cut-safe, authenticated, encrypted record store on NOR flash.
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
