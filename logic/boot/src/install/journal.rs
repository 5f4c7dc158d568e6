//! How far a swap came, in MCUboot's trailer, and how that survives a torn write.
//!
//! MCUboot writes one status entry after each step and, after a reset, takes the last entry that is not erased.
//! That alone does not survive everything that a cut leaves behind: an entry that reads as erased may have been
//! touched and must not be programmed again, and one that reads as written may read otherwise tomorrow, when the
//! step after it has already destroyed what a repetition needs. So **a journal that was interrupted is renewed
//! before the swap goes on**: what it says *now* is written afresh, with one entry instead of many, which MCUboot
//! reads the same.
//!
//! While the primary trailer is erased for that, a shadow of it stands in the secondary slot's:
//!
//! ```text
//!            secondary trailer    primary trailer
//!  1, 2      shadow               old                ← a cut here: the old one counts; a whole shadow says the same
//!  3, 4      shadow               erased … new       ← a cut here: the shadow counts, for it was complete
//!  5         erased               new
//! ```
//!
//! The shadow has MCUboot's layout but a magic of its own with a checksum over its content, so MCUboot sees an
//! empty secondary trailer and a torn shadow is never believed. A whole shadow is always preferred: what it was
//! made from may be half erased.

use super::decide::StatusPlace;
use super::layout::TrailerLayout;
use super::mover::erase_at;
use crate::crc::Crc32;
use crate::flash_map::{Area, Image};
use ironroot_image::trailer::{
    FLAG_SET, FlagState, MAGIC_LEN, MAX_ALIGNMENT, MagicState, SwapType, Trailer,
};
use ironroot_image::{ImageSource, SourceError};
use ironroot_platform::{Flash, FlashError};

/// Marks a shadow; the checksum follows.
const SHADOW: [u8; 12] = *b"IR shadow 1:";

/// Stands for bytes that cannot be read: neither erased value, nor a set flag, nor in a magic.
const UNREADABLE: u8 = 0x5a;

/// An area whose unreadable parts read as garbage: a torn unit on flash with error correction is an error,
/// and must not take the items beside it along.
struct Forgiving<'f, F> {
    flash: &'f F,
    area: Area,
}

impl<F: Flash> ImageSource for Forgiving<'_, F> {
    fn len(&self) -> u32 {
        self.area.len
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError> {
        let at = self.area.offset.saturating_add(offset);
        if self.flash.read(at, out).is_err() {
            out.fill(UNREADABLE);
        }
        Ok(())
    }
}

/// What a journal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Journal {
    /// What the swap is for.
    pub(crate) kind: SwapType,
    /// The image that comes counts as confirmed.
    pub(crate) confirmed: bool,
    /// Length of the longer image with its TLVs.
    pub(crate) swap_size: u32,
    /// The last status entry written, if one is.
    pub(crate) last_entry: Option<u32>,
}

/// One slot's or scratch area's trailer on the flash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet {
    pub(super) area: Area,
    pub(super) layout: TrailerLayout,
    pub(super) image: Image,
}

impl Sheet {
    /// Flags and magic. What cannot be read is bad: something was begun there.
    pub(super) fn flags<F: Flash>(&self, flash: &F) -> Trailer {
        let source = Forgiving {
            flash,
            area: self.area,
        };
        let erased = flash.geometry().erased;
        // The source never fails.
        Trailer::read(&source, self.layout.fields(), erased).unwrap_or(Trailer {
            magic: MagicState::Bad,
            image_ok: FlagState::Bad,
            copy_done: FlagState::Bad,
            swap_info: UNREADABLE,
        })
    }

    /// The journal in a trailer whose magic was found good, or in a shadow. Nothing if its swap info is not that
    /// of a swap of this image.
    pub(super) fn read<F: Flash>(&self, flash: &F) -> Result<Option<Journal>, FlashError> {
        let flags = self.flags(flash);
        let kind = match SwapType::from_info(flags.swap_info) {
            Some((SwapType::None, _)) | None => return Ok(None),
            Some((_, image)) if image != self.image.number() => return Ok(None),
            Some((kind, _)) => kind,
        };
        let mut size = [0; 4];
        flash.read(self.at(self.layout.swap_size()), &mut size)?;
        Ok(Some(Journal {
            kind,
            confirmed: flags.image_ok == FlagState::Set,
            swap_size: u32::from_le_bytes(size),
            last_entry: self.last_entry(flash),
        }))
    }

