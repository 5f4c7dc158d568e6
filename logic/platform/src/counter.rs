//! Monotonic counters that an attacker who owns the flash cannot turn back.

/// Why a counter operation did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterError {
    /// The new value is lower than the present one.
    WouldDecrease,
    /// The counter cannot count that far: its fuses or its wear budget are used up.
    Exhausted,
    /// The hardware failed, or its content is damaged beyond reading.
    Device,
}

/// One hardware monotonic counter (fuses, a replay-protected block, on-chip flash).
///
/// What the hardware must guarantee: the value never decreases, not even when power is lost in the
/// middle of [`advance_to`](Self::advance_to), which leaves the old value or the new one.
pub trait HardwareCounter {
    /// The present value.
    fn read(&self) -> Result<u32, CounterError>;

    /// Raises the counter to `value`; equal is allowed and writes nothing.
    fn advance_to(&mut self, value: u32) -> Result<(), CounterError>;

    /// The highest value the counter can ever reach.
    fn limit(&self) -> u32;
}

impl<C: HardwareCounter + ?Sized> HardwareCounter for &mut C {
    fn read(&self) -> Result<u32, CounterError> {
        (**self).read()
    }
    fn advance_to(&mut self, value: u32) -> Result<(), CounterError> {
        (**self).advance_to(value)
    }
    fn limit(&self) -> u32 {
        (**self).limit()
    }
}
