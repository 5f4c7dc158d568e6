//! NOR flash in RAM.

use std::cell::RefCell;
use std::vec;
use std::vec::Vec;

use super::power::{Cut, Effect, Permit, Power, SplitMix};
use crate::{Flash, FlashError, Geometry};

/// NOR flash in RAM, on a [`Power`] supply. See the [module](super).
pub struct ModelFlash {
    geometry: Geometry,
    bytes: Vec<u8>,
    /// Per unit: whether it was touched since its sector's last completed erase.
    touched: Vec<bool>,
    undecided: Vec<Undecided>,
    /// Per unit: whether error correction gives up on it.
    broken: Vec<bool>,
    corrects_errors: bool,
    power: Power,
    erases: Vec<u32>,
    programs: u32,
    bytes_programmed: u64,
    violations: u32,
    noise: RefCell<Noise>,
}

/// Reads change state of the model: the noise generator, and how often they were done.
struct Noise {
    random: SplitMix,
    reads: u64,
    flip_every: Option<u64>,
    fail_at: Option<u64>,
}

/// Bits that an interrupted operation left between two values.
#[derive(Clone)]
struct Undecided {
    offset: usize,
    other: Vec<u8>,
    /// From this boot on they read at random.
    from_boot: u32,
}

impl ModelFlash {
    /// A blank flash, every unit truly erased.
    #[must_use]
    pub fn new(geometry: Geometry, power: &Power) -> Self {
        let size = widen(geometry.size());
        Self {
            geometry,
            bytes: vec![geometry.erased; size],
            touched: vec![false; size / widen(geometry.write_unit)],
            undecided: Vec::new(),
            broken: vec![false; size / widen(geometry.write_unit)],
            corrects_errors: false,
            power: power.clone(),
            erases: vec![0; widen(geometry.sectors)],
            programs: 0,
            bytes_programmed: 0,
            violations: 0,
            noise: RefCell::new(Noise {
                random: SplitMix(1),
                reads: 0,
                flip_every: None,
                fail_at: None,
            }),
        }
    }

    /// A flash that reads as blank everywhere although no erase is known to have completed: nothing
    /// can be programmed before its sector is erased.
    #[must_use]
    pub fn unproven(geometry: Geometry, power: &Power) -> Self {
        let mut flash = Self::new(geometry, power);
        flash.touched.fill(true);
        flash
    }

    /// A copy of all state, statistics included, on another supply. Unstable bits count the boots of
    /// the new supply from 1 on.
    #[must_use]
    pub fn fork(&self, power: &Power) -> Self {
        let noise = self.noise.borrow();
        let (then, now) = (self.power.boots(), power.boots());
        let rebased = self.undecided.iter().map(|undecided| Undecided {
            from_boot: undecided.from_boot.saturating_sub(then).saturating_add(now),
            ..undecided.clone()
        });
        Self {
            geometry: self.geometry,
            bytes: self.bytes.clone(),
            touched: self.touched.clone(),
            undecided: rebased.collect(),
            broken: self.broken.clone(),
            corrects_errors: self.corrects_errors,
            power: power.clone(),
            erases: self.erases.clone(),
            programs: self.programs,
            bytes_programmed: self.bytes_programmed,
            violations: self.violations,
            noise: RefCell::new(Noise {
                random: SplitMix(noise.random.0),
                reads: noise.reads,
                flip_every: noise.flip_every,
                fail_at: noise.fail_at,
            }),
        }
    }

    /// What is in the cells, without noise.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What somebody with a flash programmer does: erases all and writes `image` (padded with erased
    /// bytes, cut to size).
    pub fn reprogram(&mut self, image: &[u8]) {
        self.bytes.fill(self.geometry.erased);
        self.undecided.clear();
        self.broken.fill(false);
        for (byte, new) in self.bytes.iter_mut().zip(image) {
            *byte = *new;
        }
        let erased = self.geometry.erased;
        let units = self.bytes.chunks(widen(self.geometry.write_unit));
        for (touched, unit) in self.touched.iter_mut().zip(units) {
            *touched = unit.iter().any(|byte| *byte != erased);
        }
    }

