#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod anchor;
mod body;
mod commit;
mod error;
mod frame;
mod header;
mod journal;
mod keys;
mod medium;
mod mount;

pub use body::{Change, RecordId};
pub use error::JournalError;
pub use header::{BLOCK, FORMAT, Header, Protection};
pub use journal::{Journal, Position};
pub use medium::{Medium, MediumError};
