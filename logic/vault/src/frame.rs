//! One frame in RAM, between its plain and its sealed form.
//!
//! | offset in the buffer | content |
//! |---|---|
//! | 0 | tag of what stands before the frame: the link of the chain |
//! | 16 | head: length in granules and its complement |
//! | 20 | record head: kind, space, length, owner, id, flags |
//! | 40 | data, then zeros to a whole granule: encrypted |
//! | end − 16 | tag |
//!
//! Link and frame are neighbours on flash too, so one read fetches both. Link, heads and sector number
//! are the associated data: a frame is authentic at one place of one sector, behind one other frame.
//! The record head is not encrypted: a fifth of the work of a short record would be for it.

use crate::bytes::{array, copy, put, u16_at, u32_at, u64_at};
use crate::cipher::{Cipher, Tag};
use crate::index::Kind;
use crate::layout::{FRAME_OVERHEAD, HEAD_LEN, Layout, MAX_FRAME, RECORD_HEAD_LEN, TAG_LEN};
use crate::{RecordId, Space, VaultError};

const LINK_LEN: usize = TAG_LEN;
const RECORD_HEAD: usize = LINK_LEN + HEAD_LEN;
const DATA: usize = RECORD_HEAD + RECORD_HEAD_LEN;
/// The heads, their link, and the sector number.
const ASSOCIATED: usize = DATA + 4;

const RECORD: u8 = 1;
const COUNTER: u8 = 2;
const REMOVAL: u8 = 3;
const COMMIT: u8 = 0x80;

/// What a frame says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// This is the present content of a record or counter.
    Put(Kind),
    /// The record is no more.
    Remove,
}

/// The record head, decoded.
#[derive(Clone, Copy)]
pub(crate) struct RecordHead {
    pub(crate) verb: Verb,
    /// The last frame of an operation.
    pub(crate) commits: bool,
    pub(crate) id: RecordId,
    pub(crate) flags: u32,
    pub(crate) len: u16,
}

/// Room for one frame and its link.
pub(crate) struct FrameBuffer {
    bytes: [u8; LINK_LEN + MAX_FRAME],
    /// How many bytes of data may be in the clear.
    clear: usize,
}

impl FrameBuffer {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; LINK_LEN + MAX_FRAME],
            clear: 0,
        }
    }

    /// The first `len` bytes of the data's place.
    pub(crate) fn data(&self, len: usize) -> Result<&[u8], VaultError> {
        self.bytes
            .get(DATA..)
            .and_then(|data| data.get(..len))
            .ok_or(VaultError::Corrupt)
    }

    pub(crate) fn data_mut(&mut self, len: usize) -> Result<&mut [u8], VaultError> {
        self.clear = self.clear.max(len);
        let data = self
            .bytes
            .get_mut(DATA..)
            .and_then(|data| data.get_mut(..len));
        data.ok_or(VaultError::Corrupt)
    }

    /// Wipes what was in the clear.
    pub(crate) fn wipe(&mut self) {
        if let Ok(clear) = self.data_mut(self.clear) {
            ironroot_crypto::wipe(clear);
        }
        self.clear = 0;
    }

    /// Where a frame of `frame_len` bytes and its link are read to.
    pub(crate) fn with_link(&mut self, frame_len: u32) -> Result<&mut [u8], VaultError> {
        let len = LINK_LEN.saturating_add(widen(frame_len));
        self.bytes.get_mut(..len).ok_or(VaultError::Corrupt)
    }

    /// What is programmed.
    pub(crate) fn frame(&self, frame_len: u32) -> Result<&[u8], VaultError> {
        let frame = self
            .bytes
            .get(LINK_LEN..)
            .and_then(|frame| frame.get(..widen(frame_len)));
        frame.ok_or(VaultError::Corrupt)
    }

    /// Seals the data that stands in the buffer and returns the tag.
    pub(crate) fn seal(
        &mut self,
        head: &RecordHead,
        link: &Tag,
        number: u32,
        nonce: &[u8; 12],
        layout: &Layout,
        cipher: &Cipher,
    ) -> Result<Tag, VaultError> {
        let frame_len = layout.frame_len(head.len.into());
        let granules = layout.in_granules(frame_len);
        copy(&mut self.bytes, link);
        put(&mut self.bytes, LINK_LEN, &frame_head(granules));
        put(&mut self.bytes, RECORD_HEAD, &head.encode());
        let (associated, sealed, tag) = self.split(frame_len, number)?;
        sealed
            .iter_mut()
            .skip(head.len.into())
            .for_each(|byte| *byte = 0);
        cipher.seal(nonce, &associated, sealed, tag)?;
        let (sealed, tag) = (sealed.len(), *tag);
        if self.clear <= sealed {
            self.clear = 0;
        }
        Ok(tag)
    }

    /// Opens the frame of `frame_len` bytes that was read with its link.
    pub(crate) fn open(
        &mut self,
        frame_len: u32,
        number: u32,
        nonce: &[u8; 12],
        layout: &Layout,
        cipher: &Cipher,
    ) -> Result<RecordHead, VaultError> {
        let (associated, sealed, tag) = self.split(frame_len, number)?;
        let opened = sealed.len();
        cipher.open(nonce, &associated, sealed, tag)?;
        self.clear = self.clear.max(opened);
        let record_head = self.bytes.get(RECORD_HEAD..).and_then(RecordHead::decode);
        let head = record_head.ok_or(VaultError::Tampered)?;
        if layout.frame_len(head.len.into()) == frame_len {
            Ok(head)
        } else {
            Err(VaultError::Tampered)
        }
    }

    /// The tag of the frame that stands in the buffer, and the one before it.
    pub(crate) fn tags(&self, frame_len: u32) -> Result<(Tag, Tag), VaultError> {
        let link = array(&self.bytes, 0).ok_or(VaultError::Corrupt)?;
        let tag = array(&self.bytes, widen(frame_len)).ok_or(VaultError::Corrupt)?;
        Ok((link, tag))
    }

    /// Associated data, what is encrypted, tag.
    fn split(
        &mut self,
        frame_len: u32,
        number: u32,
    ) -> Result<([u8; ASSOCIATED], &mut [u8], &mut Tag), VaultError> {
        let (heads, rest) = self
            .bytes
            .split_first_chunk_mut::<DATA>()
            .ok_or(VaultError::Corrupt)?;
        let mut associated = [0; ASSOCIATED];
        copy(&mut associated, heads);
        put(&mut associated, DATA, &number.to_le_bytes());
        let data_len = widen(frame_len.saturating_sub(FRAME_OVERHEAD));
        let (sealed, rest) = rest
            .split_at_mut_checked(data_len)
            .ok_or(VaultError::Corrupt)?;
        let (tag, _) = rest.split_first_chunk_mut().ok_or(VaultError::Corrupt)?;
        Ok((associated, sealed, tag))
    }
}

