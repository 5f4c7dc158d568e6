//! Host stand-ins for tests: a memory arena, partitions as threads, and one call without a partition
//! manager. Feature `mock`; never part of a device.

mod harness;
mod memory;
mod runner;

pub use harness::call_service;
pub use memory::MockMemory;
pub use runner::{PartitionContext, Script, ThreadRunner};
