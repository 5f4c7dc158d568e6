//! A counter in RAM, atomic as the contract demands.

use super::power::{Cut, Effect, Permit, Power};
use crate::{CounterError, HardwareCounter};

/// A perfect [`HardwareCounter`] on a [`Power`] supply.
///
/// A step that power interrupts happened or did not: it did for [`Effect::LooksDone`], it did not for
/// [`Effect::LooksUntouched`], and the seed decides for [`Effect::Partial`].
pub struct ModelCounter {
    value: u32,
    limit: u32,
    power: Power,
}

impl ModelCounter {
    /// A counter at `value` that can reach `limit`.
    #[must_use]
    pub fn new(value: u32, limit: u32, power: &Power) -> Self {
        Self {
            value,
            limit,
            power: power.clone(),
        }
    }

    /// The same value on another supply.
    #[must_use]
    pub fn fork(&self, power: &Power) -> Self {
        Self::new(self.value, self.limit, power)
    }
}

impl HardwareCounter for ModelCounter {
    fn read(&self) -> Result<u32, CounterError> {
        if self.power.is_on() {
            Ok(self.value)
        } else {
            Err(CounterError::Device)
        }
    }

    fn advance_to(&mut self, value: u32) -> Result<(), CounterError> {
        let present = self.read()?;
        if value < present {
            return Err(CounterError::WouldDecrease);
        }
        if value > self.limit {
            return Err(CounterError::Exhausted);
        }
        if value == present {
            return Ok(());
        }
        match self.power.spend() {
            Permit::Whole => {
                self.value = value;
                Ok(())
            }
            Permit::Cut(cut) => {
                if happened(cut) {
                    self.value = value;
                }
                Err(CounterError::Device)
            }
            Permit::Off => Err(CounterError::Device),
        }
    }

    fn limit(&self) -> u32 {
        self.limit
    }
}

fn happened(cut: Cut) -> bool {
    match cut.effect {
        Effect::NotBegun | Effect::LooksUntouched => false,
        Effect::Partial => cut.seed & 1 == 1,
        Effect::LooksDone => true,
    }
}
