//! The rules of loading: which slot may be written, what is checked when.
//!
//! ```text
//! 32 bytes there → header admitted → slot chosen → trailer erased → sectors erased and written, one by one
//!                                                                              ▼
//!                 marked for trial, or confirmed  ←  asked for  ←  verified whole, as the bootloader does
//! ```
//!
//! The trailer is erased first and written last, so a cut in between leaves a slot that nobody asked to boot
//! and that no signature fits. The slot with the last good image is not touched in any of these steps.

use crate::store::{Announced, Entry, Fault, Known, Pair, Place, Store, Writable};
use ironroot_boot::otp::{RootKeys, Scheme};
use ironroot_boot::trailer_ops::{self, FlashSource, Request};
use ironroot_boot::{Demands, FlashMap, Image, PerImage, Reason, Slot, Standing, Strategy};
use ironroot_crypto::hash::Sha256;
use ironroot_image::encryption::Decryption;
use ironroot_image::trailer::MAX_ALIGNMENT;
use ironroot_image::{AddressRange, Refusal, Suite};
use ironroot_platform::{Flash, FlashError, FlashRegion, Geometry};

/// The slots of a device whose two slots of an image can both boot (RAM-load, direct execution).
#[derive(Debug)]
pub struct Slots<'d, F, S> {
    /// The flash that the map counts in.
    pub flash: F,
    /// Where everything lies.
    pub map: &'d FlashMap,
    /// How the device updates.
    pub strategy: S,
    /// Who may sign each image.
    pub root_keys: &'d PerImage<RootKeys>,
    /// The signature schemes that can be checked.
    pub suites: &'d [(Scheme, &'static Suite)],
    /// Each image's hardware counter: present value, highest possible value.
    pub counters: PerImage<(u32, u32)>,
    /// Where each image may ask to be loaded to.
    pub windows: PerImage<Option<AddressRange>>,
    /// How encrypted images are opened; nothing on a device that takes none.
    pub decryption: Option<Decryption<'d>>,
}

impl<F: Flash, S: Strategy> Slots<'_, F, S> {
    fn region(&mut self, place: Place) -> Result<FlashRegion<&mut F>, FlashError> {
        self.map.slot(place.image, place.slot).of(&mut self.flash)
    }

    fn pair(&mut self, image: Image) -> Pair {
        Pair(Slot::ALL.map(|slot| self.look(Place::new(image, slot))))
    }

    /// Judges by what the device demands of an image in that slot.
    fn judge<T>(
        &mut self,
        place: Place,
        judge: impl FnOnce(&Demands<'_>, &FlashRegion<&mut F>) -> Result<T, Reason>,
    ) -> Result<T, Fault> {
        let (counter, counter_limit) = *self.counters.get(place.image);
        let region = self.map.slot(place.image, place.slot).of(&mut self.flash)?;
        let demands = Demands {
            image: place.image,
            slot: place.slot,
            root_key: self.root_keys.get(place.image),
            suites: self.suites,
            size_limit: trailer_ops::layout(&region)?.swap_info(),
            counter,
            counter_limit,
            window: *self.windows.get(place.image),
            decryption: self.decryption,
        };
        Ok(judge(&demands, &region)?)
    }

    // Not inlined: verification for every user of it would be as many copies.
    #[inline(never)]
    fn examine(&mut self, place: Place) -> Result<Known, Fault> {
        self.judge(place, |demands, region| {
            let verified = demands.examine(FlashSource(region))?;
            Ok(Known::new(
                verified.version(),
                verified.total_len(),
                verified.digest(),
            ))
        })
    }

    fn standing(&mut self, place: Place) -> Result<Standing, Fault> {
        let trailer = trailer_ops::state(&self.region(place)?)?;
        Ok(self.strategy.standing(place.slot, &trailer))
    }

    /// First sector that the trailer reaches into.
    fn trailer_sector(&mut self, place: Place) -> Result<u32, Fault> {
        let region = self.region(place)?;
        let shift = region.geometry().sector_size.trailing_zeros();
        Ok(trailer_ops::layout(&region)?.swap_info() >> shift)
    }

    fn erase_from(&mut self, place: Place, first: u32) -> Result<(), Fault> {
        let mut region = self.region(place)?;
        // Backwards: the trailer's end, with its magic, goes first.
        for sector in (first..region.geometry().sectors).rev() {
            region.erase(sector)?;
        }
        Ok(())
    }
}

