//! The shared data area: what the bootloader tells the image it starts, in MCUboot's format.
//!
//! ```text
//! u16 0x2016 | u16 total length, this header included | entries: u16 type, u16 length, data
//! ```
//!
//! The type is a major number (4 bits) and a minor (12 bits). Major 1 is measured boot: the minor is
//! a software module (6 bits) and a claim (6 bits). Major 2 is information on the bootloader.
//! MCUboot `boot_status.h`; TF-M reads the same.

use ironroot_codec::{BufferFull, Cursor, Tlv, Tlvs, Writer};

/// First halfword of the area.
pub const MAGIC: u16 = 0x2016;
/// Length of the area's header.
pub const HEADER_LEN: usize = 4;

/// Major number: measured boot, for attestation.
pub const MAJOR_MEASUREMENT: u8 = 1;
/// Major number: information on the bootloader.
pub const MAJOR_BOOTLOADER: u8 = 2;

/// Claim of a software module: its whole boot record, CBOR.
pub const CLAIM_BOOT_RECORD: u8 = 0x3f;

/// Bootloader information: how it updates (1 byte, see [`MODE_RAM_LOAD`]).
pub const INFO_MODE: u16 = 0;
/// Bootloader information: signature type (1 byte: 0 none, 1 RSA, 2 P-256, 3 Ed25519).
pub const INFO_SIGNATURE: u16 = 1;
/// Bootloader information: recovery (1 byte: 0 none, 1 serial, 2 DFU).
pub const INFO_RECOVERY: u16 = 2;
/// Bootloader information: number of the running slot (1 byte).
pub const INFO_RUNNING_SLOT: u16 = 3;
/// Bootloader information: its version (8 bytes, as in an image header).
pub const INFO_VERSION: u16 = 4;
/// Bootloader information: largest image 0 (4 bytes); image n is n further on, up to 4.
pub const INFO_MAX_SIZE: u16 = 5;
/// Bootloader information: security counter of image 0 (4 bytes); image n is n further on, up to 4.
pub const INFO_SECURITY_COUNTER: u16 = 0x10;

/// Value of [`INFO_MODE`] for a single slot.
pub const MODE_SINGLE_SLOT: u8 = 0;
/// Value of [`INFO_MODE`] for swap by scratch.
pub const MODE_SWAP_SCRATCH: u8 = 1;
/// Value of [`INFO_MODE`] for overwrite-only.
pub const MODE_OVERWRITE: u8 = 2;
/// Value of [`INFO_MODE`] for swap by moving.
pub const MODE_SWAP_MOVE: u8 = 3;
/// Value of [`INFO_MODE`] for direct-XIP without revert.
pub const MODE_DIRECT_XIP: u8 = 4;
/// Value of [`INFO_MODE`] for direct-XIP with revert.
pub const MODE_DIRECT_XIP_REVERT: u8 = 5;
/// Value of [`INFO_MODE`] for RAM-load.
pub const MODE_RAM_LOAD: u8 = 6;
/// Value of [`INFO_MODE`] for a firmware loader in the second slot.
pub const MODE_FIRMWARE_LOADER: u8 = 7;
/// Value of [`INFO_MODE`] for a single slot that is copied to RAM.
pub const MODE_SINGLE_SLOT_RAM_LOAD: u8 = 8;
/// Value of [`INFO_MODE`] for swap by offset.
pub const MODE_SWAP_OFFSET: u8 = 9;

/// The 16-bit type of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryType(pub u16);

impl EntryType {
    /// Claim number `claim` (6 bits) of software module `module` (6 bits).
    #[must_use]
    pub const fn measurement(module: u8, claim: u8) -> Self {
        Self((MAJOR_MEASUREMENT as u16) << 12 | (module as u16 & 0x3f) << 6 | claim as u16 & 0x3f)
    }

    /// Information on the bootloader.
    #[must_use]
    pub const fn bootloader(minor: u16) -> Self {
        Self((MAJOR_BOOTLOADER as u16) << 12 | minor & 0xfff)
    }

    /// The major number.
    #[must_use]
    pub const fn major(self) -> u8 {
        (self.0 >> 12) as u8
    }

