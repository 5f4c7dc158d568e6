//! What one command changes for good, gathered until it is committed.

use crate::rc::{Rc, Result};
use crate::store::{Change, MAX_RECORD, RecordId, Store, StoreError};
use crate::wire::Output;
use ironroot_crypto::wipe;

const FULL: bool = cfg!(feature = "full");
/// Room for the records that one command sets, in bytes.
const ROOM: usize = 3 * MAX_RECORD;
/// How many changes: Clear may remove every NV index and persistent object there is.
const MAX_CHANGES: usize = if FULL { 328 } else { 32 };

#[derive(Clone, Copy)]
struct Entry {
    id: RecordId,
    /// Where its bytes are; `None` removes the record.
    bytes: Option<(u16, u16)>,
}

/// Changes, in the order in which they were staged. A record is staged at most once per command.
pub(crate) struct Transaction {
    entries: [Entry; MAX_CHANGES],
    count: usize,
    bytes: [u8; ROOM],
    used: usize,
}

impl Default for Transaction {
    fn default() -> Self {
        Self {
            entries: [Entry {
                id: RecordId(0),
                bytes: None,
            }; MAX_CHANGES],
            count: 0,
            bytes: [0; ROOM],
            used: 0,
        }
    }
}

impl Transaction {
    /// Whether nothing is staged.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Stages a record whose content `write` writes.
    ///
    /// # Errors
    /// What `write` says; `FAILURE`: too much for one command.
    pub(crate) fn set_with(
        &mut self,
        id: RecordId,
        write: impl FnOnce(&mut Output<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut out = Output::new(self.bytes.get_mut(self.used..).unwrap_or_default());
        write(&mut out)?;
        let len = out.len();
        if len > MAX_RECORD {
            return Err(Rc::FAILURE);
        }
        let place = (u16::try_from(self.used), u16::try_from(len));
        let (Ok(at), Ok(short)) = place else {
            return Err(Rc::FAILURE);
        };
        self.used = self.used.saturating_add(len);
        self.push(Entry {
            id,
            bytes: Some((at, short)),
        })
    }

    /// Stages a removal.
    ///
    /// # Errors
    /// `FAILURE`: too much for one command.
    pub(crate) fn remove(&mut self, id: RecordId) -> Result<()> {
        self.push(Entry { id, bytes: None })
    }

    /// Makes the changes; they stay staged until [`Transaction::clear`].
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn commit(&self, store: &mut dyn Store) -> core::result::Result<(), StoreError> {
        let mut changes = [Change::Remove(RecordId(0)); MAX_CHANGES];
        for (change, entry) in changes.iter_mut().zip(self.entries.iter().take(self.count)) {
            *change = self.change(entry);
        }
        store.commit(changes.get(..self.count).unwrap_or_default())
    }

    /// Forgets everything, and wipes it: records hold secrets.
    pub(crate) fn clear(&mut self) {
        wipe(self.bytes.get_mut(..self.used).unwrap_or_default());
        (self.count, self.used) = (0, 0);
    }

    fn change(&self, entry: &Entry) -> Change<'_> {
        let Some((at, len)) = entry.bytes else {
            return Change::Remove(entry.id);
        };
        let at = usize::from(at);
        Change::Set {
            id: entry.id,
            data: self
                .bytes
                .get(at..at.saturating_add(usize::from(len)))
                .unwrap_or_default(),
        }
    }

    fn push(&mut self, entry: Entry) -> Result<()> {
        *self.entries.get_mut(self.count).ok_or(Rc::FAILURE)? = entry;
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}
