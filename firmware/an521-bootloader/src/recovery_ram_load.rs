//! Loading where both slots can boot.

use super::Rules;
use crate::SUITES;
use ironroot_boot::{PerImage, RamLoad};
use ironroot_image::AddressRange;
use ironroot_port_armv8m::boards::an521::recovery::Request;
use ironroot_port_armv8m::boards::an521::{map, psram::PsramFlash};
use ironroot_recovery::Slots;

/// Nothing is ever under way here, so why the mode was entered makes no difference.
pub(super) fn slots(rules: Rules<'_>, _: Request) -> Slots<'_, PsramFlash, RamLoad> {
    Slots {
        flash: crate::flash(),
        map: rules.map,
        strategy: RamLoad,
        root_keys: rules.root_keys,
        suites: SUITES,
        counters: rules.counters,
        windows: PerImage {
            secure: window(map::SECURE_IMAGE),
            non_secure: window(map::NON_SECURE_IMAGE),
        },
        decryption: rules.decryption,
    }
}

const fn window(range: map::Range) -> Option<AddressRange> {
    Some(AddressRange {
        start: range.0,
        len: range.1 - range.0,
    })
}
