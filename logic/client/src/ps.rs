//! Protected Storage.
//!
//! PSA Secure Storage API 1.0. Objects belong to the calling client; nobody else sees them.

use crate::storage;
use crate::transport::{Transport, call_for};
use ironroot_psa_api::Error;
use ironroot_psa_api::service::PROTECTED_STORAGE;
use ironroot_psa_api::storage::{CreateFlags, StorageInfo, StorageUid};

/// Sets all of an object: creates it or replaces it.
///
/// # Errors
/// `NotPermitted` for a write-once object that exists, `NotSupported` for undefined flags,
/// `InsufficientStorage`, `StorageFailure`, `GenericError`.
pub fn set<T: Transport>(
    transport: &mut T,
    uid: StorageUid,
    data: &[u8],
    flags: CreateFlags,
) -> Result<(), Error> {
    storage::set(transport, PROTECTED_STORAGE.handle, uid, data, flags)
}

/// Reads from `offset` on, as much as `out` holds; returns how many bytes.
///
/// # Errors
/// `DoesNotExist`, `InvalidArgument` for an offset past the end, `DataCorrupt`,
/// `InvalidSignature`, `StorageFailure`.
pub fn get<T: Transport>(
    transport: &mut T,
    uid: StorageUid,
    offset: u32,
    out: &mut [u8],
) -> Result<usize, Error> {
    storage::get(transport, PROTECTED_STORAGE.handle, uid, offset, out)
}

/// Reads size, capacity and flags.
///
/// # Errors
/// `DoesNotExist`, `DataCorrupt`, `InvalidSignature`, `StorageFailure`.
pub fn get_info<T: Transport>(transport: &mut T, uid: StorageUid) -> Result<StorageInfo, Error> {
    storage::get_info(transport, PROTECTED_STORAGE.handle, uid)
}

/// Removes an object.
///
/// # Errors
/// `DoesNotExist`, `NotPermitted` for a write-once object, `StorageFailure`.
pub fn remove<T: Transport>(transport: &mut T, uid: StorageUid) -> Result<(), Error> {
    storage::remove(transport, PROTECTED_STORAGE.handle, uid)
}

/// What optional calls there are (`create`, `set_extended`); a service that cannot tell has none.
pub fn get_support<T: Transport>(transport: &mut T) -> u32 {
    let kind = ironroot_psa_api::storage::GET_SUPPORT;
    call_for(transport, PROTECTED_STORAGE.handle, kind, &[]).map_or(0, u32::from_le_bytes)
}
