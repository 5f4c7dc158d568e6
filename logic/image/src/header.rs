//! The image header: 32 bytes at the start of a slot, little endian.
//!
//! MCUboot design document, "Image Format":
//!
//! ```text
//!  0 u32 magic      4 u32 load address      8 u16 header size   10 u16 protected TLV size
//! 12 u32 payload   16 u32 flags            20 version (u8, u8, u16, u32)      28 u32 zero
//! ```

use crate::{ImageSource, Refusal};
use core::fmt::{self, Write as _};
use ironroot_codec::{Cursor, EndOfInput};

/// First word of every image.
pub const HEADER_MAGIC: u32 = 0x96f3_b83d;

/// Bytes of the header that have a meaning; the header size field is at least this.
pub const HEADER_LEN: u16 = 32;

/// An image version.
///
/// Ordered by major, minor, revision, build. Where the build number must not count (dependencies,
/// downgrade checks in MCUboot), use [`satisfies`](Self::satisfies).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Version {
    /// First number.
    pub major: u8,
    /// Second number.
    pub minor: u8,
    /// Third number.
    pub revision: u16,
    /// Number after the plus sign.
    pub build: u32,
}

impl Version {
    /// A version without build number.
    #[must_use]
    pub const fn new(major: u8, minor: u8, revision: u16) -> Self {
        Self {
            major,
            minor,
            revision,
            build: 0,
        }
    }

    /// Whether this version is `minimum` or later, build numbers left out.
    #[must_use]
    pub fn satisfies(&self, minimum: &Self) -> bool {
        Self { build: 0, ..*self }
            >= Self {
                build: 0,
                ..*minimum
            }
    }

    /// The eight bytes of the header and of a dependency.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 8] {
        let [r0, r1] = self.revision.to_le_bytes();
        let [b0, b1, b2, b3] = self.build.to_le_bytes();
        [self.major, self.minor, r0, r1, b0, b1, b2, b3]
    }

    /// Gives the version in words, "1.2.3" or "1.2.3+4", character by character: at most
    /// [`MAX_WORDS`](Self::MAX_WORDS).
    pub fn spell(&self, put: &mut dyn FnMut(u8)) {
        decimal(u32::from(self.major), put);
        put(b'.');
        decimal(u32::from(self.minor), put);
        put(b'.');
        decimal(u32::from(self.revision), put);
        if self.build != 0 {
            put(b'+');
            decimal(self.build, put);
        }
    }

    /// Length of "255.255.65535+4294967295".
    pub const MAX_WORDS: usize = 24;

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, EndOfInput> {
        Ok(Self {
            major: cursor.u8()?,
            minor: cursor.u8()?,
            revision: cursor.u16_le()?,
            build: cursor.u32_le()?,
        })
    }
}

/// Gives `number` in decimal digits, one by one. For consoles that go without the language's formatting.
pub fn decimal(number: u32, put: &mut dyn FnMut(u8)) {
    let mut place = 1_000_000_000u32;
    let mut leading = true;
    while place != 0 {
        let digit = number.checked_div(place).unwrap_or(0) % 10;
        leading &= digit == 0 && place != 1;
        if !leading {
            put(b'0' | digit as u8);
        }
        place /= 10;
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.spell(&mut |character| {
            result = result.and_then(|()| f.write_char(char::from(character)));
        });
        result
    }
}

