//! Keys.

use super::{ask, call, tell};
use crate::transport::Transport;
use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{KeyAttributes, KeyId};

/// `psa_generate_key`: returns the id of the new key.
///
/// # Errors
/// `AlreadyExists`, `NotSupported`, `InvalidArgument`, `InsufficientEntropy`, `InsufficientStorage`.
pub fn generate<T: Transport>(
    transport: &mut T,
    attributes: &KeyAttributes,
) -> Result<KeyId, Error> {
    let request = CryptoRequest::new(CryptoFunction::GenerateKey);
    ask(transport, &request, &[&attributes.to_bytes()]).map(KeyId)
}

/// `psa_import_key`: returns the id of the new key.
///
/// # Errors
/// As [`generate`]; `InvalidArgument` also for material that does not fit the attributes.
pub fn import<T: Transport>(
    transport: &mut T,
    attributes: &KeyAttributes,
    material: &[u8],
) -> Result<KeyId, Error> {
    let request = CryptoRequest::new(CryptoFunction::ImportKey);
    ask(transport, &request, &[&attributes.to_bytes(), material]).map(KeyId)
}

/// `psa_copy_key`: returns the id of the copy, whose policy is what both sides allow.
///
/// # Errors
/// As [`generate`]; `NotPermitted`, `InvalidHandle`.
pub fn copy<T: Transport>(
    transport: &mut T,
    source: KeyId,
    attributes: &KeyAttributes,
) -> Result<KeyId, Error> {
    let request = CryptoRequest::new(CryptoFunction::CopyKey).key(source);
    ask(transport, &request, &[&attributes.to_bytes()]).map(KeyId)
}

/// `psa_export_key`: returns the length of the material.
///
/// # Errors
/// `NotPermitted`, `InvalidHandle`, `BufferTooSmall`.
pub fn export<T: Transport>(
    transport: &mut T,
    key: KeyId,
    material: &mut [u8],
) -> Result<usize, Error> {
    call(
        transport,
        &CryptoRequest::new(CryptoFunction::ExportKey).key(key),
        &[],
        material,
    )
}

/// `psa_export_public_key`: returns its length. Always permitted.
///
/// # Errors
/// `InvalidArgument` for a key without a public part, `InvalidHandle`, `BufferTooSmall`.
pub fn export_public<T: Transport>(
    transport: &mut T,
    key: KeyId,
    public_key: &mut [u8],
) -> Result<usize, Error> {
    call(
        transport,
        &CryptoRequest::new(CryptoFunction::ExportPublicKey).key(key),
        &[],
        public_key,
    )
}

/// `psa_get_key_attributes`.
///
/// # Errors
/// `InvalidHandle`.
pub fn attributes<T: Transport>(transport: &mut T, key: KeyId) -> Result<KeyAttributes, Error> {
    let request = CryptoRequest::new(CryptoFunction::GetKeyAttributes).key(key);
    let mut bytes = [0; KeyAttributes::SIZE];
    match call(transport, &request, &[], &mut bytes)? {
        KeyAttributes::SIZE => Ok(KeyAttributes::from_bytes(&bytes)),
        _ => Err(Error::CommunicationFailure),
    }
}

/// `psa_destroy_key`. The null key is destroyed already.
///
/// # Errors
/// `InvalidHandle`, `NotPermitted` for a read-only key, `StorageFailure`.
pub fn destroy<T: Transport>(transport: &mut T, key: KeyId) -> Result<(), Error> {
    tell(
        transport,
        &CryptoRequest::new(CryptoFunction::DestroyKey).key(key),
        &[],
    )
}

/// `psa_purge_key`: a persistent key leaves faster memory.
///
/// # Errors
/// `InvalidHandle`.
pub fn purge<T: Transport>(transport: &mut T, key: KeyId) -> Result<(), Error> {
    tell(
        transport,
        &CryptoRequest::new(CryptoFunction::PurgeKey).key(key),
        &[],
    )
}
