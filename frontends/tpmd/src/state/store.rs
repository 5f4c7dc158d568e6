//! The engine's store over a journal: records in memory, changes on the disk first.

use super::anchor::Anchor;
use super::{SEGMENT, StateFile, StateKey};
use crate::blob::{Bytes, pack, unpack};
use crate::log::Log;
use ironroot_crypto::Secret;
use ironroot_journal::{Change, Journal, JournalError, Position, RecordId};
use ironroot_port_host::OsEntropy;
use ironroot_tpm::{Change as EngineChange, RecordId as EngineId, Store, StoreError};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The record that holds a volatile state for the next INIT. The engine does not see it.
const VOLATILE: u32 = u32::MAX;

/// Bytes of records taken; the segment has twice the room, so it is not made anew at every change.
const CAPACITY: usize = 512 * 1024;

/// A record's content, wiped when it goes.
pub(super) struct Record(Vec<u8>);

impl Drop for Record {
    fn drop(&mut self) {
        ironroot_crypto::wipe(&mut self.0);
    }
}

pub(super) type Content = BTreeMap<u32, Record>;

/// Where a TPM keeps its state on a host.
pub(crate) struct HostStore {
    file: StateFile,
    /// `None`: the lock is not there yet, and nothing was read. What is written then is kept in memory, for the engine
    /// to stand on, and forgotten.
    journal: Option<Journal<StateFile>>,
    content: Content,
    /// What is kept, while the engine is shown other records.
    set_aside: Option<Content>,
    buffer: Vec<u8>,
    anchor: Option<Anchor>,
    /// The anchor may hold a position that was taken back.
    anchor_unsure: bool,
    nv_available: Rc<Cell<bool>>,
    /// Another process may have the state: nothing is written.
    frozen: bool,
    log: Log,
}

