//! The record of a set, on a device that was provisioned as one: its images start, count and go back together.

use crate::{Counter, Stop, flash, halt, part};
use ironroot_boot::FlashMap;
use ironroot_boot::install::set::Together;
use ironroot_boot::otp::{self, ProvisioningFlags};
use ironroot_platform::FlashCounter;

/// Does `work` with the record, or with nothing where each image is for itself.
pub(crate) fn with_record<R>(
    map: &FlashMap,
    work: impl FnOnce(&mut Option<Together<Counter<'_>>>) -> R,
) -> R {
    let mut flash = flash();
    let mut record = is_set(map).then(|| {
        let area = part(11, map.set_record.of(&mut flash));
        Together(part(12, FlashCounter::open(area)))
    });
    work(&mut record)
}

#[inline(never)]
fn is_set(map: &FlashMap) -> bool {
    let mut otp = flash();
    let area = part(13, map.otp.of(&mut otp));
    let flags = otp::read_flags(&area).unwrap_or_else(|error| halt(&Stop::Otp(error)));
    flags.contains(ProvisioningFlags::IMAGES_TOGETHER)
}
