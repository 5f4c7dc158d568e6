//! What a trailer means, by the way the device updates.
//!
//! The only strategy so far is RAM-load with revert: both slots can boot, the newest acceptable one is
//! copied to RAM, nothing moves on flash. Strategies that swap slots, execute in place or overwrite bring
//! their own [`Strategy`]: they do their moving in [`prepare`](Strategy::prepare) and then say which
//! slots take part.

use crate::flash_map::{FlashMap, Image, Slot};
use ironroot_image::shared_data;
use ironroot_image::trailer::{FlagState, MagicState, Trailer};
use ironroot_platform::{Flash, FlashError};

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

    /// Brings `image`'s slots into the state they boot from; with RAM-load there is nothing to do.
    ///
    /// # Errors
    /// The flash's.
    fn prepare<F: Flash>(
        &self,
        flash: &mut F,
        map: &FlashMap,
        image: Image,
    ) -> Result<(), FlashError> {
        let _ = (flash, map, image);
        Ok(())
    }

    /// What the trailer of `slot` means.
    fn standing(&self, slot: Slot, trailer: &Trailer) -> Standing;
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
