//! Where everything lies on flash: one value per device, all offsets from the start of its flash.
//!
//! The numbers are those of `ARCHITECTURE.md`, "Flash map". A layout is checked when the program is
//! compiled: areas are whole sectors, do not overlap and end inside the flash.

use core::fmt;
use ironroot_platform::{Flash, FlashError, FlashRegion, Geometry};

/// How many images a device boots together.
pub const IMAGES: usize = 2;

/// One of the images that boot together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// Image 0: PSA Root of Trust and partitions.
    Secure,
    /// Image 1: the application.
    NonSecure,
}

impl Image {
    /// Both images, in boot order.
    pub const ALL: [Self; IMAGES] = [Self::Secure, Self::NonSecure];

    /// MCUboot's image number, also the key of the image's counter and root key.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Secure => 0,
            Self::NonSecure => 1,
        }
    }

    /// The image with MCUboot's number `number`.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Secure),
            1 => Some(Self::NonSecure),
            _ => None,
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secure => "secure",
            Self::NonSecure => "non-secure",
        })
    }
}

/// One of the two places an image can be stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// MCUboot's primary slot.
    A,
    /// MCUboot's secondary slot.
    B,
}

impl Slot {
    /// Both slots; on equal versions the first one boots.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// 0 or 1, as in MCUboot's "running slot".
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// The slot with number `number`.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::A),
            1 => Some(Self::B),
            _ => None,
        }
    }

    /// The one that is not this.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "a",
            Self::B => "b",
        })
    }
}

/// One value for each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerImage<T> {
    /// For [`Image::Secure`].
    pub secure: T,
    /// For [`Image::NonSecure`].
    pub non_secure: T,
}

impl<T> PerImage<T> {
    /// The value for `image`.
    pub const fn get(&self, image: Image) -> &T {
        match image {
            Image::Secure => &self.secure,
            Image::NonSecure => &self.non_secure,
        }
    }

    /// The value for `image`, to change.
    pub const fn get_mut(&mut self, image: Image) -> &mut T {
        match image {
            Image::Secure => &mut self.secure,
            Image::NonSecure => &mut self.non_secure,
        }
    }
}

/// One value for each slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerSlot<T> {
    /// For [`Slot::A`].
    pub a: T,
    /// For [`Slot::B`].
    pub b: T,
}

impl<T> PerSlot<T> {
    /// The value for `slot`.
    pub const fn get(&self, slot: Slot) -> &T {
        match slot {
            Slot::A => &self.a,
            Slot::B => &self.b,
        }
    }

    /// The value for `slot`, to change.
    pub const fn get_mut(&mut self, slot: Slot) -> &mut T {
        match slot {
            Slot::A => &mut self.a,
            Slot::B => &mut self.b,
        }
    }
}

/// A run of bytes on flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// First byte, from the start of the flash.
    pub offset: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Area {
    const fn new(offset: u32, len: u32) -> Self {
        Self { offset, len }
    }

    /// The byte after the last one.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.offset.saturating_add(self.len)
    }

    /// This area of `flash`, as a flash that cannot reach outside of it.
    ///
    /// # Errors
    /// [`FlashError`] when `flash` is smaller than the layout or has other sectors.
    pub fn of<F: Flash>(&self, flash: F) -> Result<FlashRegion<F>, FlashError> {
        FlashRegion::new(flash, self.offset, self.len)
    }
}

