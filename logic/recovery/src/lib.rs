#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod absent;
mod crc;
mod in_place;
mod line;
mod slots;
mod store;
mod upload;

pub mod frame;
#[cfg(feature = "smp")]
pub mod smp;
#[cfg(not(feature = "smp"))]
use absent as smp;
#[cfg(feature = "ymodem")]
pub mod ymodem;
#[cfg(not(feature = "ymodem"))]
use absent as ymodem;

pub use crc::crc16;
pub use in_place::InPlaceSlots;
pub use line::{Event, Recovery};
pub use slots::Slots;
pub use store::{Announced, Entry, Fault, Known, Pair, Place, Store, Writable};
pub use upload::Upload;
