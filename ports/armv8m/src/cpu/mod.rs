//! The processor: system registers, attribution and protection units, start-up.

#[cfg(feature = "secure")]
pub mod interrupts;
pub mod mmio;
#[cfg(feature = "secure")]
pub mod mpu;
#[cfg(feature = "secure")]
pub mod sau;
pub mod scb;
#[cfg(feature = "secure")]
pub mod start;
#[cfg(feature = "secure")]
pub mod target_test;
