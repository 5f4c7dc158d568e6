//! The journal: its state in memory, making and opening one.

use crate::frame::{self, HEAD_LEN, Head};
use crate::header::{BLOCK, Header, HeaderBytes};
use crate::keys::{Keys, NONCE_LEN, TAG_LEN, Tag};
use crate::{Change, JournalError, Medium, Protection, RecordId, body};
use ironroot_codec::{Cursor, EndOfInput, Writer};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_platform::Entropy;

/// A transaction: its number, and the tag that vouches for it and for all before it.
///
/// An anchor outside keeps the last one; see [`Journal::open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// How many transactions there were.
    pub number: u64,
    pub(crate) tag: Tag,
}

impl Position {
    /// Bytes of [`encode`](Self::encode).
    pub const LEN: usize = 8 + TAG_LEN;

    /// For keeping elsewhere.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let mut out = Writer::new(&mut bytes);
        // The buffer has room for both.
        let _ = out.u64_le(self.number).and_then(|()| out.put(&self.tag));
        bytes
    }

    /// What [`encode`](Self::encode) gave.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::LEN]) -> Self {
        let mut input = Cursor::new(bytes);
        let read = |input: &mut Cursor<'_>| -> Result<Self, EndOfInput> {
            Ok(Self {
                number: input.u64_le()?,
                tag: input.array()?,
            })
        };
        read(&mut input).unwrap_or(Self {
            number: 0,
            tag: [0; TAG_LEN],
        })
    }
}

/// An open journal.
pub struct Journal<M> {
    pub(crate) medium: M,
    pub(crate) header: Header,
    pub(crate) keys: Keys,
    pub(crate) drbg: Drbg,
    pub(crate) log: Log,
    /// Where a frame that was not acknowledged may still stand: it is erased before anything else.
    pub(crate) disowned: Option<u64>,
    /// The log before the last commit.
    pub(crate) before: Option<Log>,
}

/// Where the log ends.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    /// The log is in the second segment.
    pub(crate) second: bool,
    pub(crate) generation: u64,
    /// The last transaction.
    pub(crate) last: Position,
    /// Where in the segment the next frame goes.
    pub(crate) end: u32,
    /// The other segment's first frame was erased, or never was.
    pub(crate) other_erased: bool,
}

impl<M: Medium> Journal<M> {
    /// The length of the file that a journal with such segments needs.
    #[must_use]
    pub fn file_len(segment_len: u32) -> u64 {
        u64::from(BLOCK).saturating_add(u64::from(segment_len).saturating_mul(2))
    }

    /// Makes an empty journal in a file of zeros and syncs it.
    ///
    /// Not safe against loss of power: make it under another name and rename it when done.
    ///
    /// # Errors
    /// [`JournalError::Full`] when the medium is not as long as [`file_len`](Self::file_len) says;
    /// [`JournalError::Entropy`], [`JournalError::Medium`].
    pub fn create(
        mut medium: M,
        segment_len: u32,
        key: Option<&[u8]>,
        entropy: &mut impl Entropy,
        buffer: &mut [u8],
    ) -> Result<Self, JournalError> {
        let mut drbg = generator(entropy)?;
        let mut salt = [0; 32];
        drbg.fill(&mut salt);
        let protection = match key {
            Some(_) => Protection::Key,
            None => Protection::None,
        };
        let header = Header::new(protection, segment_len, salt)?;
        if medium.size() != header.file_len() {
            return Err(JournalError::Full);
        }
        let (keys, header) = Keys::make(header, key)?;
        medium.write(0, &header.encode()?)?;
        let mut journal = Self {
            medium,
            header,
            keys,
            drbg,
            log: Log::BEFORE_THE_FIRST,
            disowned: None,
            before: None,
        };
        journal.begin_segment(core::iter::empty(), &[], buffer)?;
        journal.before = None;
        Ok(journal)
    }

