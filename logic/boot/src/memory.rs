//! The memory that images are copied into and run from.

use crate::flash_map::PerImage;
use core::cell::{Ref, RefCell, RefMut};
use ironroot_image::{AddressRange, Header, ImageSource, SourceError};

/// The destination of one image.
#[derive(Debug)]
pub struct Window<'w> {
    /// Address of the first byte as the processor that runs the image sees it. On a host, where images
    /// have no fixed address, 0.
    pub address: u32,
    /// The memory.
    pub bytes: &'w mut [u8],
}

/// The destinations of both images. While a verified image lies in one, nobody can change it: the
/// [`Launch`](crate::Launch) holds the borrow.
#[derive(Debug)]
pub struct ImageMemory<'w> {
    windows: PerImage<WindowCell<'w>>,
}

#[derive(Debug)]
pub(crate) struct WindowCell<'w> {
    address: u32,
    bytes: RefCell<&'w mut [u8]>,
}

impl<'w> ImageMemory<'w> {
    /// The destinations of both images; they must not overlap in the processor's eyes either.
    #[must_use]
    pub fn new(windows: PerImage<Window<'w>>) -> Self {
        let cell = |window: Window<'w>| WindowCell {
            address: window.address,
            bytes: RefCell::new(window.bytes),
        };
        let PerImage { secure, non_secure } = windows;
        Self {
            windows: PerImage {
                secure: cell(secure),
                non_secure: cell(non_secure),
            },
        }
    }

    pub(crate) const fn window(&self, image: crate::Image) -> &WindowCell<'w> {
        self.windows.get(image)
    }
}

impl WindowCell<'_> {
    /// The addresses an image may ask to be loaded to.
    pub(crate) fn range(&self) -> AddressRange {
        let len = self.bytes.try_borrow().map_or(0, |bytes| bytes.len());
        AddressRange {
            start: self.address,
            len: u32::try_from(len).unwrap_or(u32::MAX),
        }
    }

    /// Where in the window an image goes: to the load address it was linked for, else to the start.
    pub(crate) fn place(&self, header: &Header) -> Option<usize> {
        if !header.flags.has(ironroot_image::Flags::RAM_LOAD) {
            return Some(0);
        }
        usize::try_from(header.load_address.checked_sub(self.address)?).ok()
    }

    /// The `len` bytes at `place`, to be written. Nothing if they are not all inside, or if a verified
    /// image still lies here.
    pub(crate) fn open(&self, place: usize, len: u32) -> Option<RefMut<'_, [u8]>> {
        let end = place.checked_add(usize::try_from(len).ok()?)?;
        let bytes = self.bytes.try_borrow_mut().ok()?;
        RefMut::filter_map(bytes, |bytes| bytes.get_mut(place..end)).ok()
    }

    /// The bytes there, which cannot change any more until the result is dropped.
    pub(crate) fn freeze(&self, place: usize, len: u32) -> Option<Frozen<'_>> {
        let end = place.checked_add(usize::try_from(len).ok()?)?;
        let bytes = self.bytes.try_borrow().ok()?;
        let bytes = Ref::filter_map(bytes, |bytes| bytes.get(place..end)).ok()?;
        let address = self.address.checked_add(u32::try_from(place).ok()?)?;
        Some(Frozen { address, bytes })
    }
}

/// A copied image that cannot change while this lives.
#[derive(Debug)]
pub struct Frozen<'m> {
    address: u32,
    bytes: Ref<'m, [u8]>,
}

impl Frozen<'_> {
    /// Address of the first byte, that of the image's header.
    #[must_use]
    pub const fn address(&self) -> u32 {
        self.address
    }
}

impl ImageSource for Frozen<'_> {
    fn len(&self) -> u32 {
        ImageSource::len(&*self.bytes)
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError> {
        self.bytes.read_at(offset, out)
    }

    fn contiguous(&self, offset: u32, len: u32) -> Option<&[u8]> {
        self.bytes.contiguous(offset, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_image::{Flags, Version};

    fn header(flags: Flags, load_address: u32) -> Header {
        Header {
            load_address,
            header_size: 32,
            protected_size: 0,
            payload_size: 8,
            flags,
            version: Version::new(1, 0, 0),
        }
    }

    #[test]
    fn a_frozen_image_cannot_be_overwritten() {
        let mut bytes = [0; 16];
        let cell = WindowCell {
            address: 0x1000,
            bytes: RefCell::new(&mut bytes),
        };
        cell.open(0, 8).unwrap().fill(7);
        let frozen = cell.freeze(0, 8).unwrap();
        assert!(cell.open(0, 8).is_none());
        assert!(cell.open(8, 8).is_none());
        assert_eq!(frozen.contiguous(0, 8), Some([7; 8].as_slice()));
        drop(frozen);
        cell.open(8, 8).unwrap().fill(9);
        assert_eq!(
            cell.freeze(8, 8).unwrap().contiguous(0, 8),
            Some([9; 8].as_slice())
        );
    }

    #[test]
    fn nothing_is_written_or_frozen_outside_the_window() {
        let mut bytes = [0; 16];
        let cell = WindowCell {
            address: 0x1000,
            bytes: RefCell::new(&mut bytes),
        };
        for (place, len) in [(0, 17), (16, 1), (usize::MAX, 1), (1, u32::MAX)] {
            assert!(cell.open(place, len).is_none());
            assert!(cell.freeze(place, len).is_none());
        }
    }

    #[test]
    fn an_image_goes_to_its_load_address_or_to_the_start() {
        let mut bytes = [0; 16];
        let cell = WindowCell {
            address: 0x1000,
            bytes: RefCell::new(&mut bytes),
        };
        assert_eq!(cell.place(&header(Flags(0), 0x5555)), Some(0));
        assert_eq!(cell.place(&header(Flags::RAM_LOAD, 0x1004)), Some(4));
        assert_eq!(cell.place(&header(Flags::RAM_LOAD, 0x0fff)), None);
    }
}
