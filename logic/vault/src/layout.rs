//! Where things are: sectors, headers and frames of one flash area.
//!
//! ```text
//! sector   header (64) | frame | frame | … | rest, never used
//! frame    head (4) | record head (20) | encrypted: data, zeros | tag (16)
//! ```
//!
//! Sectors have numbers that only grow; sector number *q* lies in physical sector *q* mod *n*. A frame
//! never crosses a sector's end. Lengths and offsets of frames are multiples of the granule, which is
//! the write unit or 8, whichever is more.

use ironroot_platform::Geometry;

use crate::{MAX_RECORD, VaultError};

/// Bytes of a sector's header.
pub(crate) const HEADER_LEN: u32 = 64;
/// Bytes of a frame's head.
pub(crate) const HEAD_LEN: usize = 4;
/// Bytes of the record head. Neither head is encrypted.
pub(crate) const RECORD_HEAD_LEN: usize = 20;
/// Bytes of an authentication tag.
pub(crate) const TAG_LEN: usize = 16;
/// What a frame has beside its data.
pub(crate) const FRAME_OVERHEAD: u32 = 40;
/// The longest frame: [`MAX_RECORD`] and its overhead, a multiple of every granule.
pub(crate) const MAX_FRAME: usize = 2176;

const _: () = assert!(MAX_RECORD + HEAD_LEN + RECORD_HEAD_LEN + TAG_LEN == MAX_FRAME);
const _: () = assert!(MAX_FRAME.is_multiple_of(32));

const MIN_SECTORS: u32 = 4;
const MIN_SECTOR_SIZE: u32 = 256;
/// 65,536 granules of 8 bytes: an offset in granules has 16 bits.
const MAX_SECTOR_SIZE: u32 = 512 * 1024;

/// A geometry the vault can work on.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) sector_size: u32,
    pub(crate) sectors: u32,
    pub(crate) erased: u8,
    granule: u32,
}

impl Layout {
    pub(crate) fn of(geometry: Geometry) -> Result<Self, VaultError> {
        let Geometry {
            sector_size,
            sectors,
            write_unit,
            erased,
        } = geometry;
        let known = matches!(write_unit, 1 | 2 | 4 | 8 | 16 | 32)
            && matches!(erased, 0x00 | 0xff)
            && sector_size.is_power_of_two()
            && (MIN_SECTOR_SIZE..=MAX_SECTOR_SIZE).contains(&sector_size)
            && sectors >= MIN_SECTORS
            && sector_size.checked_mul(sectors).is_some();
        if !known {
            return Err(VaultError::Geometry);
        }
        Ok(Self {
            sector_size,
            sectors,
            erased,
            granule: write_unit.max(8),
        })
    }

    /// Bytes for frames in a sector.
    pub(crate) fn payload(&self) -> u32 {
        self.sector_size.saturating_sub(HEADER_LEN)
    }

    /// The longest frame that fits a sector and the buffer.
    pub(crate) fn max_frame(&self) -> u32 {
        self.payload().min(MAX_FRAME as u32)
    }

    /// The longest record whose frame is no longer than that.
    pub(crate) fn max_record(&self) -> u32 {
        self.max_frame().saturating_sub(FRAME_OVERHEAD)
    }

    /// Bytes of the frame of a record of `len` bytes.
    pub(crate) fn frame_len(&self, len: u32) -> u32 {
        let mask = self.granule.wrapping_sub(1);
        len.saturating_add(FRAME_OVERHEAD).saturating_add(mask) & !mask
    }

    pub(crate) fn in_granules(&self, bytes: u32) -> u16 {
        // The granule is a power of two, a sector at most 65,536 of them.
        u16::try_from(bytes >> self.granule.trailing_zeros()).unwrap_or(u16::MAX)
    }

    pub(crate) fn granules_in_bytes(&self, granules: u16) -> u32 {
        u32::from(granules).saturating_mul(self.granule)
    }

    /// The physical sector of a sector number.
    pub(crate) fn physical(&self, number: u32) -> u32 {
        number.checked_rem(self.sectors).unwrap_or(0)
    }

    /// Where a sector begins.
    pub(crate) fn base(&self, number: u32) -> u32 {
        self.physical(number).saturating_mul(self.sector_size)
    }

    /// Offset in its sector of a place in the area.
    pub(crate) fn offset_of(&self, place: u32) -> u32 {
        place & self.sector_size.wrapping_sub(1)
    }

    /// Whether a place in the area is in the sector with that number.
    pub(crate) fn is_in(&self, place: u32, number: u32) -> bool {
        place.wrapping_sub(self.base(number)) < self.sector_size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(write_unit: u32) -> Layout {
        Layout::of(Geometry {
            sector_size: 4096,
            sectors: 8,
            write_unit,
            erased: 0xff,
        })
        .unwrap()
    }

    #[test]
    fn frames_are_whole_granules_and_hold_their_record() {
        for unit in [1, 2, 4, 8, 16, 32] {
            let layout = layout(unit);
            for len in 0..=layout.max_record() {
                let frame = layout.frame_len(len);
                assert!(frame.is_multiple_of(unit.max(8)));
                assert!(frame >= len + FRAME_OVERHEAD && frame < len + FRAME_OVERHEAD + 32);
                assert_eq!(layout.granules_in_bytes(layout.in_granules(frame)), frame);
            }
            assert_eq!(layout.frame_len(layout.max_record()), layout.max_frame());
            assert_eq!(layout.max_record(), MAX_RECORD as u32);
        }
    }

    #[test]
    fn small_sectors_hold_shorter_records() {
        let geometry = Geometry {
            sector_size: 256,
            sectors: 4,
            write_unit: 32,
            erased: 0,
        };
        let layout = Layout::of(geometry).unwrap();
        assert_eq!(layout.max_record(), 256 - 64 - 40);
    }

    #[test]
    fn a_geometry_that_makes_no_sense_is_refused() {
        let good = Geometry {
            sector_size: 4096,
            sectors: 8,
            write_unit: 4,
            erased: 0xff,
        };
        assert!(Layout::of(good).is_ok());
        for bad in [
            Geometry {
                sector_size: 4095,
                ..good
            },
            Geometry {
                sector_size: 128,
                ..good
            },
            Geometry {
                sector_size: 0,
                ..good
            },
            Geometry {
                sector_size: 1 << 20,
                ..good
            },
            Geometry { sectors: 3, ..good },
            Geometry {
                sectors: 1 << 20,
                ..good
            },
            Geometry {
                write_unit: 0,
                ..good
            },
            Geometry {
                write_unit: 3,
                ..good
            },
            Geometry {
                write_unit: 64,
                ..good
            },
            Geometry {
                erased: 0x55,
                ..good
            },
        ] {
            assert!(Layout::of(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_place_belongs_to_one_sector() {
        let layout = layout(4);
        assert!(layout.is_in(4096, 1) && layout.is_in(8191, 9));
        assert!(!layout.is_in(4095, 1) && !layout.is_in(8192, 1));
        assert_eq!((layout.base(9), layout.offset_of(8191)), (4096, 4095));
    }
}
