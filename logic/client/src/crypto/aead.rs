//! Authenticated encryption, in one call.

use super::call;
use crate::transport::Transport;
use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, KeyId};

/// What both directions need besides the data.
#[derive(Debug, Clone, Copy)]
pub struct AeadParameters<'a> {
    /// The key.
    pub key: KeyId,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The nonce, at most 16 bytes; never twice with one key.
    pub nonce: &'a [u8],
    /// Authenticated and not encrypted; may be empty.
    pub additional_data: &'a [u8],
}

/// `psa_aead_encrypt`: writes ciphertext and tag; returns the length of both together.
///
/// # Errors
/// `InvalidHandle`, `NotPermitted`, `NotSupported`, `InvalidArgument`, `BufferTooSmall`.
pub fn encrypt<T: Transport>(
    transport: &mut T,
    parameters: &AeadParameters<'_>,
    plaintext: &[u8],
    ciphertext: &mut [u8],
) -> Result<usize, Error> {
    run(
        transport,
        CryptoFunction::AeadEncrypt,
        parameters,
        plaintext,
        ciphertext,
    )
}

/// `psa_aead_decrypt`: `ciphertext` ends with the tag; returns the length of the plaintext.
///
/// # Errors
/// `InvalidSignature` when anything was changed; nothing is written then. Others as [`encrypt`].
pub fn decrypt<T: Transport>(
    transport: &mut T,
    parameters: &AeadParameters<'_>,
    ciphertext: &[u8],
    plaintext: &mut [u8],
) -> Result<usize, Error> {
    run(
        transport,
        CryptoFunction::AeadDecrypt,
        parameters,
        ciphertext,
        plaintext,
    )
}

fn run<T: Transport>(
    transport: &mut T,
    function: CryptoFunction,
    parameters: &AeadParameters<'_>,
    input: &[u8],
    out: &mut [u8],
) -> Result<usize, Error> {
    let request = CryptoRequest::new(function)
        .key(parameters.key)
        .algorithm(parameters.algorithm);
    let request = request
        .with_nonce(parameters.nonce)
        .ok_or(Error::InvalidArgument)?;
    // TF-M's client leaves the input away when there is no additional data.
    match parameters.additional_data {
        [] => call(transport, &request, &[input], out),
        data => call(transport, &request, &[input, data], out),
    }
}
