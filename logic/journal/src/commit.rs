//! Writing: one frame and one sync per transaction.
//!
//! Where the segment is full, the transaction becomes part of a snapshot at the beginning of the other
//! segment: that, too, is one frame and one sync.
//!
//! A transaction that failed must not come back. Its head is erased at once; if that fails too, before
//! the next transaction, which fails until it is done.

use crate::frame::{self, HEAD_LEN};
use crate::header::BLOCK;
use crate::journal::{Journal, Log, Position};
use crate::keys::TAG_LEN;
use crate::{Change, JournalError, Medium, RecordId, body};
use ironroot_codec::Writer;

impl<M: Medium> Journal<M> {
    /// Makes all changes, or none; they are on the disk when this returns `Ok`.
    ///
    /// `live` is the content before the changes; it is read only when the segment is full. `buffer` is
    /// where the frame is made, as long as a segment. After an error the transaction did not happen
    /// and will not, unless power goes before the medium works again.
    ///
    /// # Errors
    /// [`JournalError::Full`], [`JournalError::Medium`].
    pub fn commit<'a>(
        &mut self,
        changes: &[Change<'_>],
        live: impl Iterator<Item = (RecordId, &'a [u8])>,
        buffer: &mut [u8],
    ) -> Result<Position, JournalError> {
        self.erase_disowned()?;
        let room = self.header.segment_len.saturating_sub(self.log.end);
        let body_len = put_body(buffer, |out| body::put_changes(out, changes))?;
        let result = match u32::try_from(body_len).ok().and_then(frame::frame_len) {
            Some(len) if len <= room => self.append(body_len, buffer),
            _ => self.begin_segment(live, changes, buffer),
        };
        if result.is_err() {
            ironroot_crypto::wipe(buffer);
            // If this fails, the next transaction repeats it.
            let _ = self.erase_disowned();
        }
        result
    }

    /// Appends the frame whose body stands in the buffer.
    fn append(&mut self, body_len: usize, buffer: &mut [u8]) -> Result<Position, JournalError> {
        let mut head = self.head(body_len, self.log.generation)?;
        let place = self.log.end;
        let link = self.log.last.tag;
        let frame = frame::seal(buffer, &mut head, place, &link, &self.keys)?;
        let at = self.base().saturating_add(place.into());
        self.disowned = Some(at);
        self.medium.write(at, frame)?;
        if !self.log.other_erased {
            // This segment was acknowledged, so its predecessor must not come back.
            let other = self.header.segment(!self.log.second);
            self.medium.write(other, &ERASED)?;
        }
        self.medium.sync()?;
        self.disowned = None;
        self.before = Some(self.log);
        self.log.other_erased = true;
        self.log.end = place.saturating_add(head.len());
        self.log.last = Position {
            number: head.number,
            tag: head.tag,
        };
        Ok(self.log.last)
    }

    /// Writes the whole content, changes included, to the beginning of the other segment.
    pub(crate) fn begin_segment<'a>(
        &mut self,
        live: impl Iterator<Item = (RecordId, &'a [u8])>,
        changes: &[Change<'_>],
        buffer: &mut [u8],
    ) -> Result<Position, JournalError> {
        let link = self.log.last.tag;
        let body_len = put_body(buffer, |out| body::put_snapshot(out, &link, live, changes))?;
        let generation = self.log.generation.checked_add(1);
        let generation = generation.ok_or(JournalError::Full)?;
        let mut head = self.head(body_len, generation)?;
        let frame = frame::seal(buffer, &mut head, 0, &[0; TAG_LEN], &self.keys)?;
        let at = self.header.segment(!self.log.second);
        self.disowned = Some(at);
        self.medium.write(at, frame)?;
        self.medium.sync()?;
        self.disowned = None;
        self.before = Some(self.log);
        self.log = Log {
            second: !self.log.second,
            generation,
            last: Position {
                number: head.number,
                tag: head.tag,
            },
            end: head.len(),
            // The segment just left stays until the next transaction shows that this one counts.
            other_erased: self.log.generation == 0,
        };
        Ok(self.log.last)
    }

    /// Takes back the transaction that was just committed and that nobody was told of: the anchor did
    /// not take it. Works once after a commit.
    ///
    /// # Errors
    /// [`JournalError::Medium`]: it may come back until a later commit succeeds.
    pub fn take_back(&mut self) -> Result<(), JournalError> {
        let Some(before) = self.before.take() else {
            return Ok(());
        };
        let place = if before.second == self.log.second {
            before.end
        } else {
            0
        };
        self.disowned = Some(self.base().saturating_add(place.into()));
        self.log = before;
        self.erase_disowned()
    }

    fn erase_disowned(&mut self) -> Result<(), JournalError> {
        if let Some(at) = self.disowned {
            self.medium.write(at, &ERASED)?;
            self.medium.sync()?;
            self.disowned = None;
        }
        Ok(())
    }
}

/// What takes a frame's head away: the rest is then no frame. One whole block, so that the system need
/// not read it first.
const ERASED: [u8; BLOCK as usize] = [0; BLOCK as usize];

/// Lets `put` write a body behind the place of its head; gives its length.
fn put_body(
    buffer: &mut [u8],
    put: impl FnOnce(&mut Writer<'_>) -> Result<(), JournalError>,
) -> Result<usize, JournalError> {
    let body = buffer.get_mut(HEAD_LEN..).ok_or(JournalError::Full)?;
    let mut out = Writer::new(body);
    put(&mut out)?;
    Ok(out.position())
}
