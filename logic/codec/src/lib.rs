#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod cursor;
mod tlv;
mod writer;

pub use cursor::{Cursor, EndOfInput};
pub use tlv::{Tlv, Tlvs};
pub use writer::{BufferFull, Writer};
