//! Sessions and policies (Part 1, sections 19 and 30.5).

use crate::hash::sha256;
use crate::numbers::rc;
use std::collections::BTreeMap;

/// Sessions in memory, and in all, of the TPM that is judged.
pub(crate) const LOADED: usize = 3;
const ACTIVE: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hmac,
    Policy,
    Trial,
}

/// What a policy session has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) digest: Vec<u8>,
    pub(crate) code: Option<u32>,
    /// The stamp of the PCRs when they were looked at.
    pub(crate) pcrs: Option<u64>,
    pub(crate) auth_value: bool,
    pub(crate) password: bool,
}

impl Policy {
    pub(crate) fn new() -> Self {
        Self {
            digest: vec![0; 32],
            code: None,
            pcrs: None,
            auth_value: false,
            password: false,
        }
    }

    pub(crate) fn extend(&mut self, code: u32, parts: &[&[u8]]) {
        self.digest = sha256(&[&self.digest, &code.to_be_bytes(), &parts.concat()]);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) kind: Kind,
    pub(crate) nonce_tpm: Vec<u8>,
    pub(crate) policy: Policy,
    /// The number of its only good context, if it is saved.
    pub(crate) saved: Option<u64>,
}

/// What ContextSave gave of a session.
#[derive(Clone, Debug)]
pub(crate) struct SavedSession {
    pub(crate) bytes: Vec<u8>,
    pub(crate) handle: u32,
    pub(crate) number: u64,
    pub(crate) resets: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    pub(crate) active: BTreeMap<u32, Session>,
}

impl Sessions {
    pub(crate) fn loaded(&self) -> impl Iterator<Item = u32> + '_ {
        let loaded = self
            .active
            .iter()
            .filter(|(_, session)| session.saved.is_none());
        loaded.map(|(handle, _)| *handle)
    }

    pub(crate) fn get(&self, handle: u32) -> Option<&Session> {
        self.active
            .get(&handle)
            .filter(|session| session.saved.is_none())
    }

    pub(crate) fn room(&self) -> Result<(), u32> {
        if self.loaded().count() >= LOADED {
            return Err(rc::SESSION_MEMORY);
        }
        match self.active.len() < ACTIVE {
            true => Ok(()),
            false => Err(rc::SESSION_HANDLES),
        }
    }

    /// Restart and resume: what is loaded is gone, what is saved stays.
    pub(crate) fn restart(&mut self) {
        self.active.retain(|_, session| session.saved.is_some());
    }

    /// What the session area says before any auth value is looked at.
    pub(crate) fn check(&self, handle: u32) -> Result<(), u32> {
        if self.get(handle).is_some() {
            return Ok(());
        }
        let place = |handle: u32| handle & 0x00ff_ffff;
        match self.loaded().any(|other| place(other) == place(handle)) {
            true => Err(rc::session(rc::HANDLE, 1)),
            false => Err(rc::REFERENCE_S0),
        }
    }
}