/// The header's flag word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Payload encrypted with AES-128-CTR.
    pub const ENCRYPTED_AES128: Self = Self(0x4);
    /// Payload encrypted with AES-256-CTR.
    pub const ENCRYPTED_AES256: Self = Self(0x8);
    /// Not to be booted (data, or a part of another image).
    pub const NON_BOOTABLE: Self = Self(0x10);
    /// To be copied to the header's load address before it runs.
    pub const RAM_LOAD: Self = Self(0x20);
    /// Linked for the flash address in the header.
    pub const ROM_FIXED: Self = Self(0x100);
    /// Payload compressed with LZMA1.
    pub const COMPRESSED_LZMA1: Self = Self(0x200);
    /// Payload compressed with LZMA2.
    pub const COMPRESSED_LZMA2: Self = Self(0x400);
    /// ARM-Thumb branch filter before the compression.
    pub const COMPRESSED_ARM_THUMB: Self = Self(0x800);

    /// Every flag with its name, lowest bit first.
    pub const NAMES: &[(Self, &str)] = &[
        (Self::ENCRYPTED_AES128, "ENCRYPTED_AES128"),
        (Self::ENCRYPTED_AES256, "ENCRYPTED_AES256"),
        (Self::NON_BOOTABLE, "NON_BOOTABLE"),
        (Self::RAM_LOAD, "RAM_LOAD"),
        (Self::ROM_FIXED, "ROM_FIXED"),
        (Self::COMPRESSED_LZMA1, "COMPRESSED_LZMA1"),
        (Self::COMPRESSED_LZMA2, "COMPRESSED_LZMA2"),
        (Self::COMPRESSED_ARM_THUMB, "COMPRESSED_ARM_THUMB"),
    ];

    const KNOWN: u32 = 0xf3c;
    const ENCRYPTED: u32 = 0xc;
    const LZMA: u32 = 0x600;
    const PLACED: u32 = 0x120;

    /// Whether any bit of `other` is set here.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both words' flags.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the payload is encrypted.
    #[must_use]
    pub const fn encrypted(self) -> bool {
        self.0 & Self::ENCRYPTED != 0
    }

    /// Whether the payload is compressed.
    #[must_use]
    pub const fn compressed(self) -> bool {
        self.0 & (Self::LZMA | Self::COMPRESSED_ARM_THUMB.0) != 0
    }

    /// Refuses bits without a meaning (MCUboot ignores them) and pairs that exclude each other.
    const fn check(self) -> Result<(), Refusal> {
        if self.0 & !Self::KNOWN != 0 {
            return Err(Refusal::UnknownFlags);
        }
        let conflicts = self.0 & Self::ENCRYPTED == Self::ENCRYPTED
            || self.0 & Self::LZMA == Self::LZMA
            || self.0 & Self::PLACED == Self::PLACED
            || self.has(Self::COMPRESSED_ARM_THUMB) && self.0 & Self::LZMA == 0;
        if conflicts {
            Err(Refusal::ConflictingFlags)
        } else {
            Ok(())
        }
    }
}

/// A header whose own rules hold. Whether slot and device can take the image is checked later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// RAM address if [`Flags::RAM_LOAD`], flash address if [`Flags::ROM_FIXED`], else without meaning.
    pub load_address: u32,
    /// Offset of the payload, at least [`HEADER_LEN`]; bytes from 32 on are fill, and signed.
    pub header_size: u16,
    /// Length of the protected TLV area with its own 4-byte header; 0 when there is none.
    pub protected_size: u16,
    /// Length of the payload in bytes.
    pub payload_size: u32,
    /// What to do with the image.
    pub flags: Flags,
    /// Version of the image.
    pub version: Version,
}

impl Header {
    /// Reads and checks a header.
    ///
    /// # Errors
    /// [`Refusal::NoImage`], [`Refusal::HeaderSize`], [`Refusal::UnknownFlags`],
    /// [`Refusal::ConflictingFlags`], [`Refusal::ReservedWord`], or [`Refusal::TooLarge`] when the
    /// sizes do not add up within 32 bits.
    pub fn parse(bytes: &[u8; HEADER_LEN as usize]) -> Result<Self, Refusal> {
        let (header, magic, reserved) =
            Self::read(&mut Cursor::new(bytes)).map_err(|_| Refusal::Truncated)?;
        if magic != HEADER_MAGIC {
            return Err(Refusal::NoImage);
        }
        if header.header_size < HEADER_LEN {
            return Err(Refusal::HeaderSize);
        }
        header.flags.check()?;
        if reserved != 0 {
            return Err(Refusal::ReservedWord);
        }
        header.signed_len().ok_or(Refusal::TooLarge)?;
        Ok(header)
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<(Self, u32, u32), EndOfInput> {
        let magic = cursor.u32_le()?;
        let header = Self {
            load_address: cursor.u32_le()?,
            header_size: cursor.u16_le()?,
            protected_size: cursor.u16_le()?,
            payload_size: cursor.u32_le()?,
            flags: Flags(cursor.u32_le()?),
            version: Version::read(cursor)?,
        };
        Ok((header, magic, cursor.u32_le()?))
    }

    /// The header as it stands in an image.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN as usize] {
        let mut bytes = [0; HEADER_LEN as usize];
        let mut writer = ironroot_codec::Writer::new(&mut bytes);
        // The fields are 28 bytes; the writer cannot be full.
        let _ = writer
            .u32_le(HEADER_MAGIC)
            .and_then(|()| writer.u32_le(self.load_address))
            .and_then(|()| writer.u16_le(self.header_size))
            .and_then(|()| writer.u16_le(self.protected_size))
            .and_then(|()| writer.u32_le(self.payload_size))
            .and_then(|()| writer.u32_le(self.flags.0))
            .and_then(|()| writer.put(&self.version.to_bytes()));
        bytes
    }

    /// Offset of the first byte after the payload.
    #[must_use]
    pub fn payload_end(&self) -> Option<u32> {
        u32::from(self.header_size).checked_add(self.payload_size)
    }