    /// An entry that cannot be read was begun to be written, so its step is complete.
    fn last_entry<F: Flash>(&self, flash: &F) -> Option<u32> {
        let erased = flash.geometry().erased;
        (0..self.layout.entries()).rev().find(|entry| {
            let mut byte = [erased];
            let at = self.layout.entry(*entry).map(|at| self.at(at));
            let read = at.map(|at| flash.read(at, &mut byte));
            !matches!(read, Some(Ok(()))) || byte != [erased]
        })
    }

    /// Whether a whole shadow stands here.
    pub(super) fn shadow<F: Flash>(&self, flash: &F) -> Option<Journal> {
        let mut magic = [0; MAGIC_LEN];
        flash
            .read(self.at(self.layout.fields().magic()), &mut magic)
            .ok()?;
        let journal = self.read(flash).ok()??;
        (magic == shadow_magic(&journal)).then_some(journal)
    }

    /// Writes the trailer afresh.
    pub(super) fn write<F: Flash>(
        &self,
        flash: &mut F,
        journal: &Journal,
    ) -> Result<(), FlashError> {
        let unconfirmed = Journal {
            confirmed: false,
            ..*journal
        };
        let magic = self.layout.fields().alignment().magic();
        self.write_with(flash, &unconfirmed, magic)?;
        // Behind the magic, and so the proof that the magic is whole.
        match journal.confirmed {
            true => self.confirm(flash),
            false => Ok(()),
        }
    }

    /// Writes the trailer afresh, as a shadow.
    pub(super) fn write_shadow<F: Flash>(
        &self,
        flash: &mut F,
        journal: &Journal,
    ) -> Result<(), FlashError> {
        self.write_with(flash, journal, &shadow_magic(journal))
    }

    fn write_with<F: Flash>(
        &self,
        flash: &mut F,
        journal: &Journal,
        magic: &[u8; MAGIC_LEN],
    ) -> Result<(), FlashError> {
        self.erase(flash)?;
        let fields = self.layout.fields();
        let info = journal.kind.info(self.image.number());
        self.put(flash, fields.swap_info(), &[info])?;
        if journal.confirmed {
            self.put(flash, fields.image_ok(), &[FLAG_SET])?;
        }
        let size = journal.swap_size.to_le_bytes();
        self.put(flash, self.layout.swap_size(), &size)?;
        if let Some(entry) = journal.last_entry {
            self.enter(flash, entry)?;
        }
        self.put_magic(flash, magic)
    }

    /// Asks for the image in the secondary slot to be taken back: what a revert begins with, so that it can be
    /// interrupted. MCUboot reads it as a revert (offset) or as a permanent swap (the others), which moves the
    /// same sectors.
    pub(super) fn ask_to_go_back<F: Flash>(
        &self,
        flash: &mut F,
        by_copy_done: bool,
        swap_size: u32,
    ) -> Result<(), FlashError> {
        self.erase(flash)?;
        let fields = self.layout.fields();
        let flag = match by_copy_done {
            true => fields.copy_done(),
            false => fields.image_ok(),
        };
        self.put(flash, flag, &[FLAG_SET])?;
        let info = SwapType::Revert.info(self.image.number());
        self.put(flash, fields.swap_info(), &[info])?;
        self.put(flash, self.layout.swap_size(), &swap_size.to_le_bytes())?;
        self.put_magic(flash, fields.alignment().magic())?;
        self.enter(flash, 0)
    }

    /// Whether a request of ours is known to be whole: its magic was complete before the mark was begun. Without
    /// the mark nothing that it asks for was begun.
    pub(super) fn is_marked<F: Flash>(&self, flash: &F) -> bool {
        self.last_entry(flash).is_some()
    }

    /// Writes one status entry.
    pub(super) fn enter<F: Flash>(&self, flash: &mut F, entry: u32) -> Result<(), FlashError> {
        let at = self.layout.entry(entry).ok_or(FlashError::OutOfRange)?;
        // MCUboot writes the state's number, and reads nothing but "not erased". Neither erased value is 1.
        self.put(flash, at, &[FLAG_SET])
    }

    /// Marks the image that came as confirmed.
    pub(super) fn confirm<F: Flash>(&self, flash: &mut F) -> Result<(), FlashError> {
        self.put(flash, self.layout.fields().image_ok(), &[FLAG_SET])
    }

    /// Marks the swap as complete.
    pub(super) fn complete<F: Flash>(&self, flash: &mut F) -> Result<(), FlashError> {
        self.put(flash, self.layout.fields().copy_done(), &[FLAG_SET])
    }

    /// Erases every sector of the trailer, the one with the magic first.
    pub(super) fn erase<F: Flash>(&self, flash: &mut F) -> Result<(), FlashError> {
        let size = flash.geometry().sector_size;
        for sector in (self.layout.first_sector()..self.layout.sectors()).rev() {
            erase_at(flash, self.at(sector.saturating_mul(size)))?;
        }
        Ok(())
    }

