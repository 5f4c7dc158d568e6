//! Appending to the log, and what makes it all or nothing.
//!
//! An operation is a run of frames of which the last one carries the commit mark, followed by one step
//! of the hardware counter. The step is the moment it happens: until then a mount does not look at the
//! frames. Frames are programmed once, in order, into sectors that this mount erased itself.
//!
//! The first operation of a mount is the *session*: a new sector whose header is a commit by itself.
//! It skips one generation. The commit that a cut left unacknowledged would have had that number, so
//! no image that holds it is ever accepted again.

use ironroot_platform::{Flash, HardwareCounter};

use crate::cipher::nonce;
use crate::frame::{RecordHead, Verb};
use crate::header::Header;
use crate::index::Kind;
use crate::{Change, RecordId, Vault, VaultError};

/// One frame to be written, without its data.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) verb: Verb,
    pub(crate) id: RecordId,
    pub(crate) flags: u32,
    pub(crate) len: u16,
}

/// An operation that has begun.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    /// The generation it will have.
    generation: u32,
    /// What headers that it begins say the tail is, once it is committed.
    tail: u32,
}

impl Item {
    pub(crate) fn record(id: &RecordId, flags: u32, len: usize) -> Result<Self, VaultError> {
        let len = u16::try_from(len).map_err(|_| VaultError::TooLong)?;
        Ok(Self {
            verb: Verb::Put(Kind::Record),
            id: *id,
            flags,
            len,
        })
    }

    pub(crate) fn counter(id: &RecordId) -> Self {
        Self {
            verb: Verb::Put(Kind::Counter),
            id: *id,
            flags: 0,
            len: 8,
        }
    }

    pub(crate) fn of(change: &Change<'_>) -> Result<Self, VaultError> {
        match change {
            Change::Set { id, flags, data } => Self::record(id, *flags, data.len()),
            Change::Remove { id } => Ok(Self {
                verb: Verb::Remove,
                id: *id,
                flags: 0,
                len: 0,
            }),
        }
    }
}

impl<F: Flash, C: HardwareCounter, const RECORDS: usize> Vault<F, C, RECORDS> {
    /// Everything that can refuse `items`, and everything that makes room for them: after it, one
    /// operation can append them.
    pub(crate) fn prepare(
        &mut self,
        items: impl Iterator<Item = Item> + Clone,
    ) -> Result<(), VaultError> {
        self.refresh()?;
        self.admit(items.clone())?;
        if !self.log.writable {
            self.begin_session()?;
        }
        let bytes = items.clone().fold(0, |sum: u32, item| {
            sum.saturating_add(self.layout.frame_len(item.len.into()))
        });
        self.collect_in_passing(bytes)?;
        self.make_room(items)
    }

    /// Runs an operation that changes what is stored.
    pub(crate) fn operate(
        &mut self,
        run: impl FnOnce(&mut Self, Operation) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        self.operate_with(1, self.log.tail, run)
    }

    /// Runs an operation that takes the log `steps` generations on and ends with the given tail.
    pub(crate) fn operate_with(
        &mut self,
        steps: u32,
        tail: u32,
        run: impl FnOnce(&mut Self, Operation) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let generation = self.log.generation.checked_add(steps);
        let generation = generation.filter(|generation| *generation <= self.counter.limit());
        let generation = generation.ok_or(VaultError::Exhausted)?;
        // From here on flash may change. Until the counter moved, RAM is not to be trusted.
        self.stale = true;
        let ran = run(self, Operation { generation, tail });
        let done = ran.and_then(|()| self.anchor(generation, tail));
        if done.is_err() {
            self.buffer.wipe();
            // Old or new: flash and counter know. If they cannot be read now, the next call tries.
            let _ = self.load();
        }
        done
    }

    /// The commit itself.
    fn anchor(&mut self, generation: u32, tail: u32) -> Result<(), VaultError> {
        if self.log.written != generation {
            return Err(VaultError::Corrupt); // never let the counter pass what is on flash
        }
        self.counter.advance_to(generation)?;
        self.log.generation = generation;
        self.log.tail = tail;
        self.log.anchored = (self.log.number, self.log.header_tail);
        self.statistics.commits = self.statistics.commits.saturating_add(1);
        self.stale = false;
        Ok(())
    }

    /// Begins the first sector of this mount. Takes the oldest sector's records along if there is no
    /// other way to leave one sector over.
    pub(crate) fn begin_session(&mut self) -> Result<(), VaultError> {
        const STEPS: u32 = 2; // one is skipped
        self.pass_dead_sectors();
        if self.log.openings_left(&self.layout) > 0 {
            self.operate_with(STEPS, self.log.tail, |vault, operation| {
                vault.begin_sector(operation, true)
            })?;
        } else {
            let oldest = self.log.tail;
            self.operate_with(STEPS, oldest.saturating_add(1), |vault, operation| {
                vault.begin_sector(operation, false)?;
                vault.move_all(oldest, operation)
            })?;
        }
        self.log.writable = true;
        Ok(())
    }

    /// Erases the next sector of the ring and signs it. `commits`: the header is the whole operation.
    pub(crate) fn begin_sector(
        &mut self,
        operation: Operation,
        commits: bool,
    ) -> Result<(), VaultError> {
        let number = self
            .log
            .number
            .checked_add(1)
            .ok_or(VaultError::Exhausted)?;
        let before = operation.generation.saturating_sub(1);
        let mut header = Header {
            number,
            tail: operation.tail,
            generation: if commits {
                operation.generation
            } else {
                before
            },
            previous_end: self.log.end,
            commits,
            salt: self.salts.salt(number),
            previous_tag: self.log.link,
            tag: [0; 16],
        };
        let bytes = header.seal(&self.cipher)?;
        self.flash.erase(self.layout.physical(number))?;
        self.statistics.erases = self.statistics.erases.saturating_add(1);
        self.flash.program(self.layout.base(number), &bytes)?;
        self.statistics.count_program(bytes.len());
        self.log.enter(&header);
        if commits {
            self.log.written = operation.generation;
        }
        Ok(())
    }

    /// Appends a frame whose data stands in the buffer, and tells the index.
    pub(crate) fn append(
        &mut self,
        item: &Item,
        commits: bool,
        operation: Operation,
    ) -> Result<(), VaultError> {
        let head = RecordHead {
            verb: item.verb,
            commits,
            id: item.id,
            flags: item.flags,
            len: item.len,
        };
        let len = self.layout.frame_len(item.len.into());
        if self.log.end.saturating_add(len) > self.layout.sector_size {
            self.begin_sector(operation, false)?;
        }
        let (number, end) = (self.log.number, self.log.end);
        let nonce = nonce(&self.salts.salt(number), self.layout.in_granules(end));
        let link = self.log.link;
        let tag = self
            .buffer
            .seal(&head, &link, number, &nonce, &self.layout, &self.cipher)?;
        let place = self.layout.base(number).saturating_add(end);
        let frame = self.buffer.frame(len)?;
        self.flash.program(place, frame)?;
        self.statistics.count_program(frame.len());
        self.log.link = tag;
        self.log.end = end.saturating_add(len);
        if commits {
            self.log.written = operation.generation;
        }
        self.apply(&head, place)
    }
}
