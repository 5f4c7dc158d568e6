//! INIT: power, into the state that came over the control channel or was stored.
//!
//! Permanent and volatile state are used together. The TPM first starts from them in memory. If it does not, INIT fails and
//! nothing of what came was written. If it does, one transaction writes both, and a second one says that the volatile state
//! is used up. Power that goes before the first leaves what was; between them, the next INIT goes on from both. A TPM never
//! goes on from half of a snapshot, for a reset in its place would hand the guest registers that nobody measured into.
//!
//! What came is there until INIT succeeds, or until it shows to be unusable. A failure that passes (no entropy, a disk that
//! cannot be written) must not make the next INIT go on from what was there before.

use super::Server;
use crate::blob::Bytes;
use crate::engine::Engine;
use crate::protocol::control::ControlResult;
use crate::state::HostStore;
use ironroot_tpm::{SnapshotError, StartError, StoreError};
use std::cell::RefCell;

/// Flag of INIT: the volatile state that it goes on from is used up.
const DELETE_VOLATILE: u32 = 1;
/// Tries of INIT: who had the lock lets go of it before the state gets here, and the system may take a moment.
const INIT_TRIES: u32 = 100;

impl<E: Engine> Server<E> {
    /// Power off and on, into the state that was set or stored, if there is one.
    pub(in crate::server) fn init(&mut self, flags: u32) -> ControlResult {
        self.interrupt();
        self.machine.power_off_in_order();
        let Some(store) = self.setting.blobs.store.clone() else {
            return started(self.machine.power_cycle().is_ok());
        };
        if store.borrow().is_frozen() && !self.take_lock(INIT_TRIES) {
            return ControlResult::IoError;
        }
        let blobs = &mut self.setting.blobs;
        let came = Came {
            permanent: blobs.permanent.take(),
            volatile: blobs.volatile.take(),
        };
        let Err(Failure { fault, why }) = self.go_on_from(&store, &came, flags) else {
            return ControlResult::Success;
        };
        self.machine.power_off();
        let is_at_fault = match fault {
            Fault::Volatile => true,
            Fault::Permanent => came.permanent.is_some(),
            Fault::Passing => false,
        };
        let then = match (is_at_fault, came.is_some()) {
            (true, true) => "what came was dropped",
            (true, false) => match forget_volatile(&store) {
                Ok(()) => "the stored volatile state was dropped",
                Err(_) => "the stored volatile state cannot be removed",
            },
            (false, is_some) => {
                // Who tries again goes on from it, and not from what was there before.
                self.setting.blobs.permanent = came.permanent;
                self.setting.blobs.volatile = came.volatile;
                match is_some {
                    true => "what came is kept for the next INIT",
                    false => "what is stored stays",
                }
            }
        };
        self.setting
            .log
            .line(&format!("INIT failed: {why}; {then}"));
        ControlResult::Fail
    }

    /// Power on, into what came or was stored, which is then written.
    fn go_on_from(
        &mut self,
        store: &RefCell<HostStore>,
        came: &Came,
        flags: u32,
    ) -> Result<(), Failure> {
        // A volatile state that was stored belongs to the permanent one beside it.
        let is_alone = came.permanent.is_none();
        let stored = (store.borrow().volatile()).filter(|_| is_alone && came.volatile.is_none());
        let volatile = came.volatile.as_ref().or(stored.as_ref());
        let on = match &came.permanent {
            Some(permanent) => store.borrow_mut().try_on(&permanent.0),
            None => Ok(()),
        };
        let on = on.map_err(|error| Failure::start(StartError::Store(error)));
        let on = on.and_then(|()| self.power_on_into(volatile));
        store.borrow_mut().take_off();
        on?;
        if let Some(permanent) = &came.permanent {
            let volatile = volatile.map(|volatile| volatile.0.as_slice());
            let imported = store.borrow_mut().import(&permanent.0, volatile);
            imported.map_err(|error| {
                Failure::passing(format!("the permanent state cannot be kept ({error:?})"))
            })?;
        }
        let is_used_up = came.is_some() || flags & DELETE_VOLATILE != 0;
        match is_used_up {
            // It would come back at a later INIT, in the place of a reset.
            true => forget_volatile(store),
            false => Ok(()),
        }
    }

    fn power_on_into(&mut self, volatile: Option<&Bytes>) -> Result<(), Failure> {
        let Some(volatile) = volatile else {
            return self.machine.power_cycle().map_err(Failure::start);
        };
        // The engine uses it up.
        let mut volatile = Bytes(volatile.0.clone());
        let on = self.machine.power_on_from(&mut volatile.0);
        on.map_err(Failure::snapshot)?;
        self.setting.log.line("goes on from a volatile state");
        Ok(())
    }
}

/// State that came over the control channel, for this INIT.
struct Came {
    permanent: Option<Bytes>,
    volatile: Option<Bytes>,
}

impl Came {
    fn is_some(&self) -> bool {
        self.permanent.is_some() || self.volatile.is_some()
    }
}

/// Why INIT failed.
struct Failure {
    fault: Fault,
    why: String,
}

/// What INIT failed at.
enum Fault {
    /// The permanent state cannot be used, and never will.
    Permanent,
    /// The volatile state cannot be used, or not beside this permanent one.
    Volatile,
    /// Neither: the next try may succeed.
    Passing,
}

impl Failure {
    fn passing(why: String) -> Self {
        let fault = Fault::Passing;
        Self { fault, why }
    }

    fn start(error: StartError) -> Self {
        let fault = match error {
            StartError::Store(StoreError::Unavailable)
            | StartError::Entropy
            | StartError::Memory => Fault::Passing,
            // Nothing is written at a start, so it is not the disk that is full: a record is too long.
            StartError::Store(StoreError::Corrupt | StoreError::Full)
            | StartError::Version
            | StartError::Corrupt => Fault::Permanent,
        };
        let why = format!("the TPM does not start from its permanent state ({error:?})");
        Self { fault, why }
    }

    fn snapshot(error: SnapshotError) -> Self {
        let fault = match error {
            SnapshotError::Start(error) => return Self::start(error),
            SnapshotError::Format | SnapshotError::Version | SnapshotError::Integrity => {
                Fault::Volatile
            }
            SnapshotError::Off | SnapshotError::Room => Fault::Passing,
        };
        let why = format!("the volatile state does not belong to this permanent state ({error:?})");
        Self { fault, why }
    }
}

/// Removes the volatile state that was stored, if there is one.
fn forget_volatile(store: &RefCell<HostStore>) -> Result<(), Failure> {
    let forgotten = store.borrow_mut().keep_volatile(None);
    forgotten.map_err(|error| {
        Failure::passing(format!(
            "a used volatile state cannot be removed ({error:?})"
        ))
    })
}

fn started(on: bool) -> ControlResult {
    match on {
        true => ControlResult::Success,
        false => ControlResult::Fail,
    }
}
