//! What the slots hold, before anything is believed, and why one of them is not used.

use crate::flash_map::{Image, Slot};
use crate::strategy::Standing;
use crate::trailer_ops::{self, FlashSource};
use core::fmt;
use ironroot_image::trailer::{SwapType, Trailer};
use ironroot_image::{Header, Refusal, Version, peek};
use ironroot_platform::Flash;

/// One slot at a glance. **Nothing here is verified**: good for choosing an order and for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotState {
    /// The trailer; nothing if it cannot be read.
    pub trailer: Option<Trailer>,
    /// The header, or why there is none.
    pub header: Result<Header, Refusal>,
}

impl SlotState {
    /// Looks at `slot`, a flash as large as the slot.
    pub fn read<F: Flash>(slot: &F) -> Self {
        Self {
            trailer: trailer_ops::state(slot).ok(),
            header: peek(&FlashSource(slot)),
        }
    }

    /// The version that the header claims.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.header.ok().map(|header| header.version)
    }
}

/// Why a slot is not booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The image itself is refused.
    Image(Refusal),
    /// Nobody asked for it: the trailer has no magic, as while an update is being written.
    NotMarked,
    /// Its trial boot was not confirmed.
    TrialFailed,
    /// The other image is not there in the version this one needs.
    DependencyUnmet,
    /// The bootloader does not have the root key's signature scheme.
    SchemeNotSupported,
    /// The hardware counter cannot count as far as the image's security counter.
    CounterOutOfReach,
    /// The mark that its trial begins could not be written.
    MarkFailed,
    /// It is older than the image that runs, and the device's rules do not take it.
    Downgrade,
    /// Another image of its set is refused, and they go together.
    SetIncomplete,
}

/// Numbers of the boot's own reasons; below are those of [`Refusal`].
const OWN_REASONS: [(u8, Reason, &str); 8] = [
    (0x80, Reason::NotMarked, "nobody asked for it to be booted"),
    (
        0x81,
        Reason::TrialFailed,
        "its trial boot was not confirmed",
    ),
    (
        0x82,
        Reason::DependencyUnmet,
        "the other image is not there in the version it needs",
    ),
    (
        0x83,
        Reason::SchemeNotSupported,
        "this bootloader cannot check the root key's signatures",
    ),
    (
        0x84,
        Reason::CounterOutOfReach,
        "its security counter is beyond the hardware counter",
    ),
    (
        0x85,
        Reason::MarkFailed,
        "the beginning of its trial could not be marked",
    ),
    (
        0x86,
        Reason::Downgrade,
        "it is older than the image that runs",
    ),
    (
        0x87,
        Reason::SetIncomplete,
        "an image that belongs with it is refused",
    ),
];

impl Reason {
    /// The number that a fault record carries; it never changes its meaning.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Image(refusal) => refusal as u8,
            own => OWN_REASONS
                .iter()
                .find(|entry| entry.1 == own)
                .map_or(0, |entry| entry.0),
        }
    }

    /// The reason with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        let own = OWN_REASONS
            .iter()
            .find(|entry| entry.0 == number)
            .map(|entry| entry.1);
        own.or_else(|| Refusal::from_number(number).map(Self::Image))
    }

    /// The reason in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Image(refusal) => refusal.describe(),
            own => OWN_REASONS
                .iter()
                .find(|entry| entry.1 == own)
                .map_or("", |entry| entry.2),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A slot that is not booted, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Which image.
    pub image: Image,
    /// Which of its slots.
    pub slot: Slot,
    /// Why.
    pub reason: Reason,
}

impl Refused {
    /// As the detail of a fault record: image number, slot number and reason number, from the low byte up.
    #[must_use]
    pub fn detail(&self) -> u32 {
        u32::from_le_bytes([
            self.image.number(),
            self.slot.number(),
            self.reason.number(),
            0,
        ])
    }

