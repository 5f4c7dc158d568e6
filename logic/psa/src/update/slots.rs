//! The flash below the service: where slots are, what fits, erasing, placing blocks, judging images.
//!
//! An image may use its slot up to the sector with the trailer, not into it: so a mark can be taken back,
//! or written again after a torn write, without touching the image. Nothing here reaches outside the slot
//! it is given: every access goes through a [`FlashRegion`]. Where sectors move at boot, a candidate may begin
//! further into slot B, and its region does; the trailer is at the end of both.

use ironroot_boot::install::set::{self, Group, Together};
use ironroot_boot::otp::{DecryptionKey, RootKeys, Scheme, Wrapping};
use ironroot_boot::trailer_ops::{self, FlashSource, Request, TrailerError};
use ironroot_boot::{
    Area, Demands, FlashMap, Image, PerImage, Reason, Slot, SlotState, UpdateLayout, UpdateMode,
};
use ironroot_image::trailer::{FlagState, MagicState, Trailer};
use ironroot_image::{AddressRange, Dependency, Refusal, Suite, Version, encryption};
use ironroot_platform::{
    CounterError, Flash, FlashCounter, FlashError, FlashRegion, HardwareCounter as _,
};
use ironroot_psa_api::Error;

/// What the bootloader of this device demands of images, for the service to demand the same.
#[derive(Debug, Clone, Copy)]
pub struct ImageRules {
    /// The signature schemes that it can check.
    pub suites: &'static [(Scheme, &'static Suite)],
    /// The kinds of encrypted images that it can open.
    pub encryption: &'static [(Wrapping, encryption::Scheme)],
    /// Where it loads each image; nothing where images run from flash.
    pub windows: PerImage<Option<AddressRange>>,
}

/// The slots of both images: the device's flash, where on it they lie, and what is allowed in.
pub struct ImageSlots<F> {
    flash: F,
    map: FlashMap,
    rules: ImageRules,
    decryption_key: Option<DecryptionKey>,
    mode: UpdateMode,
    /// Images are installed, accepted and rejected as one, by a record that the bootloader keeps as well.
    together: bool,
}

// Not the key.
impl<F> core::fmt::Debug for ImageSlots<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ImageSlots").finish_non_exhaustive()
    }
}

/// An image that the bootloader's rules accept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Examined {
    pub(super) version: Version,
    /// SHA-256 of the image, or the beginning of a longer hash.
    pub(super) digest: [u8; 32],
    /// Whether everything it needs is there.
    pub(super) complete: bool,
}

/// Bytes looked at or programmed at once.
const PIECE: usize = 128;

impl<F: Flash> ImageSlots<F> {
    /// The slots that `map` names on `flash`, which is the whole flash of the device. The security
    /// counters of the map are read there too.
    pub const fn new(flash: F, map: FlashMap, rules: ImageRules) -> Self {
        Self {
            flash,
            map,
            rules,
            decryption_key: None,
            mode: UpdateMode::RamLoad,
            together: false,
        }
    }

    /// On a device that updates in this way, its images together or each for itself.
    pub(crate) const fn updating(&mut self, mode: UpdateMode, together: bool) {
        self.mode = mode;
        self.together = together;
    }

    /// Whether sectors move at boot: images run from slot A only, and are written to slot B only.
    pub(super) const fn moves_sectors(&self) -> bool {
        self.mode.moves_sectors()
    }

    /// Whether a new image is tried before it counts.
    pub(super) const fn reverts(&self) -> bool {
        self.mode.reverts()
    }

    /// Whether images are a set by a record of its own.
    pub(super) const fn together(&self) -> bool {
        self.together
    }

    /// Where what a slot's image begins and the slot ends.
    fn area(&self, (image, slot): (Image, Slot)) -> Area {
        let Area { offset, len } = self.map.slot(image, slot);
        let before = match slot {
            Slot::A => 0,
            Slot::B => self.mode.candidate_sector(),
        };
        let before = before.saturating_mul(self.map.geometry.sector_size);
        Area {
            offset: offset.saturating_add(before),
            len: len.saturating_sub(before),
        }
    }

    /// Takes the device's key for encrypted images, if it has one. Without it such images are refused.
    #[must_use]
    pub fn with_decryption_key(self, key: Option<DecryptionKey>) -> Self {
        Self {
            decryption_key: key,
            ..self
        }
    }

    pub(crate) fn into_inner(self) -> F {
        self.flash
    }

    /// A slot, from where its image begins.
    fn region(&mut self, place: (Image, Slot)) -> Result<FlashRegion<&mut F>, Error> {
        storage(self.area(place).of(&mut self.flash))
    }

