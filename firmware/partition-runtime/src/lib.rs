#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(target_arch = "arm")]
mod supervisor;
#[cfg(target_arch = "arm")]
pub use supervisor::{Supervisor, give_up};