    /// The refusal that a fault record's detail tells of.
    #[must_use]
    pub fn from_detail(detail: u32) -> Option<Self> {
        let [image, slot, reason, 0] = detail.to_le_bytes() else {
            return None;
        };
        Some(Self {
            image: Image::from_number(image)?,
            slot: Slot::from_number(slot)?,
            reason: Reason::from_number(reason)?,
        })
    }
}

/// What happens during a boot, for the console and the fault record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// What a slot claims to hold.
    Found {
        /// Which image.
        image: Image,
        /// Which of its slots.
        slot: Slot,
        /// What it claims.
        state: SlotState,
        /// What its trailer means.
        standing: Standing,
    },
    /// A slot is not used.
    Refused(Refused),
    /// An image was copied, and the copy verified.
    Verified {
        /// Which image.
        image: Image,
        /// From which slot.
        slot: Slot,
        /// Its version.
        version: Version,
    },
    /// An image is started whose trial failed or that nobody asked for, because no other slot is left.
    LastResort {
        /// Which image.
        image: Image,
        /// From which slot.
        slot: Slot,
    },
    /// A trial begins: it is marked, and if the image is not confirmed the next boot goes back.
    TrialBegins {
        /// Which image.
        image: Image,
        /// From which slot.
        slot: Slot,
    },
    /// Sectors are about to move for this image, or go on moving after a reset.
    Update {
        /// Which image.
        image: Image,
        /// What for.
        kind: SwapType,
        /// It was interrupted.
        resumed: bool,
    },
    /// A confirmed image raised the hardware counter: older images are out from now on.
    CounterRaised {
        /// Which image's counter.
        image: Image,
        /// Its new value.
        value: u32,
    },
}

/// One line for the console, without its end.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found {
                image,
                slot,
                state,
                standing,
            } => match state.version() {
                Some(version) => {
                    let standing = standing.words();
                    write!(f, "{image} slot {slot}: {version}, {standing}")
                }
                None => write!(f, "{image} slot {slot}: no image"),
            },
            Self::Refused(Refused {
                image,
                slot,
                reason,
            }) => write!(f, "{image} slot {slot} refused: {reason}"),
            Self::Verified {
                image,
                slot,
                version,
            } => write!(f, "{image} slot {slot}: {version} verified"),
            Self::LastResort { image, slot } => {
                write!(f, "{image} slot {slot} is the last resort")
            }
            Self::TrialBegins { image, slot } => write!(f, "{image} slot {slot}: trial begins"),
            Self::Update {
                image,
                kind,
                resumed,
            } => {
                let kind = update_words(*kind);
                let resumed = if *resumed { " goes on" } else { "" };
                write!(f, "{image}: {kind}{resumed}")
            }
            Self::CounterRaised { image, value } => write!(f, "{image} counter raised to {value}"),
        }
    }
}

/// What an update is for, in words.
#[must_use]
pub const fn update_words(kind: SwapType) -> &'static str {
    match kind {
        SwapType::None => "nothing to install",
        SwapType::Test => "installing for a trial",
        SwapType::Permanent => "installing for good",
        SwapType::Revert => "going back",
    }
}

/// Who is told what happens.
pub trait Report {
    /// Called for each event, in order.
    fn report(&mut self, event: &Event);
}

impl<F: FnMut(&Event)> Report for F {
    fn report(&mut self, event: &Event) {
        self(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_survives_the_fault_record() {
        for number in 0..=255 {
            let Some(reason) = Reason::from_number(number) else {
                continue;
            };
            assert_eq!(reason.number(), number);
            assert!(!reason.words().is_empty());
            for image in Image::ALL {
                for slot in Slot::ALL {
                    let refused = Refused {
                        image,
                        slot,
                        reason,
                    };
                    assert_eq!(Refused::from_detail(refused.detail()), Some(refused));
                }
            }
        }
    }

    #[test]
    fn a_detail_with_an_impossible_part_is_no_refusal() {
        for detail in [
            0x0080_0002,
            0x0080_0200,
            0x0000_0000,
            0x00ff_0000,
            0x0180_0000,
        ] {
            assert_eq!(Refused::from_detail(detail), None, "{detail:#x}");
        }
    }
}
