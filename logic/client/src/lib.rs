#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod attest;
pub mod crypto;
pub mod fwu;
pub mod its;
pub mod platform;
pub mod ps;
mod storage;
mod transport;

#[cfg(test)]
mod fake;

pub use transport::{Output, Transport};
