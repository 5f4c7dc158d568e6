//! The secure image's half: gates, partitions, the other world's memory, fault capture.

mod clock;
pub mod enter;
pub mod fault;
pub mod gate;
pub mod memory;
pub mod runner;
mod switch;
