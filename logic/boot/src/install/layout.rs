//! Where the trailer of a slot keeps what a swap must remember, and which sectors it fills.
//!
//! From the end of the slot backwards ([`ironroot_image::trailer`] has the first five):
//!
//! ```text
//! … status | room for keys | swap size | TLV sizes (offset only) | swap info | copy done | image ok | magic
//! ```
//!
//! The status is one write unit for each step of the longest swap: with `n` sectors at most and `k` entries
//! for a sector, `n × k` units. Both bootloaders must agree on all of that, or they do not find each other's
//! status (MCUboot: `BOOT_MAX_IMG_SECTORS`, `BOOT_MAX_ALIGN`, the flash's real write size).

use crate::flash_map::Area;
use ironroot_image::trailer::{Alignment, Layout};
use ironroot_platform::Geometry;

/// What a swap strategy keeps in a trailer beside the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Status entries for each sector.
    pub entries_per_sector: u32,
    /// Whether the sizes of both images' unprotected TLVs have a place (swap-offset).
    pub tlv_sizes: bool,
    /// Bytes that one content key takes, before they are aligned; 0 without encryption. Ours stay out of the
    /// trailer, but another bootloader's place for them shifts the status.
    pub key_len: u32,
}

/// The trailer of one area: a slot, or the scratch area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailerLayout {
    fields: Layout,
    sector_size: u32,
    write_unit: u32,
    swap_size: u32,
    status: u32,
    entries: u32,
}

impl TrailerLayout {
    /// The trailer of `area`, for swaps of up to `max_sectors` sectors. Nothing if it does not fit, or the write
    /// unit has no trailer.
    #[must_use]
    pub fn new(area: Area, geometry: &Geometry, kept: Kept, max_sectors: u32) -> Option<Self> {
        let alignment = Alignment::for_write_unit(geometry.write_unit)?;
        let align = alignment.bytes();
        let fields = Layout::new(area.len, alignment)?;
        let swap_size = match kept.tlv_sizes {
            true => fields.swap_info().checked_sub(align.checked_mul(2)?)?,
            false => fields.swap_size(),
        };
        let key = kept.key_len.checked_next_multiple_of(align)?;
        let entries = max_sectors.checked_mul(kept.entries_per_sector)?;
        let status = swap_size
            .checked_sub(key.checked_mul(2)?)?
            .checked_sub(entries.checked_mul(geometry.write_unit)?)?;
        Some(Self {
            fields,
            sector_size: geometry.sector_size,
            write_unit: geometry.write_unit,
            swap_size,
            status,
            entries,
        })
    }

    /// Flags and magic.
    #[must_use]
    pub const fn fields(&self) -> &Layout {
        &self.fields
    }

    /// Offset of the swap size.
    #[must_use]
    pub const fn swap_size(&self) -> u32 {
        self.swap_size
    }

    /// Offset of the sizes of the unprotected TLVs, for layouts that have them.
    #[must_use]
    pub const fn tlv_sizes(&self) -> u32 {
        self.swap_size
            .saturating_add(self.fields.alignment().bytes())
    }

    /// Offset of a status entry; nothing if there are not so many.
    #[must_use]
    pub fn entry(&self, number: u32) -> Option<u32> {
        if number >= self.entries {
            return None;
        }
        self.status
            .checked_add(number.checked_mul(self.write_unit)?)
    }

    /// How many status entries there are.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.entries
    }

    /// Offset of the first byte of the trailer.
    #[must_use]
    pub const fn start(&self) -> u32 {
        self.status
    }

    /// The first sector that the trailer touches; what lies before is the image's.
    #[must_use]
    pub fn first_sector(&self) -> u32 {
        self.status.checked_div(self.sector_size).unwrap_or(0)
    }

    /// How many sectors the area has.
    #[must_use]
    pub fn sectors(&self) -> u32 {
        self.fields
            .slot_size()
            .checked_div(self.sector_size)
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFSET: Kept = Kept {
        entries_per_sector: 2,
        tlv_sizes: true,
        key_len: 0,
    };
    const MOVE: Kept = Kept {
        entries_per_sector: 3,
        tlv_sizes: false,
        key_len: 0,
    };

    fn geometry(write_unit: u32) -> Geometry {
        Geometry {
            sector_size: 4096,
            sectors: 64,
            write_unit,
            erased: 0xff,
        }
    }

    fn layout(len: u32, write_unit: u32, kept: Kept, sectors: u32) -> TrailerLayout {
        let area = Area { offset: 0, len };
        TrailerLayout::new(area, &geometry(write_unit), kept, sectors).unwrap()
    }

    #[test]
    fn the_trailer_is_as_long_as_the_design_document_says() {
        // Facts: with 128 sectors and 8-byte writes 3,072 + 48 bytes (scratch, move), 12 KiB at 32.
        let slot = 32 * 4096;
        assert_eq!(slot - layout(slot, 8, MOVE, 128).start(), 3072 + 48);
        assert_eq!(slot - layout(slot, 32, MOVE, 128).start(), 12 * 1024 + 160);
        assert_eq!(slot - layout(slot, 8, OFFSET, 128).start(), 2048 + 48 + 8);
        assert_eq!(layout(slot, 8, OFFSET, 128).first_sector(), 31);
        assert_eq!(layout(slot, 32, MOVE, 128).first_sector(), 28);
    }

    #[test]
    fn keys_of_another_bootloader_shift_the_status() {
        let kept = Kept {
            key_len: 16,
            ..OFFSET
        };
        let slot = 32 * 4096;
        let plain = layout(slot, 8, OFFSET, 128).start();
        assert_eq!(layout(slot, 8, kept, 128).start(), plain - 32);
        // 0x34: 112 bytes of wrapped key are aligned as well.
        let wrapped = Kept {
            key_len: 113,
            ..OFFSET
        };
        assert_eq!(layout(slot, 8, wrapped, 128).start(), plain - 240);
    }

    #[test]
    fn a_trailer_that_does_not_fit_is_none() {
        let area = Area {
            offset: 0,
            len: 2048,
        };
        assert_eq!(TrailerLayout::new(area, &geometry(8), OFFSET, 128), None);
        assert!(TrailerLayout::new(area, &geometry(8), OFFSET, 100).is_some());
        assert_eq!(
            TrailerLayout::new(area, &geometry(8), OFFSET, u32::MAX),
            None
        );
        assert_eq!(TrailerLayout::new(area, &geometry(3), OFFSET, 1), None);
    }

    #[test]
    fn entries_lie_one_write_unit_apart_below_the_swap_size() {
        let layout = layout(32 * 4096, 4, OFFSET, 10);
        assert_eq!(layout.entries(), 20);
        assert_eq!(layout.entry(0), Some(layout.start()));
        assert_eq!(layout.entry(19), Some(layout.swap_size() - 4));
        assert_eq!(layout.entry(20), None);
        assert_eq!(layout.tlv_sizes() + 8, layout.fields().swap_info());
    }
}
