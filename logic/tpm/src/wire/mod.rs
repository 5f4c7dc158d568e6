//! Bytes to types and back: big-endian numbers, sized buffers, one parameter after the other.
//!
//! A type that came out of here is well formed; nobody checks its shape again.

mod bytes;
mod input;
mod output;

pub(crate) use bytes::{Bytes, SecretBytes, copy};
pub(crate) use input::{Input, Params, Unmarshal};
pub(crate) use output::{Marshal, Output};
