//! What a slot will hold when a swap is finished, as something that can be verified now.
//!
//! Before any sector moves, and before an interrupted swap goes on, the image that would run in the end is
//! verified through a view that finds each of its sectors wherever it is at the moment. So a status that lies,
//! a candidate that was altered while power was off, or a sector that cannot be read any more is found before
//! it costs anything. The verifier knows nothing of sectors.

use super::method::{Areas, Method, Party, Place, Swap};
use core::marker::PhantomData;
use ironroot_image::encryption::{Decrypted, Decryption, PayloadCipher};
use ironroot_image::{ImageSource, Refusal, SourceError};
use ironroot_platform::Flash;

/// One of a swap's two images, between its steps.
pub(crate) struct View<'v, F, M> {
    pub(super) flash: &'v F,
    pub(super) areas: &'v Areas,
    pub(super) swap: Swap,
    pub(super) done: u32,
    pub(super) party: Party,
    /// How many sectors it may have.
    pub(super) sectors: u32,
    /// For what is encrypted outside of the primary slot.
    pub(super) cipher: Option<PayloadCipher>,
    pub(super) method: PhantomData<M>,
}

impl<'v, F: Flash, M: Method> View<'v, F, M> {
    /// The same image with its payload in the clear.
    pub(crate) fn decrypted(
        mut self,
        decryption: Option<&Decryption<'_>>,
    ) -> Result<Self, Refusal> {
        self.cipher = self.find_cipher(decryption)?;
        Ok(self)
    }

    /// The image's cipher, if it came encrypted and the device can open it. Header and TLVs are in the clear in
    /// either slot, so the key need not be kept anywhere else.
    pub(crate) fn find_cipher(
        &self,
        decryption: Option<&Decryption<'_>>,
    ) -> Result<Option<PayloadCipher>, Refusal> {
        match decryption {
            None => Ok(None),
            Some(decryption) => Ok(Decrypted::open(self, decryption)?.into_cipher()),
        }
    }

    fn read_sector(&self, sector: u32, within: u32, out: &mut [u8]) -> Option<()> {
        let size = self.flash.geometry().sector_size;
        let place = M::find(&self.swap, self.done, self.party, sector);
        let at = self.areas.offset(place, size)?.checked_add(within)?;
        self.flash.read(at, out).ok()?;
        if let (Some(cipher), Place::Secondary(_) | Place::Scratch(_)) = (&self.cipher, place) {
            cipher.apply(sector.checked_mul(size)?.checked_add(within)?, out);
        }
        Some(())
    }
}

impl<F: Flash, M: Method> ImageSource for View<'_, F, M> {
    fn len(&self) -> u32 {
        self.sectors
            .saturating_mul(self.flash.geometry().sector_size)
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError> {
        let size = self.flash.geometry().sector_size;
        let mut rest = out;
        let mut at = offset;
        while !rest.is_empty() {
            let sector = at.checked_div(size).ok_or(SourceError)?;
            let within = at.checked_rem(size).ok_or(SourceError)?;
            let left = usize::try_from(size.saturating_sub(within)).map_err(|_| SourceError)?;
            if sector >= self.sectors {
                return Err(SourceError);
            }
            let (piece, further) = rest.split_at_mut(left.min(rest.len()));
            self.read_sector(sector, within, piece).ok_or(SourceError)?;
            at = size
                .checked_mul(sector.saturating_add(1))
                .ok_or(SourceError)?;
            rest = further;
        }
        Ok(())
    }
}

/// An image where it lies on flash, from its first byte.
#[derive(Debug, Clone, Copy)]
pub struct FlashImage<F> {
    flash: F,
    start: u32,
    len: u32,
    address: u32,
}

impl<F: Flash> FlashImage<F> {
    /// The `len` bytes from `start` of `flash`, which the processor sees at `address`.
    pub const fn new(flash: F, start: u32, len: u32, address: u32) -> Self {
        Self {
            flash,
            start,
            len,
            address,
        }
    }

    /// Where the processor sees the first byte.
    #[must_use]
    pub const fn address(&self) -> u32 {
        self.address
    }
}

impl<F: Flash> ImageSource for FlashImage<F> {
    fn len(&self) -> u32 {
        self.len
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError> {
        let len = u32::try_from(out.len()).map_err(|_| SourceError)?;
        let end = offset.checked_add(len).ok_or(SourceError)?;
        if end > self.len {
            return Err(SourceError);
        }
        let at = self.start.checked_add(offset).ok_or(SourceError)?;
        self.flash.read(at, out).map_err(|_| SourceError)
    }
}
