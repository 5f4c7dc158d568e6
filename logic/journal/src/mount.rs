//! Reading a journal back: which segment counts, and where its log ends.
//!
//! The segment with the higher generation counts if its first frame is whole; else that frame was
//! never acknowledged (its switch was cut) and the other segment counts. When the first change after
//! a switch is written, the other segment's first frame is erased with it. So a damaged segment is
//! not taken for one that was cut, and its predecessor comes back to life only if nothing happened
//! since the switch.
//!
//! The log ends at the first frame that is not whole. That is a transaction that was cut, unless a
//! later frame of the same segment stands behind it: frames are written one at a time, each only after
//! the one before was acknowledged. Then acknowledged bytes were damaged, and that is said.

use crate::body;
use crate::frame::{self, HEAD_LEN, Head};
use crate::header::BLOCK;
use crate::journal::{Journal, Log, Position};
use crate::keys::{TAG_LEN, Tag};
use crate::{Change, JournalError, Medium};

/// How the anchor compares with what was walked over.
enum Descent<'a> {
    Unasked,
    Wanted(&'a Position),
    Shown,
}

impl Descent<'_> {
    /// A transaction that counts.
    fn passes(&mut self, position: &Position) {
        if let Self::Wanted(anchor) = self
            && **anchor == *position
        {
            *self = Self::Shown;
        }
    }

    /// `oldest` is the earliest transaction that the segment can show.
    fn verdict(&self, oldest: u64) -> Result<(), JournalError> {
        match self {
            Self::Unasked | Self::Shown => Ok(()),
            Self::Wanted(anchor) if anchor.number < oldest => Err(JournalError::AnchorTooOld),
            Self::Wanted(_) => Err(JournalError::RolledBack),
        }
    }
}

impl<M: Medium> Journal<M> {
    /// Finds the log and walks it.
    pub(crate) fn mount(
        &mut self,
        anchor: Option<&Position>,
        buffer: &mut [u8],
        visit: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), JournalError> {
        let heads = [self.first_head(false)?, self.first_head(true)?];
        let mut descent = anchor.map_or(Descent::Unasked, Descent::Wanted);
        let oldest = self.enter_newest(heads, &mut descent, buffer, visit)?;
        while let Some(head) = self.next_head()? {
            if !self.step(&head, &mut descent, buffer, visit)? {
                break;
            }
        }
        self.refuse_lost_frames()?;
        descent.verdict(oldest)
    }

    /// Enters the segment that counts. Gives the number of the oldest transaction it can show.
    fn enter_newest(
        &mut self,
        heads: [Option<Head>; 2],
        descent: &mut Descent<'_>,
        buffer: &mut [u8],
        visit: &mut dyn FnMut(Change<'_>),
    ) -> Result<u64, JournalError> {
        let [first, second] = heads.map(|head| (head, head.map_or(0, |head| head.generation)));
        let (first, second) = ((false, first), (true, second));
        let order = if second.1.1 > first.1.1 {
            [second, first]
        } else {
            [first, second]
        };
        for (second, (head, _)) in order {
            let Some(head) = head else { continue };
            self.log.second = second;
            match self.load(&head, 0, &[0; TAG_LEN], buffer) {
                Ok(opened) => {
                    let (link, entries) = body::split_link(opened)?;
                    body::walk(entries, visit)?;
                    ironroot_crypto::wipe(opened);
                    self.enter(second, &head, heads);
                    let before = head.number.saturating_sub(1);
                    descent.passes(&Position {
                        number: before,
                        tag: link,
                    });
                    descent.passes(&self.log.last);
                    return Ok(before);
                }
                Err(JournalError::Damaged) => {}
                Err(error) => return Err(error),
            }
        }
        Err(JournalError::Damaged)
    }

    fn enter(&mut self, second: bool, head: &Head, heads: [Option<Head>; 2]) {
        let [first, other] = heads;
        self.log = Log {
            second,
            generation: head.generation,
            last: Position {
                number: head.number,
                tag: head.tag,
            },
            end: head.len(),
            other_erased: if second { first } else { other }.is_none(),
        };
    }

    /// Takes the next frame in; `false` when it is not whole.
    fn step(
        &mut self,
        head: &Head,
        descent: &mut Descent<'_>,
        buffer: &mut [u8],
        visit: &mut dyn FnMut(Change<'_>),
    ) -> Result<bool, JournalError> {
        let follows = head.generation == self.log.generation
            && Some(head.number) == self.log.last.number.checked_add(1);
        if !follows {
            return Ok(false);
        }
        let link = self.log.last.tag;
        let entries = match self.load(head, self.log.end, &link, buffer) {
            Err(JournalError::Damaged) => return Ok(false),
            other => other?,
        };
        body::walk(entries, visit)?;
        ironroot_crypto::wipe(entries);
        self.log.last = Position {
            number: head.number,
            tag: head.tag,
        };
        self.log.end = self.log.end.saturating_add(head.len());
        descent.passes(&self.log.last);
        Ok(true)
    }

    /// Reads the frame at `place` of the log's segment and opens it.
    fn load<'b>(
        &self,
        head: &Head,
        place: u32,
        link: &Tag,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], JournalError> {
        let room = self.header.segment_len.saturating_sub(place);
        if head.len() > room {
            return Err(JournalError::Damaged);
        }
        let len = usize::try_from(head.body_len).map_err(|_| JournalError::Full)?;
        let body = buffer.get_mut(..len).ok_or(JournalError::Full)?;
        let at = self.base().saturating_add(place.into());
        let head_len = u64::try_from(HEAD_LEN).map_err(|_| JournalError::Full)?;
        self.medium.read(at.saturating_add(head_len), body)?;
        frame::open(body, head, place, link, &self.keys)?;
        Ok(body)
    }

    /// A frame of this segment behind the log's end: what stood between was acknowledged.
    fn refuse_lost_frames(&self) -> Result<(), JournalError> {
        let mut place = self.log.end.saturating_add(BLOCK);
        while place < self.header.segment_len {
            let head = self.head_at(self.base().saturating_add(place.into()))?;
            let lost = head.is_some_and(|head| {
                head.generation == self.log.generation && head.number > self.log.last.number
            });
            if lost {
                return Err(JournalError::Damaged);
            }
            place = place.saturating_add(BLOCK);
        }
        Ok(())
    }

    fn next_head(&self) -> Result<Option<Head>, JournalError> {
        if self.log.end >= self.header.segment_len {
            return Ok(None);
        }
        self.head_at(self.base().saturating_add(self.log.end.into()))
    }

    fn first_head(&self, second: bool) -> Result<Option<Head>, JournalError> {
        self.head_at(self.header.segment(second))
    }

    fn head_at(&self, offset: u64) -> Result<Option<Head>, JournalError> {
        let mut bytes = [0; HEAD_LEN];
        self.medium.read(offset, &mut bytes)?;
        Ok(Head::parse(&bytes))
    }
}
