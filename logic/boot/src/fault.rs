//! The fault record: what is known after something went wrong, in 64 bytes that explain themselves.
//!
//! A fault handler, the panic handler and the bootloader write records into a small memory area that
//! survives a warm reset and that no loader touches ([`FaultArea`]); the next boot moves them to the
//! audit log. The checksum tells a record from memory that merely kept some of its bits; it does not
//! protect against an attacker, who would need to own secure memory to write here.
//!
//! Layout, little endian:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic `IRFT` |
//! | 4 | 2 | format, 1 |
//! | 6 | 2 | [`Cause`] |
//! | 8 | 1 | origin: 0 bootloader, 1 non-secure, 2 PSA Root of Trust, 3 partition |
//! | 9 | 1 | partition index, 0 unless origin is 3 |
//! | 10 | 2 | bit 0: the address is known |
//! | 12 | 4 | refused address |
//! | 16 | 4 | program counter |
//! | 20 | 4 | link register |
//! | 24 | 4 | fault status (CFSR) |
//! | 28 | 4 | secure fault status (SFSR) |
//! | 32 | 4 | detail, by cause |
//! | 36 | 4 | boot count |
//! | 40 | 4 | sequence number within the area |
//! | 44 | 16 | zero |
//! | 60 | 4 | CRC-32 of the bytes before |

use crate::crc::crc32;
use ironroot_codec::Cursor;

/// Size of an encoded record in bytes.
pub const RECORD_SIZE: usize = 64;

const MAGIC: [u8; 4] = *b"IRFT";
const FORMAT: u16 = 1;
const ADDRESS_KNOWN: u8 = 1;

/// What happened. The five processor faults have their exception numbers (Armv8-M Architecture
/// Reference Manual, "Exception numbers").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Cause {
    /// HardFault.
    HardFault = 3,
    /// MemManage: the MPU refused.
    MemManage = 4,
    /// BusFault: the bus or a memory protection controller refused.
    BusFault = 5,
    /// UsageFault.
    UsageFault = 6,
    /// SecureFault: the security attribution refused.
    SecureFault = 7,
    /// Firmware ran into its panic handler.
    Panic = 0x10,
    /// A partition gave up (`psa_panic`), or made a call that the Framework calls a programmer error.
    PartitionPanic = 0x11,
    /// A partition used up its restarts and stays down.
    PartitionDown = 0x12,
    /// A partition had no time left for the request it worked on.
    OutOfTime = 0x13,
    /// An image was refused at boot; the detail is [`crate::Refused::detail`].
    BootRefused = 0x20,
    /// No slot of an image could be booted; the detail is the image number.
    NothingToBoot = 0x21,
    /// The OTP area is blank or damaged, or a hardware counter failed; nothing can be trusted.
    RootOfTrust = 0x22,
    /// The secure world could not start; the detail is the step.
    StartRefused = 0x23,
}

impl Cause {
    const ALL: [Self; 13] = [
        Self::HardFault,
        Self::MemManage,
        Self::BusFault,
        Self::UsageFault,
        Self::SecureFault,
        Self::Panic,
        Self::PartitionPanic,
        Self::PartitionDown,
        Self::OutOfTime,
        Self::BootRefused,
        Self::NothingToBoot,
        Self::RootOfTrust,
        Self::StartRefused,
    ];

    /// The cause with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| *cause as u16 == number)
    }

    /// A few words for a console.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::HardFault => "hard fault",
            Self::MemManage => "memory protection fault",
            Self::BusFault => "bus fault",
            Self::UsageFault => "usage fault",
            Self::SecureFault => "secure fault",
            Self::Panic => "panic",
            Self::PartitionPanic => "partition gave up",
            Self::PartitionDown => "partition stays down",
            Self::OutOfTime => "no time left",
            Self::BootRefused => "image refused",
            Self::NothingToBoot => "nothing to boot",
            Self::RootOfTrust => "root of trust not usable",
            Self::StartRefused => "secure world could not start",
        }
    }
}

/// Who was running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The bootloader.
    Bootloader,
    /// The non-secure world.
    NonSecure,
    /// The PSA Root of Trust.
    RootOfTrust,
    /// An Application RoT partition, by its place in the partition table.
    Partition(u8),
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultRecord {
    /// What happened.
    pub cause: Cause,
    /// Who was running.
    pub origin: Origin,
    /// The address whose access was refused, if the hardware told.
    pub address: Option<u32>,
    /// Program counter at the fault, 0 if unknown.
    pub program_counter: u32,
    /// Link register at the fault, 0 if unknown.
    pub link_register: u32,
    /// Configurable Fault Status Register (CFSR).
    pub status: u32,
    /// Secure Fault Status Register (SFSR).
    pub secure_status: u32,
    /// What the cause says it is.
    pub detail: u32,
    /// How often the device had been booted.
    pub boot_count: u32,
}

