//! Changing a slot's trailer: ask for a trial, begin it, confirm.
//!
//! Each item is one program unit, written once after the slot was erased; the magic comes last and makes
//! the rest count. A power cut leaves an item unset, set or bad, and bad counts as neither. The layout is
//! MCUboot's: [`ironroot_image::trailer`].

use crate::flash_map::Image;
use ironroot_image::trailer::{
    Alignment, FLAG_SET, FlagState, Layout, MAX_ALIGNMENT, MagicState, SwapType, Trailer,
};
use ironroot_image::{ImageSource, SourceError};
use ironroot_platform::{Flash, FlashError};

/// Why a trailer could not be read or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrailerError {
    /// The slot has no room for a trailer, or its program units are too large for one.
    NoTrailer,
    /// The trailer is not in the state that this step starts from: erase the slot and write the image
    /// again.
    BadState,
    /// The flash failed.
    Flash(FlashError),
}

impl From<FlashError> for TrailerError {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}

/// What an update asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// One trial boot; without confirmation the device goes back.
    Trial,
    /// No trial: the image counts as confirmed.
    Permanent,
}

/// A whole flash (usually the region of one slot) as a source of image bytes.
#[derive(Debug)]
pub struct FlashSource<'f, F>(pub &'f F);

impl<F: Flash> ImageSource for FlashSource<'_, F> {
    fn len(&self) -> u32 {
        self.0.geometry().size()
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError> {
        self.0.read(offset, out).map_err(|_| SourceError)
    }
}

/// Where the trailer of `slot`, a flash as large as the slot, lies.
///
/// # Errors
/// [`TrailerError::NoTrailer`].
pub fn layout<F: Flash>(slot: &F) -> Result<Layout, TrailerError> {
    let geometry = slot.geometry();
    Alignment::for_write_unit(geometry.write_unit)
        .and_then(|alignment| Layout::new(geometry.size(), alignment))
        .ok_or(TrailerError::NoTrailer)
}

/// What the trailer of `slot` says.
///
/// # Errors
/// [`TrailerError::NoTrailer`], [`TrailerError::Flash`].
pub fn state<F: Flash>(slot: &F) -> Result<Trailer, TrailerError> {
    let layout = layout(slot)?;
    Trailer::read(&FlashSource(slot), &layout, slot.geometry().erased)
        .map_err(|_| TrailerError::Flash(FlashError::Device))
}

/// Asks for `image`, just written to `slot`, to be booted.
///
/// # Errors
/// [`TrailerError::BadState`] unless the trailer is erased.
pub fn set_pending<F: Flash>(
    slot: &mut F,
    image: Image,
    request: Request,
) -> Result<(), TrailerError> {
    let layout = blank_layout(slot)?;
    let kind = match request {
        Request::Trial => SwapType::Test,
        Request::Permanent => SwapType::Permanent,
    };
    write_byte(slot, layout.swap_info(), kind.info(image.number()))?;
    if request == Request::Permanent {
        write_byte(slot, layout.image_ok(), FLAG_SET)?;
    }
    write_magic(slot, &layout)
}

/// Where the trailer of `slot` lies, if nothing is written there.
fn blank_layout<F: Flash>(slot: &F) -> Result<Layout, TrailerError> {
    let layout = layout(slot)?;
    let now = state(slot)?;
    let blank = now.magic == MagicState::Unset
        && now.image_ok == FlagState::Unset
        && now.copy_done == FlagState::Unset
        && now.swap_info == slot.geometry().erased;
    match blank {
        true => Ok(layout),
        false => Err(TrailerError::BadState),
    }
}

/// Confirms the image in `slot`: from now on it boots without trial, and its next start raises the
/// security counter. Confirming twice writes nothing the second time.
///
/// # Errors
/// [`TrailerError::BadState`] when the slot has no trailer, or an earlier confirmation was cut off.
pub fn confirm<F: Flash>(slot: &mut F) -> Result<(), TrailerError> {
    let now = state(slot)?;
    // A trial that has begun proves that the magic was good.
    if now.magic != MagicState::Good && now.copy_done != FlagState::Set {
        return Err(TrailerError::BadState);
    }
    match now.image_ok {
        FlagState::Set => Ok(()),
        FlagState::Unset => {
            let at = layout(slot)?.image_ok();
            write_byte(slot, at, FLAG_SET)
        }
        FlagState::Bad => Err(TrailerError::BadState),
    }
}

/// Says of the image in the slot that it runs from, where sectors move at boot, that it is installed and confirmed:
/// for a trailer that was erased because an earlier confirmation was torn.
///
/// # Errors
/// [`TrailerError::BadState`] unless the trailer is erased.
pub fn set_installed<F: Flash>(slot: &mut F) -> Result<(), TrailerError> {
    let layout = blank_layout(slot)?;
    // Without the magic nobody looks at the rest, and with it nothing must be missing.
    write_byte(slot, layout.copy_done(), FLAG_SET)?;
    write_byte(slot, layout.image_ok(), FLAG_SET)?;
    write_magic(slot, &layout)
}

/// Marks that the trial of the image in `slot` has begun, and makes sure that the mark is there: a
/// trial without it would never end.
pub(crate) fn begin_trial<F: Flash>(slot: &mut F) -> Result<(), TrailerError> {
    let at = layout(slot)?.copy_done();
    write_byte(slot, at, FLAG_SET)?;
    match state(slot)?.copy_done {
        FlagState::Set => Ok(()),
        FlagState::Unset | FlagState::Bad => Err(TrailerError::BadState),
    }
}

fn write_byte<F: Flash>(slot: &mut F, at: u32, value: u8) -> Result<(), TrailerError> {
    let geometry = slot.geometry();
    let unit = Layout::unit(value, geometry.erased);
    let len = usize::try_from(geometry.write_unit).unwrap_or(MAX_ALIGNMENT);
    let unit = unit.get(..len).ok_or(TrailerError::NoTrailer)?;
    Ok(slot.program(at, unit)?)
}

fn write_magic<F: Flash>(slot: &mut F, layout: &Layout) -> Result<(), TrailerError> {
    let mut unit = [slot.geometry().erased; MAX_ALIGNMENT];
    let fill = layout.magic().saturating_sub(layout.magic_unit());
    let fill = usize::try_from(fill).map_err(|_| TrailerError::NoTrailer)?;
    let magic = layout.alignment().magic();
    let end = fill.saturating_add(magic.len());
    let place = unit.iter_mut().skip(fill);
    place.zip(magic).for_each(|(to, from)| *to = *from);
    let unit = unit.get(..end).ok_or(TrailerError::NoTrailer)?;
    Ok(slot.program(layout.magic_unit(), unit)?)
}
