//! The fixed memory areas as slices. Each is taken at most once per image, at its start.

use core::slice;
use ironroot_port_armv8m::boards::an521::map::{self, Range};

/// One range as mutable bytes.
///
/// # Safety
/// Nobody else uses the range while the slice lives, and it is ordinary memory.
#[must_use]
pub unsafe fn bytes(range: Range) -> &'static mut [u8] {
    let len = (range.1 - range.0) as usize;
    // SAFETY: the caller's promise; ranges of the map are aligned and not empty.
    unsafe { slice::from_raw_parts_mut(range.0 as usize as *mut u8, len) }
}

/// The fault record area.
///
/// # Safety
/// As [`bytes`]: fault handlers use it when everything else has stopped, others only at start-up.
#[must_use]
pub unsafe fn fault_area() -> &'static mut [u8] {
    // SAFETY: the caller's promise.
    unsafe { bytes(map::FAULT_RECORD) }
}