/// Where everything lies on one device's flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashMap {
    /// The flash that the offsets count in.
    pub geometry: Geometry,
    /// The image slots.
    pub slots: PerImage<PerSlot<Area>>,
    /// The record store ([logic/vault]).
    pub vault: Area,
    /// What provisioning wrote once ([`crate::otp`]).
    pub otp: Area,
    /// Hardware counters that hold each image's lowest acceptable security counter.
    pub security_counters: PerImage<Area>,
    /// Hardware counter: generation of the vault, against rollback of its flash.
    pub vault_counter: Area,
    /// Hardware counter: number of boots.
    pub boot_counter: Area,
    /// Hardware counter: what a set of images has come to ([`crate::install::set`]).
    pub set_record: Area,
}

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// The AN521: 16 MiB of PSRAM, backed by a host file, taken as NOR flash.
pub const AN521: FlashMap = FlashMap {
    geometry: Geometry {
        sector_size: 4 * KIB,
        sectors: 4096,
        write_unit: 4,
        erased: 0xff,
    },
    slots: PerImage {
        secure: PerSlot {
            a: Area::new(0, 512 * KIB),
            b: Area::new(0x08_0000, 512 * KIB),
        },
        non_secure: PerSlot {
            a: Area::new(0x10_0000, MIB),
            b: Area::new(0x20_0000, MIB),
        },
    },
    vault: Area::new(0x30_0000, 128 * KIB),
    otp: Area::new(0xff_0000, 4 * KIB),
    security_counters: PerImage {
        secure: Area::new(0xff_1000, 8 * KIB),
        non_secure: Area::new(0xff_3000, 8 * KIB),
    },
    vault_counter: Area::new(0xff_5000, 8 * KIB),
    boot_counter: Area::new(0xff_7000, 8 * KIB),
    set_record: Area::new(0xff_9000, 8 * KIB),
};

/// The host device: room for native executables.
pub const HOST: FlashMap = FlashMap {
    geometry: Geometry {
        sector_size: 4 * KIB,
        sectors: 12 * 1024,
        write_unit: 4,
        erased: 0xff,
    },
    slots: PerImage {
        secure: PerSlot {
            a: Area::new(0, 8 * MIB),
            b: Area::new(8 * MIB, 8 * MIB),
        },
        non_secure: PerSlot {
            a: Area::new(16 * MIB, 8 * MIB),
            b: Area::new(24 * MIB, 8 * MIB),
        },
    },
    vault: Area::new(32 * MIB, 128 * KIB),
    otp: Area::new(40 * MIB, 4 * KIB),
    security_counters: PerImage {
        secure: Area::new(40 * MIB + 4 * KIB, 8 * KIB),
        non_secure: Area::new(40 * MIB + 12 * KIB, 8 * KIB),
    },
    vault_counter: Area::new(40 * MIB + 20 * KIB, 8 * KIB),
    boot_counter: Area::new(40 * MIB + 28 * KIB, 8 * KIB),
    set_record: Area::new(40 * MIB + 36 * KIB, 8 * KIB),
};

impl FlashMap {
    /// The area of one slot.
    #[must_use]
    pub const fn slot(&self, image: Image, slot: Slot) -> Area {
        *self.slots.get(image).get(slot)
    }

    /// The hardware counter that keeps old versions of `image` out.
    #[must_use]
    pub const fn security_counter(&self, image: Image) -> Area {
        *self.security_counters.get(image)
    }

    const fn areas(&self) -> [Area; 11] {
        [
            self.slots.secure.a,
            self.slots.secure.b,
            self.slots.non_secure.a,
            self.slots.non_secure.b,
            self.vault,
            self.otp,
            self.security_counters.secure,
            self.security_counters.non_secure,
            self.vault_counter,
            self.boot_counter,
            self.set_record,
        ]
    }

    /// Whether the areas are in ascending order, whole sectors, apart from each other and inside.
    const fn is_sound(&self) -> bool {
        let mut rest: &[Area] = &self.areas();
        let mut free_from = 0;
        while let [area, tail @ ..] = rest {
            let sector_mask = self.geometry.sector_size.wrapping_sub(1);
            let whole = area.offset & sector_mask == 0 && area.len & sector_mask == 0;
            if !whole || area.offset < free_from || area.len == 0 {
                return false;
            }
            free_from = area.end();
            rest = tail;
        }
        free_from <= self.geometry.size()
    }
}

const _: () = assert!(AN521.is_sound() && HOST.is_sound());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_with_overlapping_areas_is_not_sound() {
        let mut map = AN521;
        map.slots.secure.b.offset -= 0x1000;
        assert!(!map.is_sound());
    }

    #[test]
    fn a_map_that_does_not_fit_its_flash_is_not_sound() {
        let mut map = AN521;
        map.geometry.sectors /= 2;
        assert!(!map.is_sound());
    }

    #[test]
    fn a_map_with_a_part_of_a_sector_is_not_sound() {
        let mut map = HOST;
        map.otp.len -= 4;
        assert!(!map.is_sound());
    }
}
