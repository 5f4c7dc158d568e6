//! The rules of loading where images run from slot A only, and updates are swapped or copied in from slot B.
//!
//! | slot A | slot B | may be written |
//! |---|---|---|
//! | good | – | B |
//! | good, on its trial | good: the image that would come back | nothing |
//! | bad | good | A: it runs at once, and B stays for the bootloader to fall back on |
//! | bad | bad | both |
//! | a swap was interrupted | | nothing, until a boot has ended it |
//!
//! A candidate begins in slot B where its strategy wants it ([`UpdateMode::candidate_sector`](ironroot_boot::UpdateMode::candidate_sector)); the image that was
//! swapped out lies at the start of the slot, and is judged there if there is no candidate.

use crate::slots::{holds, write};
use crate::store::{Announced, Entry, Fault, Known, Pair, Place, Store, Writable};
use ironroot_boot::install::is_interrupted;
use ironroot_boot::otp::{RootKeys, Scheme};
use ironroot_boot::trailer_ops::{self, FlashSource, Request};
use ironroot_boot::{Area, Demands, PerImage, Reason, Slot, Standing, UpdateLayout};
use ironroot_image::encryption::Decryption;
use ironroot_image::{ImageSource, Refusal, Suite, Verified};
use ironroot_platform::{Flash, FlashError, FlashRegion};

/// The slots of a device that moves sectors at boot.
#[derive(Debug)]
pub struct InPlaceSlots<'d, F> {
    /// The flash that the layout's map counts in.
    pub flash: F,
    /// How the device updates ([`UpdateMode::moves_sectors`](ironroot_boot::UpdateMode::moves_sectors)), and where.
    pub layout: UpdateLayout<'d>,
    /// Who may sign each image.
    pub root_keys: &'d PerImage<RootKeys>,
    /// The signature schemes that can be checked.
    pub suites: &'d [(Scheme, &'static Suite)],
    /// Each image's hardware counter: present value, highest possible value.
    pub counters: PerImage<(u32, u32)>,
    /// How encrypted images are opened; nothing on a device that takes none.
    pub decryption: Option<Decryption<'d>>,
    /// A boot has tried to end what was interrupted, and found nothing to start: it holds nothing up any more.
    pub given_up: bool,
}

fn known<S: ImageSource>(verified: &Verified<S>) -> Known {
    Known::new(verified.version(), verified.total_len(), verified.digest())
}

impl<F: Flash> InPlaceSlots<'_, F> {
    /// Where the image of a slot begins and the slot ends; the trailer is at the end.
    fn area(&self, place: Place) -> Area {
        let Area { offset, len } = self.layout.map.slot(place.image, place.slot);
        let first = match place.slot {
            Slot::A => 0,
            Slot::B => self.layout.mode.candidate_sector(),
        };
        let before = first.saturating_mul(self.layout.map.geometry.sector_size);
        Area {
            offset: offset.saturating_add(before),
            len: len.saturating_sub(before),
        }
    }

    fn region(&mut self, place: Place) -> Result<FlashRegion<&mut F>, FlashError> {
        self.area(place).of(&mut self.flash)
    }

    /// Judges an image that begins at the start of `area`: installed, in the clear, or as it came.
    // Not inlined: verification for every user of it would be as many copies.
    #[inline(never)]
    fn examine(&mut self, place: Place, area: Area) -> Result<Known, Fault> {
        self.judge(place, area, |demands, region| {
            let source = FlashSource(region);
            Ok(match place.slot {
                Slot::A => known(&demands.examine_in_place(source)?),
                Slot::B => known(&demands.examine(source)?),
            })
        })
    }

    /// Judges by what the device demands of an image in that slot.
    fn judge<T>(
        &mut self,
        place: Place,
        area: Area,
        judge: impl FnOnce(&Demands<'_>, &FlashRegion<&mut F>) -> Result<T, Reason>,
    ) -> Result<T, Fault> {
        let (counter, counter_limit) = *self.counters.get(place.image);
        let demands = Demands {
            image: place.image,
            slot: place.slot,
            root_key: self.root_keys.get(place.image),
            suites: self.suites,
            size_limit: self.layout.room(place.image).ok_or(Fault::NoSuchSlot)?,
            counter,
            counter_limit,
            window: None,
            decryption: self.decryption,
        };
        Ok(judge(&demands, &area.of(&mut self.flash)?)?)
    }

    fn standing(&mut self, place: Place) -> Result<Standing, Fault> {
        let trailer = trailer_ops::state(&self.region(place)?)?;
        Ok(self.layout.mode.standing(place.slot, &trailer))
    }

    /// Whether a slot may lose what it holds; what holds it up, if not.
    fn may_lose(&mut self, place: Place) -> Result<(), Fault> {
        let image = place.image;
        if !self.given_up && is_interrupted(&self.layout, &self.flash, image)? {
            return Err(Fault::Interrupted);
        }
        let Entry {
            standing,
            image: runs,
        } = self.look(Place::new(image, Slot::A));
        let free = match place.slot {
            Slot::A => runs.is_err(),
            // Whatever is in B comes back when a trial is not confirmed, or is all there is.
            Slot::B if runs.is_ok() && standing != Standing::TrialFailed => true,
            Slot::B => self.look(place).image.is_err(),
        };
        if free { Ok(()) } else { Err(Fault::LastGood) }
    }

    /// Erases the sectors of `area` from the one at `from` to the end, the end first: the magic is there.
    fn erase_from(&mut self, area: Area, from: u32) -> Result<(), Fault> {
        let mut region = area.of(&mut self.flash)?;
        let geometry = region.geometry();
        let first = from >> geometry.sector_size.trailing_zeros();
        for sector in (first..geometry.sectors).rev() {
            region.erase(sector)?;
        }
        Ok(())
    }

    fn mark_installed(&mut self, place: Place, request: Request) -> Result<(), Fault> {
        let standing = self.standing(place)?;
        let mut region = self.region(place)?;
        match (standing, request) {
            (Standing::Confirmed, Request::Permanent) => {}
            (Standing::Confirmed, Request::Trial) => return Err(Fault::AlreadyConfirmed),
            (Standing::TrialFailed, Request::Permanent) => trailer_ops::confirm(&mut region)?,
            (_, Request::Permanent) => trailer_ops::set_installed(&mut region)?,
            // It runs from where it is: what would it be tried against?
            (_, Request::Trial) => return Err(Fault::State),
        }
        Ok(())
    }

    fn mark_candidate(&mut self, place: Place, request: Request) -> Result<(), Fault> {
        let standing = self.standing(place)?;
        let mut region = self.region(place)?;
        match (standing, request) {
            (Standing::Unmarked, _) => {
                trailer_ops::set_pending(&mut region, place.image, request)?;
            }
            (Standing::Pending, Request::Trial) | (Standing::Confirmed, Request::Permanent) => {}
            (Standing::Pending, Request::Permanent) => trailer_ops::confirm(&mut region)?,
            (Standing::Confirmed, Request::Trial) => return Err(Fault::AlreadyConfirmed),
            (Standing::TrialFailed, _) => return Err(Fault::State),
        }
        Ok(())
    }
}

