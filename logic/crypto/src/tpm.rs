//! What a TPM 2.0 needs besides the rest of this crate; feature `tpm`.
//!
//! Algorithms and conventions are those of the TPM 2.0 Library: SHA-1 among the hashes, whose running states
//! can be saved and restored; KDFa and KDFe; the five modes of AES and SM4, CMAC with initialisation vectors that go on from
//! call to call; all curves under one type; RSA with every padding, from one prime; and keys that follow
//! from a seed and a template.
//!
//! Apart from the rest, so that an image that is no TPM carries none of it, and so that one more hash
//! function here is none there.

pub mod cipher;
pub mod cmac;
pub mod derive;
pub mod ec;
pub mod hash;
pub mod kdf;
#[cfg(feature = "tpm-rsa")]
pub mod rsa;
pub mod source;

/// The version of AWS-LC, if it multiplies points and takes powers in this build (feature `aws-lc`).
#[cfg(feature = "aws-lc")]
pub fn aws_lc_version() -> Option<&'static str> {
    Some(ironroot_port_aws_lc::version())
}

/// The version of AWS-LC, if it multiplies points and takes powers in this build (feature `aws-lc`).
#[cfg(not(feature = "aws-lc"))]
pub fn aws_lc_version() -> Option<&'static str> {
    None
}
