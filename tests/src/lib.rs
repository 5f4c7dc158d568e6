#![doc = include_str!("../README.md")]

mod device;
mod firmware;
pub mod memcheck;
pub mod outside;
pub mod tpm_client;
mod transcript;

pub use device::{Device, ironroot};
pub use firmware::{Firmware, imgtool, keys};
pub use transcript::compare;
