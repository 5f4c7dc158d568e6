#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "model"))]
extern crate std;

mod counter;
mod entropy;
mod flash;
pub mod flash_counter;
mod partition;
mod world;

#[cfg(feature = "model")]
pub mod checks;
#[cfg(feature = "model")]
pub mod model;

pub use counter::{CounterError, HardwareCounter};
pub use entropy::{Entropy, EntropyError};
pub use flash::{Flash, FlashError, FlashRegion, Geometry};
pub use flash_counter::FlashCounter;
pub use partition::{PartitionIndex, PartitionRunner, Trap};
pub use world::{Access, CheckedSpan, ClientMemory, MemoryError, MemoryOwner, Span};
