//! NOR flash: read anywhere, program erased units once, erase whole sectors.

/// Layout facts of one flash area, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes per sector, the smallest thing that can be erased. A power of two.
    pub sector_size: u32,
    /// How many sectors the area has.
    pub sectors: u32,
    /// Bytes per program unit: 1, 2, 4, 8, 16 or 32. Offsets and lengths of a program are multiples.
    pub write_unit: u32,
    /// What an erased byte reads as: `0xff` on nearly every part, `0x00` on a few.
    pub erased: u8,
}

impl Geometry {
    /// Size of the area in bytes.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.sector_size.saturating_mul(self.sectors)
    }
}

/// Why a flash operation did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlashError {
    /// The range is not inside the area.
    OutOfRange,
    /// Offset or length is not a multiple of the write unit.
    Unaligned,
    /// A unit was to be programmed that is not erased.
    NotErased,
    /// The device reported a failure (an uncorrectable read, a program that did not take).
    Device,
    /// Power is gone (the model's cut); every later call answers the same.
    PowerCut,
}

/// A flash area.
///
/// What the hardware must guarantee: a completed `program` or `erase` survives loss of power; a cut
/// during `program` leaves the units of that call in any state and no others changed; a cut during
/// `erase` leaves that sector in any state (even one that reads as erased now and not later) and no
/// other changed. A unit is programmed at most once between two erases: parts with error-correcting
/// codes demand it.
pub trait Flash {
    /// Layout facts; constant for the life of the object.
    fn geometry(&self) -> Geometry;

    /// Reads `out.len()` bytes from `offset`. No alignment is asked.
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError>;

    /// Programs `data` at `offset`; both are multiples of the write unit, and the units are erased.
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError>;

    /// Erases sector number `sector`.
    fn erase(&mut self, sector: u32) -> Result<(), FlashError>;
}

impl<F: Flash + ?Sized> Flash for &mut F {
    fn geometry(&self) -> Geometry {
        (**self).geometry()
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        (**self).read(offset, out)
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        (**self).program(offset, data)
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        (**self).erase(sector)
    }
}

/// A run of whole sectors of another flash, seen as a flash of its own that cannot reach outside.
#[derive(Debug)]
pub struct FlashRegion<F> {
    flash: F,
    first_sector: u32,
    sectors: u32,
}

impl<F: Flash> FlashRegion<F> {
    /// The `len` bytes from `offset`; both must be multiples of the sector size.
    ///
    /// # Errors
    /// [`FlashError::Unaligned`] or [`FlashError::OutOfRange`] when the run is not whole sectors of `flash`.
    pub fn new(flash: F, offset: u32, len: u32) -> Result<Self, FlashError> {
        let whole = flash.geometry();
        let sector = whole.sector_size;
        if !sector.is_power_of_two() || offset & (sector - 1) != 0 || len & (sector - 1) != 0 {
            return Err(FlashError::Unaligned);
        }
        let end = offset.checked_add(len).ok_or(FlashError::OutOfRange)?;
        if end > whole.size() {
            return Err(FlashError::OutOfRange);
        }
        let shift = sector.trailing_zeros();
        Ok(Self {
            flash,
            first_sector: offset >> shift,
            sectors: len >> shift,
        })
    }

    /// Gives the whole flash back.
    pub fn into_inner(self) -> F {
        self.flash
    }

    fn base(&self) -> u32 {
        self.first_sector
            .saturating_mul(self.flash.geometry().sector_size)
    }

    fn check(&self, offset: u32, len: usize) -> Result<u32, FlashError> {
        let len = u32::try_from(len).map_err(|_| FlashError::OutOfRange)?;
        let end = offset.checked_add(len).ok_or(FlashError::OutOfRange)?;
        if end > self.geometry().size() {
            return Err(FlashError::OutOfRange);
        }
        self.base()
            .checked_add(offset)
            .ok_or(FlashError::OutOfRange)
    }
}

impl<F: Flash> Flash for FlashRegion<F> {
    fn geometry(&self) -> Geometry {
        Geometry {
            sectors: self.sectors,
            ..self.flash.geometry()
        }
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        let at = self.check(offset, out.len())?;
        self.flash.read(at, out)
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let at = self.check(offset, data.len())?;
        self.flash.program(at, data)
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        if sector >= self.sectors {
            return Err(FlashError::OutOfRange);
        }
        let at = self
            .first_sector
            .checked_add(sector)
            .ok_or(FlashError::OutOfRange)?;
        self.flash.erase(at)
    }
}
