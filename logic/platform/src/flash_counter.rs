//! A monotonic counter on two or more sectors of NOR flash, for machines without a better one.
//!
//! It keeps the contract of [`HardwareCounter`] against loss of power, torn programs and half erases. It
//! cannot keep it against somebody who writes the flash: the sectors must be out of an attacker's
//! reach (on-chip flash behind a protection unit, an area the bootloader locks).
//!
//! # On flash
//!
//! The sectors are a ring. Sector number *q* lies in physical sector *q* mod *n*. A sector is a run of
//! slots; each is a record and, in a unit of its own, a *done* mark that is programmed afterwards:
//!
//! ```text
//! slot 0    sector number, its complement, value, its complement | done
//! slot 1..  value, its complement                                | done
//! ```
//!
//! All words are little-endian; records are padded to whole write units. A program that power tears
//! leaves some bits as erased, so one of a bit and its complement is wrong: a torn record is never
//! mistaken for another value.
//!
//! # Why it never goes back
//!
//! * A record without its mark may be one whose bits are too weak to read the same tomorrow.
//!   [`FlashCounter::open`] writes such a value afresh *before* anybody sees it.
//! * Behind the last record a cut may have left units that only look erased. After `open`, the first
//!   step therefore erases the next sector and goes on there: one erase in each boot that
//!   counts, beside one for each filled sector.
//! * Values are ordered by their place (sector number, slot), not by size, so a torn record that
//!   becomes readable later cannot overtake a newer one.
//!
//! Wear: a sector of 4 KiB with a write unit of 4 holds 340 steps.

use crate::{CounterError, Flash, FlashError, Geometry, HardwareCounter};

/// Fills the units of a done mark and the padding of records; unlike both erased values.
const DONE: u8 = 0x5a;

/// The largest write unit.
const MAX_UNIT: usize = 32;

/// An emulated hardware counter. See the [module](self).
pub struct FlashCounter<F> {
    flash: F,
    layout: Layout,
    value: u32,
    /// Number of the sector that holds the value; 0 while the counter was never used.
    sector: u32,
    /// The slot to use next, if this boot erased the sector itself.
    next_slot: Option<u32>,
    /// A step failed: old value or new, only `open` can tell.
    failed: bool,
}

impl<F: Flash> FlashCounter<F> {
    /// Finds the present value. A flash that was never used (all blank but for what a cut in the
    /// very first step leaves) counts 0.
    ///
    /// # Errors
    /// [`CounterError::Device`] when the flash fails, has fewer than two sectors or sectors too small
    /// for two slots, or holds something else.
    pub fn open(flash: F) -> Result<Self, CounterError> {
        let layout = Layout::of(flash.geometry())?;
        let mut counter = Self {
            flash,
            layout,
            value: 0,
            sector: 0,
            next_slot: None,
            failed: false,
        };
        match counter.newest_sector()? {
            None => counter.expect_unused()?,
            Some((sector, opening_value)) => {
                counter.sector = sector;
                counter.settle_last_slot(opening_value)?;
            }
        }
        Ok(counter)
    }

    /// Gives the flash back.
    pub fn into_inner(self) -> F {
        self.flash
    }

    /// The highest sector number with a readable slot 0, and the value there.
    fn newest_sector(&self) -> Result<Option<(u32, u32)>, CounterError> {
        let mut newest = None;
        for physical in 0..self.layout.sectors {
            newest = newest.max(self.opening(physical)?);
        }
        Ok(newest)
    }

    /// Sector number and value in slot 0, if it is whole and in its place.
    fn opening(&self, physical: u32) -> Result<Option<(u32, u32)>, CounterError> {
        let mut record = [0; 16];
        self.read(physical, 0, &mut record)?;
        let words = pair(&record, 0).zip(pair(&record, 8));
        Ok(words.filter(|(number, _)| *number != 0 && self.layout.physical(*number) == physical))
    }

    /// Takes the value of the last slot of the newest sector over, writing it afresh if it may be
    /// unstable. Everything is read once: unstable bits would not say the same twice.
    fn settle_last_slot(&mut self, opening_value: u32) -> Result<(), CounterError> {
        let (slot, value) = self.last_value(opening_value)?;
        if self.is_marked(slot)? {
            self.value = value;
            return Ok(());
        }
        // A doubtful slot 0 must not cost the sector before, which holds the old value.
        let again = if slot == 0 {
            self.sector
        } else {
            self.next_sector()?
        };
        self.begin_sector(again, value)
    }

