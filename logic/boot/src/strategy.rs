//! What a trailer means, by the way the device updates: strategies that move nothing at boot.
//!
//! | strategy | runs from | of the slots | way back |
//! |---|---|---|---|
//! | [`RamLoad`] | memory | the newest acceptable | trial, confirmation |
//! | [`DirectXip`] | the slot | the newest acceptable | none |
//! | [`DirectXipRevert`] | the slot | the newest acceptable | trial, confirmation |
//! | [`SingleSlot`], [`SingleSlotRamLoad`] | the slot, memory | the first | none |
//! | [`FirmwareLoader`] | the slot | the first, or the loader in the second | none |
//!
//! Those that move sectors are [`Method`](crate::install::method::Method)s, for
//! [`boot_in_place`](crate::boot_in_place()).

use crate::flash_map::Slot;
use ironroot_image::shared_data;
use ironroot_image::trailer::{FlagState, MagicState, Trailer};

/// What a slot's trailer means for this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Confirmed, or installed for good: boots, and raises the security counter.
    Confirmed,
    /// To be tried: boots once, after the trial is marked.
    Pending,
    /// Was tried and not confirmed: boots only if neither of the above can.
    TrialFailed,
    /// Nobody asked for it: boots only if nothing else can.
    Unmarked,
}

impl Standing {
    /// In words, for a console.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Pending => "on trial next",
            Self::TrialFailed => "trial failed",
            Self::Unmarked => "not marked",
        }
    }
}

/// How a device updates.
pub trait Strategy {
    /// The mode as the shared data area names it.
    const MODE: u8;

    /// What the trailer of `slot` means.
    fn standing(&self, slot: Slot, trailer: &Trailer) -> Standing;

    /// How much `slot` is preferred, before any trailer or version is looked at; nothing if it takes no part.
    fn preference(&self, slot: Slot) -> Option<u8> {
        let _ = slot;
        Some(0)
    }

    /// Whether a confirmed image in `slot` raises the security counter.
    fn raises_counter(&self, slot: Slot) -> bool {
        let _ = slot;
        true
    }
}

/// RAM-load with trial, confirmation and revert (MCUboot: `MCUBOOT_RAM_LOAD` with
/// `MCUBOOT_DIRECT_XIP_REVERT`'s rules; facts in the design document, "Direct-XIP" and "RAM-load").
///
/// Unlike MCUboot nothing is erased at boot: a slot that is out stays as evidence until the next update
/// is written there, and is a last resort.
#[derive(Debug, Clone, Copy, Default)]
pub struct RamLoad;

impl Strategy for RamLoad {
    const MODE: u8 = shared_data::MODE_RAM_LOAD;

    fn standing(&self, _slot: Slot, trailer: &Trailer) -> Standing {
        by_trial(trailer)
    }
}

/// Direct-XIP with trial, confirmation and revert (MCUboot: `MCUBOOT_DIRECT_XIP_REVERT`). As with [`RamLoad`],
/// nothing is erased at boot.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectXipRevert;

impl Strategy for DirectXipRevert {
    const MODE: u8 = shared_data::MODE_DIRECT_XIP_REVERT;

    fn standing(&self, _slot: Slot, trailer: &Trailer) -> Standing {
        by_trial(trailer)
    }
}

/// Direct-XIP without a way back (MCUboot: `MCUBOOT_DIRECT_XIP`): the newest image that verifies, whatever its
/// trailer says. An image that is written is meant for good.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectXip;

impl Strategy for DirectXip {
    const MODE: u8 = shared_data::MODE_DIRECT_XIP;

    fn standing(&self, _slot: Slot, _trailer: &Trailer) -> Standing {
        Standing::Confirmed
    }
}

/// One slot, updated by a recovery mode or not at all (MCUboot: `MCUBOOT_SINGLE_APPLICATION_SLOT`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SingleSlot;