    /// The minor number.
    #[must_use]
    pub const fn minor(self) -> u16 {
        self.0 & 0xfff
    }

    /// Software module and claim, for major 1.
    #[must_use]
    pub const fn module_and_claim(self) -> (u8, u8) {
        ((self.minor() >> 6) as u8, (self.0 & 0x3f) as u8)
    }
}

/// Fills a shared data area. The area is valid after every step.
#[derive(Debug)]
pub struct SharedDataWriter<'a> {
    writer: Writer<'a>,
}

impl<'a> SharedDataWriter<'a> {
    /// An empty area at the start of `buffer`; its length field can say at most 65535 bytes.
    ///
    /// # Errors
    /// [`BufferFull`] when `buffer` has no room for the header.
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, BufferFull> {
        let mut writer = Writer::new(buffer);
        writer.put(&[0; HEADER_LEN])?;
        let mut area = Self { writer };
        area.update_header()?;
        Ok(area)
    }

    /// Appends an entry; all of it or nothing.
    ///
    /// # Errors
    /// [`BufferFull`] when it does not fit, or an entry of that type is there already: the reader
    /// could not tell which one counts.
    pub fn add(&mut self, kind: EntryType, data: &[u8]) -> Result<(), BufferFull> {
        let area = SharedData {
            entries: self.writer.written().get(HEADER_LEN..).unwrap_or(&[]),
        };
        if area.find(kind).is_some() {
            return Err(BufferFull);
        }
        let total = self
            .writer
            .position()
            .checked_add(HEADER_LEN)
            .ok_or(BufferFull)?;
        let total = total.checked_add(data.len()).ok_or(BufferFull)?;
        u16::try_from(total).map_err(|_| BufferFull)?;
        self.writer.tlv(kind.0, data)?;
        self.update_header()
    }

    fn update_header(&mut self) -> Result<(), BufferFull> {
        let total = u16::try_from(self.writer.position()).map_err(|_| BufferFull)?;
        let [m0, m1] = MAGIC.to_le_bytes();
        let [t0, t1] = total.to_le_bytes();
        self.writer.patch(0, &[m0, m1, t0, t1])
    }

    /// The area.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.writer.written()
    }
}

/// A shared data area as read. No length in it is trusted.
#[derive(Debug, Clone)]
pub struct SharedData<'a> {
    entries: &'a [u8],
}

impl<'a> SharedData<'a> {
    /// The area at the start of `memory`: `None` unless the magic is there and every entry is whole
    /// and of a type of its own.
    #[must_use]
    pub fn parse(memory: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(memory);
        let magic = cursor.u16_le().ok()?;
        let total = cursor.u16_le().ok()?;
        if magic != MAGIC {
            return None;
        }
        let entries = cursor
            .take(usize::from(total).checked_sub(HEADER_LEN)?)
            .ok()?;
        let area = Self { entries };
        let sound = Tlvs::new(entries).all(|entry| {
            entry.is_ok_and(|entry| {
                area.entries()
                    .filter(|(kind, _)| kind.0 == entry.kind)
                    .count()
                    == 1
            })
        });
        sound.then_some(area)
    }

    /// Every entry, in order.
    pub fn entries(&self) -> impl Iterator<Item = (EntryType, &'a [u8])> + use<'a> {
        Tlvs::new(self.entries)
            .flatten()
            .map(|Tlv { kind, data }| (EntryType(kind), data))
    }

    /// The data of one entry.
    #[must_use]
    pub fn find(&self, kind: EntryType) -> Option<&'a [u8]> {
        self.entries()
            .find(|(found, _)| *found == kind)
            .map(|(_, data)| data)
    }