    /// How many bytes, from the start of the image, hash and signature cover.
    #[must_use]
    pub fn signed_len(&self) -> Option<u32> {
        self.payload_end()?
            .checked_add(u32::from(self.protected_size))
    }
}

/// Reads the header alone: enough to order slots by version before the dear checks. **Nothing is
/// verified**: an attacker chooses these bytes.
///
/// # Errors
/// As [`Header::parse`], and [`Refusal::Unreadable`] or [`Refusal::Truncated`].
pub fn peek(source: &(impl ImageSource + ?Sized)) -> Result<Header, Refusal> {
    if source.len() < u32::from(HEADER_LEN) {
        return Err(Refusal::Truncated);
    }
    let mut bytes = [0; HEADER_LEN as usize];
    source
        .read_at(0, &mut bytes)
        .map_err(|_| Refusal::Unreadable)?;
    Header::parse(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn header() -> Header {
        Header {
            load_address: 0x1234_5678,
            header_size: 0x400,
            protected_size: 12,
            payload_size: 0x9abc,
            flags: Flags::RAM_LOAD,
            version: Version {
                major: 1,
                minor: 2,
                revision: 3,
                build: 4,
            },
        }
    }

    #[test]
    fn a_header_is_what_python_struct_packs() {
        // python3: struct.pack('<IIHHIIBBHII', 0x96f3b83d, 0x12345678, 0x400, 12, 0x9abc, 0x20, 1, 2, 3, 4, 0)
        let expected = [
            0x3d, 0xb8, 0xf3, 0x96, 0x78, 0x56, 0x34, 0x12, 0x00, 0x04, 0x0c, 0x00, 0xbc, 0x9a, 0,
            0, 0x20, 0, 0, 0, 1, 2, 3, 0, 4, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(header().to_bytes(), expected);
        assert_eq!(Header::parse(&expected), Ok(header()));
    }

    #[test]
    fn each_broken_field_has_its_own_refusal() {
        let edit = |change: fn(&mut Header)| {
            let mut header = header();
            change(&mut header);
            Header::parse(&header.to_bytes())
        };
        assert_eq!(edit(|h| h.header_size = 31), Err(Refusal::HeaderSize));
        assert_eq!(edit(|h| h.payload_size = u32::MAX), Err(Refusal::TooLarge));
        assert_eq!(
            edit(|h| h.payload_size = u32::MAX - 0x400),
            Err(Refusal::TooLarge)
        );
        assert_eq!(
            edit(|h| h.flags = Flags(0xc)),
            Err(Refusal::ConflictingFlags)
        );
        assert_eq!(
            edit(|h| h.flags = Flags(0x600)),
            Err(Refusal::ConflictingFlags)
        );
        assert_eq!(
            edit(|h| h.flags = Flags(0x120)),
            Err(Refusal::ConflictingFlags)
        );
        assert_eq!(
            edit(|h| h.flags = Flags(0x800)),
            Err(Refusal::ConflictingFlags)
        );
        for position in 0..32 {
            let flag = Flags(1 << position);
            let named = Flags::NAMES.iter().any(|(known, _)| *known == flag);
            let mut header = header();
            header.flags = flag;
            let refused = Header::parse(&header.to_bytes()) == Err(Refusal::UnknownFlags);
            assert_eq!(refused, !named, "flag {flag:x?}");
        }
        for byte in 0..4 {
            let mut bytes = header().to_bytes();
            bytes[byte] ^= 1;
            assert_eq!(Header::parse(&bytes), Err(Refusal::NoImage));
            let mut bytes = header().to_bytes();
            bytes[28 + byte] ^= 0x80;
            assert_eq!(Header::parse(&bytes), Err(Refusal::ReservedWord));
        }
    }

    #[test]
    fn versions_are_ordered_from_major_to_build() {
        let version = |major, minor, revision, build| Version {
            major,
            minor,
            revision,
            build,
        };
        let rising = [
            version(0, 0, 0, 0),
            version(0, 0, 0, u32::MAX),
            version(0, 0, 1, 0),
            version(0, 0, u16::MAX, 9),
            version(0, 1, 0, 0),
            version(1, 0, 0, 0),
            version(255, 255, 65535, u32::MAX),
        ];
        assert!(rising.is_sorted_by(|a, b| a < b));
        assert!(version(1, 2, 3, 0).satisfies(&version(1, 2, 3, 9)));
        assert!(version(1, 3, 0, 0).satisfies(&version(1, 2, 9, 0)));
        assert!(!version(1, 2, 2, 9).satisfies(&version(1, 2, 3, 0)));
        assert_eq!(version(1, 2, 3, 4).to_string(), "1.2.3+4");
        assert_eq!(version(1, 2, 3, 0).to_string(), "1.2.3");
    }
}
