//! Devices whose images run from the primary slot: swap by offset, move and scratch, and overwriting.

mod bench;
mod mcuboot;
mod sweep;
mod upgrade;
