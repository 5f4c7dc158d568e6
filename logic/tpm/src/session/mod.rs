//! Sessions (Part 1, sections 18 and 19): HMAC, policy and trial sessions, loaded or saved.

use crate::handle::Handle;
use crate::profile::Profile;
use crate::rc::{Rc, Result};

/// Memory for one loaded session.
pub struct SessionSlot {
    content: Option<Session>,
}

impl SessionSlot {
    /// An empty slot.
    pub const EMPTY: Self = Self { content: None };
}

/// A loaded session.
pub(crate) struct Session {
    /// Its handle.
    pub(crate) handle: Handle,
}

/// All sessions.
pub(crate) struct Sessions<'m> {
    slots: &'m mut [SessionSlot],
    profile: &'static Profile,
}

impl<'m> Sessions<'m> {
    /// As many of `slots` as the profile says, emptied.
    pub(crate) fn new(slots: &'m mut [SessionSlot], profile: &'static Profile) -> Self {
        slots.iter_mut().for_each(|slot| slot.content = None);
        let count = profile.loaded_sessions.min(slots.len());
        let slots = slots.get_mut(..count).unwrap_or_default();
        Self { slots, profile }
    }

    /// Refuses a handle that names no loaded session.
    ///
    /// # Errors
    /// `REFERENCE_H0`
    pub(crate) fn check(&self, handle: Handle) -> Result<()> {
        let sessions = self.slots.iter().filter_map(|slot| slot.content.as_ref());
        match sessions.into_iter().any(|session| session.handle == handle) {
            true => Ok(()),
            false => Err(Rc::REFERENCE_H0),
        }
    }
}
