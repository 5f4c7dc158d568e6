#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod steps;

use core::fmt::{self, Write};
use ironroot_client::Transport;
use ironroot_psa_api::Error;

/// What the application is asked to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What the attestation token is to answer to: the verifier's nonce.
    pub challenge: [u8; 32],
    /// Whether an image on trial confirms itself once everything else worked. If not, the device goes back
    /// at its next boot.
    pub accept_update: bool,
}

/// Why the story ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A service answered with an error where it should not have.
    Service(Error),
    /// A service did not do what it should; the words say what was expected.
    Unexpected(&'static str),
    /// The story could not be written.
    Output,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}

impl From<fmt::Error> for Failure {
    fn from(_: fmt::Error) -> Self {
        Self::Output
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => write!(f, "the service answered {}", error.name()),
            Self::Unexpected(expected) => write!(f, "expected: {expected}"),
            Self::Output => f.write_str("the output failed"),
        }
    }
}

impl core::error::Error for Failure {}

/// Runs all steps and tells what happens, line by line.
///
/// # Errors
/// The first [`Failure`], which was told as well.
pub fn run<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    options: &Options,
) -> Result<(), Failure> {
    for (name, step) in steps::all::<T, W>() {
        if let Err(failure) = step(transport, output, options) {
            writeln!(output, "app: {name}: FAILED, {failure}")?;
            return Err(failure);
        }
    }
    writeln!(output, "app: done")?;
    Ok(())
}
