//! The guard against guessing (Part 1, section 19.8).

/// What is known of it now, and what of that outlives the power.
#[derive(Clone, Debug)]
pub(crate) struct Lockout {
    /// Failed tries that count now. After a fault of the store it may be one more.
    pub(crate) tries: u32,
    pub(crate) perhaps_one_more: bool,
    pub(crate) max_tries: u32,
    /// Seconds.
    pub(crate) recovery: u32,
    pub(crate) lockout_recovery: u32,
    /// Whether lockout's own auth value may be used.
    pub(crate) usable: bool,
    /// Whether a guarded auth value was tried since the start.
    pub(crate) tried: bool,
    /// Milliseconds since power on.
    since: u64,
    lockout_since: u64,
    /// As of the last write: forgetting is not written, so that a cut of the power can only bring tries back.
    kept_tries: u32,
    kept_usable: bool,
}

impl Lockout {
    pub(crate) fn new() -> Self {
        Self {
            tries: 0,
            perhaps_one_more: false,
            max_tries: 3,
            recovery: 1000,
            lockout_recovery: 1000,
            usable: true,
            tried: false,
            since: 0,
            lockout_since: 0,
            kept_tries: 0,
            kept_usable: true,
        }
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.tries >= self.max_tries
    }

    /// Time forgets.
    pub(crate) fn heal(&mut self, now: u64) {
        if self.tries != 0 {
            let waited = now.saturating_sub(self.since) / 1000;
            match waited.checked_div(u64::from(self.recovery)) {
                None => self.tries = 0,
                Some(periods) => {
                    self.since += periods * u64::from(self.recovery) * 1000;
                    let forgotten = periods.min(u64::from(self.tries)) as u32;
                    self.tries -= forgotten;
                }
            }
        }
        let waited = now.saturating_sub(self.lockout_since) / 1000;
        if self.lockout_recovery != 0 && waited >= u64::from(self.lockout_recovery) {
            self.usable = true;
        }
    }

    /// A wrong auth value of something guarded.
    pub(crate) fn failed(&mut self, now: u64) {
        if self.recovery != 0 {
            self.tries = self.tries.saturating_add(1);
            self.since = now;
            self.kept_tries = self.tries;
        }
    }

    /// The same, and the store did not take it: it may count or not, but not for longer than the power is on.
    pub(crate) fn failed_unkept(&mut self, now: u64) {
        if self.recovery != 0 {
            self.perhaps_one_more = true;
            self.since = now;
        }
    }

    /// A wrong auth value of lockout itself.
    pub(crate) fn lockout_failed(&mut self, now: u64) {
        self.lockout_since = now;
        self.usable = false;
        self.kept_usable = false;
    }

    /// The same, and the store did not take it.
    pub(crate) fn lockout_failed_unkept(&mut self, now: u64) {
        self.lockout_since = now;
        self.usable = false;
    }

    pub(crate) fn reset_tries(&mut self) {
        self.tries = 0;
        self.kept_tries = 0;
    }

    pub(crate) fn set(&mut self, max_tries: u32, recovery: u32, lockout_recovery: u32) {
        (self.max_tries, self.recovery) = (max_tries, recovery);
        self.lockout_recovery = lockout_recovery;
        self.kept_tries = self.tries;
    }

    /// An orderly shutdown keeps what there is.
    pub(crate) fn keep(&mut self) {
        self.kept_tries = self.tries;
        self.kept_usable = self.usable;
        self.tried = false;
    }

    pub(crate) fn power_on(&mut self) {
        self.tries = self.kept_tries;
        self.perhaps_one_more = false;
        self.usable = self.kept_usable;
        (self.since, self.lockout_since) = (0, 0);
    }

    /// Startup. Without an orderly shutdown before, a try whose answer nobody waited for counts as failed.
    pub(crate) fn start(&mut self, orderly: bool) {
        if self.lockout_recovery == 0 {
            (self.usable, self.kept_usable) = (true, true);
        }
        if !orderly && self.tried && self.recovery != 0 && self.tries < self.max_tries {
            self.tries += 1;
            self.kept_tries = self.tries;
        }
        self.tried = false;
    }
}
