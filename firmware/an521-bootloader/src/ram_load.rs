//! The first layout: both slots can boot, and the image that does is copied to code SSRAM.

use ironroot_an521_common::memory;
use ironroot_boot::{BootError, Device, ImageMemory, Launch, PerImage, RamLoad, Window};
use ironroot_platform::HardwareCounter;
use ironroot_port_armv8m::boards::an521::{map, psram::PsramFlash};

/// What the slots are on.
pub(crate) use crate::flash;

/// Both images' places: the non-secure one is written through the secure alias, which dies when the
/// secure image gives the memory away.
pub(crate) fn place() -> ImageMemory<'static> {
    // SAFETY: nothing else uses these two ranges while the bootloader runs, and it runs once.
    let secure = unsafe { memory::bytes(map::SECURE_IMAGE) };
    // SAFETY: as above.
    let non_secure = unsafe { memory::bytes(map::NON_SECURE_IMAGE_SECURE_ALIAS) };
    ImageMemory::new(PerImage {
        secure: Window {
            address: map::SECURE_IMAGE.0,
            bytes: secure,
        },
        non_secure: Window {
            address: map::NON_SECURE_IMAGE.0,
            bytes: non_secure,
        },
    })
}

/// Chooses a slot of each image and copies it to its place.
pub(crate) fn boot<'m, C: HardwareCounter>(
    device: &mut Device<'_, PsramFlash, C>,
    place: &'m ImageMemory<'_>,
) -> Result<Launch<'m>, BootError> {
    crate::set::with_record(device.map, |record| {
        ironroot_boot::boot_as_set(&RamLoad, device, place, record, &mut crate::tell)
    })
}
