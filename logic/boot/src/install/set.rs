//! The record that makes several images one: they are installed, confirmed and taken back together.
//!
//! MCUboot swaps one image after the other and judges each by its own trailer. A cut between two swaps then
//! takes the first image back without it ever having run, a cut between two confirmations takes the second one
//! back, and a revert of one does not drag the other along. With this record the set has one commit point each way:
//!
//! ```text
//!       stage()        all of them asked for          accept()            marks written: forget()
//! Idle ───────→ Staged ────→ Installing ──→ Trial ───────────→ Accepted ───────────────→ Idle
//!                                             │ all image_ok set ──────────────────────────┤
//!                                             │ any missing at the next boot               │
//!                                             └─→ requests to go back ─→ Reverting ────────┘
//! ```
//!
//! While `Staged` stands, nothing of the set starts before the request of each of its images is there. While
//! `Installing` or `Reverting` stands, an image of the set with neither a request nor a journal is done. While
//! `Accepted` stands, the images count as confirmed whatever their trailers read. Each image's own trailer stays
//! MCUboot's, and a set that nobody staged is what the trailers ask for when the bootloader looks.
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

/// How far a set is. Numbers are part of the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    /// Nothing is under way.
    #[default]
    Idle = 0,
    /// Asked for, or about to be: all or none.
    Staged = 1,
    /// Sectors move.
    Installing = 2,
    /// It runs, and counts as confirmed only when all of it is.
    Trial = 3,
    /// It is confirmed, whatever trailers read.
    Accepted = 4,
    /// Sectors move back.
    Reverting = 5,
}

impl Stage {
    const fn from_number(number: u16) -> Self {
        match number {
            1 => Self::Staged,
            2 => Self::Installing,
            3 => Self::Trial,
            4 => Self::Accepted,
            5 => Self::Reverting,
            _ => Self::Idle,
        }
    }
}

/// Where a set stands whose images run from one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing is under way.
    Idle,
    /// The images of this mask are asked for, or about to be.
    Staged(Mask),
    /// They are being installed.
    Installing(Mask),
    /// They are installed, and count as confirmed only when all of them are.
    Trial(Mask),
    /// They are confirmed, whatever their trailers read.
    Accepted(Mask),
    /// They are being taken back.
    Reverting(Mask),
}

impl Phase {
    const fn new(stage: Stage, mask: Mask) -> Self {
        match stage {
            Stage::Idle => Self::Idle,
            Stage::Staged => Self::Staged(mask),
            Stage::Installing => Self::Installing(mask),
            Stage::Trial => Self::Trial(mask),
            Stage::Accepted => Self::Accepted(mask),
            Stage::Reverting => Self::Reverting(mask),
        }
    }

    /// The images it is about.
    pub(crate) const fn mask(self) -> Mask {
        match self {
            Self::Idle => 0,
            Self::Staged(mask)
            | Self::Installing(mask)
            | Self::Trial(mask)
            | Self::Accepted(mask)
            | Self::Reverting(mask) => mask,
        }
    }

    pub(crate) fn write(self, record: &mut impl SetRecord) -> Result<(), CounterError> {
        let stage = match self {
            Self::Idle => Stage::Idle,
            Self::Staged(_) => Stage::Staged,
            Self::Installing(_) => Stage::Installing,
            Self::Trial(_) => Stage::Trial,
            Self::Accepted(_) => Stage::Accepted,
            Self::Reverting(_) => Stage::Reverting,
        };
        let group = Group {
            mask: self.mask(),
            slots: 0,
        };
        let trials = Trials {
            stage,
            group,
            failed: Group::default(),
        };
        record.set_bits(trials.bits())
    }

    /// The present phase.
    pub(crate) fn of(record: &impl SetRecord) -> Result<Self, CounterError> {
        let Trials { stage, group, .. } = Trials::from_bits(record.bits()?);
        Ok(Self::new(stage, group.mask))
    }
}

/// Images and the slot of each: where no sector moves, a trial is one of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Group {
    mask: Mask,
    slots: Mask,
}

impl Group {
    /// With `image` in `slot`.
    #[must_use]
    pub const fn with(self, image: Image, slot: Slot) -> Self {
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

    /// Together with `other`, whose slots count where both name an image.
    pub(crate) const fn and(self, other: Self) -> Self {
        let own = self.mask & !other.mask;
        Self {
            mask: own | other.mask,
            slots: self.slots & own | other.slots & other.mask,
        }
    }

    /// Whether `image` belongs to it with `slot`.
    #[must_use]
    pub fn contains(self, image: Image, slot: Slot) -> bool {
        self.slot(image) == Some(slot)
    }

    /// The slot of an image that belongs to it.
    #[must_use]
    pub const fn slot(self, image: Image) -> Option<Slot> {
        match self.mask >> image.number() & 1 {
            0 => None,
            _ => Slot::from_number(self.slots >> image.number() & 1),
        }
    }

    /// Whether no image belongs to it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.mask == 0
    }

