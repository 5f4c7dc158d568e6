//! One image's swap: the list of a [`Method`], worked off with a [journal](super::journal).
//!
//! ```text
//! asked ─ begin ─→ journal in the primary trailer, request erased ─ steps ─→ closing ─→ copy done
//!                      │  cut                                         │ cut
//!                      └──────────── find ─→ renewed ←────────────────┘
//! ```
//!
//! It is told what to do and knows no signature: [`crate::in_place`] verifies first.

use super::journal::{self, Journal, Sheet};
use super::layout::TrailerLayout;
use super::method::{self, Areas, Method, Party, Place, Step, Swap};
use super::mover::{self, Order};
use super::view::View;
use crate::flash_map::{Area, Image};
use core::marker::PhantomData;
use ironroot_image::encryption::PayloadCipher;
use ironroot_image::trailer::{FlagState, MagicState, SwapType, Trailer};
use ironroot_platform::{Flash, FlashError, Geometry};

/// The two ciphers of a swap: of the image that comes, and of the one that leaves.
#[derive(Default)]
pub(crate) struct Ciphers {
    pub(crate) coming: Option<PayloadCipher>,
    pub(crate) leaving: Option<PayloadCipher>,
}

/// A swap that was begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnderWay {
    pub(crate) journal: Journal,
    pub(crate) swap: Swap,
    pub(crate) done: u32,
    shadow: bool,
}

impl UnderWay {
    /// The same with one more step done, if there is one.
    pub(crate) fn one_further<M: Method>(mut self) -> Option<Self> {
        M::step(&self.swap, self.done)?;
        self.journal.last_entry = Some(M::entry(&self.swap, self.done));
        self.done = self.done.saturating_add(1);
        self.shadow = false;
        Some(self)
    }
}

/// The slots of one image under one method.
pub(crate) struct Swapper<M> {
    areas: Areas,
    primary: Sheet,
    secondary: Sheet,
    scratch: Option<Sheet>,
    sector_size: u32,
    max_sectors: u32,
    method: PhantomData<M>,
}

impl<M: Method> Swapper<M> {
    /// Nothing if the slots have no room for what the method keeps, or it lacks a scratch area.
    pub(crate) fn new(
        areas: Areas,
        geometry: &Geometry,
        image: Image,
        max_sectors: u32,
    ) -> Option<Self> {
        let sheet = |area: Area| {
            let layout = TrailerLayout::new(area, geometry, M::KEPT, max_sectors)?;
            Some(Sheet {
                area,
                layout,
                image,
            })
        };
        if M::SCRATCH && areas.scratch.is_none() {
            return None;
        }
        Some(Self {
            areas,
            primary: sheet(areas.primary)?,
            secondary: sheet(areas.secondary)?,
            scratch: match areas.scratch {
                // Its trailer has one sector's status.
                Some(area) if M::SCRATCH => Some(Sheet {
                    area,
                    layout: TrailerLayout::new(area, geometry, M::KEPT, 1)?,
                    image,
                }),
                _ => None,
            },
            sector_size: geometry.sector_size,
            max_sectors,
            method: PhantomData,
        })
    }

    /// How many sectors an image may fill.
    pub(crate) fn room(&self) -> u32 {
        M::room(&self.primary.layout, &self.secondary.layout)
    }

    /// How many bytes an image may have.
    pub(crate) fn room_in_bytes(&self) -> u32 {
        self.room().saturating_mul(self.sector_size)
    }

    /// What both trailers say.
    pub(crate) fn flags<F: Flash>(&self, flash: &F) -> (Trailer, Trailer) {
        (self.primary.flags(flash), self.secondary.flags(flash))
    }

    /// The swap of images of at most `size` bytes. Nothing if they are empty or too long.
    pub(crate) fn swap(&self, kind: SwapType, size: u32) -> Option<Swap> {
        let sectors = size.checked_add(self.sector_size.checked_sub(1)?)?;
        let sectors = sectors.checked_div(self.sector_size)?;
        if sectors == 0 || sectors > self.room() || sectors > self.max_sectors {
            return None;
        }
        let scratch = self.areas.scratch.map_or(0, |area| area.len);
        Some(Swap {
            sectors,
            back: kind == SwapType::Revert && M::TABLE == super::decide::Table::Offset,
            max_sectors: self.max_sectors,
            scratch: scratch.checked_div(self.sector_size)?,
        })
    }

    /// The swap that was interrupted, if one was.
    pub(crate) fn find<F: Flash>(&self, flash: &F) -> Result<Option<UnderWay>, FlashError> {
        let found = journal::find(flash, &self.primary, &self.secondary, M::SCRATCH)?;
        Ok(found.and_then(|found| self.under_way(found)))
    }

    /// The same, where a swap that says it is complete may have been interrupted while it said so.
    pub(crate) fn find_or_last<F: Flash>(&self, flash: &F) -> Result<Option<UnderWay>, FlashError> {
        match self.find(flash)? {
            Some(under_way) => Ok(Some(under_way)),
            None => {
                let last = journal::last(flash, &self.primary, &self.secondary)?;
                Ok(last.and_then(|last| self.under_way(last)))
            }
        }
    }

    fn under_way(&self, (journal, shadow): (Journal, bool)) -> Option<UnderWay> {
        let swap = self.swap(journal.kind, journal.swap_size)?;
        let done = journal.last_entry.map_or(0, |entry| M::done(&swap, entry));
        Some(UnderWay {
            journal,
            swap,
            done,
            shadow,
        })
    }

    /// Whether a request to go back is known to be whole.
    pub(crate) fn request_is_marked<F: Flash>(&self, flash: &F) -> bool {
        self.secondary.is_marked(flash)
    }

