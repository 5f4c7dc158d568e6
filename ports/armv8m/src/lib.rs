#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(not(target_os = "none"), allow(unused))]

#[cfg(all(target_arch = "arm", any(feature = "secure", feature = "nonsecure")))]
pub mod boards;
#[cfg(all(target_arch = "arm", any(feature = "secure", feature = "nonsecure")))]
pub mod cpu;
#[cfg(all(target_arch = "arm", target_os = "none"))]
mod memory_functions;
#[cfg(all(target_arch = "arm", feature = "nonsecure"))]
pub mod nonsecure;
#[cfg(all(target_arch = "arm", feature = "partition"))]
pub mod partition;
#[cfg(all(target_arch = "arm", feature = "secure"))]
pub mod secure;
