//! Guessing is counted, and guessing too often locks (Part 1, section 19.8).
//!
//! A failed try is kept in the store before it is answered. Tries are forgotten with time, on the TPM's own ticks
//! only: an attacker who owns the operating system's clock gains nothing. What is forgotten needs no write of its
//! own; a power cut can only make the count higher again.

use crate::core::Core;
use crate::handle::{Handle, Kind};
use crate::rc::{Rc, Result};
#[cfg(feature = "full")]
use crate::wire::{Input, Output};

/// What differs from the record: tries forgotten, and tries that could not be written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Healing {
    /// Tries of the record that time has healed.
    healed: u32,
    /// Tries that count though the store would not take them.
    unkept: u32,
    /// Time of the last failed try or healing, in ms.
    since: u64,
    /// Time of the last failure of lockout's own auth value, in ms.
    lockout_since: u64,
    /// Lockout's auth value may be used again though the record says no.
    lockout_healed: bool,
    /// It may not be used though the record could not say so.
    lockout_barred: bool,
}

#[cfg(feature = "full")]
impl Healing {
    /// For a snapshot.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.healed)?;
        out.put(&self.unkept)?;
        out.put(&self.since)?;
        out.put(&self.lockout_since)?;
        out.put(&self.lockout_healed)?;
        out.put(&self.lockout_barred)
    }

    /// From a snapshot.
    ///
    /// # Errors
    /// Any: it is not whole.
    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self {
            healed: input.get()?,
            unkept: input.get()?,
            since: input.get()?,
            lockout_since: input.get()?,
            lockout_healed: input.get()?,
            lockout_barred: input.get()?,
        })
    }
}

