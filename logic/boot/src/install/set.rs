//! The record that makes several images one: they are installed, confirmed and taken back together.
//!
//! MCUboot swaps one image after the other and judges each by its own trailer. A cut between two swaps then
//! takes the first image back without it ever having run, and a revert of one does not drag the other along.
//! With this record the set has one commit point each way:
//!
//! ```text
//!            requests in all secondary slots       all image_ok set
//!   Idle ───────────────────────→ Installing ──→ Trial ─────────────→ Idle
//!                                                  │ any missing at the next boot
//!                                                  └─→ requests to go back ─→ Reverting ─→ Idle
//! ```
//!
//! While `Installing` or `Reverting` stands, an image of the set with neither a request nor a journal is done.
//! Each image's own trailer stays MCUboot's.
//!
//! The record is a number that only rises, so any [`HardwareCounter`] can hold it; two sectors of flash are
//! enough ([`FlashCounter`](ironroot_platform::FlashCounter)), and power may be cut in every write.

use ironroot_platform::{CounterError, HardwareCounter};

/// Images as bits, image 0 the lowest.
pub(crate) type Mask = u8;

/// Where the set stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is under way.
    Idle,
    /// The images of this mask are being installed.
    Installing(u8),
    /// They are installed, and count as confirmed only when all of them are.
    Trial(u8),
    /// They are being taken back.
    Reverting(u8),
}

impl Phase {
    const fn number(self) -> u32 {
        let (phase, mask) = match self {
            Self::Idle => (0, 0),
            Self::Installing(mask) => (1, mask),
            Self::Trial(mask) => (2, mask),
            Self::Reverting(mask) => (3, mask),
        };
        phase << 2 | (mask & 3) as u32
    }

    const fn from_number(number: u32) -> Self {
        let mask = (number & 3) as u8;
        match number >> 2 & 3 {
            1 => Self::Installing(mask),
            2 => Self::Trial(mask),
            3 => Self::Reverting(mask),
            _ => Self::Idle,
        }
    }

    /// The images it is about.
    pub(crate) const fn mask(self) -> Mask {
        match self {
            Self::Idle => 0,
            Self::Installing(mask) | Self::Trial(mask) | Self::Reverting(mask) => mask,
        }
    }
}

/// Where the phase is kept.
pub trait SetRecord {
    /// Whether images go together.
    const TOGETHER: bool;

    /// The present phase.
    ///
    /// # Errors
    /// The storage's.
    fn phase(&self) -> Result<Phase, CounterError>;

    /// Changes it, whole or not at all.
    ///
    /// # Errors
    /// The storage's.
    fn set_phase(&mut self, phase: Phase) -> Result<(), CounterError>;
}

/// Every image for itself, as with MCUboot.
#[derive(Debug, Clone, Copy, Default)]
pub struct EachForItself;

impl SetRecord for EachForItself {
    const TOGETHER: bool = false;

    fn phase(&self) -> Result<Phase, CounterError> {
        Ok(Phase::Idle)
    }

    fn set_phase(&mut self, _phase: Phase) -> Result<(), CounterError> {
        Ok(())
    }
}

/// All images together, with the phase in a counter of its own: 28 bits of it are the number of changes.
#[derive(Debug)]
pub struct Together<C>(pub C);

impl<C: HardwareCounter> SetRecord for Together<C> {
    const TOGETHER: bool = true;

    fn phase(&self) -> Result<Phase, CounterError> {
        Ok(Phase::from_number(self.0.read()?))
    }

    fn set_phase(&mut self, phase: Phase) -> Result<(), CounterError> {
        let present = self.0.read()?;
        if Phase::from_number(present) == phase {
            return Ok(());
        }
        let next = (present | 0xf)
            .checked_add(1)
            .ok_or(CounterError::Exhausted)?;
        self.0.advance_to(next | phase.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_platform::model::{ModelCounter, Power};

    #[test]
    fn phases_follow_each_other_in_a_number_that_only_rises() {
        let power = Power::new();
        let mut record = Together(ModelCounter::new(0, u32::MAX, &power));
        assert_eq!(record.phase(), Ok(Phase::Idle));
        let mut before = 0;
        for phase in [
            Phase::Installing(3),
            Phase::Trial(3),
            Phase::Reverting(3),
            Phase::Idle,
            Phase::Installing(1),
            Phase::Trial(1),
            Phase::Trial(2),
            Phase::Idle,
        ] {
            record.set_phase(phase).unwrap();
            assert_eq!(record.phase(), Ok(phase));
            let now = record.0.read().unwrap();
            assert!(now > before);
            before = now;
            record.set_phase(phase).unwrap();
            assert_eq!(
                record.0.read().unwrap(),
                now,
                "the same phase costs nothing"
            );
        }
    }

    #[test]
    fn a_used_up_record_says_so() {
        let power = Power::new();
        let mut record = Together(ModelCounter::new(u32::MAX - 15, u32::MAX, &power));
        assert_eq!(
            record.set_phase(Phase::Trial(1)),
            Err(CounterError::Exhausted)
        );
    }
}
