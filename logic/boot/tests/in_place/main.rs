//! Devices whose images run from the primary slot: swap by offset, move and scratch, and overwriting.

mod bench;
mod encrypted;
mod field_bugs;
mod hostile;
mod mcuboot;
mod rules;
mod slots;
mod sweep;
mod upgrade;
