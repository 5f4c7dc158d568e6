//! Swap by moving: the primary slot is one sector longer than the image, so that it can make room.
//!
//! First every sector of the primary slot moves one up, from the last down; then, from the first up, secondary
//! *n* goes to primary *n* and primary *n + 1* to secondary *n*. Half as much again as by offset: for devices
//! that have it already.

use super::decide::Table;
use super::layout::{Kept, TrailerLayout};
use super::method::{Method, Place, Step, Swap};
use ironroot_image::shared_data::MODE_SWAP_MOVE;

/// Swap by moving (MCUboot: `MCUBOOT_SWAP_USING_MOVE`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SwapMove;

impl Method for SwapMove {
    const MODE: u8 = MODE_SWAP_MOVE;
    const TABLE: Table = Table::Plain;
    const KEPT: Kept = Kept {
        entries_per_sector: 3,
        tlv_sizes: false,
        key_len: 0,
    };
    const SCRATCH: bool = false;
    const REVERTS: bool = true;
    const CANDIDATE: u32 = 0;

    fn step(swap: &Swap, number: u32) -> Option<Step> {
        let copy = |from, to| {
            Some(Step {
                from,
                to,
                sectors: 1,
            })
        };
        if let Some(left) = swap.sectors.checked_sub(number).filter(|left| *left > 0) {
            return copy(Place::Primary(left.saturating_sub(1)), Place::Primary(left));
        }
        let number = number.checked_sub(swap.sectors)?;
        let sector = number / 2;
        if sector >= swap.sectors {
            return None;
        }
        match number & 1 {
            0 => copy(Place::Secondary(sector), Place::Primary(sector)),
            _ => copy(
                Place::Primary(sector.saturating_add(1)),
                Place::Secondary(sector),
            ),
        }
    }

    /// The second part has its entries behind those of the longest first part.
    fn entry(swap: &Swap, number: u32) -> u32 {
        match number.checked_sub(swap.sectors) {
            None => number,
            Some(number) => swap.max_sectors.saturating_add(number),
        }
    }

    fn done(swap: &Swap, entry: u32) -> u32 {
        match entry.checked_sub(swap.max_sectors) {
            None => entry.saturating_add(1).min(swap.sectors),
            Some(entry) => swap.sectors.saturating_add(entry).saturating_add(1),
        }
    }

    fn room(primary: &TrailerLayout, secondary: &TrailerLayout) -> u32 {
        let primary = primary.first_sector().saturating_sub(1);
        primary.min(secondary.first_sector())
    }

    fn leftover(_swap: &Swap) -> Option<u32> {
        None
    }
}
