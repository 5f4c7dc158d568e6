//! Internal Trusted Storage.
//!
//! PSA Secure Storage API 1.0. Objects belong to the calling client; nobody else sees them.

use crate::storage;
use crate::transport::Transport;
use ironroot_psa_api::Error;
use ironroot_psa_api::service::INTERNAL_TRUSTED_STORAGE;
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
    storage::set(transport, INTERNAL_TRUSTED_STORAGE.handle, uid, data, flags)
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
    storage::get(transport, INTERNAL_TRUSTED_STORAGE.handle, uid, offset, out)
}

/// Reads size, capacity and flags.
///
/// # Errors
/// `DoesNotExist`, `DataCorrupt`, `InvalidSignature`, `StorageFailure`.
pub fn get_info<T: Transport>(transport: &mut T, uid: StorageUid) -> Result<StorageInfo, Error> {
    storage::get_info(transport, INTERNAL_TRUSTED_STORAGE.handle, uid)
}

/// Removes an object.
///
/// # Errors
/// `DoesNotExist`, `NotPermitted` for a write-once object, `StorageFailure`.
pub fn remove<T: Transport>(transport: &mut T, uid: StorageUid) -> Result<(), Error> {
    storage::remove(transport, INTERNAL_TRUSTED_STORAGE.handle, uid)
}