    fn last_value(&self, opening_value: u32) -> Result<(u32, u32), CounterError> {
        let last = self.last_used_slot()?;
        // If the last is torn, the one before was marked before it was begun.
        for slot in [last, last.saturating_sub(1)] {
            if slot == 0 {
                return Ok((0, opening_value));
            }
            if let Some(value) = self.value_in(slot)? {
                return Ok((slot, value));
            }
        }
        Err(CounterError::Device)
    }

    /// Slots are used in order, so the first that looks erased can be found by halving.
    fn last_used_slot(&self) -> Result<u32, CounterError> {
        let (mut used, mut unused) = (0, self.layout.slots);
        while unused.saturating_sub(used) > 1 {
            let middle = used.midpoint(unused);
            if self.looks_erased(middle)? {
                unused = middle;
            } else {
                used = middle;
            }
        }
        Ok(used)
    }

    fn looks_erased(&self, slot: u32) -> Result<bool, CounterError> {
        let mut record = [0; 8];
        self.read(
            self.layout.physical(self.sector),
            self.layout.slot(slot),
            &mut record,
        )?;
        Ok(record.iter().all(|byte| *byte == self.layout.erased))
    }

    /// The value in a slot other than 0, if it is whole.
    fn value_in(&self, slot: u32) -> Result<Option<u32>, CounterError> {
        let mut record = [0; 8];
        self.read(
            self.layout.physical(self.sector),
            self.layout.slot(slot),
            &mut record,
        )?;
        Ok(pair(&record, 0))
    }

    fn is_marked(&self, slot: u32) -> Result<bool, CounterError> {
        let mut mark = [0; MAX_UNIT];
        // `MAX_UNIT` is the longest that `open` takes.
        let mark = mark.get_mut(..self.layout.unit).unwrap_or_default();
        self.read(
            self.layout.physical(self.sector),
            self.layout.mark(slot),
            mark,
        )?;
        Ok(mark.iter().all(|byte| *byte == DONE))
    }

    /// Nothing was ever counted here. A cut in the first step leaves its sector in any state; every
    /// other must be blank, or this is not our flash.
    fn expect_unused(&self) -> Result<(), CounterError> {
        let first = self.layout.physical(1);
        for physical in (0..self.layout.sectors).filter(|physical| *physical != first) {
            let mut at = 0;
            while at < self.layout.sector_size {
                let mut bytes = [0; MAX_UNIT];
                self.read(physical, at, &mut bytes)?;
                let (words, _) = bytes.as_chunks::<4>();
                if words.iter().any(|word| *word != [self.layout.erased; 4]) {
                    return Err(CounterError::Device);
                }
                at = at.saturating_add(32);
            }
        }
        Ok(())
    }

    fn next_sector(&self) -> Result<u32, CounterError> {
        self.sector.checked_add(1).ok_or(CounterError::Exhausted)
    }

    fn begin_sector(&mut self, number: u32, value: u32) -> Result<(), CounterError> {
        let physical = self.layout.physical(number);
        self.flash.erase(physical).map_err(device)?;
        let mut record = [DONE; MAX_UNIT];
        put_pair(&mut record, 0, number);
        put_pair(&mut record, 8, value);
        self.program(physical, 0, &record, self.layout.opening_len)?;
        self.mark(physical, 0)?;
        self.sector = number;
        self.next_slot = Some(1);
        self.value = value;
        Ok(())
    }

    fn use_slot(&mut self, slot: u32, value: u32) -> Result<(), CounterError> {
        let physical = self.layout.physical(self.sector);
        let mut record = [DONE; MAX_UNIT];
        put_pair(&mut record, 0, value);
        self.program(
            physical,
            self.layout.slot(slot),
            &record,
            self.layout.record_len,
        )?;
        self.mark(physical, slot)?;
        self.next_slot = slot.checked_add(1).filter(|next| *next < self.layout.slots);
        self.value = value;
        Ok(())
    }

    fn mark(&mut self, physical: u32, slot: u32) -> Result<(), CounterError> {
        self.program(
            physical,
            self.layout.mark(slot),
            &[DONE; MAX_UNIT],
            self.layout.unit,
        )
    }

