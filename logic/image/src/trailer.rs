//! The slot trailer: how application and bootloader talk about trial, confirmation and revert.
//!
//! From the end of the slot backwards, `A` being the alignment both sides agreed on (8, 16 or 32):
//!
//! ```text
//! … swap status | swap size | swap info | copy done | image ok | magic |  end of slot
//!                    A           A           A           A    align_up(16, A)
//! ```
//!
//! Every item is written once, as one aligned unit; the magic comes last and makes the rest count.
//! **Nothing here is authenticated**: whoever can write the slot can ask for a trial, confirm or
//! revert, but can never make an image valid that is not. MCUboot design document, "Image Trailer".

use crate::{ImageSource, Refusal};

/// Length of the magic in bytes.
pub const MAGIC_LEN: usize = 16;

/// A flag that is set reads this; an erased one reads the flash's erased value; all else is bad.
pub const FLAG_SET: u8 = 0x01;

/// The largest alignment, so the largest unit that is written at once.
pub const MAX_ALIGNMENT: usize = 32;

/// Alignment of the trailer's items (MCUboot's `BOOT_MAX_ALIGN`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alignment {
    /// 8 bytes, also for flash with smaller write units.
    Eight,
    /// 16 bytes.
    Sixteen,
    /// 32 bytes.
    ThirtyTwo,
}

impl Alignment {
    /// The alignment in bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Eight => 8,
            Self::Sixteen => 16,
            Self::ThirtyTwo => 32,
        }
    }

    /// The smallest alignment for flash with this write unit, if there is one.
    #[must_use]
    pub const fn for_write_unit(bytes: u32) -> Option<Self> {
        match bytes {
            1 | 2 | 4 | 8 => Some(Self::Eight),
            16 => Some(Self::Sixteen),
            32 => Some(Self::ThirtyTwo),
            _ => None,
        }
    }

    /// The magic for this alignment: other alignments than 8 name themselves in it.
    #[must_use]
    pub const fn magic(self) -> &'static [u8; MAGIC_LEN] {
        const fn naming(alignment: u8) -> [u8; MAGIC_LEN] {
            [
                alignment, 0, 0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11,
                0x0f, 0x1f, 0x8a,
            ]
        }
        match self {
            Self::Eight => &[
                0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6,
                0x79, 0x80,
            ],
            Self::Sixteen => const { &naming(16) },
            Self::ThirtyTwo => const { &naming(32) },
        }
    }
}

/// What the magic says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MagicState {
    /// The trailer counts.
    Good,
    /// All erased: no trailer.
    Unset,
    /// Neither: a torn write, another alignment, or garbage. The trailer does not count.
    Bad,
}

/// What a flag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagState {
    /// Set.
    Set,
    /// Erased.
    Unset,
    /// Neither: counts as neither.
    Bad,
}

impl FlagState {
    fn of(byte: u8, erased: u8) -> Self {
        if byte == FLAG_SET {
            Self::Set
        } else if byte == erased {
            Self::Unset
        } else {
            Self::Bad
        }
    }
}

/// Kind of swap, as written into the swap info.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SwapType {
    /// None.
    None = 1,
    /// For one trial boot.
    Test = 2,
    /// For good.
    Permanent = 3,
    /// Back to the other image.
    Revert = 4,
}

impl SwapType {
    /// The swap info byte: type in the low nibble, image number in the high one.
    #[must_use]
    pub const fn info(self, image: u8) -> u8 {
        (self as u8) | (image << 4)
    }

    /// Type and image number of a swap info byte.
    #[must_use]
    pub const fn from_info(info: u8) -> Option<(Self, u8)> {
        let kind = match info & 0xf {
            1 => Self::None,
            2 => Self::Test,
            3 => Self::Permanent,
            4 => Self::Revert,
            _ => return None,
        };
        Some((kind, info >> 4))
    }
}

/// Where the trailer's items lie in a slot. Offsets are from the start of the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    slot_size: u32,
    alignment: Alignment,
}

impl Layout {
    /// The trailer of a slot of `slot_size` bytes, a multiple of the alignment that has room for it.
    #[must_use]
    pub const fn new(slot_size: u32, alignment: Alignment) -> Option<Self> {
        let layout = Self {
            slot_size,
            alignment,
        };
        let align = alignment.bytes();
        if slot_size & (align - 1) != 0 || slot_size < layout.fixed_len() {
            return None;
        }
        Some(layout)
    }

