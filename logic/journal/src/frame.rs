//! One transaction on the medium: a head, and a sealed body. It begins at a block.
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 4 | `IRTX` |
//! | 4 | 4 | length of the body |
//! | 8 | 8 | generation of the segment |
//! | 16 | 8 | number of the transaction |
//! | 24 | 24 | nonce, random |
//! | 48 | 16 | tag |
//! | 64 | | body, encrypted; then zeros to the end of the block |
//!
//! The first 24 bytes, the frame's place in its segment and the tag of the frame before are
//! associated data: a frame is authentic at one place, behind one other frame.

use crate::JournalError;
use crate::header::BLOCK;
use crate::keys::{Keys, NONCE_LEN, TAG_LEN, Tag};
use ironroot_codec::{Cursor, EndOfInput, Writer};

pub(crate) const HEAD_LEN: usize = 64;

const MAGIC: [u8; 4] = *b"IRTX";
const NAMED_LEN: usize = 24;
const ASSOCIATED_LEN: usize = NAMED_LEN + 4 + TAG_LEN;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) body_len: u32,
    pub(crate) generation: u64,
    pub(crate) number: u64,
    pub(crate) nonce: [u8; NONCE_LEN],
    pub(crate) tag: Tag,
}

impl Head {
    /// `None`: no frame begins here.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut input = Cursor::new(bytes);
        let head = Self::read(&mut input).ok()?;
        head.filter(|head| head.len() > 0)
    }

    fn read(input: &mut Cursor<'_>) -> Result<Option<Self>, EndOfInput> {
        if input.array()? != MAGIC {
            return Ok(None);
        }
        Ok(Some(Self {
            body_len: input.u32_le()?,
            generation: input.u64_le()?,
            number: input.u64_le()?,
            nonce: input.array()?,
            tag: input.array()?,
        }))
    }

    /// Bytes from the frame's beginning to the next frame's; 0 when it cannot be that long.
    pub(crate) fn len(&self) -> u32 {
        frame_len(self.body_len).unwrap_or(0)
    }

    fn put_named(&self, out: &mut Writer<'_>) -> Result<(), JournalError> {
        out.put(&MAGIC)?;
        out.u32_le(self.body_len)?;
        out.u64_le(self.generation)?;
        Ok(out.u64_le(self.number)?)
    }

    fn associated(&self, place: u32, link: &Tag) -> Result<[u8; ASSOCIATED_LEN], JournalError> {
        let mut bytes = [0; ASSOCIATED_LEN];
        let mut out = Writer::new(&mut bytes);
        self.put_named(&mut out)?;
        out.u32_le(place)?;
        out.put(link)?;
        Ok(bytes)
    }
}

/// Whole blocks for a head and a body of that length.
pub(crate) fn frame_len(body_len: u32) -> Option<u32> {
    let head = u32::try_from(HEAD_LEN).ok()?;
    body_len.checked_add(head)?.checked_next_multiple_of(BLOCK)
}

/// Seals the frame whose body stands behind the place of its head, and fills it up with zeros.
/// Gives the bytes to write.
pub(crate) fn seal<'b>(
    buffer: &'b mut [u8],
    head: &mut Head,
    place: u32,
    link: &Tag,
    keys: &Keys,
) -> Result<&'b [u8], JournalError> {
    let len = usize::try_from(head.len()).map_err(|_| JournalError::Full)?;
    let body_len = usize::try_from(head.body_len).map_err(|_| JournalError::Full)?;
    let frame = buffer.get_mut(..len).ok_or(JournalError::Full)?;
    let (start, rest) = frame
        .split_at_mut_checked(HEAD_LEN)
        .ok_or(JournalError::Full)?;
    let (body, padding) = rest
        .split_at_mut_checked(body_len)
        .ok_or(JournalError::Full)?;
    padding.fill(0);
    head.tag = keys.seal(&head.nonce, &head.associated(place, link)?, body)?;
    let mut out = Writer::new(start);
    head.put_named(&mut out)?;
    out.put(&head.nonce)?;
    out.put(&head.tag)?;
    Ok(frame)
}

/// Opens a body in place.
pub(crate) fn open(
    body: &mut [u8],
    head: &Head,
    place: u32,
    link: &Tag,
    keys: &Keys,
) -> Result<(), JournalError> {
    keys.open(&head.nonce, &head.associated(place, link)?, body, &head.tag)
}
