//! `psa/internal_trusted_storage.h` and `psa/protected_storage.h`.

use core::mem::offset_of;

use ironroot_client::{its, ps};
use ironroot_psa_api::Error;
use ironroot_psa_api::storage::{CreateFlags, StorageInfo, StorageUid};

use crate::memory::{ReadPointer, WriteOne, WritePointer};
use crate::shell::{CStatus, Destination, shell};
use crate::transport;

/// `struct psa_storage_info_t`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct CStorageInfo {
    capacity: usize,
    size: usize,
    flags: u32,
}

// The same numbers as in the header.
const _: () = {
    assert!(offset_of!(CStorageInfo, size) == size_of::<usize>());
    assert!(offset_of!(CStorageInfo, flags) == 2 * size_of::<usize>());
    assert!(size_of::<CStorageInfo>() == 3 * size_of::<usize>());
};

impl From<StorageInfo> for CStorageInfo {
    fn from(info: StorageInfo) -> Self {
        Self {
            capacity: info.capacity as usize,
            size: info.size as usize,
            flags: info.flags.0,
        }
    }
}

fn name(uid: u64) -> Result<StorageUid, Error> {
    StorageUid::new(uid).ok_or(Error::InvalidArgument)
}

/// Offsets are 32 bits on the way to the service; none that is larger is inside an object.
fn offset(offset: usize) -> Result<u32, Error> {
    u32::try_from(offset).map_err(|_| Error::InvalidArgument)
}

/// # Safety
/// As the header says: `data` is valid for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_its_set(uid: u64, len: usize, data: ReadPointer, flags: u32) -> CStatus {
    shell(|link| {
        let data = data.bytes(len)?.only_read();
        its::set(link, name(uid)?, data, CreateFlags(flags))
    })
}

/// # Safety
/// As the header says: `data` is valid for `size` bytes, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_its_get(
    uid: u64,
    from: usize,
    size: usize,
    data: WritePointer,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination { data, size, length };
    destination.receive_only(|link, out| its::get(link, name(uid)?, offset(from)?, out))
}

/// # Safety
/// As the header says: `info` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_its_get_info(uid: u64, info: WriteOne<CStorageInfo>) -> CStatus {
    shell(|link| {
        let info = info.checked()?;
        info.set(its::get_info(link, name(uid)?)?.into());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn psa_its_remove(uid: u64) -> CStatus {
    shell(|link| its::remove(link, name(uid)?))
}

/// # Safety
/// As the header says: `data` is valid for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_ps_set(uid: u64, len: usize, data: ReadPointer, flags: u32) -> CStatus {
    shell(|link| {
        let data = data.bytes(len)?.only_read();
        ps::set(link, name(uid)?, data, CreateFlags(flags))
    })
}

/// # Safety
/// As the header says: `data` is valid for `size` bytes, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_ps_get(
    uid: u64,
    from: usize,
    size: usize,
    data: WritePointer,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination { data, size, length };
    destination.receive_only(|link, out| ps::get(link, name(uid)?, offset(from)?, out))
}

/// # Safety
/// As the header says: `info` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_ps_get_info(uid: u64, info: WriteOne<CStorageInfo>) -> CStatus {
    shell(|link| {
        let info = info.checked()?;
        info.set(ps::get_info(link, name(uid)?)?.into());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn psa_ps_remove(uid: u64) -> CStatus {
    shell(|link| ps::remove(link, name(uid)?))
}

#[unsafe(no_mangle)]
extern "C" fn psa_ps_get_support() -> u32 {
    transport::with(|link| Ok(ps::get_support(link))).unwrap_or(0)
}

#[unsafe(no_mangle)]
extern "C" fn psa_ps_create(_uid: u64, _capacity: usize, _flags: u32) -> CStatus {
    Error::NotSupported.status().0
}

#[unsafe(no_mangle)]
extern "C" fn psa_ps_set_extended(
    _uid: u64,
    _offset: usize,
    _len: usize,
    _data: ReadPointer,
) -> CStatus {
    Error::NotSupported.status().0
}
