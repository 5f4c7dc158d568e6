//! Copies sectors, and makes sure of them. It knows no image and no signature.
//!
//! A sector that already reads as it should is left alone, which spares an erase, *unless* power was lost
//! while it was written: then it may read right today and wrong tomorrow, and is written afresh. What was
//! written is read back beside its source; a read that failed on the way cannot go unnoticed.

use ironroot_image::encryption::PayloadCipher;
use ironroot_platform::{Flash, FlashError, Geometry};

/// Bytes copied at once: a multiple of every write unit. It lies on the stack.
const CHUNK: usize = 256;

/// How often a sector is tried before it counts as broken.
const TRIES: u32 = 3;

/// One sector to copy: offsets on the flash.
#[derive(Clone, Copy)]
pub(super) struct Order<'c> {
    pub(super) from: u32,
    pub(super) to: u32,
    /// What the bytes go through on the way: the cipher and the sector's offset in the image.
    pub(super) cipher: Option<(&'c PayloadCipher, u32)>,
    /// The sector may be half written: do not trust what it reads.
    pub(super) doubtful: bool,
}

/// Copies a sector. What cannot be read from the source after some tries is left erased: the image it belongs
/// to is lost either way, and whoever verifies it will see.
pub(super) fn copy<F: Flash>(flash: &mut F, order: Order<'_>) -> Result<(), FlashError> {
    let geometry = flash.geometry();
    if !order.doubtful && matches!(is_copied(flash, &geometry, order), Ok(true)) {
        return Ok(());
    }
    let mut outcome = Err(FlashError::Device);
    for _ in 0..TRIES {
        outcome = transfer(flash, &geometry, order);
        match outcome {
            Ok(()) if matches!(is_copied(flash, &geometry, order), Ok(true)) => return Ok(()),
            Ok(()) => outcome = Err(FlashError::Device),
            Err(FlashError::Device) => {}
            Err(error) => return Err(error),
        }
    }
    match readable(flash, &geometry, order.from) {
        // The source is whole, so it is the target that fails.
        true => outcome,
        false => erase_at(flash, order.to),
    }
}

/// Erases the sector at this offset on the flash.
pub(super) fn erase_at<F: Flash>(flash: &mut F, offset: u32) -> Result<(), FlashError> {
    let size = flash.geometry().sector_size;
    let sector = offset.checked_div(size).ok_or(FlashError::OutOfRange)?;
    flash.erase(sector)
}

fn transfer<F: Flash>(
    flash: &mut F,
    geometry: &Geometry,
    order: Order<'_>,
) -> Result<(), FlashError> {
    erase_at(flash, order.to)?;
    let mut buffer = [0; CHUNK];
    for (at, len) in chunks(geometry) {
        let chunk = buffer.get_mut(..len).ok_or(FlashError::OutOfRange)?;
        read_source(flash, order, at, chunk)?;
        // Erased bytes are there already.
        if chunk.iter().any(|byte| *byte != geometry.erased) {
            flash.program(order.to.saturating_add(at), chunk)?;
        }
    }
    Ok(())
}

/// Whether the target reads as the source does.
fn is_copied<F: Flash>(
    flash: &F,
    geometry: &Geometry,
    order: Order<'_>,
) -> Result<bool, FlashError> {
    let (mut wanted, mut present) = ([0; CHUNK], [0; CHUNK]);
    for (at, len) in chunks(geometry) {
        let wanted = wanted.get_mut(..len).ok_or(FlashError::OutOfRange)?;
        let present = present.get_mut(..len).ok_or(FlashError::OutOfRange)?;
        read_source(flash, order, at, wanted)?;
        flash.read(order.to.saturating_add(at), present)?;
        if wanted != present {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_source<F: Flash>(
    flash: &F,
    order: Order<'_>,
    at: u32,
    chunk: &mut [u8],
) -> Result<(), FlashError> {
    flash.read(order.from.saturating_add(at), chunk)?;
    if let Some((cipher, in_image)) = order.cipher {
        cipher.apply(in_image.saturating_add(at), chunk);
    }
    Ok(())
}

fn readable<F: Flash>(flash: &F, geometry: &Geometry, from: u32) -> bool {
    let mut buffer = [0; CHUNK];
    let mut pieces = chunks(geometry);
    pieces.all(|(at, len)| {
        let chunk = buffer.get_mut(..len);
        chunk.is_some_and(|chunk| flash.read(from.saturating_add(at), chunk).is_ok())
    })
}

/// The pieces of a sector: offset in it, and length.
fn chunks(geometry: &Geometry) -> impl Iterator<Item = (u32, usize)> + use<> {
    let size = geometry.sector_size;
    (0..size).step_by(CHUNK).map(move |at| {
        let left = usize::try_from(size.saturating_sub(at)).unwrap_or(CHUNK);
        (at, left.min(CHUNK))
    })
}