    /// Each image that belongs to it, with its slot.
    pub(crate) fn members(self) -> impl Iterator<Item = (Image, Slot)> {
        Image::ALL
            .into_iter()
            .filter_map(move |image| Some((image, self.slot(image)?)))
    }
}

/// All that the record says: which slots are a set and how far it is, and which failed together, confirmed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Trials {
    pub(crate) stage: Stage,
    pub(crate) group: Group,
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

    /// Whether the image in a slot is accepted and its mark still to come.
    pub(crate) fn accepted(self, image: Image, slot: Slot) -> bool {
        self.stage == Stage::Accepted && self.group.contains(image, slot)
    }

    pub(crate) fn bits(self) -> u16 {
        let Self {
            stage,
            group,
            failed,
        } = self;
        let slots = failed.mask << 6 | failed.slots << 4 | group.mask << 2 | group.slots;
        (stage as u16) << 8 | u16::from(slots)
    }

    pub(crate) fn from_bits(bits: u16) -> Self {
        let [slots, stage] = bits.to_le_bytes();
        let group = |bits: u8| Group {
            mask: bits >> 2 & 3,
            slots: bits & 3,
        };
        Self {
            stage: Stage::from_number(u16::from(stage)),
            group: group(slots),
            failed: group(slots >> 4),
        }
    }
}

/// Where a set's bits are kept.
pub trait SetRecord {
    /// Whether images go together.
    fn together(&self) -> bool;

    /// The present bits; 0 in a new device.
    ///
    /// # Errors
    /// The storage's.
    fn bits(&self) -> Result<u16, CounterError>;

    /// Changes them, all or none.
    ///
    /// # Errors
    /// The storage's.
    fn set_bits(&mut self, bits: u16) -> Result<(), CounterError>;
}

/// Every image for itself, as with MCUboot.
#[derive(Debug, Clone, Copy, Default)]
pub struct EachForItself;

impl SetRecord for EachForItself {
    fn together(&self) -> bool {
        false
    }

    fn bits(&self) -> Result<u16, CounterError> {
        Ok(0)
    }

    fn set_bits(&mut self, _bits: u16) -> Result<(), CounterError> {
        Ok(())
    }
}

/// How many low bits of the number are a set's; the others count its changes.
const BITS: u32 = 11;
const MASK: u32 = (1 << BITS) - 1;

/// All images together, with the bits in a counter of its own: its other 21 count the changes, of which an
/// update makes four.
#[derive(Debug)]
pub struct Together<C>(pub C);

impl<C: HardwareCounter> SetRecord for Together<C> {
    fn together(&self) -> bool {
        true
    }

    fn bits(&self) -> Result<u16, CounterError> {
        let [low, high, ..] = (self.0.read()? & MASK).to_le_bytes();
        Ok(u16::from_le_bytes([low, high]))
    }

    fn set_bits(&mut self, bits: u16) -> Result<(), CounterError> {
        let present = self.0.read()?;
        if present & MASK == u32::from(bits) {
            return Ok(());
        }
        let next = (present | MASK).checked_add(1);
        let next = next.ok_or(CounterError::Exhausted)?;
        self.0.advance_to(next | u32::from(bits) & MASK)
    }
}

/// With a counter, images together; without one, each for itself. For devices that are told when they start.
impl<C: HardwareCounter> SetRecord for Option<Together<C>> {
    fn together(&self) -> bool {
        self.is_some()
    }

    fn bits(&self) -> Result<u16, CounterError> {
        self.as_ref().map_or(Ok(0), SetRecord::bits)
    }

    fn set_bits(&mut self, bits: u16) -> Result<(), CounterError> {
        self.as_mut().map_or(Ok(()), |record| record.set_bits(bits))
    }
}

/// From now on the images of `group` start together or not at all: to be recorded before the first of them is
/// marked.
///
/// # Errors
/// The storage's; nothing has changed then.
pub fn stage(record: &mut impl SetRecord, group: Group) -> Result<(), CounterError> {
    change(record, Stage::Staged, group)
}

/// Confirms the images of `group`, all in this one step: their trailers are marked afterwards, and when all of
/// them are, [`forget`] ends it.
///
/// # Errors
/// The storage's; nothing has changed then.
pub fn accept(record: &mut impl SetRecord, group: Group) -> Result<(), CounterError> {
    change(record, Stage::Accepted, group)
}