impl<F: Flash> Store for InPlaceSlots<'_, F> {
    fn size(&self, place: Place) -> u32 {
        self.layout.map.slot(place.image, place.slot).len
    }

    fn limit(&mut self, place: Place) -> u32 {
        self.layout.room(place.image).unwrap_or(0)
    }

    fn look(&mut self, place: Place) -> Entry {
        let Ok(standing) = self.standing(place) else {
            return Entry::EMPTY;
        };
        let verdict = |found: Result<Known, Fault>| match found {
            Ok(known) => Ok(known),
            Err(Fault::Refused(reason)) => Err(reason),
            Err(_) => Err(Reason::Image(Refusal::Unreadable)),
        };
        let image = verdict(self.examine(place, self.area(place)));
        let whole = self.layout.map.slot(place.image, place.slot);
        if image.is_err() && whole != self.area(place) {
            // What was swapped out.
            let before = verdict(self.examine(place, whole));
            if before.is_ok() {
                let standing = Standing::Unmarked;
                let image = before;
                return Entry { standing, image };
            }
        }
        Entry { standing, image }
    }

    fn current(&self, pair: &Pair) -> Option<Slot> {
        let good = |slot: &Slot| pair.get(*slot).image.is_ok();
        Slot::ALL.into_iter().find(good)
    }

    fn choose(&mut self, announced: &Announced<'_>) -> Result<Writable, Fault> {
        let image = announced.image;
        let pair = Pair(Slot::ALL.map(|slot| self.look(Place::new(image, slot))));
        let current = self.current(&pair);
        let slot = announced.slot.unwrap_or(match current {
            Some(Slot::A) => Slot::B,
            Some(Slot::B) | None => Slot::A,
        });
        let place = Place::new(image, slot);
        let header = self.judge(place, self.area(place), |demands, _| {
            demands.admit(announced.header, announced.len)
        })?;
        self.may_lose(place)?;
        if let (true, Some(current)) = (announced.upgrade_only, current)
            && let Ok(known) = pair.get(current).image
            && header.version <= known.version
        {
            return Err(Fault::NotNewer);
        }
        Ok(Writable::new(place))
    }

    fn clear(&mut self, slot: &Writable) -> Result<(), Fault> {
        let place = slot.place();
        let limit = self.limit(place);
        self.erase_from(self.area(place), limit)?;
        // Before the candidate there may be the beginning of the image that was swapped out.
        let whole = self.layout.map.slot(place.image, place.slot);
        let before = self.area(place).offset.saturating_sub(whole.offset);
        if before > 0 {
            let before = Area {
                offset: whole.offset,
                len: before,
            };
            self.erase_from(before, 0)?;
        }
        Ok(())
    }

    fn write(&mut self, slot: &Writable, at: u32, bytes: &[u8]) -> Result<(), Fault> {
        let limit = self.limit(slot.place());
        let mut region = self.region(slot.place())?;
        let trailer = limit >> region.geometry().sector_size.trailing_zeros();
        write(&mut region, (limit, trailer), at, bytes)
    }

    fn holds(&mut self, place: Place, len: u32, sha256: &[u8]) -> Result<bool, Fault> {
        holds(&self.region(place)?, len, sha256)
    }

    fn erase(&mut self, place: Place) -> Result<(), Fault> {
        self.may_lose(place)?;
        self.erase_from(self.layout.map.slot(place.image, place.slot), 0)
    }

    fn mark(&mut self, place: Place, request: Request) -> Result<(), Fault> {
        if !self.given_up && is_interrupted(&self.layout, &self.flash, place.image)? {
            return Err(Fault::Interrupted);
        }
        let found = self.examine(place, self.area(place));
        match (place.slot, found) {
            (Slot::A, Ok(_)) => self.mark_installed(place, request),
            (Slot::B, Ok(_)) => self.mark_candidate(place, request),
            // It is not where the bootloader looks for candidates.
            (Slot::B, Err(_)) if self.look(place).image.is_ok() => Err(Fault::State),
            (_, Err(fault)) => Err(fault),
        }
    }
}
