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
//! Where both slots can boot and no sector moves (RAM-load, direct-XIP) a trial is one of slots. It is
//! recorded before the first image is marked; if not all are confirmed at the next boot, all failed.
//!
//! The record is a number that only rises, so any [`HardwareCounter`] can hold it; two sectors of flash are
//! enough ([`FlashCounter`](ironroot_platform::FlashCounter)), and power may be cut in every write.

use crate::boot::BootError;
use crate::flash_map::{Image, Slot};
use ironroot_platform::{CounterError, HardwareCounter};

/// Images as bits, image 0 the lowest.
pub(crate) type Mask = u8;

/// Where the set stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
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
    const fn bits(self) -> u8 {
        let (phase, mask) = match self {
            Self::Idle => (0, 0),
            Self::Installing(mask) => (1, mask),
            Self::Trial(mask) => (2, mask),
            Self::Reverting(mask) => (3, mask),
        };
        phase << 2 | mask & 3
    }

    const fn from_bits(bits: u8) -> Self {
        let mask = bits & 3;
        match bits >> 2 & 3 {
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

    pub(crate) fn write(self, record: &mut impl SetRecord) -> Result<(), CounterError> {
        record.set_bits(self.bits())
    }

    /// The present phase.
    pub(crate) fn of(record: &impl SetRecord) -> Result<Self, CounterError> {
        Ok(Self::from_bits(record.bits()?))
    }
}

/// Images and the slot of each: where no sector moves, a trial is one of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Group {
    mask: Mask,
    slots: Mask,
}

impl Group {
    /// With `image` in `slot`.
    pub(crate) const fn with(self, image: Image, slot: Slot) -> Self {
        let bit = 1 << image.number();
        Self {
            mask: self.mask | bit,
            slots: self.slots & !bit | slot.number() << image.number(),
        }
    }

    /// Less what `other` names as well.
    pub(crate) const fn without(self, other: Self) -> Self {
        let same = other.mask & !(self.slots ^ other.slots);
        Self {
            mask: self.mask & !same,
            slots: self.slots,
        }
    }

    pub(crate) fn contains(self, image: Image, slot: Slot) -> bool {
        self.slot(image) == Some(slot)
    }

    /// The slot of an image that belongs to it.
    pub(crate) const fn slot(self, image: Image) -> Option<Slot> {
        match self.mask >> image.number() & 1 {
            0 => None,
            _ => Slot::from_number(self.slots >> image.number() & 1),
        }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.mask == 0
    }
}

/// Which slots are on trial together, and which failed together, confirmed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Trials {
    pub(crate) on_trial: Group,
    pub(crate) failed: Group,
}

impl Trials {
    /// What the record says.
    pub(crate) fn of(record: &impl SetRecord) -> Result<Self, BootError> {
        let bits = record.bits();
        let bits = bits.map_err(|error| BootError::Counter(Image::Secure, error))?;
        Ok(Self::from_bits(bits))
    }

    pub(crate) fn write(self, record: &mut impl SetRecord) -> Result<(), BootError> {
        let written = record.set_bits(self.bits());
        written.map_err(|error| BootError::Counter(Image::Secure, error))
    }

    pub(crate) const fn bits(self) -> u8 {
        let Self { on_trial, failed } = self;
        failed.mask << 6 | failed.slots << 4 | on_trial.mask << 2 | on_trial.slots
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        let group = |bits: u8| Group {
            mask: bits >> 2 & 3,
            slots: bits & 3,
        };
        Self {
            on_trial: group(bits),
            failed: group(bits >> 4),
        }
    }
}

/// Where a set's eight bits are kept.
pub trait SetRecord {
    /// Whether images go together.
    const TOGETHER: bool;

    /// The present bits; 0 in a new device.
    ///
    /// # Errors
    /// The storage's.
    fn bits(&self) -> Result<u8, CounterError>;

    /// Changes them, all or none.
    ///
    /// # Errors
    /// The storage's.
    fn set_bits(&mut self, bits: u8) -> Result<(), CounterError>;
}

/// Every image for itself, as with MCUboot.
#[derive(Debug, Clone, Copy, Default)]
pub struct EachForItself;

impl SetRecord for EachForItself {
    const TOGETHER: bool = false;

    fn bits(&self) -> Result<u8, CounterError> {
        Ok(0)
    }

    fn set_bits(&mut self, _bits: u8) -> Result<(), CounterError> {
        Ok(())
    }
}

/// All images together, with the bits in a counter of its own: its other 24 count the changes, of which an
/// update makes three.
#[derive(Debug)]
pub struct Together<C>(pub C);

impl<C: HardwareCounter> SetRecord for Together<C> {
    const TOGETHER: bool = true;

    fn bits(&self) -> Result<u8, CounterError> {
        let [bits, ..] = self.0.read()?.to_le_bytes();
        Ok(bits)
    }

    fn set_bits(&mut self, bits: u8) -> Result<(), CounterError> {
        let present = self.0.read()?;
        if present.to_le_bytes().first() == Some(&bits) {
            return Ok(());
        }
        let next = (present | 0xff).checked_add(1);
        let next = next.ok_or(CounterError::Exhausted)?;
        self.0.advance_to(next | u32::from(bits))
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
        assert_eq!(Phase::of(&record), Ok(Phase::Idle));
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
            phase.write(&mut record).unwrap();
            assert_eq!(Phase::of(&record), Ok(phase));
            let now = record.0.read().unwrap();
            assert!(now > before);
            before = now;
            phase.write(&mut record).unwrap();
            assert_eq!(
                record.0.read().unwrap(),
                now,
                "the same phase costs nothing"
            );
        }
    }

    #[test]
    fn trials_survive_their_bits() {
        for bits in 0..=255 {
            assert_eq!(Trials::from_bits(bits).bits(), bits);
        }
        let group = Group::default().with(Image::NonSecure, Slot::B);
        let trials = Trials {
            on_trial: group,
            failed: group.with(Image::Secure, Slot::A),
        };
        let read = Trials::from_bits(trials.bits());
        assert_eq!(read, trials);
        assert!(read.on_trial.contains(Image::NonSecure, Slot::B));
        assert!(!read.on_trial.contains(Image::NonSecure, Slot::A));
        assert_eq!(read.on_trial.slot(Image::Secure), None);
        assert_eq!(read.failed.slot(Image::Secure), Some(Slot::A));
        let rest = read.failed.without(group);
        assert_eq!(rest.slot(Image::NonSecure), None);
        assert_eq!(rest.slot(Image::Secure), Some(Slot::A));
        let other = Group::default().with(Image::Secure, Slot::B);
        assert_eq!(rest.without(other), rest);
    }

    #[test]
    fn a_used_up_record_says_so() {
        let power = Power::new();
        let mut record = Together(ModelCounter::new(u32::MAX - 15, u32::MAX, &power));
        assert_eq!(
            Phase::Trial(1).write(&mut record),
            Err(CounterError::Exhausted)
        );
    }
}
