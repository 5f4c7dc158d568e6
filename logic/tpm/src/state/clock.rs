//! Time and Clock (Part 1, section 36).
//!
//! Time counts from power on; Clock counts all the time that the TPM was ever powered, and never goes back. Writing it
//! for each command would wear the store out, so the record holds a ceiling instead: no value above it is told before
//! a higher ceiling is kept. After an unorderly stop Clock goes on from the ceiling; it may have leapt by
//! [`CLOCK_UPDATE`], and `safe` is clear until the ceiling is next raised.

use crate::core::Core;
use crate::rc::{Rc, Result};
#[cfg(feature = "full")]
use crate::wire::Input;
use crate::wire::{Marshal, Output};

/// How far the ceiling is above the value told, in ms (`TPM_PT_CLOCK_UPDATE`; the PC Client profile allows 2^22).
pub(crate) const CLOCK_UPDATE: u64 = 1 << 16;
/// ClockSet may not go beyond (Part 3, section 29.3).
const LAST: u64 = 0xffff_0000_0000_0000;
/// What one tick counts when the rate is not adjusted.
const NOMINAL: i64 = 100_000;
/// The rate stays within 15 % of nominal.
const MOST_ADJUSTMENT: i64 = 15_000;

/// Milliseconds powered in all, and since the last start.
pub(crate) struct Clock {
    /// The platform's ticks when they were last read, in ms.
    ticks: u64,
    /// Time, in ms.
    pub(crate) time: u64,
    /// Clock, in ms; may be ahead of the ceiling as long as it is not told.
    pub(crate) clock: u64,
    /// Added to [`NOMINAL`].
    adjustment: i64,
    /// What was counted and makes no whole millisecond yet, in parts of [`NOMINAL`].
    rest: i64,
}

impl Clock {
    /// At power on: the platform counts `ticks`, Clock had reached `clock`.
    pub(crate) const fn new(ticks: u64, clock: u64) -> Self {
        Self {
            ticks,
            time: 0,
            clock,
            adjustment: 0,
            rest: 0,
        }
    }

    /// For a snapshot.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    #[cfg(feature = "full")]
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.time)?;
        out.put(&self.clock)?;
        out.raw(&self.adjustment.to_be_bytes())?;
        out.raw(&self.rest.to_be_bytes())
    }

    /// From a snapshot, while the platform counts `ticks`.
    ///
    /// # Errors
    /// Any: it is not whole.
    #[cfg(feature = "full")]
    pub(crate) fn read(input: &mut Input<'_>, ticks: u64) -> Result<Self> {
        let (time, clock) = (input.get()?, input.get()?);
        let mut number = || -> Result<i64> {
            let bytes = input.take(8)?.first_chunk().ok_or(Rc::SIZE)?;
            Ok(i64::from_be_bytes(*bytes))
        };
        let (adjustment, rest) = (number()?, number()?);
        let sound = (-MOST_ADJUSTMENT..=MOST_ADJUSTMENT).contains(&adjustment)
            && (0..NOMINAL).contains(&rest);
        let clock = Self {
            ticks,
            time,
            clock,
            adjustment,
            rest,
        };
        sound.then_some(clock).ok_or(Rc::VALUE)
    }

    /// Goes on to the platform's `ticks`.
    fn advance(&mut self, ticks: u64) {
        let elapsed = ticks.saturating_sub(self.ticks);
        self.ticks = ticks;
        // One command a century: far from an overflow, and none is let through.
        let elapsed = i64::try_from(elapsed.min(1 << 40)).unwrap_or(0);
        let rate = NOMINAL.saturating_add(self.adjustment);
        let parts = elapsed.saturating_mul(rate).saturating_add(self.rest);
        let whole = u64::try_from(parts / NOMINAL).unwrap_or(0);
        self.rest = parts % NOMINAL;
        self.time = self.time.saturating_add(whole);
        self.clock = self.clock.saturating_add(whole);
    }
}

