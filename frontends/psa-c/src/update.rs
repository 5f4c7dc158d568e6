//! `psa/update.h`. Firmware Update API 1.0, chapter 5.

use core::mem::offset_of;

use ironroot_client::fwu::{self, Completion};
use ironroot_psa_api::fwu::{ComponentInfo, LOG2_WRITE_ALIGN, MAX_WRITE_SIZE};
use ironroot_psa_api::{Error, Status};

use crate::memory::{ReadPointer, WriteOne};
use crate::shell::{CStatus, shell};
use crate::transport::{self, Link};

/// `psa_fwu_component_info_t`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct CComponentInfo {
    state: u8,
    error: i32,
    version: CImageVersion,
    max_size: u32,
    flags: u32,
    location: u32,
    candidate_digest: [u8; 32],
    written: u32,
    reason: u32,
}

/// `psa_fwu_image_version_t`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct CImageVersion {
    major: u8,
    minor: u8,
    patch: u16,
    build: u32,
}

// The same numbers as in the header.
const _: () = {
    assert!(size_of::<CImageVersion>() == 8 && offset_of!(CImageVersion, patch) == 2);
    assert!(offset_of!(CImageVersion, minor) == 1 && offset_of!(CImageVersion, build) == 4);
    assert!(size_of::<CComponentInfo>() == 68 && ComponentInfo::SIZE == 68);
    assert!(offset_of!(CComponentInfo, error) == 4 && offset_of!(CComponentInfo, version) == 8);
    assert!(offset_of!(CComponentInfo, max_size) == 16 && offset_of!(CComponentInfo, flags) == 20);
    assert!(offset_of!(CComponentInfo, location) == 24);
    assert!(offset_of!(CComponentInfo, candidate_digest) == 28);
    assert!(offset_of!(CComponentInfo, written) == 60 && offset_of!(CComponentInfo, reason) == 64);
    assert!(MAX_WRITE_SIZE == 1024 && LOG2_WRITE_ALIGN == 2);
};

impl From<ComponentInfo> for CComponentInfo {
    fn from(info: ComponentInfo) -> Self {
        let version = info.version;
        Self {
            state: info.state as u8,
            error: info.error.0,
            version: CImageVersion {
                major: version.major,
                minor: version.minor,
                patch: version.patch,
                build: version.build,
            },
            max_size: info.max_size,
            flags: info.flags,
            location: info.location,
            candidate_digest: info.candidate_digest,
            written: info.written,
            reason: info.reason.into(),
        }
    }
}

/// Runs a step that may need a reset or restart to take effect.
fn staged(body: impl FnOnce(&mut Link) -> Result<Completion, Error>) -> CStatus {
    let status = match transport::with(body) {
        Ok(Completion::Done) => Status::SUCCESS,
        Ok(Completion::Reboot) => Status::SUCCESS_REBOOT,
        Ok(Completion::Restart) => Status::SUCCESS_RESTART,
        Err(error) => error.status(),
    };
    status.0
}

/// # Safety
/// As the header says: `info` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_fwu_query(component: u8, info: WriteOne<CComponentInfo>) -> CStatus {
    shell(|link| {
        let info = info.checked()?;
        info.set(fwu::query(link, component)?.into());
        Ok(())
    })
}

/// # Safety
/// As the header says: `manifest` is valid for `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_fwu_start(component: u8, manifest: ReadPointer, size: usize) -> CStatus {
    shell(|link| fwu::start(link, component, manifest.bytes(size)?.only_read()))
}

/// # Safety
/// As the header says: `block` is valid for `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_fwu_write(
    component: u8,
    offset: usize,
    block: ReadPointer,
    size: usize,
) -> CStatus {
    shell(|link| {
        let offset = u32::try_from(offset).map_err(|_| Error::InvalidArgument)?;
        fwu::write(link, component, offset, block.bytes(size)?.only_read())
    })
}

#[unsafe(no_mangle)]
extern "C" fn psa_fwu_finish(component: u8) -> CStatus {
    shell(|link| fwu::finish(link, component))
}

#[unsafe(no_mangle)]
extern "C" fn psa_fwu_cancel(component: u8) -> CStatus {
    shell(|link| fwu::cancel(link, component))
}

#[unsafe(no_mangle)]
extern "C" fn psa_fwu_clean(component: u8) -> CStatus {
    shell(|link| fwu::clean(link, component))
}

#[unsafe(no_mangle)]
extern "C" fn psa_fwu_install() -> CStatus {
    staged(fwu::install)
}

#[unsafe(no_mangle)]
extern "C" fn psa_fwu_request_reboot() -> CStatus {
    shell(fwu::request_reboot)
}

#[unsafe(no_mangle)]
extern "C" fn psa_fwu_reject(error: i32) -> CStatus {
    staged(|link| fwu::reject(link, Status(error)))
}

#[unsafe(no_mangle)]
extern "C" fn psa_fwu_accept() -> CStatus {
    shell(fwu::accept)
}