impl HostStore {
    pub(super) fn new(
        file: StateFile,
        nv_available: Rc<Cell<bool>>,
        log: Log,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            file,
            journal: None,
            content: Content::new(),
            set_aside: None,
            buffer: vec![0; usize::try_from(SEGMENT)?],
            anchor: None,
            anchor_unsure: false,
            nv_available,
            frozen: true,
            log,
        })
    }

    /// Reads the state. With an anchor, it must be that state or one that descends from it.
    ///
    /// # Errors
    /// The journal's; then nothing was changed.
    pub(super) fn open(
        &mut self,
        key: Option<&StateKey>,
        anchor: Option<&Position>,
    ) -> Result<(), JournalError> {
        let mut content = Content::new();
        let journal = Journal::open(
            self.file.again().map_err(|_| JournalError::Medium)?,
            key.map(StateKey::bytes),
            anchor,
            &mut OsEntropy,
            &mut self.buffer,
            &mut |change| apply(&mut content, &change),
        )?;
        self.journal = Some(journal);
        self.content = content;
        self.frozen = false;
        Ok(())
    }

    /// Reads the state for the first time, or once more when another process may have had it; the lock is ours.
    /// `false`: that process went on from there. Then, and after an error, nothing was changed.
    ///
    /// # Errors
    /// The journal's.
    pub(crate) fn open_again(&mut self, key: Option<&StateKey>) -> Result<bool, JournalError> {
        let Some(journal) = self.journal.take() else {
            self.open(key, None)?;
            return Ok(true);
        };
        let known = journal.position();
        let content = std::mem::take(&mut self.content);
        let opened = self.open(key, Some(&known));
        let again = opened.and_then(|()| self.go_on_from(&content));
        if again == Ok(true) {
            return again;
        }
        // The lock goes back, so nothing may be written; who tries again compares with what we know.
        self.journal = Some(journal);
        self.content = content;
        self.frozen = true;
        match again {
            // So much was written that the log does not reach back to what we know.
            Err(JournalError::AnchorTooOld | JournalError::RolledBack) => Ok(false),
            other => other,
        }
    }

    /// Whether what was read is what this process knows; a volatile state becomes that one again.
    fn go_on_from(&mut self, known: &Content) -> Result<bool, JournalError> {
        if !same_records(known, &self.content) {
            return Ok(false);
        }
        // A volatile state of the other process's is for a machine that runs here, not there.
        let ours = known.get(&VOLATILE).map(|record| record.0.as_slice());
        let theirs = self.content.get(&VOLATILE);
        if ours != theirs.map(|record| record.0.as_slice()) {
            self.keep_volatile(ours).map_err(|_| JournalError::Medium)?;
        }
        Ok(true)
    }

    /// Whether nothing may be written because the lock was given up.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The lock was given up, or taken again.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Keeps the position in the anchor from now on.
    pub(super) fn bind(
        &mut self,
        mut anchor: Anchor,
        known: Option<Position>,
    ) -> anyhow::Result<()> {
        let Some(position) = self.journal.as_ref().map(Journal::position) else {
            return Ok(());
        };
        if known.is_none() {
            self.log
                .line("the anchor is new: this state is taken for the newest");
        }
        if known != Some(position) {
            anchor.write(&position)?;
        }
        self.anchor = Some(anchor);
        Ok(())
    }

    /// A secret that is this state's own; zeros before it was read.
    pub(crate) fn unique(&self) -> Secret<32> {
        let journal = self.journal.as_ref();
        journal.map_or_else(Secret::zeroed, Journal::owner_secret)
    }

    /// All records of the engine's, packed.
    pub(crate) fn export(&self) -> Bytes {
        let records = self.content.iter().filter(|(id, _)| **id != VOLATILE);
        pack(records.map(|(id, record)| (*id, record.0.as_slice())))
    }

    /// Shows the engine packed records in the place of its own, until [`take_off`](Self::take_off). Nothing is written.
    ///
    /// # Errors
    /// `Corrupt`: they are not packed records.
    pub(crate) fn try_on(&mut self, packed: &[u8]) -> Result<(), StoreError> {
        let records = records(packed)?.into_iter();
        let content = records.map(|(id, data)| (id, Record(data.to_vec())));
        self.take_off();
        self.set_aside = Some(std::mem::replace(&mut self.content, content.collect()));
        Ok(())
    }

    /// Shows the engine its own records again.
    pub(crate) fn take_off(&mut self) {
        if let Some(content) = self.set_aside.take() {
            self.content = content;
        }
    }

    /// Replaces all records of the engine's by packed ones, and a volatile state that was kept by the one that belongs to
    /// them, in one transaction.
    ///
    /// # Errors
    /// `Corrupt`: they are not packed records; the store's.
    pub(crate) fn import(
        &mut self,
        packed: &[u8],
        volatile: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let mut records = records(packed)?;
        records.extend(volatile.map(|data| (VOLATILE, data)));
        let kept = |id: &u32| records.iter().any(|(new, _)| new == id);
        let gone: Vec<u32> = self
            .content
            .keys()
            .copied()
            .filter(|id| !kept(id))
            .collect();
        let removed = gone.iter().map(|id| EngineChange::Remove(EngineId(*id)));
        let new = |(id, data): &&(u32, &[u8])| {
            let old = self.content.get(id);
            old.is_none_or(|old| old.0 != *data)
        };
        let set = records
            .iter()
            .filter(new)
            .map(|(id, data)| EngineChange::Set {
                id: EngineId(*id),
                data,
            });
        let changes: Vec<_> = removed.chain(set).collect();
        match changes.is_empty() {
            true => Ok(()),
            false => self.commit(&changes),
        }
    }

    /// The volatile state kept for the next INIT.
    pub(crate) fn volatile(&self) -> Option<Bytes> {
        let record = self.content.get(&VOLATILE)?;
        Some(Bytes(record.0.clone()))
    }

    /// Keeps a volatile state for the next INIT, or forgets it.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn keep_volatile(&mut self, state: Option<&[u8]>) -> Result<(), StoreError> {
        let id = EngineId(VOLATILE);
        match state {
            Some(data) => self.commit(&[EngineChange::Set { id, data }]),
            None if self.content.contains_key(&VOLATILE) => {
                self.commit(&[EngineChange::Remove(id)])
            }
            None => Ok(()),
        }
    }

    pub(crate) fn records(&self) -> usize {
        self.content.len()
    }

    pub(crate) fn used(&self) -> usize {
        self.content.values().map(|content| content.0.len()).sum()
    }

    pub(crate) fn transactions(&self) -> u64 {
        let journal = self.journal.as_ref();
        journal.map_or(0, |journal| journal.position().number)
    }

    /// Room in bytes that `changes` would leave, or `None`.
    fn fits(&self, changes: &[Change<'_>]) -> bool {
        let replaced = |id: RecordId| self.content.get(&id.0).map_or(0, |old| old.0.len());
        let (mut more, mut less) = (0, 0);
        for change in changes {
            match change {
                Change::Set(id, data) => {
                    more += data.len() + 8;
                    less += replaced(*id);
                }
                Change::Remove(id) => less += replaced(*id),
            }
        }
        // What only shrinks always fits.
        more <= less || (self.used() + more).saturating_sub(less) <= CAPACITY
    }

    /// Commits to the journal, then to the anchor.
    fn write(&mut self, changes: &[Change<'_>]) -> Result<(), JournalError> {
        self.repair_anchor()?;
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let live = self
            .content
            .iter()
            .map(|(id, data)| (RecordId(*id), data.0.as_slice()));
        let position = journal.commit(changes, live, &mut self.buffer)?;
        let Some(anchor) = &mut self.anchor else {
            return Ok(());
        };
        if let Err(error) = anchor.write(&position) {
            self.log.line(&format!("anchor: {error:#}"));
            self.anchor_unsure = true;
            journal.take_back()?;
            // At best the anchor is right again at once; at worst before the next change.
            let _ = self.repair_anchor();
            return Err(JournalError::Medium);
        }
        Ok(())
    }

    fn repair_anchor(&mut self) -> Result<(), JournalError> {
        if self.anchor_unsure
            && let Some(anchor) = &mut self.anchor
        {
            let Some(journal) = &self.journal else {
                return Ok(());
            };
            anchor
                .write(&journal.position())
                .map_err(|_| JournalError::Medium)?;
            self.anchor_unsure = false;
        }
        Ok(())
    }
}

/// What [`pack`] packed; the engine's own records only.
fn records(packed: &[u8]) -> Result<Vec<(u32, &[u8])>, StoreError> {
    let records = unpack(packed).ok_or(StoreError::Corrupt)?;
    match records.iter().any(|(id, _)| *id == VOLATILE) {
        true => Err(StoreError::Corrupt),
        false => Ok(records),
    }
}

/// Whether the engine would find the same.
fn same_records(one: &Content, other: &Content) -> bool {
    let records = |content: &Content| {
        let own = content.iter().filter(|(id, _)| **id != VOLATILE);
        pack(own.map(|(id, record)| (*id, record.0.as_slice())))
    };
    records(one).0 == records(other).0
}

/// Makes a change in memory.
pub(super) fn apply(content: &mut Content, change: &Change<'_>) {
    match change {
        Change::Set(id, data) => {
            content.insert(id.0, Record(data.to_vec()));
        }
        Change::Remove(id) => {
            content.remove(&id.0);
        }
    }
}

impl Store for HostStore {
    fn read(&mut self, id: EngineId, out: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let Some(content) = self.content.get(&id.0) else {
            return Ok(None);
        };
        let len = content.0.len();
        let out = out.get_mut(..len).ok_or(StoreError::Full)?;
        out.copy_from_slice(&content.0);
        Ok(Some(len))
    }

    fn at_or_after(&mut self, from: EngineId) -> Result<Option<EngineId>, StoreError> {
        let next = self.content.range(from.0..VOLATILE).next();
        Ok(next.map(|(id, _)| EngineId(*id)))
    }

    fn commit(&mut self, changes: &[EngineChange<'_>]) -> Result<(), StoreError> {
        let read = self.journal.is_some();
        if read && self.frozen || self.set_aside.is_some() || !self.nv_available.get() {
            return Err(StoreError::Unavailable);
        }
        let changes: Vec<Change<'_>> = changes
            .iter()
            .map(|change| match change {
                EngineChange::Set { id, data } => Change::Set(RecordId(id.0), data),
                EngineChange::Remove(id) => Change::Remove(RecordId(id.0)),
            })
            .collect();
        if !self.fits(&changes) {
            return Err(StoreError::Full);
        }
        match self.write(&changes) {
            Ok(()) => {
                changes
                    .iter()
                    .for_each(|change| apply(&mut self.content, change));
                Ok(())
            }
            Err(JournalError::Full) => Err(StoreError::Full),
            Err(error) => {
                self.log.line(&format!(
                    "a change could not be written ({error:?}); nothing was changed"
                ));
                Err(StoreError::Unavailable)
            }
        }
    }

    fn free(&mut self) -> u32 {
        u32::try_from(CAPACITY.saturating_sub(self.used())).unwrap_or(u32::MAX)
    }
}

/// A store that the engine and the control channel share. They never use it at the same time: one thread serves both.
#[derive(Clone)]
pub(crate) struct SharedStore(pub(crate) Rc<RefCell<HostStore>>);

impl Store for SharedStore {
    fn read(&mut self, id: EngineId, out: &mut [u8]) -> Result<Option<usize>, StoreError> {
        self.0.borrow_mut().read(id, out)
    }

    fn at_or_after(&mut self, from: EngineId) -> Result<Option<EngineId>, StoreError> {
        self.0.borrow_mut().at_or_after(from)
    }

    fn commit(&mut self, changes: &[EngineChange<'_>]) -> Result<(), StoreError> {
        self.0.borrow_mut().commit(changes)
    }

    fn free(&mut self) -> u32 {
        self.0.borrow_mut().free()
    }
}