    /// Opens a journal: shows every change that counts to `visit`, oldest first.
    ///
    /// `buffer` must hold the longest frame: a segment's length is enough. What was in the clear there is wiped. With an
    /// `anchor`, only that state or one that descends from it is accepted.
    ///
    /// What this shows is on the disk: the medium is synced before.
    ///
    /// # Errors
    /// All of [`JournalError`]. Whatever `visit` saw before an error counts for nothing.
    pub fn open(
        medium: M,
        key: Option<&[u8]>,
        anchor: Option<&Position>,
        entropy: &mut impl Entropy,
        buffer: &mut [u8],
        visit: &mut dyn FnMut(Change<'_>),
    ) -> Result<Self, JournalError> {
        let mut bytes: HeaderBytes = [0; core::mem::size_of::<HeaderBytes>()];
        if medium.size() < u64::from(BLOCK) {
            return Err(JournalError::NotAJournal);
        }
        medium.read(0, &mut bytes)?;
        let header = Header::parse(&bytes)?;
        if medium.size() != header.file_len() {
            return Err(JournalError::Damaged);
        }
        let mut journal = Self {
            medium,
            header,
            keys: Keys::of(&header, key)?,
            drbg: generator(entropy)?,
            log: Log::BEFORE_THE_FIRST,
            disowned: None,
            before: None,
        };
        journal.mount(anchor, buffer, visit)?;
        journal.medium.sync()?;
        Ok(journal)
    }

    /// The last transaction.
    #[must_use]
    pub fn position(&self) -> Position {
        self.log.last
    }

    /// What anybody can read of it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What it lies on.
    #[must_use]
    pub fn medium(&self) -> &M {
        &self.medium
    }

    /// What it lies on: to change how it works, not what is on it.
    pub fn medium_mut(&mut self) -> &mut M {
        &mut self.medium
    }

    /// A secret that is this journal's own, the same for all its life.
    #[must_use]
    pub fn owner_secret(&self) -> Secret<32> {
        self.keys.owner()
    }

    /// Bytes of the current segment that are written, and the segment's length.
    #[must_use]
    pub fn fill(&self) -> (u32, u32) {
        (self.log.end, self.header.segment_len)
    }

    /// Bytes that the records of a content take in a snapshot.
    #[must_use]
    pub fn snapshot_len<'a>(live: impl Iterator<Item = (RecordId, &'a [u8])>) -> usize {
        let start = HEAD_LEN.saturating_add(TAG_LEN);
        live.fold(start, |sum, (_, data)| {
            sum.saturating_add(body::ENTRY_HEAD)
                .saturating_add(data.len())
        })
    }

    /// Where the log's segment begins.
    pub(crate) fn base(&self) -> u64 {
        self.header.segment(self.log.second)
    }

    /// A fresh head.
    pub(crate) fn head(&mut self, body_len: usize, generation: u64) -> Result<Head, JournalError> {
        let body_len = u32::try_from(body_len).map_err(|_| JournalError::Full)?;
        let mut nonce = [0; NONCE_LEN];
        self.drbg.fill(&mut nonce);
        let number = self.log.last.number.checked_add(1);
        let head = Head {
            body_len,
            generation,
            number: number.ok_or(JournalError::Full)?,
            nonce,
            tag: [0; TAG_LEN],
        };
        match frame::frame_len(body_len) {
            Some(len) if len <= self.header.segment_len => Ok(head),
            _ => Err(JournalError::Full),
        }
    }
}

impl Log {
    const BEFORE_THE_FIRST: Self = Self {
        second: true,
        generation: 0,
        last: Position {
            number: 0,
            tag: [0; TAG_LEN],
        },
        end: 0,
        other_erased: true,
    };
}

fn generator(entropy: &mut impl Entropy) -> Result<Drbg, JournalError> {
    Drbg::from_entropy(entropy, b"ironroot journal").map_err(|_| JournalError::Entropy)
}
