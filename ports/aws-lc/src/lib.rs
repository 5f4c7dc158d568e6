#![doc = include_str!("../README.md")]
#![no_std]

mod curve;
mod modulus;
mod number;
mod owned;

pub use curve::{Curve, MAX_POINT_LEN};
pub use modulus::{Modulus, Power};

/// The library does not do that: an argument is out of its range, a result is the point at infinity, or memory
/// has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AWS-LC refused an operation")
    }
}

impl core::error::Error for Refused {}

/// Version of the library that is linked.
pub fn version() -> &'static str {
    core::ffi::CStr::from_bytes_with_nul(aws_lc_sys::AWSLC_VERSION_NUMBER_STRING)
        .ok()
        .and_then(|version| version.to_str().ok())
        .unwrap_or("unknown")
}

/// What most functions of the library answer.
fn succeeded(answer: core::ffi::c_int) -> Result<(), Refused> {
    if answer == 1 {
        return Ok(());
    }
    // Each thread keeps a short list of what went wrong. Nobody reads it.
    // SAFETY: touches that list only.
    unsafe { aws_lc_sys::ERR_clear_error() };
    Err(Refused)
}
