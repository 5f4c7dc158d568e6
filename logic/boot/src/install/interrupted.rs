//! Whether a swap was begun and is not over, for those who would write to its slots before the bootloader ends it.

use super::method::{Areas, Method};
use super::swapper::Swapper;
use super::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use crate::flash_map::{Image, Slot};
use crate::layout::{UpdateLayout, UpdateMode};
use ironroot_platform::{Flash, FlashError};

/// Whether sectors of `image` are on their way: neither of its slots may be written then, and the next boot moves
/// the rest. False where no sector ever moves.
///
/// # Errors
/// [`FlashError`]; [`FlashError::OutOfRange`] also for slots without room for what the mode keeps.
pub fn is_interrupted<F: Flash>(
    layout: &UpdateLayout<'_>,
    flash: &F,
    image: Image,
) -> Result<bool, FlashError> {
    match layout.mode {
        UpdateMode::SwapOffset => by::<SwapOffset, F>(layout, flash, image),
        UpdateMode::SwapMove => by::<SwapMove, F>(layout, flash, image),
        UpdateMode::SwapScratch => by::<SwapScratch, F>(layout, flash, image),
        UpdateMode::Overwrite => by::<Overwrite, F>(layout, flash, image),
        UpdateMode::RamLoad | UpdateMode::DirectXipRevert | UpdateMode::DirectXip => Ok(false),
    }
}

fn by<M: Method, F: Flash>(
    layout: &UpdateLayout<'_>,
    flash: &F,
    image: Image,
) -> Result<bool, FlashError> {
    let areas = Areas {
        primary: layout.map.slot(image, Slot::A),
        secondary: layout.map.slot(image, Slot::B),
        scratch: layout.scratch,
    };
    let swapper = Swapper::<M>::new(areas, &flash.geometry(), image, layout.max_sectors);
    let swapper = swapper.ok_or(FlashError::OutOfRange)?;
    Ok(swapper.find(flash)?.is_some())
}
