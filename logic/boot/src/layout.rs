//! How a device updates, and where what its updates need lies: one value for its bootloader, its update
//! service, its recovery mode and the tools.
//!
//! Where the mode of a device is known:
//!
//! | who | from |
//! |---|---|
//! | a bootloader | compiled in: it is built for one mode |
//! | the firmware that it started | the shared data area, MCUboot's "mode" ([`UpdateMode::read`]) |
//! | tools, the host's bootloader | what `ironroot device new --strategy` wrote beside the flash |

use crate::flash_map::{Area, FlashMap, Image, Slot};
use crate::install::layout::TrailerLayout;
use crate::install::method::Method;
use crate::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use crate::strategy::{DirectXip, DirectXipRevert, RamLoad, Standing, Strategy};
use ironroot_image::shared_data::{self, EntryType, INFO_MODE, SharedData};
use ironroot_image::trailer::{Alignment, FlagState, Layout, MagicState, Trailer};

/// How a device updates, as a value: its bootloader is built with the strategy of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateMode {
    /// [`RamLoad`]: both slots can boot, the image is copied to memory.
    RamLoad,
    /// [`SwapOffset`].
    SwapOffset,
    /// [`SwapMove`].
    SwapMove,
    /// [`SwapScratch`].
    SwapScratch,
    /// [`Overwrite`].
    Overwrite,
    /// [`DirectXipRevert`]: both slots can boot, the image runs where it lies.
    DirectXipRevert,
    /// [`DirectXip`].
    DirectXip,
}

/// Mode, name, MCUboot's number.
const MODES: [(UpdateMode, &str, u8); 7] = [
    (UpdateMode::RamLoad, "ram-load", <RamLoad as Strategy>::MODE),
    (
        UpdateMode::SwapOffset,
        "swap-offset",
        <SwapOffset as Method>::MODE,
    ),
    (
        UpdateMode::SwapMove,
        "swap-move",
        <SwapMove as Method>::MODE,
    ),
    (
        UpdateMode::SwapScratch,
        "swap-scratch",
        <SwapScratch as Method>::MODE,
    ),
    (
        UpdateMode::Overwrite,
        "overwrite-only",
        <Overwrite as Method>::MODE,
    ),
    (
        UpdateMode::DirectXipRevert,
        "direct-xip-revert",
        <DirectXipRevert as Strategy>::MODE,
    ),
    (
        UpdateMode::DirectXip,
        "direct-xip",
        <DirectXip as Strategy>::MODE,
    ),
];

impl UpdateMode {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        MODES.iter().map(|entry| entry.0)
    }

    /// Its name on command lines and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        let entry = MODES.iter().find(|entry| entry.0 == self);
        entry.map_or("", |entry| entry.1)
    }

    /// The mode of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        MODES
            .iter()
            .find(|entry| entry.1 == name)
            .map(|entry| entry.0)
    }

    /// MCUboot's number, as it stands in the shared data area.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::RamLoad => shared_data::MODE_RAM_LOAD,
            Self::SwapOffset => shared_data::MODE_SWAP_OFFSET,
            Self::SwapMove => shared_data::MODE_SWAP_MOVE,
            Self::SwapScratch => shared_data::MODE_SWAP_SCRATCH,
            Self::Overwrite => shared_data::MODE_OVERWRITE,
            Self::DirectXipRevert => shared_data::MODE_DIRECT_XIP_REVERT,
            Self::DirectXip => shared_data::MODE_DIRECT_XIP,
        }
    }

    /// The mode with MCUboot's number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        MODES
            .iter()
            .find(|entry| entry.2 == number)
            .map(|entry| entry.0)
    }

    /// What the bootloader said of itself.
    #[must_use]
    pub fn read(shared: &SharedData<'_>) -> Option<Self> {
        let [number] = *shared.find(EntryType::bootloader(INFO_MODE))? else {
            return None;
        };
        Self::from_number(number)
    }

    /// Whether sectors move at boot: images always run from slot A, and candidates always go to slot B.
    #[must_use]
    pub const fn moves_sectors(self) -> bool {
        match self {
            Self::SwapOffset | Self::SwapMove | Self::SwapScratch | Self::Overwrite => true,
            Self::RamLoad | Self::DirectXipRevert | Self::DirectXip => false,
        }
    }

    /// Whether the image before comes back when a trial is not confirmed.
    #[must_use]
    pub const fn reverts(self) -> bool {
        !matches!(self, Self::Overwrite | Self::DirectXip)
    }

    /// Sector of its slot that a candidate begins in.
    #[must_use]
    pub const fn candidate_sector(self) -> u32 {
        match self {
            Self::SwapOffset => <SwapOffset as Method>::CANDIDATE,
            _ => 0,
        }
    }

    /// The slot that a candidate is written to while the image in `running` runs.
    #[must_use]
    pub const fn candidate_slot(self, running: Slot) -> Slot {
        match self.moves_sectors() {
            true => Slot::B,
            false => running.other(),
        }
    }

    /// What the trailers of an image's slots mean for the one in `slot`. Where sectors move, the image in slot A
    /// that is not confirmed runs on its trial: [`Standing::TrialFailed`] unless it is confirmed before the next
    /// boot, as with the modes that move none.
    #[must_use]
    pub fn standing(self, slot: Slot, trailer: &Trailer) -> Standing {
        use FlagState::{Set, Unset};
        match (self, slot) {
            (Self::RamLoad, _) => RamLoad.standing(slot, trailer),
            (Self::DirectXipRevert, _) => DirectXipRevert.standing(slot, trailer),
            (Self::DirectXip, _) => DirectXip.standing(slot, trailer),
            (Self::Overwrite, Slot::A) => Standing::Confirmed,
            _ => match (slot, trailer.magic, trailer.image_ok, trailer.copy_done) {
                (_, MagicState::Good, Set, _) => Standing::Confirmed,
                (Slot::A, MagicState::Good, Unset, Set) => Standing::TrialFailed,
                (Slot::B, MagicState::Good, Unset, _) => Standing::Pending,
                _ => Standing::Unmarked,
            },
        }
    }
}

