//! The PSRAM driven as NOR flash: 4 KiB sectors, 4-byte units, programming only clears bits.
//!
//! QEMU backs the memory with a host file, so content survives reset and new runs. On a real part this
//! file is the on-chip flash driver.

use super::map;
use ironroot_platform::{Flash, FlashError, Geometry};

/// The whole flash. Split it with `FlashRegion`.
#[derive(Debug)]
pub struct PsramFlash(());

const UNIT: usize = 4;

impl PsramFlash {
    /// Takes the flash.
    ///
    /// # Safety
    /// Values made by this function must not be used for overlapping regions at the same time.
    #[must_use]
    pub const unsafe fn take() -> Self {
        Self(())
    }

    fn range(&self, offset: u32, len: usize) -> Result<*mut u32, FlashError> {
        let len = u32::try_from(len).map_err(|_| FlashError::OutOfRange)?;
        let end = offset.checked_add(len).ok_or(FlashError::OutOfRange)?;
        if end > self.geometry().size() {
            return Err(FlashError::OutOfRange);
        }
        Ok((map::FLASH.0.wrapping_add(offset)) as usize as *mut u32)
    }
}

impl Flash for PsramFlash {
    #[inline]
    fn geometry(&self) -> Geometry {
        Geometry {
            sector_size: map::FLASH_SECTOR,
            sectors: (map::FLASH.1 - map::FLASH.0) / map::FLASH_SECTOR,
            write_unit: map::FLASH_WRITE_UNIT,
            erased: 0xff,
        }
    }

    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        let from = self.range(offset, out.len())?;
        // SAFETY: the range is inside the PSRAM, which only this driver touches; `out` is another
        // object.
        unsafe { core::ptr::copy_nonoverlapping(from.cast::<u8>(), out.as_mut_ptr(), out.len()) };
        Ok(())
    }

    // Not inlined, like `erase`: the benchmarks count flash operations by these two addresses.
    #[inline(never)]
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let to = self.range(offset, data.len())?;
        let (units, rest) = data.as_chunks::<UNIT>();
        if !(offset as usize).is_multiple_of(UNIT) || !rest.is_empty() {
            return Err(FlashError::Unaligned);
        }
        for (place, unit) in units.iter().enumerate() {
            let cell = to.wrapping_add(place);
            // SAFETY: inside the range just checked, aligned to the unit.
            if unsafe { cell.read_volatile() } != u32::MAX {
                return Err(FlashError::NotErased);
            }
            // SAFETY: as above.
            unsafe { cell.write_volatile(u32::from_le_bytes(*unit)) };
        }
        Ok(())
    }

    #[inline(never)]
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let offset = sector
            .checked_mul(map::FLASH_SECTOR)
            .ok_or(FlashError::OutOfRange)?;
        let start = self.range(offset, map::FLASH_SECTOR as usize)?;
        // SAFETY: a whole sector inside the PSRAM; only this driver touches it.
        unsafe { core::ptr::write_bytes(start.cast::<u8>(), 0xff, map::FLASH_SECTOR as usize) };
        Ok(())
    }
}