impl Strategy for SingleSlot {
    const MODE: u8 = shared_data::MODE_SINGLE_SLOT;

    fn standing(&self, _slot: Slot, _trailer: &Trailer) -> Standing {
        Standing::Confirmed
    }

    fn preference(&self, slot: Slot) -> Option<u8> {
        (slot == Slot::A).then_some(0)
    }
}

/// One slot whose image is copied to memory (MCUboot: `MCUBOOT_SINGLE_APPLICATION_SLOT_RAM_LOAD`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SingleSlotRamLoad;

impl Strategy for SingleSlotRamLoad {
    const MODE: u8 = shared_data::MODE_SINGLE_SLOT_RAM_LOAD;

    fn standing(&self, slot: Slot, trailer: &Trailer) -> Standing {
        SingleSlot.standing(slot, trailer)
    }

    fn preference(&self, slot: Slot) -> Option<u8> {
        SingleSlot.preference(slot)
    }
}

/// The application in the first slot and a program that loads applications in the second (MCUboot:
/// `MCUBOOT_FIRMWARE_LOADER`). The loader runs when it is asked for, and when there is no acceptable application.
#[derive(Debug, Clone, Copy, Default)]
pub struct FirmwareLoader {
    /// A pin, a boot mode or a reset cause asks for the loader.
    pub enter: bool,
}

impl Strategy for FirmwareLoader {
    const MODE: u8 = shared_data::MODE_FIRMWARE_LOADER;

    fn standing(&self, _slot: Slot, _trailer: &Trailer) -> Standing {
        Standing::Confirmed
    }

    fn preference(&self, slot: Slot) -> Option<u8> {
        match (slot, self.enter) {
            (Slot::A, _) => Some(1),
            (Slot::B, false) => Some(0),
            (Slot::B, true) => Some(2),
        }
    }

    /// A loader is newer or older than the application for reasons of its own.
    fn raises_counter(&self, slot: Slot) -> bool {
        slot == Slot::A
    }
}

/// Trial, confirmation and revert among two slots that can both boot.
fn by_trial(trailer: &Trailer) -> Standing {
    match (trailer.magic, trailer.image_ok, trailer.copy_done) {
        // Both flags are written only after the magic was read as good: it has lost bits since, as a
        // magic does whose writing was cut off late. A confirmed image must not be lost with it.
        (MagicState::Bad, FlagState::Set, FlagState::Set) => Standing::Confirmed,
        (MagicState::Unset | MagicState::Bad, _, _) => Standing::Unmarked,
        (MagicState::Good, FlagState::Set, _) => Standing::Confirmed,
        // Torn while confirming: not confirmed. If its trial has not begun, it may still be tried.
        (MagicState::Good, _, FlagState::Unset) => Standing::Pending,
        // Torn while its trial was marked: nobody knows whether it ran, so it did.
        (MagicState::Good, _, FlagState::Set | FlagState::Bad) => Standing::TrialFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_marked_slot_takes_part_and_only_image_ok_confirms() {
        use FlagState::{Bad, Set, Unset};
        for magic in [MagicState::Good, MagicState::Unset, MagicState::Bad] {
            for image_ok in [Set, Unset, Bad] {
                for copy_done in [Set, Unset, Bad] {
                    let trailer = Trailer {
                        magic,
                        image_ok,
                        copy_done,
                        swap_info: 0xff,
                    };
                    let standing = RamLoad.standing(Slot::A, &trailer);
                    let good = magic == MagicState::Good;
                    let faded = magic == MagicState::Bad && (image_ok, copy_done) == (Set, Set);
                    assert_eq!(standing != Standing::Unmarked, good || faded);
                    assert_eq!(
                        standing == Standing::Confirmed,
                        good && image_ok == Set || faded
                    );
                    let pending = good && image_ok != Set && copy_done == Unset;
                    assert_eq!(standing == Standing::Pending, pending);
                }
            }
        }
    }
}