    const fn magic_unit_len(&self) -> u32 {
        match self.alignment {
            Alignment::Eight | Alignment::Sixteen => 16,
            Alignment::ThirtyTwo => 32,
        }
    }

    /// Length of all items but the swap status (and keys): swap size, swap info, flags, magic.
    #[must_use]
    pub const fn fixed_len(&self) -> u32 {
        self.magic_unit_len() + 4 * self.alignment.bytes()
    }

    /// The alignment.
    #[must_use]
    pub const fn alignment(&self) -> Alignment {
        self.alignment
    }

    /// Size of the slot in bytes.
    #[must_use]
    pub const fn slot_size(&self) -> u32 {
        self.slot_size
    }

    // `new` made sure that the slot is at least `fixed_len` long, so none of these saturates.

    /// Offset of the magic's 16 bytes.
    #[must_use]
    pub const fn magic(&self) -> u32 {
        self.slot_size.saturating_sub(MAGIC_LEN as u32)
    }

    /// Offset of the aligned unit that ends in the magic: what has to be written at once.
    #[must_use]
    pub const fn magic_unit(&self) -> u32 {
        self.slot_size.saturating_sub(self.magic_unit_len())
    }

    /// Offset of the unit "image ok": the image confirmed itself.
    #[must_use]
    pub const fn image_ok(&self) -> u32 {
        self.magic_unit().saturating_sub(self.alignment.bytes())
    }

    /// Offset of the unit "copy done": the image is installed, its trial has begun.
    #[must_use]
    pub const fn copy_done(&self) -> u32 {
        self.image_ok().saturating_sub(self.alignment.bytes())
    }

    /// Offset of the unit "swap info". With strategies that do not swap (overwrite, direct-XIP,
    /// RAM-load) the image with its TLVs must end here or before.
    #[must_use]
    pub const fn swap_info(&self) -> u32 {
        self.copy_done().saturating_sub(self.alignment.bytes())
    }

    /// Offset of the unit "swap size".
    #[must_use]
    pub const fn swap_size(&self) -> u32 {
        self.swap_info().saturating_sub(self.alignment.bytes())
    }

    /// The bytes of a unit that holds `value`: padded with the erased value. Take the first
    /// [`Alignment::bytes`] of them.
    #[must_use]
    pub const fn unit(value: u8, erased: u8) -> [u8; MAX_ALIGNMENT] {
        let mut unit = [erased; MAX_ALIGNMENT];
        let [first, ..] = &mut unit;
        *first = value;
        unit
    }
}

/// What a trailer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Whether it counts.
    pub magic: MagicState,
    /// The image confirmed itself, or was written for good.
    pub image_ok: FlagState,
    /// The image is installed; its trial has begun.
    pub copy_done: FlagState,
    /// The swap info byte as it reads.
    pub swap_info: u8,
}

impl Trailer {
    /// Reads the trailer of a slot whose flash reads `erased` where nothing was written.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`]. Callers treat a slot they cannot read as empty, or stop.
    pub fn read(
        slot: &(impl ImageSource + ?Sized),
        layout: &Layout,
        erased: u8,
    ) -> Result<Self, Refusal> {
        let mut magic = [0; MAGIC_LEN];
        slot.read_at(layout.magic(), &mut magic)
            .map_err(|_| Refusal::Unreadable)?;
        Ok(Self {
            magic: magic_state(&magic, layout.alignment, erased),
            image_ok: FlagState::of(byte(slot, layout.image_ok())?, erased),
            copy_done: FlagState::of(byte(slot, layout.copy_done())?, erased),
            swap_info: byte(slot, layout.swap_info())?,
        })
    }
}

fn magic_state(bytes: &[u8; MAGIC_LEN], alignment: Alignment, erased: u8) -> MagicState {
    if bytes == alignment.magic() {
        MagicState::Good
    } else if *bytes == [erased; MAGIC_LEN] {
        MagicState::Unset
    } else {
        MagicState::Bad
    }
}