impl<F: Flash, S: Strategy> Store for Slots<'_, F, S> {
    fn size(&self, place: Place) -> u32 {
        self.map.slot(place.image, place.slot).len
    }

    fn limit(&mut self, place: Place) -> u32 {
        let region = self.region(place);
        region
            .ok()
            .and_then(|region| trailer_ops::layout(&region).ok())
            .map_or(0, |layout| layout.swap_info())
    }

    fn look(&mut self, place: Place) -> Entry {
        let Ok(standing) = self.standing(place) else {
            return Entry::EMPTY;
        };
        let image = match self.examine(place) {
            Ok(known) => Ok(known),
            Err(Fault::Refused(reason)) => Err(reason),
            Err(_) => Err(Reason::Image(Refusal::Unreadable)),
        };
        Entry { standing, image }
    }

    fn choose(&mut self, announced: &Announced<'_>) -> Result<Writable, Fault> {
        let image = announced.image;
        let pair = self.pair(image);
        let current = pair.current();
        let slot = announced
            .slot
            .unwrap_or_else(|| current.map_or(Slot::A, Slot::other));
        let place = Place::new(image, slot);
        let header = self.judge(place, |demands, _| {
            demands.admit(announced.header, announced.len)
        })?;
        if !pair.may_lose(slot) {
            return Err(Fault::LastGood);
        }
        if let (true, Some(current)) = (announced.upgrade_only, current)
            && let Ok(known) = pair.get(current).image
            && header.version <= known.version
        {
            return Err(Fault::NotNewer);
        }
        Ok(Writable::new(place))
    }

    fn clear(&mut self, slot: &Writable) -> Result<(), Fault> {
        let first = self.trailer_sector(slot.place())?;
        self.erase_from(slot.place(), first)
    }

    fn write(&mut self, slot: &Writable, at: u32, bytes: &[u8]) -> Result<(), Fault> {
        let place = slot.place();
        let (limit, trailer) = (self.limit(place), self.trailer_sector(place)?);
        write(&mut self.region(place)?, (limit, trailer), at, bytes)
    }

    fn holds(&mut self, place: Place, len: u32, sha256: &[u8]) -> Result<bool, Fault> {
        holds(&self.region(place)?, len, sha256)
    }

    fn erase(&mut self, place: Place) -> Result<(), Fault> {
        if !self.pair(place.image).may_lose(place.slot) {
            return Err(Fault::LastGood);
        }
        self.erase_from(place, 0)
    }

    fn mark(&mut self, place: Place, request: Request) -> Result<(), Fault> {
        let pair = self.pair(place.image);
        let &Entry { standing, image } = pair.get(place.slot);
        if pair.would_not_boot(place.slot, image?.version) {
            return Err(Fault::NotNewer);
        }
        let mut region = self.region(place)?;
        match (standing, request) {
            (Standing::Unmarked, _) => {
                trailer_ops::set_pending(&mut region, place.image, request)?;
            }
            (Standing::Pending, Request::Trial) | (Standing::Confirmed, Request::Permanent) => {}
            (Standing::Pending | Standing::TrialFailed, Request::Permanent) => {
                trailer_ops::confirm(&mut region)?;
            }
            (Standing::TrialFailed, Request::Trial) => return Err(Fault::State),
            (Standing::Confirmed, Request::Trial) => return Err(Fault::AlreadyConfirmed),
        }
        Ok(())
    }
}

/// Writes the next bytes of an image that may reach to `limit`, erasing each sector when its first byte comes; from
/// sector `trailer` on they are erased.
pub(crate) fn write<F: Flash>(
    region: &mut F,
    (limit, trailer): (u32, u32),
    at: u32,
    bytes: &[u8],
) -> Result<(), Fault> {
    let Geometry {
        sector_size,
        write_unit,
        erased,
        ..
    } = region.geometry();
    let (mut at, mut rest) = (at, bytes);
    while !rest.is_empty() {
        let left = sector_size.saturating_sub(at & sector_size.saturating_sub(1));
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        let (piece, tail) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let end = at.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        if end > limit {
            return Err(Fault::NoSuchSlot);
        }
        let sector = at >> sector_size.trailing_zeros();
        if left == sector_size && sector < trailer {
            region.erase(sector)?;
        }
        program(region, at, piece, write_unit, erased)?;
        (at, rest) = (end, tail);
    }
    Ok(())
}

/// Whether the first `len` bytes have this SHA-256.
pub(crate) fn holds<F: Flash>(region: &F, len: u32, sha256: &[u8]) -> Result<bool, Fault> {
    let mut hash = Sha256::new();
    let mut buffer = [0; 64];
    let mut at = 0;
    while at < len {
        let left = usize::try_from(len.saturating_sub(at)).unwrap_or(usize::MAX);
        let piece = buffer.len().min(left);
        let piece = buffer.get_mut(..piece).unwrap_or(&mut []);
        region.read(at, piece)?;
        hash.update(piece);
        at = at.saturating_add(64);
    }
    Ok(hash.finish().as_slice() == sha256)
}

/// Programs bytes of which the last unit may be incomplete.
fn program<F: Flash>(
    region: &mut F,
    at: u32,
    bytes: &[u8],
    write_unit: u32,
    erased: u8,
) -> Result<(), FlashError> {
    let unit = usize::try_from(write_unit).unwrap_or(1).max(1);
    let whole = bytes
        .len()
        .saturating_sub(bytes.len() & unit.saturating_sub(1));
    let (head, tail) = bytes.split_at_checked(whole).unwrap_or((bytes, &[]));
    if !head.is_empty() {
        region.program(at, head)?;
    }
    if tail.is_empty() {
        return Ok(());
    }
    let mut last = [erased; MAX_ALIGNMENT];
    last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
    let last = last.get(..unit).ok_or(FlashError::Unaligned)?;
    region.program(
        at.saturating_add(u32::try_from(head.len()).unwrap_or(u32::MAX)),
        last,
    )
}
