#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(target_arch = "arm")]
pub mod console;
#[cfg(target_arch = "arm")]
pub mod faults;
#[cfg(target_arch = "arm")]
pub mod memory;
