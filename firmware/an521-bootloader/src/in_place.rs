//! The second layout: images run from slot A in code SSRAM, and updates are swapped in by offset.

use ironroot_boot::install::{FlashImage, SwapOffset};
use ironroot_boot::{
    BootError, Device, Image, Launched, PerImage, Setup, Slot, UpdateLayout, UpdateMode, flash_map,
};
use ironroot_platform::HardwareCounter;
use ironroot_port_armv8m::boards::an521::code_flash::{CodeFlash, WINDOWS};
use ironroot_port_armv8m::boards::an521::map;

/// Where the processor that runs an image sees offset 0 of the flash that holds its slot A.
const ADDRESS: PerImage<u32> = PerImage {
    secure: map::SECURE_IMAGE.0 - slot_a(Image::Secure).offset,
    non_secure: map::NON_SECURE_IMAGE.0 - slot_a(Image::NonSecure).offset,
};

const fn slot_a(image: Image) -> ironroot_boot::Area {
    flash_map::AN521.slot(image, Slot::A)
}

/// The board's windows are the flash map's slots, whole, and each image runs from its own.
const _: () = {
    let [secure, non_secure] = WINDOWS;
    assert!(slot_a(Image::Secure).offset == secure.offset);
    assert!(slot_a(Image::Secure).len == secure.bus.1 - secure.bus.0);
    assert!(secure.bus.0 == map::SECURE_IMAGE.0);
    assert!(slot_a(Image::NonSecure).offset == non_secure.offset);
    assert!(slot_a(Image::NonSecure).len == non_secure.bus.1 - non_secure.bus.0);
    assert!(non_secure.bus.0 == map::NON_SECURE_IMAGE.0 + (1 << 28));
};

/// What the slots are on.
pub(crate) fn flash() -> CodeFlash {
    // SAFETY: as for `crate::flash`; nothing else uses the windows while the bootloader runs.
    unsafe { CodeFlash::take() }
}

/// Images are in their place: the flash has power.
pub(crate) struct Powered(());

/// Gives the flash what a real one has from the start.
pub(crate) fn place() -> Powered {
    crate::part(10, flash().power_on());
    Powered(())
}

/// Finishes what was interrupted, does what is asked for, and verifies what is in slot A of each image.
pub(crate) fn boot<C: HardwareCounter>(
    device: &mut Device<'_, CodeFlash, C>,
    _: &Powered,
) -> Result<Launched<FlashImage<CodeFlash>>, BootError> {
    let layout = UpdateLayout::new(UpdateMode::SwapOffset, device.map);
    let setup = Setup {
        images: &Image::ALL,
        address: ADDRESS,
        max_sectors: layout.max_sectors,
        scratch: None,
        rules: PerImage::default(),
    };
    crate::set::with_record(device.map, |record| {
        ironroot_boot::boot_in_place(SwapOffset, device, &setup, record, &mut crate::tell)
    })
}