impl Core<'_> {
    /// Failed tries that count now (`TPM_PT_LOCKOUT_COUNTER`).
    pub(crate) fn failed_tries(&self) -> u32 {
        let tries = self
            .permanent
            .get()
            .lockout
            .failed_tries
            .saturating_add(self.healing.unkept);
        tries.saturating_sub(self.healing.healed)
    }

    /// Whether the TPM is in lockout (`inLockout` of TPMA_PERMANENT).
    pub(crate) fn in_lockout(&self) -> bool {
        self.failed_tries() >= self.permanent.get().lockout.max_tries
    }

    fn lockout_usable(&self) -> bool {
        let enabled = self.permanent.get().lockout.auth_enabled && !self.healing.lockout_barred;
        enabled || self.healing.lockout_healed
    }

    /// Lets time heal; called before each command.
    pub(crate) fn heal(&mut self) {
        let lockout = self.permanent.get().lockout;
        let tries = self.failed_tries();
        let time = self.clock.time;
        if tries != 0 {
            let healed = match self.healing_periods(lockout.recovery_time) {
                None => tries,
                Some(periods) => {
                    let span = periods
                        .saturating_mul(u64::from(lockout.recovery_time))
                        .saturating_mul(1000);
                    self.healing.since = self.healing.since.saturating_add(span);
                    u32::try_from(periods).unwrap_or(u32::MAX).min(tries)
                }
            };
            self.healing.healed = self.healing.healed.saturating_add(healed);
        }
        let waited = time.saturating_sub(self.healing.lockout_since) / 1000;
        if lockout.lockout_recovery != 0 && waited >= u64::from(lockout.lockout_recovery) {
            self.healing.lockout_healed |= !self.lockout_usable();
        }
    }

    /// How often a try would have been forgotten since the last time; `None`: nothing counts at all.
    fn healing_periods(&self, recovery_time: u32) -> Option<u64> {
        let seconds = self.clock.time.saturating_sub(self.healing.since) / 1000;
        seconds.checked_div(u64::from(recovery_time))
    }

    /// Whether wrong auth values of this entity count.
    fn is_guarded(&mut self, handle: Handle) -> bool {
        handle == Handle::LOCKOUT
            || self
                .guard(handle)
                .is_ok_and(|guard| guard.protected_from_guessing)
    }

    /// To be asked before an auth value is compared. The first guarded try after a start is noted in the store, so
    /// that cutting the power instead of waiting for the answer counts, too.
    ///
    /// # Errors
    /// `LOCKOUT`; `NV_UNAVAILABLE`: it cannot be noted.
    pub(crate) fn check_lockout(&mut self, handle: Handle) -> Result<()> {
        match handle {
            Handle::LOCKOUT => self.check_guesses(true),
            _ if self.is_guarded(handle) => self.check_guesses(false),
            _ => Ok(()),
        }
    }

    /// The same where a session stands for the entity it is bound to: `lockout`, or anything else that is guarded.
    ///
    /// # Errors
    /// As [`Core::check_lockout`].
    pub(crate) fn check_guesses(&mut self, lockout: bool) -> Result<()> {
        let locked = match lockout {
            true => !self.lockout_usable(),
            false => self.in_lockout(),
        };
        if locked {
            return Err(Rc::LOCKOUT);
        }
        if lockout || self.permanent.get().lockout.tried {
            return Ok(());
        }
        self.permanent.edit().lockout.tried = true;
        self.commit()
    }

    /// A wrong auth value was given for `handle` (for a bound session: the entity it is bound to, if that counts).
    /// Gives what is to be answered; it has been counted.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`: it was counted in memory only.
    pub(crate) fn authorisation_failed(&mut self, handle: Handle) -> Result<Rc> {
        self.roll_back();
        if handle.kind() == Kind::Nv {
            self.pin_failed(handle)?;
        }
        match handle {
            Handle::LOCKOUT => self.guess_failed(true),
            _ if self.is_guarded(handle) => self.guess_failed(false),
            _ => Ok(Rc::BAD_AUTH),
        }
    }

    /// The same where a session stands for the entity it is bound to.
    ///
    /// # Errors
    /// As [`Core::authorisation_failed`].
    pub(crate) fn guess_failed(&mut self, lockout: bool) -> Result<Rc> {
        self.roll_back();
        match lockout {
            true => self.lockout_failed(),
            false => self.try_failed(),
        }
    }

    fn lockout_failed(&mut self) -> Result<Rc> {
        self.healing.lockout_since = self.clock.time;
        self.healing.lockout_healed = false;
        self.healing.lockout_barred = true;
        self.permanent.edit().lockout.auth_enabled = false;
        self.commit()?;
        self.healing.lockout_barred = false;
        Ok(Rc::AUTH_FAIL)
    }

    fn try_failed(&mut self) -> Result<Rc> {
        if self.permanent.get().lockout.recovery_time == 0 {
            return Ok(Rc::AUTH_FAIL);
        }
        let tries = self.failed_tries().saturating_add(1);
        self.healing.since = self.clock.time;
        self.healing.unkept = self.healing.unkept.saturating_add(1);
        self.permanent.edit().lockout.failed_tries = tries;
        self.commit()?;
        (self.healing.unkept, self.healing.healed) = (0, 0);
        Ok(Rc::AUTH_FAIL)
    }

    /// The auth value given for `handle` was right. Only PIN indices care.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`: the use cannot be counted, and must not happen.
    pub(crate) fn authorisation_succeeded(&mut self, handle: Handle) -> Result<()> {
        match handle.kind() {
            Kind::Nv => self.pin_right(handle),
            _ => Ok(()),
        }
    }

    /// What differed from the record no longer does: the count was just written, or set to zero.
    pub(crate) fn forget_tries(&mut self) {
        (self.healing.unkept, self.healing.healed) = (0, 0);
    }

    /// As a new TPM: lockout's own auth value may be used, too (Clear).
    pub(crate) fn forget_lockout(&mut self) {
        self.healing = Healing::default();
    }

    /// Stages what time has healed: an orderly shutdown keeps it.
    pub(crate) fn stage_healing(&mut self) {
        let (tries, usable) = (self.failed_tries(), self.lockout_usable());
        let kept = self.permanent.edit();
        kept.lockout.failed_tries = tries;
        kept.lockout.auth_enabled = usable;
        kept.lockout.tried = false;
    }
}
