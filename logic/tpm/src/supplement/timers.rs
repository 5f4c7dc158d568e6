//! Authenticated countdown timers (ACT; Part 1, section 40): what happens when one runs out is the platform's matter.

use crate::core::Core;
use crate::entity::Policy;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::state::{read_policy, write_policy};
use crate::wire::{Input, Marshal, Output, Unmarshal};

/// How many there are.
pub(crate) const TIMERS: usize = 2;
/// A timer that is switched off.
const OFF: u32 = u32::MAX;

/// One timer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    /// Seconds, when it was last set; 0: it ran out, or never ran.
    value: u32,
    /// When that was, in ms since power on.
    since: u64,
    /// It ran out, and nobody has set it since.
    pub(crate) signalled: bool,
    /// It was set since the last start.
    updated: bool,
    /// Who may set it besides the platform.
    pub(crate) policy: Policy,
}

impl Default for Timer {
    fn default() -> Self {
        Self {
            value: 0,
            since: 0,
            signalled: false,
            updated: false,
            policy: Policy::NONE,
        }
    }
}

impl Timer {
    /// Sets it to so many seconds from `now` on. 0: it runs out at once if it ran. [`OFF`]: nothing is signalled.
    pub(crate) fn set(&mut self, seconds: u32, now: u64) {
        self.signalled = match seconds {
            0 => self.signalled || self.remaining(now) != 0,
            _ => false,
        };
        (self.value, self.since, self.updated) = (seconds, now, true);
    }

    /// Seconds left.
    pub(crate) fn remaining(&self, now: u64) -> u32 {
        match self.value {
            0 | OFF => self.value,
            value => {
                let passed = now.saturating_sub(self.since) / 1000;
                value.saturating_sub(u32::try_from(passed).unwrap_or(OFF))
            }
        }
    }

    /// In how many ms it runs out; `None`: it does not run.
    fn runs_out_in(&self, now: u64) -> Option<u64> {
        let end = match self.value {
            0 | OFF => return None,
            seconds => self
                .since
                .saturating_add(u64::from(seconds).saturating_mul(1000)),
        };
        Some(end.saturating_sub(now))
    }

    /// Looks whether it ran out.
    pub(super) fn tick(&mut self, now: u64) {
        if self.value != 0 && self.remaining(now) == 0 {
            (self.value, self.signalled) = (0, true);
        }
    }

    /// As Shutdown(STATE) keeps it. One that was not set since the start loses half of what is left: else starting and
    /// stopping would hold it up for ever.
    pub(super) fn saved(&self, now: u64) -> Self {
        let left = self.remaining(now);
        let value = match left {
            0 | 1 | OFF => left,
            left if self.updated => left,
            left => left / 2,
        };
        Self {
            value,
            since: 0,
            updated: false,
            ..*self
        }
    }
}

impl Timer {
    /// As it is, for a snapshot that keeps the time since power on, too.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(super) fn write_snapshot(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(self)?;
        out.put(&self.since)?;
        out.put(&self.updated)
    }

    /// The reverse.
    ///
    /// # Errors
    /// Any: it is not what was written.
    pub(super) fn read_snapshot(input: &mut Input<'_>) -> Result<Self> {
        let timer: Self = input.get()?;
        Ok(Self {
            since: input.get()?,
            updated: input.get()?,
            ..timer
        })
    }
}

impl Marshal for Timer {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.value)?;
        out.put(&self.signalled)?;
        write_policy(&self.policy, out)
    }
}

/// As it was saved; it goes on from the next power on.
impl Unmarshal for Timer {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self {
            value: input.get()?,
            since: 0,
            signalled: input.get()?,
            updated: false,
            policy: read_policy(input)?,
        })
    }
}

/// The number of the timer that a handle names.
pub(crate) fn timer_of(handle: Handle) -> Option<usize> {
    let number = handle.0.checked_sub(Handle::ACT_FIRST.0)?;
    usize::try_from(number)
        .ok()
        .filter(|number| *number < TIMERS)
}

impl Core<'_> {
    /// The timer that a handle names.
    ///
    /// # Errors
    /// `VALUE`
    pub(crate) fn timer(&mut self, handle: Handle) -> Result<&mut Timer> {
        timer_of(handle)
            .and_then(|number| self.supplement.live.timers.get_mut(number))
            .ok_or(Rc::VALUE)
    }

    /// In how many ms the next running timer runs out; `None`: none runs.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        let now = self.clock.time;
        let timers = self.supplement.live.timers.iter();
        timers.filter_map(|timer| timer.runs_out_in(now)).min()
    }

    /// Which timers ran out and were not set since: one bit each.
    pub(crate) fn timers_signalled(&mut self) -> u16 {
        let timers = self.supplement.live.timers.iter();
        timers
            .rev()
            .fold(0, |bits, timer| bits << 1 | u16::from(timer.signalled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_runs_out_once_and_signals_until_it_is_set() {
        let mut timer = Timer::default();
        timer.tick(5_000);
        assert!(!timer.signalled);
        assert_eq!(timer.runs_out_in(5_000), None);
        timer.set(10, 5_000);
        assert_eq!(timer.runs_out_in(14_000), Some(1_000));
        timer.tick(14_999);
        assert_eq!((timer.remaining(14_999), timer.signalled), (1, false));
        timer.tick(15_000);
        assert_eq!((timer.remaining(15_000), timer.signalled), (0, true));
        timer.tick(99_000);
        assert!(timer.signalled);
        timer.set(3, 99_000);
        assert!(!timer.signalled);
        timer.tick(u64::MAX);
        assert!(timer.signalled);
        timer.set(OFF, 0);
        assert_eq!(timer.runs_out_in(0), None);
        timer.tick(u64::MAX);
        assert_eq!((timer.remaining(u64::MAX), timer.signalled), (OFF, false));
    }

    #[test]
    fn nought_makes_a_running_timer_run_out_and_leaves_a_stopped_one_alone() {
        let mut timer = Timer::default();
        timer.set(0, 10);
        assert!(!timer.signalled);
        timer.set(100, 10);
        timer.set(0, 20);
        assert!(timer.signalled);
        timer.set(0, 30);
        assert!(timer.signalled);
    }

    #[test]
    fn a_timer_that_nobody_set_since_the_start_loses_half_by_a_shutdown() {
        let mut timer = Timer::default();
        timer.set(100, 0);
        let once = timer.saved(20_000);
        assert_eq!(once.remaining(0), 80);
        let twice = once.saved(10_000);
        assert_eq!(twice.remaining(0), 35);
        for (value, kept) in [(1, 1), (2, 1), (OFF, OFF), (0, 0)] {
            let timer = Timer {
                value,
                ..Timer::default()
            };
            assert_eq!(timer.saved(0).remaining(0), kept);
        }
    }
}
