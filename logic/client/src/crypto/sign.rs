//! Signatures.

use super::{call, tell};
use crate::transport::Transport;
use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, KeyId};

/// `psa_sign_message`: hashes and signs; returns the length of the signature.
///
/// # Errors
/// `InvalidHandle`, `NotPermitted`, `NotSupported`, `InvalidArgument`, `BufferTooSmall`.
pub fn message<T: Transport>(
    transport: &mut T,
    key: KeyId,
    algorithm: Algorithm,
    message: &[u8],
    signature: &mut [u8],
) -> Result<usize, Error> {
    let request = CryptoRequest::new(CryptoFunction::SignMessage)
        .key(key)
        .algorithm(algorithm);
    call(transport, &request, &[message], signature)
}

/// `psa_verify_message`.
///
/// # Errors
/// `InvalidSignature` when it does not match; `InvalidHandle`, `NotPermitted`, `NotSupported`.
pub fn verify_message<T: Transport>(
    transport: &mut T,
    key: KeyId,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let request = CryptoRequest::new(CryptoFunction::VerifyMessage)
        .key(key)
        .algorithm(algorithm);
    tell(transport, &request, &[message, signature])
}

/// `psa_sign_hash`: signs what the caller hashed; returns the length of the signature.
///
/// # Errors
/// As [`message`].
pub fn hash<T: Transport>(
    transport: &mut T,
    key: KeyId,
    algorithm: Algorithm,
    hash: &[u8],
    signature: &mut [u8],
) -> Result<usize, Error> {
    let request = CryptoRequest::new(CryptoFunction::SignHash)
        .key(key)
        .algorithm(algorithm);
    call(transport, &request, &[hash], signature)
}

/// `psa_verify_hash`.
///
/// # Errors
/// As [`verify_message`].
pub fn verify_hash<T: Transport>(
    transport: &mut T,
    key: KeyId,
    algorithm: Algorithm,
    hash: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let request = CryptoRequest::new(CryptoFunction::VerifyHash)
        .key(key)
        .algorithm(algorithm);
    tell(transport, &request, &[hash, signature])
}