    /// The boot records (CBOR) of all software modules, with the module's number.
    pub fn boot_records(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        self.entries().filter_map(|(kind, data)| {
            let (module, claim) = kind.module_and_claim();
            (kind.major() == MAJOR_MEASUREMENT && claim == CLAIM_BOOT_RECORD)
                .then_some((module, data))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn entry_types_are_packed_as_in_boot_status_h() {
        // TLV_MAJOR 1, module 2 (SW_S_NS is 2 there), claim 0x3f; SET_TLV_TYPE by hand.
        assert_eq!(EntryType::measurement(2, CLAIM_BOOT_RECORD).0, 0x10bf);
        assert_eq!(EntryType::bootloader(INFO_MODE).0, 0x2000);
        assert_eq!(EntryType::bootloader(INFO_SECURITY_COUNTER + 1).0, 0x2011);
        for kind in 0..=u16::MAX {
            let kind = EntryType(kind);
            let (module, claim) = kind.module_and_claim();
            if kind.major() == MAJOR_MEASUREMENT {
                assert_eq!(EntryType::measurement(module, claim), kind);
            }
            if kind.major() == MAJOR_BOOTLOADER {
                assert_eq!(EntryType::bootloader(kind.minor()), kind);
            }
        }
    }

    #[test]
    fn what_is_added_is_read_back() {
        let mut buffer = [0xee; 64];
        let mut area = SharedDataWriter::new(&mut buffer).unwrap();
        assert_eq!(area.written(), [0x16, 0x20, 4, 0]);
        area.add(EntryType::bootloader(INFO_MODE), &[MODE_RAM_LOAD])
            .unwrap();
        area.add(EntryType::measurement(1, CLAIM_BOOT_RECORD), b"record")
            .unwrap();
        assert_eq!(
            &area.written()[..9],
            [0x16, 0x20, 19, 0, 0x00, 0x20, 1, 0, 6]
        );
        let read = SharedData::parse(&buffer).unwrap();
        assert_eq!(read.find(EntryType::bootloader(INFO_MODE)), Some(&[6][..]));
        assert_eq!(read.find(EntryType::bootloader(INFO_VERSION)), None);
        assert_eq!(
            read.boot_records().collect::<Vec<_>>(),
            [(1, &b"record"[..])]
        );
    }

    #[test]
    fn a_duplicate_or_an_entry_too_long_leaves_the_area_as_it_was() {
        let mut buffer = [0; 16];
        let mut area = SharedDataWriter::new(&mut buffer).unwrap();
        area.add(EntryType(1), &[1, 2]).unwrap();
        let before = area.written().to_vec();
        assert_eq!(area.add(EntryType(1), &[]), Err(BufferFull));
        assert_eq!(area.add(EntryType(2), &[0; 3]), Err(BufferFull));
        assert_eq!(area.written(), before);
        assert_eq!(area.add(EntryType(2), &[0; 2]), Ok(()));
        assert!(SharedDataWriter::new(&mut [0; 3]).is_err());
    }

    #[test]
    fn an_area_grows_no_further_than_its_length_field() {
        let mut buffer = std::vec![0; 0x2_0000];
        let mut area = SharedDataWriter::new(&mut buffer).unwrap();
        area.add(EntryType(1), &[0; 0x8000]).unwrap();
        assert_eq!(area.add(EntryType(2), &[0; 0x7ff4]), Err(BufferFull));
        assert_eq!(area.add(EntryType(2), &[0; 0x7ff3]), Ok(()));
        assert!(SharedData::parse(&buffer).is_some());
    }

    #[test]
    fn a_damaged_area_is_none() {
        let mut buffer = [0; 32];
        let mut area = SharedDataWriter::new(&mut buffer).unwrap();
        area.add(EntryType(1), b"ab").unwrap();
        area.add(EntryType(2), b"cde").unwrap();
        let good = area.written().to_vec();
        assert!(SharedData::parse(&good).is_some());
        for len in 0..good.len() {
            assert!(SharedData::parse(&good[..len]).is_none(), "cut to {len}");
        }
        let edit = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            SharedData::parse(&bytes).is_none()
        };
        assert!(edit(0, 0x17), "magic");
        assert!(edit(2, 3), "total below the header");
        assert!(edit(2, 16), "total cuts an entry");
        assert!(edit(3, 0xff), "total beyond the memory");
        assert!(edit(6, 3), "first entry runs into the second");
        assert!(edit(10, 1), "two entries of one type");
    }
}
