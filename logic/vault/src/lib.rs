//! Power-cut-safe, authenticated, encrypted record store on NOR flash.
#![no_std]
#![forbid(unsafe_code)]

mod error;
mod record;
mod vault;

pub use error::VaultError;
pub use record::{Change, RecordId, RecordInfo, Space, Statistics};
pub use vault::{MAX_RECORD, Vault};