/// Nothing is staged any more, or the trailers say what was accepted. Any other stage stays.
///
/// # Errors
/// The storage's; nothing has changed then.
pub fn forget(record: &mut impl SetRecord) -> Result<(), CounterError> {
    match Trials::from_bits(record.bits()?).stage {
        Stage::Staged | Stage::Accepted => change(record, Stage::Idle, Group::default()),
        _ => Ok(()),
    }
}

/// What is accepted and has not been [forgotten](forget): the marks of these images are to be written.
///
/// # Errors
/// The storage's.
pub fn accepted(record: &impl SetRecord) -> Result<Group, CounterError> {
    let Trials { stage, group, .. } = Trials::from_bits(record.bits()?);
    Ok(match stage {
        Stage::Accepted => group,
        _ => Group::default(),
    })
}

/// What failed as a set, where both slots can boot: its images stay out, confirmed or not.
///
/// # Errors
/// The storage's.
pub fn failed(record: &impl SetRecord) -> Result<Group, CounterError> {
    Ok(Trials::from_bits(record.bits()?).failed)
}

fn change(record: &mut impl SetRecord, stage: Stage, group: Group) -> Result<(), CounterError> {
    let before = Trials::from_bits(record.bits()?);
    // What is accepted has failed no more.
    let failed = match stage {
        Stage::Accepted => before.failed.without(group),
        _ => before.failed,
    };
    let after = Trials {
        stage,
        group,
        failed,
    };
    record.set_bits(after.bits())
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
            Phase::Staged(3),
            Phase::Accepted(2),
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
        for bits in 0..6 << 8 {
            assert_eq!(Trials::from_bits(bits).bits(), bits);
        }
        let group = Group::default().with(Image::NonSecure, Slot::B);
        let trials = Trials {
            stage: Stage::Trial,
            group,
            failed: group.with(Image::Secure, Slot::A),
        };
        let read = Trials::from_bits(trials.bits());
        assert_eq!(read, trials);
        assert!(read.group.contains(Image::NonSecure, Slot::B));
        assert!(!read.group.contains(Image::NonSecure, Slot::A));
        assert_eq!(read.group.slot(Image::Secure), None);
        assert_eq!(read.failed.slot(Image::Secure), Some(Slot::A));
        let rest = read.failed.without(group);
        assert_eq!(rest.slot(Image::NonSecure), None);
        assert_eq!(rest.slot(Image::Secure), Some(Slot::A));
        let other = Group::default().with(Image::Secure, Slot::B);
        assert_eq!(rest.without(other), rest);
        assert_eq!(rest.and(other), other, "its slots count");
        assert_eq!(rest.and(group).members().count(), 2);
    }

    #[test]
    fn staging_accepting_and_forgetting_keep_what_failed() {
        let power = Power::new();
        let mut record = Some(Together(ModelCounter::new(0, u32::MAX, &power)));
        let group = Group::default().with(Image::Secure, Slot::B);
        let failed = Group::default().with(Image::NonSecure, Slot::B);
        let mut says = Trials {
            stage: Stage::Idle,
            group: Group::default(),
            failed: failed.and(group),
        };
        says.write(&mut record).unwrap();
        stage(&mut record, group).unwrap();
        assert_eq!(accepted(&record), Ok(Group::default()), "staged only");
        (says.stage, says.group) = (Stage::Staged, group);
        assert_eq!(Trials::of(&record).unwrap(), says);
        accept(&mut record, group).unwrap();
        assert_eq!(accepted(&record), Ok(group));
        forget(&mut record).unwrap();
        let rest = Trials::of(&record).unwrap();
        assert_eq!(rest.stage, Stage::Idle);
        assert_eq!(rest.failed.without(failed).mask, 0);
        assert!(rest.failed.contains(Image::NonSecure, Slot::B));
        assert_eq!(super::failed(&record), Ok(rest.failed));
        // A trial is the bootloader's.
        let trial = Trials {
            stage: Stage::Trial,
            group,
            failed,
        };
        trial.write(&mut record).unwrap();
        forget(&mut record).unwrap();
        assert_eq!(Trials::of(&record).unwrap(), trial);
    }

    #[test]
    fn without_a_counter_nothing_is_recorded() {
        let mut record: Option<Together<ModelCounter>> = None;
        stage(&mut record, Group::default().with(Image::Secure, Slot::B)).unwrap();
        assert_eq!(record.bits(), Ok(0));
        assert!(!record.together());
    }

    #[test]
    fn a_used_up_record_says_so() {
        let power = Power::new();
        let mut record = Together(ModelCounter::new(u32::MAX - 1500, u32::MAX, &power));
        assert_eq!(
            Phase::Trial(1).write(&mut record),
            Err(CounterError::Exhausted)
        );
    }
}
