//! Swap by offset: the candidate lies one sector further on, so each sector moves once.
//!
//! Forward, from the first sector up: primary *n* to secondary *n*, then secondary *n + 1* to primary *n*.
//! Back, from the last down: primary *n* to secondary *n + 1*, then secondary *n* to primary *n*. Two erases for
//! a sector, which is the least there can be.

use super::decide::Table;
use super::layout::{Kept, TrailerLayout};
use super::method::{Method, Place, Step, Swap};
use ironroot_image::shared_data::MODE_SWAP_OFFSET;

/// Swap by offset (MCUboot: `MCUBOOT_SWAP_USING_OFFSET`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SwapOffset;

impl Method for SwapOffset {
    const MODE: u8 = MODE_SWAP_OFFSET;
    const TABLE: Table = Table::Offset;
    const KEPT: Kept = Kept {
        entries_per_sector: 2,
        tlv_sizes: true,
        key_len: 0,
    };
    const SCRATCH: bool = false;
    const REVERTS: bool = true;
    const CANDIDATE: u32 = 1;

    fn step(swap: &Swap, number: u32) -> Option<Step> {
        let index = number / 2;
        let before_last = swap.sectors.checked_sub(index)?.checked_sub(1)?;
        let sector = if swap.back { before_last } else { index };
        let next = sector.saturating_add(1);
        let (from, to) = match (swap.back, number & 1) {
            (false, 0) => (Place::Primary(sector), Place::Secondary(sector)),
            (false, _) => (Place::Secondary(next), Place::Primary(sector)),
            (true, 0) => (Place::Primary(sector), Place::Secondary(next)),
            (true, _) => (Place::Secondary(sector), Place::Primary(sector)),
        };
        Some(Step {
            from,
            to,
            sectors: 1,
        })
    }

    fn entry(_swap: &Swap, number: u32) -> u32 {
        number
    }

    fn done(_swap: &Swap, entry: u32) -> u32 {
        entry.saturating_add(1)
    }

    fn room(primary: &TrailerLayout, secondary: &TrailerLayout) -> u32 {
        let secondary = secondary.first_sector().saturating_sub(Self::CANDIDATE);
        primary.first_sector().min(secondary)
    }

    /// After going back the first sector still holds the header of the image that was here, and would be
    /// taken for a candidate's.
    fn leftover(swap: &Swap) -> Option<u32> {
        swap.back.then_some(0)
    }
}
