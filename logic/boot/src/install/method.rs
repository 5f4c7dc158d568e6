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

/// Which sector of which image lies at `place` when `done` copies of `M`'s list are done: the way back from there to
/// where it came from.
pub(super) fn trace<M: Method>(swap: &Swap, done: u32, party: Party, place: Place) -> Option<u32> {
    let mut place = place;
    for number in (0..done).rev() {
        let step = M::step(swap, number)?;
        if let Some(further) = place.after(step.to).filter(|by| *by < step.sectors) {
            place = step.from.plus(further);
        }
    }
    let sector = place.after(M::origin(swap, party))?;
    (sector < swap.sectors).then_some(sector)
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

#[cfg(test)]
mod tests {
    use super::super::{Overwrite, SwapMove, SwapOffset, SwapScratch};
    use super::*;

    /// The list, played on sectors that hold their own names: every step copies what is whole, both images are
    /// somewhere whole after every step, and each is where it belongs at the end.
    fn plays<M: Method>(sectors: u32, back: bool, scratch: u32) {
        use std::collections::HashMap;
        use std::vec::Vec;
        let swap = Swap {
            sectors,
            back,
            max_sectors: sectors + 3,
            scratch,
        };
        let key = |place: Place| match place {
            Place::Primary(n) => (0, n),
            Place::Secondary(n) => (1, n),
            Place::Scratch(n) => (2, n),
        };
        let parties = match M::REVERTS {
            true => [Party::Coming, Party::Leaving].as_slice(),
            false => &[Party::Coming],
        };
        let mut flash = HashMap::new();
        for (party, name) in [(Party::Coming, 'c'), (Party::Leaving, 'l')] {
            for sector in 0..sectors {
                let place = M::origin(&swap, party).plus(sector);
                flash.insert(key(place), (name, sector));
            }
        }
        let mut entries = Vec::new();
        let mut number = 0;
        while let Some(step) = M::step(&swap, number) {
            entries.push(M::entry(&swap, number));
            for further in 0..step.sectors {
                let content = flash.get(&key(step.from.plus(further))).copied();
                assert!(content.is_some(), "step {number} copies nothing");
                flash.insert(key(step.to.plus(further)), content.unwrap());
            }
            number += 1;
            if M::REVERTS {
                assert_eq!(M::done(&swap, M::entry(&swap, number - 1)), number);
            }
            for party in parties {
                for sector in 0..sectors {
                    let name = if *party == Party::Coming { 'c' } else { 'l' };
                    let place = M::find(&swap, number, *party, sector);
                    assert_eq!(flash.get(&key(place)), Some(&(name, sector)));
                    assert_eq!(trace::<M>(&swap, number, *party, place), Some(sector));
                }
            }
        }
        assert!(entries.is_sorted_by(|a, b| a < b), "entries only go up");
        for sector in 0..sectors {
            assert_eq!(flash.get(&(0, sector)), Some(&('c', sector)));
        }
        assert_eq!(M::step(&swap, number + 1), None);
        assert_eq!(M::step(&swap, u32::MAX), None);
    }

    #[test]
    fn every_list_keeps_both_images_whole_and_ends_where_it_should() {
        for sectors in 1..20 {
            plays::<SwapOffset>(sectors, false, 0);
            plays::<SwapOffset>(sectors, true, 0);
            plays::<SwapMove>(sectors, false, 0);
            plays::<Overwrite>(sectors, false, 0);
            for scratch in 1..5 {
                plays::<SwapScratch>(sectors, false, scratch);
            }
        }
    }

    #[test]
    fn a_scratch_area_without_a_sector_swaps_nothing() {
        let swap = Swap {
            sectors: 4,
            back: false,
            max_sectors: 4,
            scratch: 0,
        };
        assert_eq!(SwapScratch::step(&swap, 0), None);
    }
}
