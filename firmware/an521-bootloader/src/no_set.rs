//! A bootloader to which each image is for itself, however the device was provisioned.

use ironroot_boot::FlashMap;
use ironroot_boot::install::set::EachForItself;

/// Does `work` with no record.
#[inline(always)]
pub(crate) fn with_record<R>(_: &FlashMap, work: impl FnOnce(&mut EachForItself) -> R) -> R {
    work(&mut EachForItself)
}
