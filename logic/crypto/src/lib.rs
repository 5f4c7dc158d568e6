#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "tpm-tables"))]
extern crate std;

mod bytes;
mod der;
mod error;
mod secret;

pub mod aead;
pub mod aes_ctr;
pub mod drbg;
pub mod ecdsa;
pub mod ecdsa_p384;
pub mod ed25519;
pub mod hash;
pub mod kdf;
pub mod key_tree;
pub mod key_wrap;
pub mod lms;
pub mod mac;
#[cfg(feature = "password")]
pub mod password;
pub mod rsa;
#[cfg(feature = "tpm")]
pub mod tpm;
pub mod x25519;

pub use error::CryptoError;
pub use secret::{Secret, ct_eq, wipe};
