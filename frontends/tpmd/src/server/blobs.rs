//! State that goes out over the control channel and comes in: snapshots and migrations of virtual machines.
//!
//! What comes in is looked at at once, and used by the next INIT.

mod init;

use super::Server;
use crate::blob::{self, BlobError, Bytes, Keys, Protection};
use crate::engine::Engine;
use crate::protocol::control::{BlobKind, ControlResult};
use crate::state::{HostStore, StateDirectory};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Flag of GET_STATEBLOB: not under the state's key.
const DECRYPTED: u32 = 1;
/// Flag of its answer: sealed under a key.
const ENCRYPTED: u32 = 2;
/// Between two tries to take the lock.
const PAUSE: Duration = Duration::from_millis(10);
/// Tries at most: 10 s.
const MOST_TRIES: u32 = 1000;

/// What the control channel needs for it.
#[derive(Default)]
pub(crate) struct Blobs {
    /// Where the state is; a toy has none.
    store: Option<Rc<RefCell<HostStore>>>,
    /// Whose lock it is.
    directory: Option<StateDirectory>,
    pub(crate) keys: Keys,
    /// Let go of the lock when the last blob went out.
    release_lock: bool,
    permanent: Option<Bytes>,
    volatile: Option<Bytes>,
    /// The blob that goes out, for a client that takes it in pieces.
    outgoing: Vec<u8>,
}

impl Blobs {
    pub(crate) fn new(
        store: Rc<RefCell<HostStore>>,
        directory: StateDirectory,
        keys: Keys,
        release_lock: bool,
    ) -> Self {
        Self {
            store: Some(store),
            directory: Some(directory),
            keys,
            release_lock,
            ..Self::default()
        }
    }
}

impl<E: Engine> Server<E> {
    pub(super) fn get_blob(
        &mut self,
        flags: u32,
        kind: u32,
        offset: u32,
        answer: &mut Vec<u8>,
    ) -> ControlResult {
        if !self.machine.is_powered() {
            return ControlResult::BadOrdinal;
        }
        let Some(kind) = BlobKind::of(kind) else {
            return ControlResult::BadParameter;
        };
        let keys = &self.setting.blobs.keys;
        let protection = match (&keys.migration, &keys.state) {
            (Some(_), _) => Protection::Migration,
            (None, Some(_)) if flags & DECRYPTED == 0 => Protection::State,
            (None, _) => Protection::None,
        };
        if offset == 0 && self.make_blob(kind, protection).is_none() {
            return ControlResult::Fail;
        }
        let blob = &self.setting.blobs.outgoing;
        let Some(rest) = usize::try_from(offset).ok().and_then(|at| blob.get(at..)) else {
            return ControlResult::BadParameter;
        };
        let flags = match protection != Protection::None && !blob.is_empty() {
            true => ENCRYPTED,
            false => 0,
        };
        answer.extend_from_slice(&flags.to_be_bytes());
        for number in [blob.len(), rest.len()] {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            answer.extend_from_slice(&number.to_be_bytes());
        }
        answer.extend_from_slice(rest);
        if kind == BlobKind::SaveState {
            self.let_go_of_the_lock();
        }
        ControlResult::Success
    }

    fn make_blob(&mut self, kind: BlobKind, protection: Protection) -> Option<()> {
        let content = match kind {
            BlobKind::SaveState => {
                self.setting.blobs.outgoing = Vec::new();
                return Some(());
            }
            BlobKind::Permanent => self.setting.blobs.store.as_ref()?.borrow().export(),
            BlobKind::Volatile => {
                self.interrupt();
                Bytes(self.machine.snapshot()?)
            }
        };
        let blobs = &mut self.setting.blobs;
        blobs.outgoing = blob::seal(kind, protection, &blobs.keys, content)?;
        self.setting.log.line(&format!(
            "{kind:?} state given out ({})",
            match protection {
                Protection::None => "under no key: guard it as the TPM itself",
                Protection::State => "under the state's key",
                Protection::Migration => "under the migration key",
            }
        ));
        Some(())
    }