fn byte(slot: &(impl ImageSource + ?Sized), offset: u32) -> Result<u8, Refusal> {
    let mut byte = [0];
    slot.read_at(offset, &mut byte)
        .map_err(|_| Refusal::Unreadable)?;
    let [byte] = byte;
    Ok(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    const ALIGNMENTS: [Alignment; 3] = [Alignment::Eight, Alignment::Sixteen, Alignment::ThirtyTwo];

    #[test]
    fn items_lie_where_the_design_document_puts_them() {
        // Facts from the format: image_ok = align_down(magic - A, A), then A apart each.
        for alignment in ALIGNMENTS {
            let a = alignment.bytes();
            for slot_size in [0x2000, 0x4000, 0x8_0000, 0x100_0000] {
                let layout = Layout::new(slot_size, alignment).unwrap();
                let magic = slot_size - 16;
                assert_eq!(layout.magic(), magic);
                assert_eq!(layout.image_ok(), (magic - a) / a * a);
                assert_eq!(layout.copy_done(), layout.image_ok() - a);
                assert_eq!(layout.swap_info(), layout.copy_done() - a);
                assert_eq!(layout.swap_size(), layout.swap_info() - a);
                assert_eq!(layout.swap_size(), slot_size - layout.fixed_len());
                assert_eq!(layout.magic_unit() % a, 0);
            }
        }
    }

    #[test]
    fn a_slot_without_room_or_alignment_has_no_trailer() {
        assert_eq!(Layout::new(0, Alignment::Eight), None);
        assert_eq!(Layout::new(40, Alignment::Eight), None);
        assert!(Layout::new(48, Alignment::Eight).is_some());
        assert_eq!(Layout::new(0x1008, Alignment::Sixteen), None);
        assert_eq!(Layout::new(128, Alignment::ThirtyTwo), None);
        assert!(Layout::new(160, Alignment::ThirtyTwo).is_some());
    }

    #[test]
    fn write_units_up_to_eight_share_an_alignment() {
        for unit in 0..=64 {
            let expected = match unit {
                1 | 2 | 4 | 8 => Some(8),
                16 | 32 => Some(unit),
                _ => None,
            };
            assert_eq!(
                Alignment::for_write_unit(unit).map(Alignment::bytes),
                expected
            );
        }
    }

    #[test]
    fn states_are_good_unset_or_bad() {
        for erased in [0xff, 0x00] {
            let layout = Layout::new(0x1000, Alignment::Eight).unwrap();
            let mut slot = vec![erased; 0x1000];
            let read = |slot: &[u8]| Trailer::read(slot, &layout, erased).unwrap();
            let empty = read(&slot);
            assert_eq!(empty.magic, MagicState::Unset);
            assert_eq!(empty.image_ok, FlagState::Unset);
            assert_eq!(empty.copy_done, FlagState::Unset);

            slot[0xff0..].copy_from_slice(Alignment::Eight.magic());
            slot[layout.image_ok() as usize] = 1;
            slot[layout.copy_done() as usize] = 3;
            let state = read(&slot);
            assert_eq!(state.magic, MagicState::Good);
            assert_eq!(state.image_ok, FlagState::Set);
            assert_eq!(state.copy_done, FlagState::Bad);

            for bit in 0..128 {
                slot[0xff0 + bit / 8] ^= 1 << (bit % 8);
                assert_eq!(read(&slot).magic, MagicState::Bad);
                slot[0xff0 + bit / 8] ^= 1 << (bit % 8);
            }
            slot[0xff0..].copy_from_slice(Alignment::Sixteen.magic());
            assert_eq!(read(&slot).magic, MagicState::Bad);
        }
    }

    #[test]
    fn swap_info_holds_type_and_image_number() {
        for info in 0..=255u8 {
            match SwapType::from_info(info) {
                Some((kind, image)) => assert_eq!(kind.info(image), info),
                None => assert!(!(1..=4).contains(&(info & 0xf))),
            }
        }
    }

    #[test]
    fn a_slot_shorter_than_its_layout_is_unreadable() {
        let layout = Layout::new(0x1000, Alignment::Eight).unwrap();
        let slot = vec![0xff; 0xfff];
        assert_eq!(
            Trailer::read(slot.as_slice(), &layout, 0xff),
            Err(Refusal::Unreadable)
        );
    }
}