    /// Flips the bits of `mask` in one byte, as radiation or an attacker would.
    pub fn corrupt(&mut self, offset: u32, mask: u8) {
        if let Some(byte) = self.bytes.get_mut(widen(offset)) {
            *byte ^= mask;
        }
    }

    /// From now on one bit is wrong in every `n`-th read. `None` stops it.
    pub fn flip_on_every_read(&mut self, n: Option<u64>) {
        self.noise.get_mut().flip_every = n;
    }

    /// Makes the flash one with error correction: units that an interrupted operation left in between cannot be
    /// read until their sector is erased.
    pub fn correct_errors(&mut self) {
        self.corrects_errors = true;
    }

    /// The units of this range cannot be read any more, until their sector is erased.
    pub fn break_range(&mut self, offset: u32, len: u32) {
        let unit = widen(self.geometry.write_unit);
        let first = widen(offset) / unit;
        let end = (widen(offset).saturating_add(widen(len))).div_ceil(unit);
        let marks = self.broken.iter_mut().take(end).skip(first);
        marks.for_each(|mark| *mark = true);
    }

    /// The `n`-th read from now on fails, 0 being the next one; once.
    pub fn fail_read(&mut self, n: u64) {
        let noise = self.noise.get_mut();
        noise.fail_at = Some(noise.reads.wrapping_add(n));
    }

    /// How often each sector was erased.
    #[must_use]
    pub fn erases(&self) -> &[u32] {
        &self.erases
    }

    /// How many program operations completed.
    #[must_use]
    pub fn programs(&self) -> u32 {
        self.programs
    }

    /// How many bytes completed program operations wrote.
    #[must_use]
    pub fn bytes_programmed(&self) -> u64 {
        self.bytes_programmed
    }

    /// How many reads were made.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.noise.borrow().reads
    }

    /// How often the user broke the contract: unaligned, outside, or a unit touched twice.
    #[must_use]
    pub fn violations(&self) -> u32 {
        self.violations
    }

    fn refuse(&mut self, error: FlashError) -> Result<(), FlashError> {
        self.violations = self.violations.saturating_add(1);
        Err(error)
    }

    /// Changes the range to `target`, or as far as a cut lets it come, and marks what it touched.
    fn change(&mut self, offset: usize, target: &[u8], touched: bool) -> Result<(), FlashError> {
        let cut = match self.power.spend() {
            Permit::Off => return Err(FlashError::PowerCut),
            Permit::Cut(Cut {
                effect: Effect::NotBegun,
                ..
            }) => return Err(FlashError::PowerCut),
            Permit::Cut(cut) => Some(cut),
            Permit::Whole => None,
        };
        self.undecided
            .retain(|old| !overlaps(old, offset, target.len()));
        self.touch(offset, target.len(), touched || cut.is_some());
        if let Some(cut) = cut {
            self.change_partly(offset, target, cut);
            return Err(FlashError::PowerCut);
        }
        self.set_broken(offset, target.len(), false);
        let cells = self.bytes.iter_mut().skip(offset);
        cells.zip(target).for_each(|(cell, new)| *cell = *new);
        Ok(())
    }

    fn change_partly(&mut self, offset: usize, target: &[u8], cut: Cut) {
        let mut random = SplitMix(cut.seed);
        let mut other = Vec::with_capacity(target.len());
        for (cell, new) in self.bytes.iter_mut().skip(offset).zip(target) {
            let changed = match cut.effect {
                Effect::NotBegun | Effect::LooksUntouched => 0,
                Effect::Partial => random.byte(),
                Effect::LooksDone => 0xff,
            };
            let reads_as = (*cell & !changed) | (*new & changed);
            other.push(reads_as ^ *cell ^ *new);
            *cell = reads_as;
        }
        if self.corrects_errors && cut.effect == Effect::Partial {
            self.set_broken(offset, target.len(), true);
        }
        if cut.unstable {
            let keeps_its_look = u32::from(cut.effect != Effect::Partial);
            let from_boot = self
                .power
                .boots()
                .saturating_add(1)
                .saturating_add(keeps_its_look);
            self.undecided.push(Undecided {
                offset,
                other,
                from_boot,
            });
        }
    }

    fn set_broken(&mut self, offset: usize, len: usize, broken: bool) {
        let unit = widen(self.geometry.write_unit);
        let units = self.broken.iter_mut().skip(offset / unit).take(len / unit);
        units.for_each(|mark| *mark = broken);
    }

    fn is_readable(&self, start: usize, len: usize) -> bool {
        let unit = widen(self.geometry.write_unit);
        let end = start.saturating_add(len).div_ceil(unit);
        let failing = {
            let noise = self.noise.borrow();
            noise.fail_at == Some(noise.reads)
        };
        !failing
            && !self
                .broken
                .iter()
                .take(end)
                .skip(start / unit)
                .any(|mark| *mark)
    }

    fn touch(&mut self, offset: usize, len: usize, touched: bool) {
        let unit = widen(self.geometry.write_unit);
        let units = self.touched.iter_mut().skip(offset / unit).take(len / unit);
        units.for_each(|mark| *mark = touched);
    }

    fn is_touched(&self, offset: usize, len: usize) -> bool {
        let unit = widen(self.geometry.write_unit);
        self.touched
            .iter()
            .skip(offset / unit)
            .take(len / unit)
            .any(|touched| *touched)
    }

    /// The range as a place in `bytes`, if it is inside.
    fn range(&self, offset: u32, len: usize) -> Option<usize> {
        let start = widen(offset);
        (start.checked_add(len)? <= self.bytes.len()).then_some(start)
    }

    fn add_noise(&self, start: usize, out: &mut [u8]) {
        let mut noise = self.noise.borrow_mut();
        noise.reads = noise.reads.wrapping_add(1);
        let boot = self.power.boots();
        for undecided in self
            .undecided
            .iter()
            .filter(|undecided| boot >= undecided.from_boot)
        {
            for (at, other) in (undecided.offset..).zip(&undecided.other) {
                let Some(byte) = at.checked_sub(start).and_then(|at| out.get_mut(at)) else {
                    continue;
                };
                *byte ^= (*byte ^ *other) & noise.random.byte();
            }
        }
        let due = noise
            .flip_every
            .is_some_and(|every| noise.reads.is_multiple_of(every.max(1)));
        if due && !out.is_empty() {
            let place = usize::try_from(noise.random.next() >> 1).unwrap_or(0) % out.len();
            let bit = noise.random.byte() & 7;
            if let Some(byte) = out.get_mut(place) {
                *byte ^= 1 << bit;
            }
        }
    }
}