    pub(super) fn set_blob(&mut self, kind: u32, data: &[u8]) -> ControlResult {
        if self.machine.is_powered() {
            return ControlResult::BadOrdinal;
        }
        let Some(kind) = BlobKind::of(kind) else {
            return ControlResult::BadParameter;
        };
        if data.is_empty() {
            return ControlResult::Success;
        }
        let opened = match kind {
            BlobKind::SaveState => Err(BlobError::Kind),
            kind => blob::open(kind, &self.setting.blobs.keys, data),
        };
        let whole = opened.and_then(|content| {
            let whole = kind != BlobKind::Permanent || blob::unpack(&content.0).is_some();
            whole.then_some(content).ok_or(BlobError::Format)
        });
        let blobs = &mut self.setting.blobs;
        match (whole, kind) {
            (Ok(content), BlobKind::Volatile) => blobs.volatile = Some(content),
            (Ok(content), _) => blobs.permanent = Some(content),
            (Err(error), _) => {
                let line = format!("{kind:?} state refused: {error}");
                self.setting.log.line(&line);
                return match error {
                    BlobError::KeyMissing(_) => ControlResult::KeyNotFound,
                    _ => ControlResult::BadParameter,
                };
            }
        }
        ControlResult::Success
    }

    /// Keeps what is volatile beside the state; the next INIT goes on from it.
    pub(super) fn store_volatile(&mut self) -> ControlResult {
        if !self.machine.is_powered() {
            return ControlResult::BadOrdinal;
        }
        self.interrupt();
        let snapshot = self.machine.snapshot();
        let store = self.setting.blobs.store.as_ref();
        let kept = store.zip(snapshot).map(|(store, snapshot)| {
            let snapshot = Bytes(snapshot);
            store.borrow_mut().keep_volatile(Some(&snapshot.0))
        });
        match kept {
            Some(Ok(())) => ControlResult::Success,
            Some(Err(_)) | None => ControlResult::Fail,
        }
    }

    fn let_go_of_the_lock(&mut self) {
        let blobs = &mut self.setting.blobs;
        let (Some(directory), Some(store)) = (&blobs.directory, &blobs.store) else {
            return;
        };
        if blobs.release_lock && directory.release_lock().is_ok() {
            store.borrow_mut().freeze(true);
            self.setting
                .log
                .line("the state's lock is free: another process may go on");
        }
    }

    /// LOCK_STORAGE: takes the lock again, if nobody went on from the state meanwhile.
    pub(super) fn lock_storage(&mut self, tries: u32) -> ControlResult {
        match self.take_lock(tries.min(MOST_TRIES)) {
            true => ControlResult::Success,
            false => ControlResult::IoError,
        }
    }

    fn take_lock(&mut self, tries: u32) -> bool {
        let blobs = &mut self.setting.blobs;
        let (Some(directory), Some(store)) = (&blobs.directory, &blobs.store) else {
            return true;
        };
        if !store.borrow().is_frozen() {
            return true;
        }
        for attempt in 0..=tries {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            match directory.take_lock() {
                Ok(true) => return self.read_again(),
                Ok(false) => {}
                Err(error) => {
                    self.setting.log.line(&format!("{error:#}"));
                    return false;
                }
            }
        }
        self.setting
            .log
            .line("another process has the state's lock");
        false
    }

    /// The lock is ours: what is there now? `false`: it is not ours to go on from, and neither is the lock.
    fn read_again(&mut self) -> bool {
        let blobs = &self.setting.blobs;
        let (Some(directory), Some(store)) = (&blobs.directory, &blobs.store) else {
            return true;
        };
        let why = match store.borrow_mut().open_again(blobs.keys.state.as_ref()) {
            Ok(true) => return true,
            Ok(false) => directory.changed_meanwhile(),
            Err(error) => format!("{:#}", directory.explain(error)),
        };
        let _ = directory.release_lock();
        self.setting.log.line(&why);
        false
    }
}