    fn put_magic<F: Flash>(
        &self,
        flash: &mut F,
        magic: &[u8; MAGIC_LEN],
    ) -> Result<(), FlashError> {
        let fields = self.layout.fields();
        let mut unit = [flash.geometry().erased; MAX_ALIGNMENT];
        let fill = usize::try_from(fields.magic().saturating_sub(fields.magic_unit()));
        let fill = fill.map_err(|_| FlashError::OutOfRange)?;
        let end = fill.saturating_add(MAGIC_LEN);
        unit.get_mut(fill..end)
            .ok_or(FlashError::OutOfRange)?
            .copy_from_slice(magic);
        let unit = unit.get(..end).ok_or(FlashError::OutOfRange)?;
        flash.program(self.at(fields.magic_unit()), unit)
    }

    /// Programs the units that hold `value`, filled up with the erased value.
    fn put<F: Flash>(&self, flash: &mut F, offset: u32, value: &[u8]) -> Result<(), FlashError> {
        let geometry = flash.geometry();
        let mut unit = [geometry.erased; MAX_ALIGNMENT];
        for (byte, value) in unit.iter_mut().zip(value) {
            *byte = *value;
        }
        let write_unit = usize::try_from(geometry.write_unit).unwrap_or(MAX_ALIGNMENT);
        let len = value.len().checked_next_multiple_of(write_unit);
        let unit = len.and_then(|len| unit.get(..len));
        flash.program(self.at(offset), unit.ok_or(FlashError::Unaligned)?)
    }

    const fn at(&self, offset: u32) -> u32 {
        self.area.offset.saturating_add(offset)
    }
}

fn shadow_magic(journal: &Journal) -> [u8; MAGIC_LEN] {
    let mut crc = Crc32::new();
    let entry = journal.last_entry.map_or(u32::MAX, |entry| entry);
    for word in [
        u32::from(journal.kind as u8),
        u32::from(journal.confirmed),
        journal.swap_size,
        entry,
    ] {
        crc.update(&word.to_le_bytes());
    }
    let mut magic = [0; MAGIC_LEN];
    let checksum = crc.value().to_le_bytes();
    for (byte, value) in magic.iter_mut().zip(SHADOW.iter().chain(&checksum)) {
        *byte = *value;
    }
    magic
}

/// Writes an interrupted journal afresh: see the [module](self). `primary` may be in any state.
pub(super) fn renew<F: Flash>(
    flash: &mut F,
    primary: &Sheet,
    secondary: &Sheet,
    journal: &Journal,
    shadow_stands: bool,
) -> Result<(), FlashError> {
    if !shadow_stands {
        secondary.write_shadow(flash, journal)?;
    }
    primary.write(flash, journal)?;
    secondary.erase(flash)
}

/// What the primary trailer says of a swap, complete or not, when the secondary slot asks for nothing.
pub(super) fn last<F: Flash>(
    flash: &F,
    primary: &Sheet,
    secondary: &Sheet,
) -> Result<Option<(Journal, bool)>, FlashError> {
    let (first, second) = (primary.flags(flash), secondary.flags(flash));
    if !is_good(&first) || is_good(&second) {
        return Ok(None);
    }
    Ok(primary.read(flash)?.map(|journal| (journal, false)))
}

/// Where the journal of an image is, and what it says.
pub(super) fn find<F: Flash>(
    flash: &F,
    primary: &Sheet,
    secondary: &Sheet,
    scratch: bool,
) -> Result<Option<(Journal, bool)>, FlashError> {
    if let Some(journal) = secondary.shadow(flash) {
        return Ok(Some((journal, true)));
    }
    let (first, mut second) = (primary.flags(flash), secondary.flags(flash));
    // The journal is whole: what still stands in the secondary slot may be half erased.
    let whole = first.image_ok == FlagState::Set;
    if whole || scratch && primary.last_entry(flash).is_some() {
        // MCUboot leaves the request standing until the second step is complete.
        second.magic = MagicState::Unset;
    }
    let place = super::decide::status_place(&first, &second);
    // The mark that ends a swap may be torn; everything before it is done then.
    let torn_end = first.copy_done == FlagState::Bad && is_good(&first) && !is_good(&second);
    if place != StatusPlace::Primary && !torn_end {
        return Ok(None);
    }
    Ok(primary.read(flash)?.map(|journal| (journal, false)))
}

fn is_good(trailer: &Trailer) -> bool {
    trailer.magic == MagicState::Good
}