    /// A whole slot.
    fn slot(&mut self, (image, slot): (Image, Slot)) -> Result<FlashRegion<&mut F>, Error> {
        storage(self.map.slot(image, slot).of(&mut self.flash))
    }

    /// The version that the image in a slot claims to have.
    pub(super) fn version(&mut self, place: (Image, Slot)) -> Option<Version> {
        SlotState::read(&self.region(place).ok()?).version()
    }

    /// The longest image for a slot.
    pub(super) fn limit(&mut self, place: (Image, Slot)) -> Result<u32, Error> {
        let (image, _) = place;
        if self.moves_sectors() {
            let layout = UpdateLayout::new(self.mode, &self.map);
            return layout.room(image).ok_or(Error::StorageFailure);
        }
        limit(&self.region(place)?)
    }

    /// What the trailer of a slot says.
    pub(super) fn trailer(&mut self, place: (Image, Slot)) -> Result<Trailer, Error> {
        trailer_ops::state(&self.region(place)?).map_err(from_trailer)
    }

    /// Judges the image in a slot as the bootloader would; `met` says whether a dependency is met.
    #[inline(never)] // a verification needs stack that nothing else here needs
    pub(super) fn examine(
        &mut self,
        root_keys: &PerImage<RootKeys>,
        (image, slot): (Image, Slot),
        met: &dyn Fn(&Dependency) -> bool,
    ) -> Result<Examined, Reason> {
        let unreadable = Reason::Image(Refusal::Unreadable);
        let area = self.map.security_counter(image);
        let counter = area.of(&mut self.flash).map_err(|_| unreadable)?;
        let counter = FlashCounter::open(counter).map_err(|_| unreadable)?;
        let (minimum, counter_limit) = (counter.read().map_err(|_| unreadable)?, counter.limit());
        let rules = self.rules;
        let size_limit = self.limit((image, slot)).map_err(|_| unreadable)?;
        let loads = self.mode == UpdateMode::RamLoad;
        let area = self.area((image, slot));
        let region = area.of(&mut self.flash).map_err(|_| unreadable)?;
        let demands = Demands {
            image,
            slot,
            root_key: root_keys.get(image),
            suites: rules.suites,
            size_limit,
            counter: minimum,
            counter_limit,
            window: rules.windows.get(image).filter(|_| loads),
            decryption: None,
        };
        let facts = |version, digest: &[u8], complete| Examined {
            version,
            digest: *digest.first_chunk().unwrap_or(&[0; 32]),
            complete,
        };
        if self.mode.moves_sectors() && slot == Slot::A {
            // What was installed lies there in the clear.
            let verified = demands.examine_in_place(FlashSource(&region))?;
            return Ok(facts(verified.version(), verified.digest(), true));
        }
        let judge = |demands: &Demands<'_>| {
            let verified = demands.examine(FlashSource(&region))?;
            let complete = verified.dependencies().all(|dependency| met(&dependency));
            Ok(facts(verified.version(), verified.digest(), complete))
        };
        match &self.decryption_key {
            None => judge(&demands),
            Some(key) => key.using(rules.encryption, |decryption| {
                judge(&Demands {
                    decryption,
                    ..demands
                })
            }),
        }
    }

    /// Erases the sectors of a slot from its end (the trailer) to its start: those that hold something, or
    /// all.
    pub(super) fn erase(&mut self, place: (Image, Slot), all: bool) -> Result<(), Error> {
        let mut region = self.slot(place)?;
        for sector in (0..region.geometry().sectors).rev() {
            if all || !is_blank(&region, sector)? {
                storage(region.erase(sector))?;
            }
        }
        Ok(())
    }

    /// Whether the whole slot reads as erased.
    pub(super) fn is_blank(&mut self, place: (Image, Slot)) -> Result<bool, Error> {
        Ok(last_used(&self.slot(place)?)?.is_none())
    }

    /// The last sector of a slot that holds something.
    pub(super) fn last_used(&mut self, place: (Image, Slot)) -> Result<Option<u32>, Error> {
        last_used(&self.region(place)?)
    }

    /// Erases the sectors `first` to `last` of a slot, as far as images reach.
    pub(super) fn erase_range(
        &mut self,
        place: (Image, Slot),
        (first, last): (u32, u32),
    ) -> Result<(), Error> {
        let mut region = self.region(place)?;
        for sector in first..=last.min(region.geometry().sectors.saturating_sub(1)) {
            storage(region.erase(sector))?;
        }
        Ok(())
    }

    /// Bytes per sector.
    pub(super) fn sector_size(&self) -> u32 {
        self.flash.geometry().sector_size
    }

    /// Bytes per program unit.
    pub(super) fn write_unit(&self) -> u32 {
        self.flash.geometry().write_unit
    }

    /// What erased bytes read as.
    pub(super) fn erased(&self) -> u8 {
        self.flash.geometry().erased
    }

    /// Writes whole units to a slot: units that hold these bytes already are left alone, erased ones are
    /// programmed. Nothing is written if a unit holds anything else.
    pub(super) fn place(
        &mut self,
        place: (Image, Slot),
        offset: u32,
        block: &[u8],
    ) -> Result<(), Error> {
        let unit = usize::try_from(self.write_unit()).unwrap_or(1);
        let mut region = self.region(place)?;
        let mut fits = true;
        compare(&region, unit, offset, block, |_, found| {
            fits &= found != Found::Other;
            Ok(())
        })?;
        if !fits {
            return Err(Error::InvalidArgument);
        }
        program(&mut region, unit, offset, block)
    }

    /// Takes the mark of a slot back, and everything else in its trailer.
    pub(super) fn unmark(&mut self, place: (Image, Slot)) -> Result<(), Error> {
        let limit = self.limit(place)?;
        unmark(&mut self.region(place)?, limit)
    }

    /// The commit record of a device whose images are a set.
    fn with_record<T>(
        &mut self,
        use_it: impl FnOnce(&mut Record<'_, F>) -> Result<T, CounterError>,
    ) -> Result<Option<T>, Error> {
        if !self.together {
            return Ok(None);
        }
        let area = self.map.set_record.of(&mut self.flash);
        let counter = FlashCounter::open(storage(area)?);
        let used = counter.and_then(|counter| use_it(&mut Together(counter)));
        used.map(Some).map_err(|_| Error::StorageFailure)
    }

    /// The images of `group` start together or not at all from now on.
    pub(super) fn stage_set(&mut self, group: Group) -> Result<(), Error> {
        let done = self.with_record(|record| set::stage(record, group));
        done.map(drop)
    }

    /// The images of `group` are confirmed from now on; their marks are to be written.
    pub(super) fn accept_set(&mut self, group: Group) -> Result<(), Error> {
        let done = self.with_record(|record| set::accept(record, group));
        done.map(drop)
    }

    /// Nothing is staged any more, or what was accepted is marked.
    pub(super) fn forget_set(&mut self) -> Result<(), Error> {
        self.with_record(|record| set::forget(record)).map(drop)
    }

    /// What is accepted and not marked yet.
    pub(super) fn accepted_set(&mut self) -> Result<Group, Error> {
        let group = self.with_record(|record| set::accepted(record))?;
        Ok(group.unwrap_or_default())
    }

    /// What failed as one, whatever the marks of each image say.
    pub(super) fn failed_set(&mut self) -> Result<Group, Error> {
        let group = self.with_record(|record| set::failed(record))?;
        Ok(group.unwrap_or_default())
    }

    /// Asks for a trial of the image in a slot.
    pub(super) fn mark(&mut self, (image, slot): (Image, Slot)) -> Result<(), Error> {
        let mut region = self.region((image, slot))?;
        trailer_ops::set_pending(&mut region, image, Request::Trial).map_err(from_trailer)
    }

    /// Confirms the image in a slot, also where an earlier confirmation was torn: its trailer is written
    /// anew then, and where that is asked for (`afresh`) and possible.
    pub(super) fn confirm(
        &mut self,
        (image, slot): (Image, Slot),
        afresh: bool,
    ) -> Result<(), Error> {
        let limit = self.limit((image, slot))?;
        let moves = self.moves_sectors();
        let mut region = self.region((image, slot))?;
        let now = trailer_ops::state(&region).map_err(from_trailer)?;
        let marked = now.magic == MagicState::Good || now.copy_done == FlagState::Set;
        let usable = marked && now.image_ok != FlagState::Bad;
        // Where sectors move the bootloader keeps images and trailers apart.
        let apart = moves || ends_before_trailer_sector(&region, limit)?;
        if usable && !(afresh && apart) {
            return trailer_ops::confirm(&mut region).map_err(from_trailer);
        }
        if !apart {
            return Err(Error::StorageFailure);
        }
        unmark(&mut region, limit)?;
        let written = match moves && slot == Slot::A {
            true => trailer_ops::set_installed(&mut region),
            false => trailer_ops::set_pending(&mut region, image, Request::Permanent),
        };
        written.map_err(from_trailer)
    }
}