impl FaultRecord {
    /// A record that knows no more than its cause and origin.
    #[must_use]
    pub const fn new(cause: Cause, origin: Origin) -> Self {
        Self {
            cause,
            origin,
            address: None,
            program_counter: 0,
            link_register: 0,
            status: 0,
            secure_status: 0,
            detail: 0,
            boot_count: 0,
        }
    }

    /// The form that the non-secure world may read: no address of secure code or data.
    ///
    /// A fault of the non-secure world keeps its own program counter and link register.
    #[must_use]
    pub const fn without_secure_addresses(self) -> Self {
        match self.origin {
            Origin::NonSecure => self,
            Origin::Bootloader | Origin::RootOfTrust | Origin::Partition(_) => Self {
                address: None,
                program_counter: 0,
                link_register: 0,
                ..self
            },
        }
    }

    /// The record as stored, the `sequence`-th of its area.
    #[must_use]
    pub fn encode(&self, sequence: u32) -> [u8; RECORD_SIZE] {
        let (origin, partition) = match self.origin {
            Origin::Bootloader => (0, 0),
            Origin::NonSecure => (1, 0),
            Origin::RootOfTrust => (2, 0),
            Origin::Partition(index) => (3, index),
        };
        let flags = if self.address.is_some() {
            ADDRESS_KNOWN
        } else {
            0
        };
        let words = [
            u32::from_le_bytes(MAGIC),
            u32::from(FORMAT) | u32::from(self.cause as u16) << 16,
            u32::from_le_bytes([origin, partition, flags, 0]),
            self.address.unwrap_or(0),
            self.program_counter,
            self.link_register,
            self.status,
            self.secure_status,
            self.detail,
            self.boot_count,
            sequence,
        ];
        let mut out = [0; RECORD_SIZE];
        for (place, word) in out.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        if let Some((body, checksum)) = out.split_last_chunk_mut::<4>() {
            *checksum = crc32(body).to_le_bytes();
        }
        out
    }

    /// The sequence number of the record in `bytes`; nothing if they are not a whole record.
    fn sequence(bytes: &[u8; RECORD_SIZE]) -> Option<u32> {
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        let (head, rest) = body.split_first_chunk::<6>()?;
        let [a, b, c, d, f0, f1] = *head;
        let known = [a, b, c, d] == MAGIC && u16::from_le_bytes([f0, f1]) == FORMAT;
        if !known || crc32(body) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (_, sequence) = rest.split_at_checked(34)?;
        sequence.first_chunk().copied().map(u32::from_le_bytes)
    }

    /// The record in `bytes` and its sequence number; nothing if the bytes are not a whole record.
    #[must_use]
    pub fn decode(bytes: &[u8; RECORD_SIZE]) -> Option<(Self, u32)> {
        let sequence = Self::sequence(bytes)?;
        let mut input = Cursor::new(bytes);
        input.skip(6).ok()?;
        let cause = Cause::from_number(input.u16_le().ok()?)?;
        let origin = match (input.u8().ok()?, input.u8().ok()?) {
            (0, 0) => Origin::Bootloader,
            (1, 0) => Origin::NonSecure,
            (2, 0) => Origin::RootOfTrust,
            (3, index) => Origin::Partition(index),
            _ => return None,
        };
        let address_known = input.u16_le().ok()? & u16::from(ADDRESS_KNOWN) != 0;
        let address = input.u32_le().ok()?;
        let record = Self {
            cause,
            origin,
            address: address_known.then_some(address),
            program_counter: input.u32_le().ok()?,
            link_register: input.u32_le().ok()?,
            status: input.u32_le().ok()?,
            secure_status: input.u32_le().ok()?,
            detail: input.u32_le().ok()?,
            boot_count: input.u32_le().ok()?,
        };
        Some((record, sequence))
    }
}

/// The memory that keeps records over a reset: a ring of as many as fit.
///
/// What lies there at power-on is noise; a place without a valid record counts as free.
#[derive(Debug)]
pub struct FaultArea<'a> {
    places: &'a mut [[u8; RECORD_SIZE]],
}

impl<'a> FaultArea<'a> {
    /// The area in `memory`; bytes after the last whole record are not used.
    #[must_use]
    pub fn new(memory: &'a mut [u8]) -> Self {
        Self {
            places: memory.as_chunks_mut().0,
        }
    }