/// How a device updates, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateLayout<'m> {
    /// How.
    pub mode: UpdateMode,
    /// The slots, and the size of their sectors.
    pub map: &'m FlashMap,
    /// The scratch area, for [`UpdateMode::SwapScratch`].
    pub scratch: Option<Area>,
    /// The most sectors an image can have (MCUboot: `BOOT_MAX_IMG_SECTORS`): as many as the largest slot.
    pub max_sectors: u32,
}

impl<'m> UpdateLayout<'m> {
    /// The layout of a device that updates by `mode`, where slots alone say how long images can be.
    #[must_use]
    pub fn new(mode: UpdateMode, map: &'m FlashMap) -> Self {
        let sectors = |image| {
            let slot = map.slot(image, Slot::A).len;
            slot.checked_div(map.geometry.sector_size).unwrap_or(0)
        };
        Self {
            mode,
            map,
            scratch: None,
            max_sectors: sectors(Image::Secure).max(sectors(Image::NonSecure)),
        }
    }

    /// The same with a scratch area.
    #[must_use]
    pub const fn with_scratch(self, scratch: Area) -> Self {
        Self {
            scratch: Some(scratch),
            ..self
        }
    }

    /// Where on the flash a candidate for `image` is written while the image in `running` runs: from its first
    /// byte as far as it may reach. Its request goes into the trailer of the slot around it
    /// ([`trailer_ops::set_pending`](crate::trailer_ops::set_pending)). Nothing if the slot has no room for what
    /// the mode keeps.
    #[must_use]
    pub fn candidate_area(&self, image: Image, running: Slot) -> Option<Area> {
        let slot = self.map.slot(image, self.mode.candidate_slot(running));
        let first = self.mode.candidate_sector();
        let offset = first.checked_mul(self.map.geometry.sector_size)?;
        Some(Area {
            offset: slot.offset.checked_add(offset)?,
            len: self.room(image)?,
        })
    }

    /// How many bytes an image may have, header and TLVs included. Nothing if a slot has no room for what the
    /// mode keeps in its trailer.
    #[must_use]
    pub fn room(&self, image: Image) -> Option<u32> {
        match self.mode {
            UpdateMode::SwapOffset => self.room_of::<SwapOffset>(image),
            UpdateMode::SwapMove => self.room_of::<SwapMove>(image),
            UpdateMode::SwapScratch => self.room_of::<SwapScratch>(image),
            UpdateMode::Overwrite => self.room_of::<Overwrite>(image),
            UpdateMode::RamLoad | UpdateMode::DirectXipRevert | UpdateMode::DirectXip => {
                let alignment = Alignment::for_write_unit(self.map.geometry.write_unit)?;
                let len = self.map.slot(image, Slot::A).len;
                Some(Layout::new(len, alignment)?.swap_info())
            }
        }
    }

