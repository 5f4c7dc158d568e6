//! Platform service: reset and counters, as TF-M offers them.

use crate::transport::{Transport, call_for};
use ironroot_psa_api::Error;
use ironroot_psa_api::platform::{IOCTL, IOCTL_RECOVERY, NV_INCREMENT, NV_READ, SYSTEM_RESET};
use ironroot_psa_api::service::PLATFORM;

/// Resets the system. Returns only if that was refused.
///
/// # Errors
/// `NotSupported` where the non-secure world may not reset.
pub fn system_reset<T: Transport>(transport: &mut T) -> Result<(), Error> {
    transport
        .call(PLATFORM.handle, SYSTEM_RESET, &[], &mut [])
        .ok()
}

/// Has the next reset enter the bootloader's recovery mode, which waits for images on a serial line.
///
/// # Errors
/// `NotSupported` on a board where nobody can ask for it.
pub fn request_recovery<T: Transport>(transport: &mut T) -> Result<(), Error> {
    let request = IOCTL_RECOVERY.to_le_bytes();
    transport
        .call(PLATFORM.handle, IOCTL, &[&request], &mut [])
        .ok()
}

/// Reads a non-volatile counter.
///
/// # Errors
/// `NotSupported` or `InvalidArgument` for a counter that is not there.
pub fn nv_counter_read<T: Transport>(transport: &mut T, counter: u32) -> Result<u32, Error> {
    let input = counter.to_le_bytes();
    call_for(transport, PLATFORM.handle, NV_READ, &[&input]).map(u32::from_le_bytes)
}

/// Raises a non-volatile counter by one.
///
/// # Errors
/// As [`nv_counter_read`], and `NotPermitted` for a counter that is not the caller's to raise.
pub fn nv_counter_increment<T: Transport>(transport: &mut T, counter: u32) -> Result<(), Error> {
    transport
        .call(
            PLATFORM.handle,
            NV_INCREMENT,
            &[&counter.to_le_bytes()],
            &mut [],
        )
        .ok()
}