    /// Whether the scratch area's trailer asks for a revert: there MCUboot keeps what for it swaps while it writes
    /// the primary trailer afresh.
    pub(crate) fn scratch_asks_to_go_back<F: Flash>(&self, flash: &F) -> bool {
        let asks = |scratch: &Sheet| {
            let flags = scratch.flags(flash);
            let revert = Some((SwapType::Revert, scratch.image.number()));
            flags.magic == MagicState::Good && SwapType::from_info(flags.swap_info) == revert
        };
        self.scratch.as_ref().is_some_and(asks)
    }

    /// One of the images, between the steps of a swap; it ends where the steps end.
    pub(crate) fn view<'v, F: Flash>(
        &'v self,
        flash: &'v F,
        swap: Swap,
        done: u32,
        party: Party,
    ) -> View<'v, F, M> {
        View {
            flash,
            areas: &self.areas,
            swap,
            done,
            party,
            sectors: swap.sectors,
            cipher: None,
            method: PhantomData,
        }
    }

    /// Asks for the image in the secondary slot to be taken back, and marks the request as whole.
    pub(crate) fn ask_to_go_back<F: Flash>(
        &self,
        flash: &mut F,
        size: u32,
    ) -> Result<(), FlashError> {
        let by_copy_done = M::TABLE == super::decide::Table::Offset;
        self.secondary.ask_to_go_back(flash, by_copy_done, size)
    }

    /// Withdraws what the secondary slot asks for. The image itself stays where it is.
    pub(crate) fn drop_request<F: Flash>(&self, flash: &mut F) -> Result<(), FlashError> {
        self.secondary.erase(flash)
    }

    /// Forgets all that the primary trailer says.
    pub(crate) fn forget<F: Flash>(&self, flash: &mut F) -> Result<(), FlashError> {
        self.primary.erase(flash)
    }

    /// From the request in the secondary slot to the journal in the primary one.
    pub(crate) fn begin<F: Flash>(
        &self,
        flash: &mut F,
        journal: &Journal,
    ) -> Result<(), FlashError> {
        let stale = self.scratch_asks_to_go_back(flash);
        self.primary.write(flash, journal)?;
        match &self.scratch {
            // Or it would ask again.
            Some(scratch) if stale => scratch.erase(flash)?,
            _ => {}
        }
        self.secondary.erase(flash)
    }

    /// Makes an interrupted swap's journal fit to go on with.
    pub(crate) fn renew<F: Flash>(
        &self,
        flash: &mut F,
        under_way: &UnderWay,
        journal: &Journal,
    ) -> Result<(), FlashError> {
        let shadow = under_way.shadow && *journal == under_way.journal;
        journal::renew(flash, &self.primary, &self.secondary, journal, shadow)
    }

    /// The steps from number `done` on. If they may have been interrupted, the first one is `doubtful`; without
    /// a status to tell which it was, all of them are.
    pub(crate) fn go<F: Flash>(
        &self,
        flash: &mut F,
        swap: &Swap,
        done: u32,
        doubtful: bool,
        ciphers: &Ciphers,
    ) -> Result<(), FlashError> {
        let mut number = done;
        while let Some(step) = M::step(swap, number) {
            let doubtful = doubtful && (number == done || !M::REVERTS);
            self.copy(flash, swap, number, step, doubtful, ciphers)?;
            if M::REVERTS {
                self.primary.enter(flash, M::entry(swap, number))?;
            }
            number = number.saturating_add(1);
        }
        Ok(())
    }

    fn copy<F: Flash>(
        &self,
        flash: &mut F,
        swap: &Swap,
        number: u32,
        step: Step,
        doubtful: bool,
        ciphers: &Ciphers,
    ) -> Result<(), FlashError> {
        for further in 0..step.sectors {
            let (from, to) = (step.from.plus(further), step.to.plus(further));
            let place = |place| {
                let offset = self.areas.offset(place, self.sector_size);
                offset.ok_or(FlashError::OutOfRange)
            };
            let order = Order {
                from: place(from)?,
                to: place(to)?,
                cipher: self.recode(swap, number, from, to, ciphers),
                doubtful,
            };
            mover::copy(flash, order)?;
        }
        Ok(())
    }

    /// What a sector goes through on its way into or out of the primary slot, where images lie in the clear.
    fn recode<'c>(
        &self,
        swap: &Swap,
        number: u32,
        from: Place,
        to: Place,
        ciphers: &'c Ciphers,
    ) -> Option<(&'c PayloadCipher, u32)> {
        let (party, cipher) = match (from, to) {
            (Place::Primary(_), Place::Primary(_)) => return None,
            (Place::Primary(_), _) => (Party::Leaving, ciphers.leaving.as_ref()?),
            (_, Place::Primary(_)) => (Party::Coming, ciphers.coming.as_ref()?),
            _ => return None,
        };
        let sector = method::trace::<M>(swap, number, party, from)?;
        Some((cipher, sector.checked_mul(self.sector_size)?))
    }

    /// Ends a swap whose steps are all done.
    pub(crate) fn finish<F: Flash>(
        &self,
        flash: &mut F,
        swap: &Swap,
        journal: &Journal,
    ) -> Result<(), FlashError> {
        if let Some(sector) = M::leftover(swap) {
            let at = self
                .areas
                .offset(Place::Secondary(sector), self.sector_size);
            mover::erase_at(flash, at.ok_or(FlashError::OutOfRange)?)?;
        }
        // After a revert and a permanent swap there is nothing to confirm; without this the next boot would go
        // back once more.
        let for_good =
            matches!(journal.kind, SwapType::Permanent | SwapType::Revert) || !M::REVERTS;
        if for_good && self.primary.flags(flash).image_ok == FlagState::Unset {
            self.primary.confirm(flash)?;
        }
        self.primary.complete(flash)
    }
}
