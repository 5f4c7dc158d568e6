#![doc = include_str!("../README.md")]

mod report;
mod rows;
pub mod tpm;

pub use report::{MCUBOOT_AND_BL2, Measured, TFM_PROFILES, json, table};
pub use rows::{BOOTLOADER_SIZES, INSTRUCTIONS, MCUBOOT, Row, SECURE_SIZES, TFM, TPM_SIZES, Unit};
