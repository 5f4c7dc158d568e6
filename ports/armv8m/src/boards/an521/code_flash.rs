//! Code SSRAM as flash that images run from: the second layout, for updates in place.
//!
//! A part with on-chip code flash keeps it without power. QEMU's AN521 keeps one memory in a file, the PSRAM;
//! code SSRAM is blank in every new run, and a loader device would put back what the file held when QEMU
//! started (`docs/decisions/0013-in-place-on-an521.md`). So this driver has each slot A twice:
//!
//! ```text
//! flash offset       cells, PSRAM file           code bus, where it runs and is verified
//! 0x000000 512 KiB   0x8000_0000   ──power on──→ 0x1001_0000   secure image, slot A
//! 0x100000   1 MiB   0x8010_0000   ──power on──→ 0x1020_0000   non-secure image, slot A (0x0020_0000 to its world)
//! all else           0x8000_0000 + offset        none
//! ```
//!
//! Every erase and program goes to the cells first and then to the code bus; every read of a slot A is one of
//! the code bus. So what is verified is what runs, and power that fails anywhere leaves cells as flash would.
//! A store of the program that runs there does not reach the cells: flash takes no stores either.

use super::map::{self, Range};
use super::psram::PsramFlash;
use ironroot_platform::{Flash, FlashError, Geometry};

/// A slot A: its first offset on the flash, and where the code bus has it (secure alias).
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// First byte, from the start of the flash.
    pub offset: u32,
    /// Addresses of the same bytes.
    pub bus: Range,
}

/// Both of them. The bootloader compares them with its flash map when it is compiled.
pub const WINDOWS: [Window; 2] = [
    Window {
        offset: 0,
        bus: map::SECURE_SLOT,
    },
    Window {
        offset: 0x10_0000,
        bus: map::NON_SECURE_IMAGE_SECURE_ALIAS,
    },
];

/// The whole flash: code SSRAM's two slots, the rest of the PSRAM.
#[derive(Debug)]
pub struct CodeFlash {
    cells: PsramFlash,
}

/// A second handle on the same flash; users of both keep to the promise made to [`CodeFlash::take`].
impl Clone for CodeFlash {
    fn clone(&self) -> Self {
        // SAFETY: `take` promised it for all handles that come of it.
        let cells = unsafe { PsramFlash::take() };
        Self { cells }
    }
}

impl CodeFlash {
    /// Takes the flash.
    ///
    /// # Safety
    /// As [`PsramFlash::take`], for all clones too; and the memory of [`WINDOWS`] is used through these values
    /// only.
    #[must_use]
    pub const unsafe fn take() -> Self {
        // SAFETY: the caller's promise.
        let cells = unsafe { PsramFlash::take() };
        Self { cells }
    }

    /// What flash does by itself when it gets power: its content is there. To be called before the first read
    /// after each reset, for whoever ran before could store to code SSRAM.
    ///
    /// # Errors
    /// None on this board.
    pub fn power_on(&mut self) -> Result<(), FlashError> {
        for window in WINDOWS {
            let len = (window.bus.1 - window.bus.0) as usize;
            // SAFETY: memory of the board, which `take` promised to be ours.
            let bus =
                unsafe { core::slice::from_raw_parts_mut(window.bus.0 as usize as *mut u8, len) };
            self.cells.read(window.offset, bus)?;
        }
        Ok(())
    }

    /// Where the code bus has these bytes; nothing outside of the slots A. No access goes across their ends.
    fn on_bus(offset: u32, len: usize) -> Result<Option<*mut u8>, FlashError> {
        let len = u32::try_from(len).map_err(|_| FlashError::OutOfRange)?;
        let end = offset.checked_add(len).ok_or(FlashError::OutOfRange)?;
        for window in WINDOWS {
            let window_end = window.offset + (window.bus.1 - window.bus.0);
            let outside = end <= window.offset || offset >= window_end;
            if outside {
                continue;
            }
            if offset < window.offset || end > window_end {
                return Err(FlashError::OutOfRange);
            }
            let address = window.bus.0 + (offset - window.offset);
            return Ok(Some(address as usize as *mut u8));
        }
        Ok(None)
    }
}

impl Flash for CodeFlash {
    #[inline]
    fn geometry(&self) -> Geometry {
        self.cells.geometry()
    }

    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        match Self::on_bus(offset, out.len())? {
            None => self.cells.read(offset, out),
            Some(from) => {
                // SAFETY: inside a window, which only this driver touches; `out` is another object.
                unsafe { core::ptr::copy_nonoverlapping(from, out.as_mut_ptr(), out.len()) };
                Ok(())
            }
        }
    }

    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let bus = Self::on_bus(offset, data.len())?;
        self.cells.program(offset, data)?;
        if let Some(to) = bus {
            // SAFETY: as in `read`.
            unsafe { core::ptr::copy_nonoverlapping(data.as_ptr(), to, data.len()) };
        }
        Ok(())
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let size = map::FLASH_SECTOR;
        let offset = sector.checked_mul(size).ok_or(FlashError::OutOfRange)?;
        let bus = Self::on_bus(offset, size as usize)?;
        self.cells.erase(sector)?;
        if let Some(to) = bus {
            // SAFETY: as in `read`: a whole sector.
            unsafe { core::ptr::write_bytes(to, 0xff, size as usize) };
        }
        Ok(())
    }
}
