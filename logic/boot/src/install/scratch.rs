//! Swap by scratch: a third area takes what is in the way.
//!
//! From the last sectors down, as many at once as the scratch area holds: secondary to scratch, primary to
//! secondary, scratch to primary. The scratch area wears out first: for devices that have it already.
//!
//! Narrower than MCUboot in one thing: an image may not reach into the sectors of the trailer. So the status is
//! always in the primary slot, and the steps that keep it in the scratch area meanwhile (where most of the
//! field bugs of this strategy were) do not exist.

use super::decide::Table;
use super::layout::{Kept, TrailerLayout};
use super::method::{Method, Place, Step, Swap};
use ironroot_image::shared_data::MODE_SWAP_SCRATCH;

/// Swap by scratch (MCUboot: `MCUBOOT_SWAP_USING_SCRATCH`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SwapScratch;

impl Method for SwapScratch {
    const MODE: u8 = MODE_SWAP_SCRATCH;
    const TABLE: Table = Table::Plain;
    const KEPT: Kept = Kept {
        entries_per_sector: 3,
        tlv_sizes: false,
        key_len: 0,
    };
    const SCRATCH: bool = true;
    const REVERTS: bool = true;
    const CANDIDATE: u32 = 0;

    fn step(swap: &Swap, number: u32) -> Option<Step> {
        let above = (number / 3).checked_mul(swap.scratch)?;
        let end = swap.sectors.checked_sub(above).filter(|end| *end > 0)?;
        let sectors = end.min(swap.scratch);
        let first = end.saturating_sub(sectors);
        let (from, to) = match number % 3 {
            0 => (Place::Secondary(first), Place::Scratch(0)),
            1 => (Place::Primary(first), Place::Secondary(first)),
            _ => (Place::Scratch(0), Place::Primary(first)),
        };
        (sectors > 0).then_some(Step { from, to, sectors })
    }

    fn entry(_swap: &Swap, number: u32) -> u32 {
        number
    }

    fn done(_swap: &Swap, entry: u32) -> u32 {
        entry.saturating_add(1)
    }

    fn room(primary: &TrailerLayout, secondary: &TrailerLayout) -> u32 {
        primary.first_sector().min(secondary.first_sector())
    }

    fn leftover(_swap: &Swap) -> Option<u32> {
        None
    }
}
