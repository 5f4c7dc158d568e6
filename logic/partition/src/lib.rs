#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod kernel;
mod request;

pub use kernel::{Incoming, Kernel};
pub use request::{Request, serve};
