//! Where a chosen image is verified: in the memory it is copied to, or on the flash it runs from.

use crate::flash_map::{Area, Image, PerImage};
use crate::install::FlashImage;
use crate::launch::Located;
use crate::memory::{Frozen, ImageMemory, WindowCell};
use crate::trailer_ops::FlashSource;
use ironroot_image::encryption::{Decrypted, Decryption};
use ironroot_image::{AddressRange, Candidate, Policy, Refusal, Verified};
use ironroot_platform::{Flash, FlashRegion};

/// A way to bring an image to where it runs.
pub(crate) trait Stage<F> {
    /// The image as it will run.
    type Source: Located;

    /// The addresses an image may ask to be loaded to.
    fn window(&self, image: Image) -> Option<AddressRange>;

    /// The address that an image bound to `area` must name.
    fn rom_address(&self, image: Image, area: Area) -> Option<u32>;

    /// Brings the image in `area` to its place and verifies it there.
    fn bring(
        &self,
        flash: &mut F,
        image: Image,
        area: Area,
        policy: &Policy<'_>,
        decryption: Option<&Decryption<'_>>,
    ) -> Result<Verified<Self::Source>, Refusal>;
}

impl<'m, F: Flash> Stage<F> for &'m ImageMemory<'_> {
    type Source = Frozen<'m>;

    fn window(&self, image: Image) -> Option<AddressRange> {
        Some(ImageMemory::window(self, image).range())
    }

    fn rom_address(&self, _image: Image, _area: Area) -> Option<u32> {
        None
    }

    /// What fails is wiped from its window again.
    fn bring(
        &self,
        flash: &mut F,
        image: Image,
        area: Area,
        policy: &Policy<'_>,
        decryption: Option<&Decryption<'_>>,
    ) -> Result<Verified<Frozen<'m>>, Refusal> {
        let region = area.of(flash).map_err(|_| Refusal::Unreadable)?;
        copy_and_verify(
            &region,
            ImageMemory::window(self, image),
            policy,
            decryption,
        )
    }
}

/// Images run where they lie: the flash must be one that nobody else can write meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnFlash {
    /// Where the processor sees the first byte of the flash.
    pub(crate) address: PerImage<u32>,
}

impl<F: Flash + Clone> Stage<F> for OnFlash {
    type Source = FlashImage<F>;

    fn window(&self, _image: Image) -> Option<AddressRange> {
        None
    }

    fn rom_address(&self, image: Image, area: Area) -> Option<u32> {
        self.address.get(image).checked_add(area.offset)
    }

    fn bring(
        &self,
        flash: &mut F,
        image: Image,
        area: Area,
        policy: &Policy<'_>,
        _decryption: Option<&Decryption<'_>>,
    ) -> Result<Verified<FlashImage<F>>, Refusal> {
        let address = self.address.get(image).checked_add(area.offset);
        let address = address.ok_or(Refusal::RomAddress)?;
        let image = FlashImage::new(flash.clone(), area.offset, area.len, address);
        Verified::check(image, policy)
    }
}

/// Copies the image at the start of `slot` into `window`, no byte more, decrypts the copy if it is encrypted,
/// and verifies what came of it.
fn copy_and_verify<'m, F: Flash>(
    slot: &FlashRegion<F>,
    window: &'m WindowCell<'_>,
    policy: &Policy<'_>,
    decryption: Option<&Decryption<'_>>,
) -> Result<Verified<Frozen<'m>>, Refusal> {
    // What flash says here decides only how much is copied to where and how it is opened; the copy is judged
    // on its own.
    let (place, len, cipher) = {
        let source = FlashSource(slot);
        let candidate = Candidate::parse(&source, policy)?;
        let cipher = match decryption {
            None => None,
            Some(decryption) => Decrypted::open(&source, decryption)?.into_cipher(),
        };
        (
            window
                .place(candidate.header())
                .ok_or(Refusal::LoadAddress)?,
            candidate.total_len(),
            cipher,
        )
    };
    let copied = match window.open(place, len) {
        None => Err(Refusal::TooLarge),
        Some(mut bytes) => {
            let read = slot.read(0, &mut bytes).map_err(|_| Refusal::Unreadable);
            if let Some(cipher) = cipher {
                cipher.apply(0, &mut bytes);
            }
            read
        }
    };
    let verified = copied.and_then(|()| verify_copy(window, place, len, policy));
    if verified.is_err() {
        // Nothing if the range is outside the window: then nothing was copied either.
        if let Some(mut bytes) = window.open(place, len) {
            bytes.fill(0);
        }
    }
    verified
}

fn verify_copy<'m>(
    window: &'m WindowCell<'_>,
    place: usize,
    len: u32,
    policy: &Policy<'_>,
) -> Result<Verified<Frozen<'m>>, Refusal> {
    let copy = window.freeze(place, len).ok_or(Refusal::FaultDetected)?;
    let verified = Verified::check(copy, policy)?;
    // The copy's own header must agree with where it was put: flash may have changed under the reads.
    if window.place(verified.header()) != Some(place) {
        return Err(Refusal::LoadAddress);
    }
    Ok(verified)
}