/// The record of a set, on the device's flash.
type Record<'f, F> = Together<FlashCounter<FlashRegion<&'f mut F>>>;

/// An image that came to its slot by another way may reach into the trailer's sector.
fn ends_before_trailer_sector<F: Flash>(slot: &F, limit: u32) -> Result<bool, Error> {
    let trailer = trailer_ops::layout(slot).map_err(from_trailer)?.swap_info();
    let erased = slot.geometry().erased;
    let mut at = limit;
    let mut byte = [erased];
    while at < trailer {
        storage(slot.read(at, &mut byte))?;
        if byte != [erased] {
            return Ok(false);
        }
        at = at.saturating_add(1);
    }
    Ok(true)
}

/// Up to the sector with the first byte of the trailer.
fn limit<F: Flash>(slot: &F) -> Result<u32, Error> {
    let trailer = trailer_ops::layout(slot).map_err(from_trailer)?;
    // A power of two, as every region's.
    Ok(trailer.swap_info() & slot.geometry().sector_size.wrapping_neg())
}

/// Erases the trailer, from the end, where the magic is.
fn unmark<F: Flash>(slot: &mut F, limit: u32) -> Result<(), Error> {
    let geometry = slot.geometry();
    for sector in (0..geometry.sectors).rev() {
        if sector.saturating_mul(geometry.sector_size) < limit {
            break;
        }
        storage(slot.erase(sector))?;
    }
    Ok(())
}

