//! The first block of the file: written once, never changed.
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 8 | `IRJOURNL` |
//! | 8 | 4 | format, 1 |
//! | 12 | 4 | protection: 0 without a key, 1 with one |
//! | 16 | 4 | bytes in a segment |
//! | 20 | 4 | zeros |
//! | 24 | 32 | salt |
//! | 56 | 16 | check value of the key; all before it goes into the derivation |
//!
//! Behind it lie the two segments. All words are little-endian.

use crate::{JournalError, MediumError};
use ironroot_codec::{Cursor, Writer};

/// Frames begin at multiples of this, so a sector with an acknowledged frame is never written again.
pub const BLOCK: u32 = 4096;

/// The format written. Older ones that can be read: none yet.
pub const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"IRJOURNL";

/// Bytes of the header that the key derivation takes in.
pub(crate) const BOUND_LEN: usize = 56;
const HEADER_LEN: usize = BOUND_LEN + CHECK_LEN;
pub(crate) const CHECK_LEN: usize = 16;
const MIN_SEGMENT: u32 = 4 * BLOCK;
const MAX_SEGMENT: u32 = 1 << 30;

/// What keeps others from reading and forging the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Nothing: the key is derived from the salt alone. Accidents are noticed, an attacker is not.
    None,
    /// A key from outside.
    Key,
}

/// What anybody can read of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether a key is needed.
    pub protection: Protection,
    /// Bytes in each of the two segments.
    pub segment_len: u32,
    salt: [u8; 32],
    check: [u8; CHECK_LEN],
}

impl Header {
    pub(crate) fn new(
        protection: Protection,
        segment_len: u32,
        salt: [u8; 32],
    ) -> Result<Self, JournalError> {
        let header = Self {
            protection,
            segment_len,
            salt,
            check: [0; CHECK_LEN],
        };
        if header.segment_fits() {
            Ok(header)
        } else {
            Err(JournalError::Full)
        }
    }

    /// Reads the header from the beginning of a file.
    ///
    /// # Errors
    /// [`JournalError::NotAJournal`], [`JournalError::NewerFormat`], [`JournalError::Damaged`].
    pub fn parse(file: &[u8]) -> Result<Self, JournalError> {
        let mut input = Cursor::new(file);
        if input.array() != Ok(MAGIC) {
            return Err(JournalError::NotAJournal);
        }
        match input.u32_le()? {
            FORMAT => {}
            0 => return Err(JournalError::Damaged),
            newer => return Err(JournalError::NewerFormat(newer)),
        }
        let protection = match input.u32_le()? {
            0 => Protection::None,
            1 => Protection::Key,
            _ => return Err(JournalError::Damaged),
        };
        let segment_len = input.u32_le()?;
        let reserved = input.u32_le()?;
        let header = Self {
            protection,
            segment_len,
            salt: input.array()?,
            check: input.array()?,
        };
        if reserved == 0 && header.segment_fits() {
            Ok(header)
        } else {
            Err(JournalError::Damaged)
        }
    }

    /// How long the file is.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        u64::from(BLOCK).saturating_add(u64::from(self.segment_len).saturating_mul(2))
    }

    /// Where a segment begins in the file.
    pub(crate) fn segment(&self, second: bool) -> u64 {
        let first = u64::from(BLOCK);
        if second {
            first.saturating_add(self.segment_len.into())
        } else {
            first
        }
    }

    pub(crate) fn salt(&self) -> &[u8; 32] {
        &self.salt
    }

    pub(crate) fn check(&self) -> &[u8; CHECK_LEN] {
        &self.check
    }

    pub(crate) fn with_check(self, check: [u8; CHECK_LEN]) -> Self {
        Self { check, ..self }
    }

    /// The bytes before the check value.
    pub(crate) fn bound(&self) -> [u8; BOUND_LEN] {
        let mut bytes = [0; BOUND_LEN];
        // The buffer is as long as what is put into it: the table above.
        let _ = self.put_bound(&mut Writer::new(&mut bytes));
        bytes
    }

    /// The whole header, one sector.
    pub(crate) fn encode(&self) -> Result<[u8; 512], MediumError> {
        let mut bytes = [0; 512];
        let mut out = Writer::new(&mut bytes);
        let done = self.put_bound(&mut out).and_then(|()| out.put(&self.check));
        done.map_err(|_| MediumError)?;
        Ok(bytes)
    }

    fn put_bound(&self, out: &mut Writer<'_>) -> Result<(), ironroot_codec::BufferFull> {
        out.put(&MAGIC)?;
        out.u32_le(FORMAT)?;
        out.u32_le(match self.protection {
            Protection::None => 0,
            Protection::Key => 1,
        })?;
        out.u32_le(self.segment_len)?;
        out.u32_le(0)?;
        out.put(&self.salt)
    }

    fn segment_fits(&self) -> bool {
        self.segment_len.is_multiple_of(BLOCK)
            && (MIN_SEGMENT..=MAX_SEGMENT).contains(&self.segment_len)
    }
}

/// Enough of a file for [`Header::parse`].
pub(crate) type HeaderBytes = [u8; HEADER_LEN];