    fn room_of<M: Method>(&self, image: Image) -> Option<u32> {
        let geometry = &self.map.geometry;
        let layout = |slot| {
            TrailerLayout::new(
                self.map.slot(image, slot),
                geometry,
                M::KEPT,
                self.max_sectors,
            )
        };
        let sectors = M::room(&layout(Slot::A)?, &layout(Slot::B)?);
        sectors
            .min(self.max_sectors)
            .checked_mul(geometry.sector_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flash_map::{AN521, HOST};
    use ironroot_image::shared_data::SharedDataWriter;

    #[test]
    fn names_and_numbers_lead_back_to_their_mode() {
        for mode in UpdateMode::all() {
            assert_eq!(UpdateMode::from_name(mode.name()), Some(mode));
            assert_eq!(UpdateMode::from_number(mode.number()), Some(mode));
            let mut area = [0; 32];
            let mut writer = SharedDataWriter::new(&mut area).unwrap();
            let kind = EntryType::bootloader(INFO_MODE);
            writer.add(kind, &[mode.number()]).unwrap();
            let shared = SharedData::parse(writer.written()).unwrap();
            assert_eq!(UpdateMode::read(&shared), Some(mode));
        }
        assert_eq!(UpdateMode::from_name("ramload"), None);
        // Modes without an update: a single slot, a firmware loader.
        for number in [0, 7, 8, 10, 255] {
            assert_eq!(UpdateMode::from_number(number), None);
        }
    }

    #[test]
    fn what_a_mode_keeps_is_no_room_for_images() {
        // 512 KiB and 1 MiB slots of 4 KiB sectors. One sector holds the status of 256 sectors, twice 4 bytes
        // each, and the flags; thrice 4 bytes each, too. The offset takes a sector, and so does moving.
        let sectors = |mode| {
            let layout = UpdateLayout::new(mode, &AN521);
            Image::ALL.map(|image| layout.room(image).unwrap() / 4096)
        };
        assert_eq!(sectors(UpdateMode::SwapOffset), [126, 254]);
        assert_eq!(sectors(UpdateMode::SwapMove), [126, 254]);
        assert_eq!(sectors(UpdateMode::SwapScratch), [127, 255]);
        assert_eq!(sectors(UpdateMode::Overwrite), [127, 255]);
        // 2,048 sectors: 16 KiB of status, or 24, and 60 bytes or less of flags.
        let layout = |mode| UpdateLayout::new(mode, &HOST);
        let room = |mode| layout(mode).room(Image::Secure).unwrap() / 4096;
        assert_eq!(room(UpdateMode::SwapOffset), 2048 - 5 - 1);
        assert_eq!(room(UpdateMode::SwapScratch), 2048 - 7);
    }

    #[test]
    fn candidates_lie_where_the_bootloader_looks_for_them() {
        let offset = UpdateLayout::new(UpdateMode::SwapOffset, &AN521);
        for running in Slot::ALL {
            let area = offset.candidate_area(Image::NonSecure, running).unwrap();
            assert_eq!(area.offset, 0x20_1000);
            assert!(area.end() <= 0x2f_f000);
        }
        let load = UpdateLayout::new(UpdateMode::RamLoad, &AN521);
        let area = load.candidate_area(Image::Secure, Slot::B).unwrap();
        assert_eq!(area.offset, 0);
    }

    #[test]
    fn a_slot_that_is_all_trailer_has_no_room() {
        let mut map = AN521;
        map.slots.secure.b.len = 4096;
        map.geometry.write_unit = 32;
        let layout = UpdateLayout::new(UpdateMode::SwapOffset, &map);
        assert_eq!(layout.room(Image::Secure), None);
    }

    #[test]
    fn only_what_is_marked_stands_for_anything() {
        use FlagState::{Bad, Set, Unset};
        let trailer = |magic, image_ok, copy_done| Trailer {
            magic,
            image_ok,
            copy_done,
            swap_info: 0xff,
        };
        let standing = |slot, magic, image_ok, copy_done| {
            UpdateMode::SwapOffset.standing(slot, &trailer(magic, image_ok, copy_done))
        };
        let good = MagicState::Good;
        assert_eq!(standing(Slot::A, good, Set, Set), Standing::Confirmed);
        assert_eq!(standing(Slot::A, good, Unset, Set), Standing::TrialFailed);
        assert_eq!(standing(Slot::A, good, Unset, Unset), Standing::Unmarked);
        assert_eq!(standing(Slot::B, good, Unset, Unset), Standing::Pending);
        assert_eq!(standing(Slot::B, good, Set, Unset), Standing::Confirmed);
        for slot in Slot::ALL {
            assert_eq!(standing(slot, good, Bad, Set), Standing::Unmarked);
            for magic in [MagicState::Bad, MagicState::Unset] {
                assert_eq!(standing(slot, magic, Set, Set), Standing::Unmarked);
            }
        }
    }
}
