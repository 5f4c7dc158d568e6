//! Time and Clock (Part 1, section 36). Where the specification lets a TPM choose, the model knows a range.

/// How far Clock may leap over an unorderly stop, in ms (`TPM_PT_CLOCK_UPDATE` of the TPM that is judged).
const LEAP: u64 = 1 << 16;

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// Milliseconds since power on.
    pub(crate) time: u64,
    /// Clock is within these.
    pub(crate) low: u64,
    pub(crate) high: u64,
    /// The highest value that was told.
    told: u64,
    /// What an orderly shutdown kept, if nothing later was told.
    kept: Option<(u64, u64)>,
    /// It must be told to be safe.
    is_safe: bool,
    /// It must not be: the start was unorderly, and so long ago at most. `None`: both would do.
    unsafe_for: Option<u64>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            time: 0,
            low: 0,
            high: 0,
            told: 0,
            kept: None,
            is_safe: false,
            unsafe_for: None,
        }
    }

    pub(crate) fn advance(&mut self, milliseconds: u64) {
        self.time += milliseconds;
        self.low += milliseconds;
        self.high += milliseconds;
        let unsafe_for = self.unsafe_for.map(|time| time + milliseconds);
        self.unsafe_for = unsafe_for.filter(|time| *time <= LEAP);
    }

    /// ReadClock said so; `false`: it may not.
    pub(crate) fn told(&mut self, clock: u64, safe: bool) -> bool {
        let may = (self.low..=self.high).contains(&clock)
            && clock >= self.told
            && (safe || !self.is_safe)
            && (!safe || self.unsafe_for.is_none());
        (self.low, self.high, self.told) = (clock, clock, clock);
        if self.kept.is_some_and(|(low, _)| clock > low) {
            self.kept = None;
        }
        self.is_safe = safe;
        may
    }

    /// Forward only; what it is now must be known.
    pub(crate) fn set(&mut self, clock: u64) -> bool {
        if clock < self.low || clock > 0xffff_0000_0000_0000 {
            return false;
        }
        (self.low, self.high) = (clock, clock);
        (self.is_safe, self.unsafe_for) = (true, None);
        true
    }

    pub(crate) fn cleared(&mut self) {
        (self.low, self.high, self.told) = (0, 0, 0);
        self.kept = None;
        (self.is_safe, self.unsafe_for) = (true, None);
    }

    /// An orderly shutdown. What it writes is a value that may be safe to go on from.
    pub(crate) fn keep(&mut self) {
        self.unsafe_for = None;
        self.kept = Some((self.low, self.high));
    }

    pub(crate) fn power_on(&mut self, orderly: bool) {
        self.time = 0;
        match self.kept.take().filter(|_| orderly) {
            Some((low, high)) => (self.low, self.high) = (low, high),
            None => {
                self.low = self.told;
                self.high += LEAP;
            }
        }
        if !orderly {
            // Only a start says so for good: what comes before it tells no Clock.
            (self.is_safe, self.unsafe_for) = (false, Some(0));
        }
    }
}