/// `TPMS_TIME_INFO`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeInfo {
    /// Milliseconds since power on.
    pub(crate) time: u64,
    /// The rest.
    pub(crate) clock_info: ClockInfo,
}

/// `TPMS_CLOCK_INFO`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockInfo {
    /// Milliseconds powered in all since the last Clear.
    pub(crate) clock: u64,
    /// Resets since the last Clear.
    pub(crate) reset_count: u32,
    /// Restarts and resumes since the last reset.
    pub(crate) restart_count: u32,
    /// Whether no later value of Clock can have been told before.
    pub(crate) safe: bool,
}

impl TimeInfo {
    /// The part that attestations carry.
    pub(crate) const fn clock_info(&self) -> ClockInfo {
        self.clock_info
    }
}

impl Marshal for ClockInfo {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.clock)?;
        out.put(&self.reset_count)?;
        out.put(&self.restart_count)?;
        out.put(&self.safe)
    }
}

impl Marshal for TimeInfo {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.time)?;
        out.put(&self.clock_info)
    }
}

impl Core<'_> {
    /// Reads the platform's ticks.
    pub(crate) fn tick(&mut self) {
        let now = self.platform.now();
        self.clock.advance(now);
        self.supplement.tick(self.clock.time);
    }

    /// Time and Clock, to be told. To be called before a command changes anything: it may commit a higher ceiling.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`: the ceiling is reached and cannot be raised.
    pub(crate) fn time_info(&mut self) -> Result<TimeInfo> {
        if self.clock.clock > self.permanent.get().clock {
            self.raise_ceiling(self.clock.clock);
            self.commit()?;
        }
        let kept = self.permanent.get();
        Ok(TimeInfo {
            time: self.clock.time,
            clock_info: ClockInfo {
                clock: self.clock.clock,
                reset_count: kept.reset_count,
                restart_count: self.volatile.restart_count,
                safe: kept.clock_safe,
            },
        })
    }

    /// Sets Clock forward.
    ///
    /// # Errors
    /// `VALUE`: it would go back, or too far; `NV_UNAVAILABLE`.
    pub(crate) fn set_clock(&mut self, clock: u64) -> Result<()> {
        if clock < self.clock.clock || clock > LAST {
            return Err(Rc::VALUE);
        }
        self.raise_ceiling(clock);
        self.commit()?;
        self.clock.clock = clock;
        Ok(())
    }

    /// Makes Clock faster or slower by one step: coarse 1 %, medium 0.1 %, fine 0.01 %.
    pub(crate) fn adjust_clock(&mut self, step: i64) {
        let adjustment = self.clock.adjustment.saturating_add(step);
        self.clock.adjustment = adjustment.clamp(-MOST_ADJUSTMENT, MOST_ADJUSTMENT);
    }

    /// Stages a ceiling above `clock`; a value that is kept before it is told is safe.
    fn raise_ceiling(&mut self, clock: u64) {
        let kept = self.permanent.edit();
        kept.clock = clock.saturating_add(CLOCK_UPDATE);
        kept.clock_safe = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_that_go_back_do_not_move_the_clock_back() {
        let mut clock = Clock::new(1000, 50);
        clock.advance(1400);
        assert_eq!((clock.time, clock.clock), (400, 450));
        clock.advance(200);
        assert_eq!((clock.time, clock.clock), (400, 450));
        clock.advance(300);
        assert_eq!((clock.time, clock.clock), (500, 550));
    }

    #[test]
    fn a_rate_one_percent_faster_gains_ten_milliseconds_a_second_however_often_it_is_read() {
        let mut clock = Clock::new(0, 0);
        clock.adjustment = 1000;
        for now in (0..=100_000).step_by(7) {
            clock.advance(now);
        }
        clock.advance(100_000);
        assert_eq!(clock.time, 101_000);
        clock.adjustment = -1000;
        (100_000..=200_000)
            .step_by(11)
            .for_each(|now| clock.advance(now));
        clock.advance(200_000);
        assert_eq!(clock.time, 101_000 + 99_000);
    }
}
