//! Loading where images run from slot A: a boot ends first what it can of a swap that was interrupted.

use super::Rules;
use crate::{SUITES, layout};
use ironroot_boot::{UpdateLayout, UpdateMode};
use ironroot_port_armv8m::boards::an521::code_flash::CodeFlash;
use ironroot_port_armv8m::boards::an521::recovery::Request;
use ironroot_recovery::InPlaceSlots;

/// The flash has power, and the slots are as a boot would find them.
pub(super) fn slots(rules: Rules<'_>, request: Request) -> InPlaceSlots<'_, CodeFlash> {
    let _powered = layout::place();
    InPlaceSlots {
        flash: layout::flash(),
        layout: UpdateLayout::new(UpdateMode::SwapOffset, rules.map),
        root_keys: rules.root_keys,
        suites: SUITES,
        counters: rules.counters,
        decryption: rules.decryption,
        given_up: request == Request::NothingBoots,
    }
}