    fn step(&mut self, value: u32) -> Result<(), CounterError> {
        match self.next_slot {
            Some(slot) => self.use_slot(slot, value),
            None => self.begin_sector(self.next_sector()?, value),
        }
    }

    fn read(&self, physical: u32, offset: u32, out: &mut [u8]) -> Result<(), CounterError> {
        self.flash
            .read(self.layout.address(physical, offset), out)
            .map_err(device)
    }

    fn program(
        &mut self,
        physical: u32,
        offset: u32,
        bytes: &[u8; MAX_UNIT],
        len: usize,
    ) -> Result<(), CounterError> {
        let data = bytes.get(..len).ok_or(CounterError::Device)?;
        self.flash
            .program(self.layout.address(physical, offset), data)
            .map_err(device)
    }
}

impl<F: Flash> HardwareCounter for FlashCounter<F> {
    fn read(&self) -> Result<u32, CounterError> {
        if self.failed {
            Err(CounterError::Device)
        } else {
            Ok(self.value)
        }
    }

    fn advance_to(&mut self, value: u32) -> Result<(), CounterError> {
        let present = HardwareCounter::read(self)?;
        if value < present {
            return Err(CounterError::WouldDecrease);
        }
        if value == present {
            return Ok(());
        }
        let stepped = self.step(value);
        self.failed = matches!(stepped, Err(CounterError::Device));
        stepped
    }

    fn limit(&self) -> u32 {
        u32::MAX
    }
}

/// Where things are in a sector.
struct Layout {
    sectors: u32,
    sector_size: u32,
    erased: u8,
    unit: usize,
    unit_bytes: u32,
    opening_len: usize,
    record_len: usize,
    /// Bytes of slot 0, mark included; the others follow it.
    first: u32,
    /// Bytes of every other slot, mark included.
    stride: u32,
    slots: u32,
}

impl Layout {
    fn of(geometry: Geometry) -> Result<Self, CounterError> {
        let known = matches!(geometry.write_unit, 1 | 2 | 4 | 8 | 16 | 32)
            && geometry.sector_size.is_power_of_two()
            && geometry.sectors.checked_mul(geometry.sector_size).is_some();
        let unit_bytes = geometry.write_unit;
        let first = unit_bytes.max(16).saturating_add(unit_bytes);
        let stride = unit_bytes.max(8).saturating_add(unit_bytes);
        let rest = geometry
            .sector_size
            .checked_sub(first)
            .and_then(|len| len.checked_div(stride));
        match rest {
            Some(more) if known && more >= 1 && geometry.sectors >= 2 => Ok(Self {
                sectors: geometry.sectors,
                sector_size: geometry.sector_size,
                erased: geometry.erased,
                unit: narrow(unit_bytes),
                unit_bytes,
                opening_len: narrow(unit_bytes.max(16)),
                record_len: narrow(unit_bytes.max(8)),
                first,
                stride,
                slots: more.saturating_add(1),
            }),
            _ => Err(CounterError::Device),
        }
    }

    fn physical(&self, number: u32) -> u32 {
        number.checked_rem(self.sectors).unwrap_or(0)
    }

    /// Offset of a slot in its sector.
    fn slot(&self, slot: u32) -> u32 {
        match slot.checked_sub(1) {
            None => 0,
            Some(before) => self
                .first
                .saturating_add(before.saturating_mul(self.stride)),
        }
    }

    /// Offset of a slot's mark, which is its last unit.
    fn mark(&self, slot: u32) -> u32 {
        self.slot(slot.saturating_add(1))
            .saturating_sub(self.unit_bytes)
    }

    fn address(&self, physical: u32, offset: u32) -> u32 {
        physical
            .saturating_mul(self.sector_size)
            .saturating_add(offset)
    }
}

/// A word that is followed by its complement.
fn pair(bytes: &[u8], at: usize) -> Option<u32> {
    let (word, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
    let (complement, _) = rest.split_first_chunk::<4>()?;
    let word = u32::from_le_bytes(*word);
    (word == !u32::from_le_bytes(*complement)).then_some(word)
}

fn put_pair(record: &mut [u8; MAX_UNIT], at: usize, word: u32) {
    let place = record.get_mut(at..).unwrap_or_default();
    if let ([first, complement, ..], _) = place.as_chunks_mut() {
        *first = word.to_le_bytes();
        *complement = (!word).to_le_bytes();
    }
}

fn narrow(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn device(_: FlashError) -> CounterError {
    CounterError::Device
}
