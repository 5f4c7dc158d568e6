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
    /// `None`: both would do.
    pub(crate) safe: Option<bool>,
    /// How long it has run since an unorderly start.
    unsafe_for: u64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            time: 0,
            low: 0,
            high: 0,
            told: 0,
            kept: None,
            safe: None,
            unsafe_for: 0,
        }
    }

    pub(crate) fn advance(&mut self, milliseconds: u64) {
        self.time += milliseconds;
        self.low += milliseconds;
        self.high += milliseconds;
        self.unsafe_for += milliseconds;
        if self.safe == Some(false) && self.unsafe_for > LEAP {
            self.safe = None;
        }
    }

    /// ReadClock said so; `false`: it may not.
    pub(crate) fn told(&mut self, clock: u64, safe: bool) -> bool {
        let may = (self.low..=self.high).contains(&clock)
            && clock >= self.told
            && self.safe.is_none_or(|known| known == safe);
        (self.low, self.high, self.told) = (clock, clock, clock);
        if self.kept.is_some_and(|(low, _)| clock > low) {
            self.kept = None;
        }
        self.safe = Some(safe);
        may
    }

    /// Forward only; what it is now must be known.
    pub(crate) fn set(&mut self, clock: u64) -> bool {
        if clock < self.low || clock > 0xffff_0000_0000_0000 {
            return false;
        }
        (self.low, self.high) = (clock, clock);
        self.safe = Some(true);
        true
    }

    pub(crate) fn cleared(&mut self) {
        (self.low, self.high, self.told) = (0, 0, 0);
        self.kept = None;
        self.safe = Some(true);
    }

    /// An orderly shutdown. What it writes is a value that may be safe to go on from.
    pub(crate) fn keep(&mut self) {
        self.safe = self.safe.filter(|safe| *safe);
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
            self.safe = Some(false);
            self.unsafe_for = 0;
        }
    }
}