fn last_used<F: Flash>(slot: &F) -> Result<Option<u32>, Error> {
    for sector in (0..slot.geometry().sectors).rev() {
        if !is_blank(slot, sector)? {
            return Ok(Some(sector));
        }
    }
    Ok(None)
}

fn is_blank<F: Flash>(slot: &F, sector: u32) -> Result<bool, Error> {
    let geometry = slot.geometry();
    let start = sector.saturating_mul(geometry.sector_size);
    let mut piece = [0; PIECE];
    let mut done = 0;
    while let Some(left) = geometry
        .sector_size
        .checked_sub(done)
        .filter(|left| *left > 0)
    {
        let len = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let Some(bytes) = piece.get_mut(..len) else {
            break;
        };
        storage(slot.read(start.saturating_add(done), bytes))?;
        if bytes.iter().any(|byte| *byte != geometry.erased) {
            return Ok(false);
        }
        done = done.saturating_add(PIECE as u32);
    }
    Ok(true)
}

/// What a unit on flash holds, beside what it is to hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Wanted,
    Erased,
    Other,
}

/// Calls `f` with the place of each unit in `block` and what was found where it is to lie.
fn compare<F: Flash>(
    slot: &F,
    unit: usize,
    offset: u32,
    block: &[u8],
    mut f: impl FnMut(usize, Found) -> Result<(), Error>,
) -> Result<(), Error> {
    let erased = slot.geometry().erased;
    let (mut buffer, mut place, mut at) = ([0; PIECE], 0_usize, offset);
    for piece in block.chunks(PIECE) {
        let there = buffer
            .get_mut(..piece.len())
            .ok_or(Error::CorruptionDetected)?;
        storage(slot.read(at, there))?;
        // Never zero: a geometry has a unit.
        for (wanted, there) in piece.chunks(unit.max(1)).zip(there.chunks(unit.max(1))) {
            let found = if wanted == there {
                Found::Wanted
            } else if there.iter().all(|byte| *byte == erased) {
                Found::Erased
            } else {
                Found::Other
            };
            f(place, found)?;
            place = place.saturating_add(wanted.len());
        }
        at = at.saturating_add(PIECE as u32);
    }
    Ok(())
}

/// Programs the runs of units that are not there yet, each at once.
fn program<F: Flash>(slot: &mut F, unit: usize, offset: u32, block: &[u8]) -> Result<(), Error> {
    let mut start = 0_usize;
    while start < block.len() {
        let rest = block.get(start..).unwrap_or_default();
        let at = offset.saturating_add(u32::try_from(start).unwrap_or(u32::MAX));
        // The first unit decides what kind of run this is.
        let (mut first, mut len) = (None, rest.len());
        compare(slot, unit, at, rest, |place, found| {
            if *first.get_or_insert(found) != found {
                len = len.min(place);
            }
            Ok(())
        })?;
        let run = rest.get(..len).unwrap_or_default();
        if first != Some(Found::Wanted) {
            storage(slot.program(at, run))?;
        }
        start = start.saturating_add(len.max(1));
    }
    Ok(())
}

fn storage<T>(result: Result<T, FlashError>) -> Result<T, Error> {
    result.map_err(|_| Error::StorageFailure)
}

fn from_trailer(error: TrailerError) -> Error {
    match error {
        TrailerError::BadState => Error::BadState,
        TrailerError::NoTrailer | TrailerError::Flash(_) => Error::StorageFailure,
    }
}
