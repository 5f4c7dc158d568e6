//! Authenticated encryption of a whole message in one call.
//!
//! The message is brought into the scratch buffer, worked on in place and written out, so additional data,
//! message and tag together have at most [`crate::SCRATCH_LEN`] bytes. Nothing is written to the client
//! before the tag is right, and the scratch is wiped whatever happens.

use super::key::{Key, KeyKind};
use super::{Call, algorithm, policy};
use crate::store::Store;
use ironroot_crypto::CryptoError;
use ironroot_crypto::aead::AeadAlgorithm;
#[cfg(feature = "gcm")]
use ironroot_crypto::aead::{open, seal};
use ironroot_psa_api::Error;
use ironroot_psa_api::key::Usage;

const INPUT: usize = 1;
const ADDITIONAL_DATA: usize = 2;

fn begin(
    call: &mut Call<'_, '_, impl Store>,
    usage: Usage,
) -> Result<(Key, algorithm::Aead), Error> {
    let key = call.load_key(call.request.key)?;
    policy::check(&key.attributes, usage, call.request.algorithm)?;
    let aead = algorithm::aead(call.request.algorithm)?;
    let expected = match aead.algorithm {
        AeadAlgorithm::AesGcm | AeadAlgorithm::AesCcm => KeyKind::Aes,
        AeadAlgorithm::ChaCha20Poly1305 | AeadAlgorithm::XChaCha20Poly1305 => KeyKind::ChaCha20,
    };
    if key.kind != expected || !aead.algorithm.allows_nonce_len(call.request.nonce().len()) {
        return Err(Error::InvalidArgument);
    }
    Ok((key, aead))
}

/// `psa_aead_encrypt`.
pub(crate) fn encrypt(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let (key, aead) = begin(call, Usage::ENCRYPT)?;
    let len = call.message.in_len(INPUT);
    let sealed_len = len
        .checked_add(aead.tag_length)
        .ok_or(Error::InvalidArgument)?;
    call.expect_room(0, sealed_len)?;
    call.with_parts(
        ADDITIONAL_DATA,
        INPUT,
        aead.tag_length,
        |request, additional, text| {
            let (body, tag) = text
                .split_at_mut_checked(len)
                .ok_or(Error::CorruptionDetected)?;
            key.material
                .expose(|key| seal(aead.algorithm, key, request.nonce(), additional, body, tag))
                .map_err(to_psa)?;
            Ok(sealed_len)
        },
    )
}

/// `psa_aead_decrypt`.
pub(crate) fn decrypt(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let (key, aead) = begin(call, Usage::DECRYPT)?;
    let sealed_len = call.message.in_len(INPUT);
    let len = sealed_len
        .checked_sub(aead.tag_length)
        .ok_or(Error::InvalidArgument)?;
    call.expect_room(0, len)?;
    call.with_parts(ADDITIONAL_DATA, INPUT, 0, |request, additional, text| {
        let (body, tag) = text
            .split_at_mut_checked(len)
            .ok_or(Error::CorruptionDetected)?;
        key.material
            .expose(|key| open(aead.algorithm, key, request.nonce(), additional, body, tag))
            .map_err(to_psa)?;
        Ok(len)
    })
}

/// `seal` and `open` with the algorithms named one by one: the linker drops what no call names.
#[cfg(not(feature = "gcm"))]
mod without_gcm {
    use ironroot_crypto::CryptoError;
    use ironroot_crypto::aead::{self, AeadAlgorithm};

    /// As [`aead::seal`].
    pub(super) fn seal(
        algorithm: AeadAlgorithm,
        key: &[u8],
        nonce: &[u8],
        additional: &[u8],
        body: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), CryptoError> {
        match algorithm {
            AeadAlgorithm::AesCcm => {
                aead::seal(AeadAlgorithm::AesCcm, key, nonce, additional, body, tag)
            }
            _ => {
                let algorithm = AeadAlgorithm::ChaCha20Poly1305;
                aead::seal(algorithm, key, nonce, additional, body, tag)
            }
        }
    }

    /// As [`aead::open`].
    pub(super) fn open(
        algorithm: AeadAlgorithm,
        key: &[u8],
        nonce: &[u8],
        additional: &[u8],
        body: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        match algorithm {
            AeadAlgorithm::AesCcm => {
                aead::open(AeadAlgorithm::AesCcm, key, nonce, additional, body, tag)
            }
            _ => {
                let algorithm = AeadAlgorithm::ChaCha20Poly1305;
                aead::open(algorithm, key, nonce, additional, body, tag)
            }
        }
    }
}
#[cfg(not(feature = "gcm"))]
use without_gcm::{open, seal};

fn to_psa(error: CryptoError) -> Error {
    match error {
        CryptoError::Verification => Error::InvalidSignature,
        CryptoError::DataLength => Error::NotSupported,
        other => crate::error::from_crypto(other),
    }
}