impl RecordHead {
    fn encode(&self) -> [u8; RECORD_HEAD_LEN] {
        let verb = match self.verb {
            Verb::Put(Kind::Record) => RECORD,
            Verb::Put(Kind::Counter) => COUNTER,
            Verb::Remove => REMOVAL,
        };
        let mut bytes = [0; RECORD_HEAD_LEN];
        put(
            &mut bytes,
            0,
            &[
                verb | if self.commits { COMMIT } else { 0 },
                self.id.space.0,
            ],
        );
        put(&mut bytes, 2, &self.len.to_le_bytes());
        put(&mut bytes, 4, &self.id.owner.to_le_bytes());
        put(&mut bytes, 8, &self.id.id.to_le_bytes());
        put(&mut bytes, 16, &self.flags.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let [verb, space] = array(bytes, 0)?;
        Some(Self {
            verb: match verb & !COMMIT {
                RECORD => Verb::Put(Kind::Record),
                COUNTER => Verb::Put(Kind::Counter),
                REMOVAL => Verb::Remove,
                _ => return None,
            },
            commits: verb & COMMIT != 0,
            id: RecordId::new(
                Space(space),
                i32::from_le_bytes(array(bytes, 4)?),
                u64_at(bytes, 8)?,
            ),
            flags: u32_at(bytes, 16)?,
            len: u16_at(bytes, 2)?,
        })
    }
}

/// The head of a frame of that many granules: never mistaken for erased flash.
fn frame_head(granules: u16) -> [u8; HEAD_LEN] {
    let mut head = [0; HEAD_LEN];
    copy(&mut head, &granules.to_le_bytes());
    put(&mut head, 2, &(!granules).to_le_bytes());
    head
}

/// Bytes of the frame with this head, if it is one that can stand in front of `room` bytes.
pub(crate) fn announced_len(head: [u8; HEAD_LEN], room: u32, layout: &Layout) -> Option<u32> {
    let granules = u16_at(&head, 0)?;
    let len = layout.granules_in_bytes(granules);
    let possible = frame_head(granules) == head
        && len >= layout.frame_len(0)
        && len <= room.min(layout.max_frame());
    possible.then_some(len)
}

fn widen(len: u32) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
