//! A strategy that swaps is a numbered list of copies of whole sectors.
//!
//! Each number is one status entry in MCUboot's trailer, written when its copy is complete. The list is a pure
//! function of how many sectors are swapped and which way, so an interrupted swap goes on wherever the status
//! says it was, whoever wrote it. No copy destroys the only copy of anything: what a step overwrites was copied
//! by an earlier one, so every step can be repeated until its entry is there.

use super::decide::Table;
use super::layout::{Kept, TrailerLayout};
use crate::flash_map::Area;

/// Where a sector lies: its number in one of an image's areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the slot that images run from.
    Primary(u32),
    /// In the slot that candidates are written to.
    Secondary(u32),
    /// In the area that helps.
    Scratch(u32),
}

impl Place {
    const fn sector(self) -> u32 {
        match self {
            Self::Primary(sector) | Self::Secondary(sector) | Self::Scratch(sector) => sector,
        }
    }

    /// The place `by` sectors further on.
    #[must_use]
    pub const fn plus(self, by: u32) -> Self {
        match self {
            Self::Primary(sector) => Self::Primary(sector.saturating_add(by)),
            Self::Secondary(sector) => Self::Secondary(sector.saturating_add(by)),
            Self::Scratch(sector) => Self::Scratch(sector.saturating_add(by)),
        }
    }

    /// How far this place lies behind `start` in the same area.
    fn after(self, start: Self) -> Option<u32> {
        if core::mem::discriminant(&self) != core::mem::discriminant(&start) {
            return None;
        }
        self.sector().checked_sub(start.sector())
    }
}

/// One copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// First sector to copy.
    pub from: Place,
    /// First sector to overwrite.
    pub to: Place,
    /// How many.
    pub sectors: u32,
}

/// One swap, as far as its list of steps depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    /// Sectors of the longer image.
    pub sectors: u32,
    /// Back to the image that was swapped out: only swap-offset goes another way then.
    pub back: bool,
    /// The most sectors a swap of this device can have, as both bootloaders agreed.
    pub max_sectors: u32,
    /// Sectors of the scratch area; 0 without one.
    pub scratch: u32,
}

/// A strategy that swaps. See the [module](self).
pub trait Method {
    /// The mode as the shared data area names it.
    const MODE: u8;
    /// How trailers are read.
    const TABLE: Table;
    /// What the trailer keeps.
    const KEPT: Kept;
    /// Whether it needs a scratch area.
    const SCRATCH: bool;
    /// Whether the image that leaves is kept, and every step has its status entry.
    const REVERTS: bool;

    /// Sector of the secondary slot that a candidate starts in.
    const CANDIDATE: u32;

    /// Copy number `number`; nothing behind the last one.
    fn step(swap: &Swap, number: u32) -> Option<Step>;

    /// The status entry of copy number `number`.
    fn entry(swap: &Swap, number: u32) -> u32;

    /// How many copies are done when `entry` is the last one written.
    fn done(swap: &Swap, entry: u32) -> u32;

    /// How many sectors an image may fill, from the trailers' layouts.
    fn room(primary: &TrailerLayout, secondary: &TrailerLayout) -> u32;

    /// A sector of the secondary slot that must not stay behind when the swap is complete.
    fn leftover(swap: &Swap) -> Option<u32>;

    /// Where the image lies that comes to the primary slot, and the one that leaves it.
    #[must_use]
    fn origin(swap: &Swap, party: Party) -> Place {
        match party {
            Party::Leaving => Place::Primary(0),
            Party::Coming if swap.back => Place::Secondary(0),
            Party::Coming => Place::Secondary(Self::CANDIDATE),
        }
    }

    /// Where sector number `sector` of an image is, whole, when `done` copies are done.
    #[must_use]
    fn find(swap: &Swap, done: u32, party: Party, sector: u32) -> Place {
        let mut place = Self::origin(swap, party).plus(sector);
        for number in 0..done {
            let Some(step) = Self::step(swap, number) else {
                break;
            };
            if let Some(further) = place.after(step.from).filter(|by| *by < step.sectors) {
                place = step.to.plus(further);
            }
        }
        place
    }
}

/// The two images of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The one that will run.
    Coming,
    /// The one that ran before.
    Leaving,
}

/// The areas of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Areas {
    /// Where it runs.
    pub primary: Area,
    /// Where candidates are written to.
    pub secondary: Area,
    /// The area that helps, for a [`Method`] that needs it.
    pub scratch: Option<Area>,
}

impl Areas {
    /// Offset on the flash of the first byte of `place`; nothing if the area ends before.
    #[must_use]
    pub fn offset(&self, place: Place, sector_size: u32) -> Option<u32> {
        let area = match place {
            Place::Primary(_) => self.primary,
            Place::Secondary(_) => self.secondary,
            Place::Scratch(_) => self.scratch?,
        };
        let within = place.sector().checked_mul(sector_size)?;
        let end = within.checked_add(sector_size)?;
        if end > area.len {
            return None;
        }
        area.offset.checked_add(within)
    }
}
