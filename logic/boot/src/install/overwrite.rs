//! Overwriting: the candidate is copied over the present image, and there is no way back.
//!
//! The candidate is whole all the time, so no step needs an entry: after a reset the copy begins anew. That it was
//! begun stands in the primary trailer, as with a swap: MCUboot leaves the request in the secondary slot for
//! that, which cannot tell a firm request from one that a cut left half written. So we go on with a copy that
//! MCUboot began, and it does not with one of ours.

use super::decide::Table;
use super::layout::{Kept, TrailerLayout};
use super::method::{Method, Place, Step, Swap};
use ironroot_image::shared_data::MODE_OVERWRITE;

/// Overwriting (MCUboot: `MCUBOOT_OVERWRITE_ONLY`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Overwrite;

impl Method for Overwrite {
    const MODE: u8 = MODE_OVERWRITE;
    const TABLE: Table = Table::Plain;
    const KEPT: Kept = Kept {
        entries_per_sector: 0,
        tlv_sizes: false,
        key_len: 0,
    };
    const SCRATCH: bool = false;
    const REVERTS: bool = false;
    const CANDIDATE: u32 = 0;

    fn step(swap: &Swap, number: u32) -> Option<Step> {
        (number < swap.sectors).then_some(Step {
            from: Place::Secondary(number),
            to: Place::Primary(number),
            sectors: 1,
        })
    }

    fn entry(_swap: &Swap, number: u32) -> u32 {
        number
    }

    fn done(_swap: &Swap, _entry: u32) -> u32 {
        0
    }

    fn room(primary: &TrailerLayout, secondary: &TrailerLayout) -> u32 {
        primary.first_sector().min(secondary.first_sector())
    }

    fn leftover(_swap: &Swap) -> Option<u32> {
        None
    }
}
