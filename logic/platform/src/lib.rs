//! What Ironroot asks of a machine.
//!
//! One small trait per ability. An engine asks only for those it uses; a port implements them and
//! runs the matching contract check in [`checks`] (feature `model`). Nothing here knows a board.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "model")]
extern crate std;

mod counter;
mod entropy;
mod flash;
mod partition;
mod world;

#[cfg(feature = "model")]
pub mod checks;
#[cfg(feature = "model")]
pub mod model;

pub use counter::{CounterError, HardwareCounter};
pub use entropy::{Entropy, EntropyError};
pub use flash::{Flash, FlashError, FlashRegion, Geometry};
pub use partition::{PartitionIndex, PartitionRunner, Trap};
pub use world::{Access, CheckedSpan, ClientMemory, MemoryError, MemoryOwner, Span};