impl Flash for ModelFlash {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        if !self.power.is_on() {
            return Err(FlashError::PowerCut);
        }
        let start = self
            .range(offset, out.len())
            .ok_or(FlashError::OutOfRange)?;
        if !self.is_readable(start, out.len()) {
            let mut noise = self.noise.borrow_mut();
            noise.reads = noise.reads.wrapping_add(1);
            return Err(FlashError::Device);
        }
        for (to, from) in out.iter_mut().zip(self.bytes.iter().skip(start)) {
            *to = *from;
        }
        self.add_noise(start, out);
        Ok(())
    }

    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let Some(start) = self.range(offset, data.len()) else {
            return self.refuse(FlashError::OutOfRange);
        };
        let unit = widen(self.geometry.write_unit);
        if !start.is_multiple_of(unit) || !data.len().is_multiple_of(unit) {
            return self.refuse(FlashError::Unaligned);
        }
        if self.power.is_on() && self.is_touched(start, data.len()) {
            return self.refuse(FlashError::NotErased);
        }
        self.change(start, data, true)?;
        self.programs = self.programs.saturating_add(1);
        let len = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.bytes_programmed = self.bytes_programmed.saturating_add(len);
        Ok(())
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        if sector >= self.geometry.sectors {
            return self.refuse(FlashError::OutOfRange);
        }
        let size = widen(self.geometry.sector_size);
        let start = widen(sector).saturating_mul(size);
        let blank = vec![self.geometry.erased; size];
        self.change(start, &blank, false)?;
        if let Some(count) = self.erases.get_mut(widen(sector)) {
            *count = count.saturating_add(1);
        }
        Ok(())
    }
}

fn overlaps(undecided: &Undecided, offset: usize, len: usize) -> bool {
    let end = undecided.offset.saturating_add(undecided.other.len());
    undecided.offset < offset.saturating_add(len) && offset < end
}

fn widen(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