    /// Adds `record`, in a free place or in that of the oldest record.
    pub fn append(&mut self, record: &FaultRecord) {
        let mut newest = 0;
        // A free place is older than every record.
        let mut oldest = None;
        for place in self.places.iter_mut() {
            let sequence = FaultRecord::sequence(place);
            newest = newest.max(sequence.unwrap_or(0));
            if oldest.as_ref().is_none_or(|(least, _)| sequence < *least) {
                oldest = Some((sequence, place));
            }
        }
        if let Some((_, place)) = oldest {
            *place = record.encode(next_sequence(newest));
        }
    }

    /// The records with their sequence numbers, in no particular order.
    pub fn records(&self) -> impl Iterator<Item = (FaultRecord, u32)> {
        self.places.iter().filter_map(FaultRecord::decode)
    }

    /// Takes the oldest record out, or nothing if there is none.
    pub fn take_oldest(&mut self) -> Option<FaultRecord> {
        let decoded = |place: &[u8; RECORD_SIZE]| FaultRecord::decode(place);
        let (place, record, _) = self
            .places
            .iter_mut()
            .filter_map(|place| decoded(place).map(|(record, sequence)| (place, record, sequence)))
            .min_by_key(|(_, _, sequence)| *sequence)?;
        *place = [0; RECORD_SIZE];
        Some(record)
    }
}

const fn next_sequence(sequence: u32) -> u32 {
    sequence.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn sample() -> FaultRecord {
        FaultRecord {
            cause: Cause::BusFault,
            origin: Origin::Partition(2),
            address: Some(0x3000_0800),
            program_counter: 0x1004_0010,
            link_register: 0x1004_0001,
            status: 0x8200,
            secure_status: 0,
            detail: 7,
            boot_count: 41,
        }
    }

    #[test]
    fn every_cause_and_origin_comes_back_as_written() {
        let origins = [
            Origin::Bootloader,
            Origin::NonSecure,
            Origin::RootOfTrust,
            Origin::Partition(9),
        ];
        for cause in Cause::ALL {
            for origin in origins {
                let record = FaultRecord {
                    cause,
                    origin,
                    address: None,
                    ..sample()
                };
                assert_eq!(FaultRecord::decode(&record.encode(5)), Some((record, 5)));
            }
        }
        assert_eq!(
            FaultRecord::decode(&sample().encode(1)),
            Some((sample(), 1))
        );
    }

    #[test]
    fn the_bytes_are_those_of_the_table() {
        let bytes = sample().encode(3);
        assert_eq!(bytes[..12], *b"IRFT\x01\x00\x05\x00\x03\x02\x01\x00");
        assert_eq!(bytes[12..16], 0x3000_0800_u32.to_le_bytes());
        assert_eq!(bytes[36..44], [41, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(bytes[44..60], [0; 16]);
    }

    #[test]
    fn one_flipped_bit_anywhere_makes_it_no_record() {
        let good = sample().encode(1);
        for bit in 0..RECORD_SIZE * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FaultRecord::decode(&bad), None, "bit {bit}");
        }
    }

    #[test]
    fn power_on_noise_is_no_record() {
        for noise in [0x00, 0xff, 0xa5] {
            assert_eq!(FaultRecord::decode(&[noise; RECORD_SIZE]), None);
        }
    }

    #[test]
    fn the_non_secure_world_sees_no_secure_address() {
        let seen = sample().without_secure_addresses();
        assert_eq!(
            (seen.address, seen.program_counter, seen.link_register),
            (None, 0, 0)
        );
        assert_eq!(
            (seen.cause, seen.status, seen.boot_count),
            (Cause::BusFault, 0x8200, 41)
        );
        let own = FaultRecord {
            origin: Origin::NonSecure,
            ..sample()
        };
        assert_eq!(own.without_secure_addresses(), own);
    }

    #[test]
    fn a_full_area_loses_its_oldest_record_first() {
        let mut memory = [0xa5; 3 * RECORD_SIZE + 10];
        let mut area = FaultArea::new(&mut memory);
        for boot_count in 0..5 {
            area.append(&FaultRecord {
                boot_count,
                ..sample()
            });
        }
        let kept: Vec<u32> = core::iter::from_fn(|| area.take_oldest())
            .map(|record| record.boot_count)
            .collect();
        assert_eq!(kept, [2, 3, 4]);
        assert_eq!(area.records().count(), 0);
    }

    #[test]
    fn an_area_too_small_for_a_record_takes_none() {
        let mut memory = [0; RECORD_SIZE - 1];
        let mut area = FaultArea::new(&mut memory);
        area.append(&sample());
        assert_eq!(area.take_oldest(), None);
    }
}
