//! Which sessions there are: loaded into slots, or saved and known by number only (Part 1, section 30.5).
//!
//! The lower 24 bits of a session's handle are its place among the active ones and stay its own, loaded or saved,
//! until it is flushed. A saved context is numbered; the numbers never repeat until the TPM is reset, so an older
//! context of the same session is recognised and refused.

use super::{Session, SessionSlot};
use crate::handle::{Handle, Kind};
use crate::profile::Profile;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Output};

const FULL: bool = cfg!(feature = "full");
/// Active sessions at most, whatever the profile says.
const MAX_ACTIVE: usize = if FULL { 64 } else { 16 };
/// How far the numbers of the oldest saved context and of the next one may be apart (`TPM_PT_CONTEXT_GAP_MAX`).
///
/// Numbers have 64 bits here; the specification's property has 32.
pub(crate) const MAX_CONTEXT_GAP: u32 = u32::MAX;
/// In a saved table: the session is a policy session.
const POLICY_BIT: u8 = 0x80;

/// A session that was saved.
#[derive(Clone, Copy)]
struct Saved {
    handle: Handle,
    /// The number of its only good context.
    context: u64,
}

/// All sessions.
pub(crate) struct Sessions<'m> {
    slots: &'m mut [SessionSlot],
    saved: [Option<Saved>; MAX_ACTIVE],
    limit: usize,
    next_context: u64,
    /// The session whose audit saw every command since it began.
    pub(crate) exclusive: Option<Handle>,
}

impl<'m> Sessions<'m> {
    /// As many of `slots` as the profile says, emptied.
    pub(crate) fn new(slots: &'m mut [SessionSlot], profile: &'static Profile) -> Self {
        slots.iter_mut().for_each(|slot| slot.content = None);
        let count = profile.loaded_sessions.min(slots.len());
        let slots = slots.get_mut(..count).unwrap_or_default();
        Self {
            slots,
            saved: [None; MAX_ACTIVE],
            limit: profile.active_sessions.min(MAX_ACTIVE),
            next_context: 0,
            exclusive: None,
        }
    }

    /// Refuses a handle that names no loaded session.
    ///
    /// # Errors
    /// `REFERENCE_H0`
    pub(crate) fn check(&self, handle: Handle) -> Result<()> {
        self.get(handle).map(|_| ()).ok_or(Rc::REFERENCE_H0)
    }

    /// The loaded session of that handle.
    pub(crate) fn get(&self, handle: Handle) -> Option<&Session> {
        self.iter().find(|session| session.handle == handle)
    }

    /// Whether a session is loaded in the place of that handle, of whatever type.
    pub(crate) fn is_place_loaded(&self, handle: Handle) -> bool {
        self.iter()
            .any(|session| session.handle.index() == handle.index())
    }

    /// The loaded session of that handle, to be changed.
    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut Session> {
        let mut sessions = self
            .slots
            .iter_mut()
            .filter_map(|slot| slot.content.as_mut());
        sessions.find(|session| session.handle == handle)
    }

    /// The handle that a new session gets, if there is room for it.
    ///
    /// # Errors
    /// `SESSION_MEMORY`: every slot is taken. `CONTEXT_GAP`: the oldest saved session must be loaded first.
    /// `SESSION_HANDLES`: as many are active as can be.
    pub(crate) fn free_handle(&self, first: Handle) -> Result<Handle> {
        if self.free_slots() == 0 {
            return Err(Rc::SESSION_MEMORY);
        }
        if self.gap_is_full() {
            return Err(Rc::CONTEXT_GAP);
        }
        let free = (0u32..)
            .zip(self.saved.iter().take(self.limit))
            .find(|(index, saved)| {
                saved.is_none() && !self.iter().any(|session| session.handle.index() == *index)
            });
        free.map(|(index, _)| Handle(first.0 | index))
            .ok_or(Rc::SESSION_HANDLES)
    }

    /// Puts a session into a slot.
    ///
    /// # Errors
    /// `SESSION_MEMORY`
    pub(crate) fn insert(&mut self, session: Session) -> Result<()> {
        let slot = self.slots.iter_mut().find(|slot| slot.content.is_none());
        slot.ok_or(Rc::SESSION_MEMORY)?.content = Some(session);
        Ok(())
    }

    /// Ends a session, loaded or saved; `false` if there was none.
    pub(crate) fn flush(&mut self, handle: Handle) -> bool {
        if self.exclusive == Some(handle) {
            self.exclusive = None;
        }
        let is_it = |slot: &&mut SessionSlot| {
            slot.content
                .as_ref()
                .is_some_and(|session| session.handle == handle)
        };
        if let Some(slot) = self.slots.iter_mut().find(is_it) {
            slot.content = None;
            return true;
        }
        let is_it = |entry: &&mut Option<Saved>| entry.is_some_and(|saved| saved.handle == handle);
        match self.saved.iter_mut().find(is_it) {
            Some(entry) => {
                *entry = None;
                true
            }
            None => false,
        }
    }

    /// The number that the next saved context gets.
    ///
    /// # Errors
    /// `CONTEXT_GAP`: the oldest saved session must be loaded first. `TOO_MANY_CONTEXTS`: the numbers are used up.
    pub(crate) fn next_context(&self) -> Result<u64> {
        if self.next_context == u64::MAX {
            return Err(Rc::TOO_MANY_CONTEXTS);
        }
        match self.gap_is_full() {
            true => Err(Rc::CONTEXT_GAP),
            false => Ok(self.next_context),
        }
    }

    /// Takes a session, saved under [`Sessions::next_context`], out of its slot.
    pub(crate) fn park(&mut self, handle: Handle) {
        let Some(entry) = usize::try_from(handle.index())
            .ok()
            .and_then(|index| self.saved.get_mut(index))
        else {
            return;
        };
        let is_it = |slot: &&mut SessionSlot| {
            slot.content
                .as_ref()
                .is_some_and(|session| session.handle == handle)
        };
        if let Some(slot) = self.slots.iter_mut().find(is_it) {
            slot.content = None;
            *entry = Some(Saved {
                handle,
                context: self.next_context,
            });
            self.next_context = self.next_context.saturating_add(1);
        }
    }

    /// Whether the context of that number may be loaded now.
    ///
    /// # Errors
    /// `HANDLE`: it is not the last one of that session, or the session is loaded or gone. `SESSION_MEMORY`.
    /// `CONTEXT_GAP`: the last free slot is kept for the oldest session.
    pub(crate) fn may_load(&self, handle: Handle, context: u64) -> Result<()> {
        let mut saved = self.saved.iter().flatten();
        if !saved.any(|saved| saved.handle == handle && saved.context == context) {
            return Err(Rc::HANDLE);
        }
        match self.free_slots() {
            0 => Err(Rc::SESSION_MEMORY),
            1 if self.gap_is_full() && self.oldest() != Some(context) => Err(Rc::CONTEXT_GAP),
            _ => Ok(()),
        }
    }

    /// Puts a session, of which [`Sessions::may_load`] approved, back into a slot.
    ///
    /// # Errors
    /// `SESSION_MEMORY`
    pub(crate) fn unpark(&mut self, session: Session) -> Result<()> {
        let handle = session.handle;
        self.insert(session)?;
        let place = self
            .saved
            .iter_mut()
            .find(|entry| entry.is_some_and(|saved| saved.handle == handle));
        if let Some(place) = place {
            *place = None;
        }
        Ok(())
    }

    /// TPM reset: none is left, and no saved context is good any more.
    pub(crate) fn reset(&mut self) {
        self.restart();
        self.saved = [None; MAX_ACTIVE];
        self.next_context = 0;
    }

    /// TPM restart or resume: loaded sessions are gone, saved ones stay.
    pub(crate) fn restart(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.content = None);
        self.exclusive = None;
    }

    /// Handles of loaded sessions, in the order of their places, from the place of `from` on.
    pub(crate) fn loaded(&self, from: Handle) -> impl Iterator<Item = Handle> + '_ {
        let at = |index: u32| {
            self.iter()
                .map(|session| session.handle)
                .find(move |handle| handle.index() == index)
        };
        (from.index()..u32::try_from(self.limit).unwrap_or_default()).filter_map(at)
    }

    /// Handles of saved sessions, likewise.
    pub(crate) fn saved(&self, from: Handle) -> impl Iterator<Item = Handle> + '_ {
        let saved = self.saved.iter().flatten().map(|saved| saved.handle);
        saved.filter(move |handle| handle.index() >= from.index())
    }

    /// How many are loaded.
    pub(crate) fn loaded_count(&self) -> usize {
        self.iter().count()
    }

    /// How many are loaded or saved.
    pub(crate) fn active_count(&self) -> usize {
        self.loaded_count()
            .saturating_add(self.saved.iter().flatten().count())
    }

    /// How many more can be loaded.
    pub(crate) fn free_slots(&self) -> usize {
        self.slots.len().saturating_sub(self.loaded_count())
    }

    /// How many more can be active.
    pub(crate) fn free_places(&self) -> usize {
        self.limit.saturating_sub(self.active_count())
    }

    /// Writes what of saved sessions must outlive a restart: at most 585 bytes.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.next_context)?;
        out.put(&u8::try_from(self.saved.iter().flatten().count()).map_err(|_| Rc::FAILURE)?)?;
        self.saved.iter().flatten().try_for_each(|saved| {
            let index = u8::try_from(saved.handle.index()).map_err(|_| Rc::FAILURE)?;
            let policy = if saved.handle.kind() == Kind::PolicySession {
                POLICY_BIT
            } else {
                0
            };
            out.put(&(index | policy))?;
            out.put(&saved.context)
        })
    }

    /// Reads it back, in place of all sessions.
    ///
    /// # Errors
    /// `VALUE`, `INSUFFICIENT`: it is not what was written.
    pub(crate) fn read(&mut self, input: &mut Input<'_>) -> Result<()> {
        self.reset();
        self.next_context = input.get()?;
        for _ in 0..input.get::<u8>()? {
            let place = input.get::<u8>()?;
            let index = place & !POLICY_BIT;
            let first = match place & POLICY_BIT {
                0 => Handle::HMAC_SESSION_FIRST,
                _ => Handle::POLICY_SESSION_FIRST,
            };
            let handle = Handle(first.0 | u32::from(index));
            let context = input.get()?;
            *self.saved.get_mut(usize::from(index)).ok_or(Rc::VALUE)? =
                Some(Saved { handle, context });
        }
        Ok(())
    }

    /// Writes all sessions for a snapshot, the loaded ones whole.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    #[cfg(feature = "full")]
    pub(crate) fn write_all(&self, out: &mut Output<'_>) -> Result<()> {
        self.write(out)?;
        out.put(&u8::try_from(self.loaded_count()).map_err(|_| Rc::FAILURE)?)?;
        self.iter()
            .try_for_each(|session| out.sized_with(|out| session.write(out)))?;
        out.put(&self.exclusive.unwrap_or(Handle::UNASSIGNED))
    }

    /// All sessions, from a snapshot. What comes back counts on in numbers of contexts after a leap of `leap`, if there
    /// is room for it.
    ///
    /// # Errors
    /// Any: it is not that, or was made with more slots.
    #[cfg(feature = "full")]
    pub(crate) fn read_all(&mut self, input: &mut Input<'_>, leap: u32) -> Result<()> {
        self.read(input)?;
        for _ in 0..input.get::<u8>()? {
            let mut saved = Input::new(input.sized(usize::from(u16::MAX))?);
            let session = Session::read(&mut saved)?;
            let place = usize::try_from(session.handle.index()).map_err(|_| Rc::VALUE)?;
            let is_free = place < self.limit
                && self.saved.get(place).is_some_and(Option::is_none)
                && !self.is_place_loaded(session.handle);
            if !is_free || !saved.is_empty() {
                return Err(Rc::VALUE);
            }
            self.insert(session)?;
        }
        let exclusive: Handle = input.get()?;
        self.exclusive = self.get(exclusive).map(|session| session.handle);
        let next = self.next_context.saturating_add(u64::from(leap));
        let oldest = self.oldest().unwrap_or(next);
        if next.saturating_sub(oldest) < u64::from(MAX_CONTEXT_GAP / 2) {
            self.next_context = next;
        }
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slots.iter().filter_map(|slot| slot.content.as_ref())
    }

    fn oldest(&self) -> Option<u64> {
        self.saved.iter().flatten().map(|saved| saved.context).min()
    }

    fn gap_is_full(&self) -> bool {
        let gap = self
            .oldest()
            .map(|oldest| self.next_context.saturating_sub(oldest));
        gap.is_some_and(|gap| gap >= u64::from(MAX_CONTEXT_GAP))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cipher, PolicyState};
    use super::*;
    use crate::structures::Nonce;
    use crate::wire::SecretBytes;
    use ironroot_crypto::tpm::hash::HashAlgorithm;
    use std::vec::Vec;

    fn session(handle: Handle) -> Session {
        let policy = (handle.kind() == Kind::PolicySession)
            .then(|| PolicyState::new(false, HashAlgorithm::Sha256));
        Session {
            handle,
            hash: HashAlgorithm::Sha256,
            cipher: Cipher::None,
            key: SecretBytes::EMPTY,
            nonce_tpm: Nonce::EMPTY,
            bound: None,
            guessable: None,
            audit: None,
            policy,
            started: 0,
            epoch: 0,
        }
    }

    fn slots(count: usize) -> &'static mut [SessionSlot] {
        (0..count)
            .map(|_| SessionSlot::EMPTY)
            .collect::<Vec<_>>()
            .leak()
    }

    fn add(sessions: &mut Sessions<'_>) -> Handle {
        let handle = sessions.free_handle(Handle::HMAC_SESSION_FIRST).unwrap();
        sessions.insert(session(handle)).unwrap();
        handle
    }

    #[test]
    fn when_the_gap_is_full_only_the_oldest_session_helps() {
        let mut sessions = Sessions::new(slots(3), &Profile::PC_CLIENT);
        let (old, young) = (add(&mut sessions), add(&mut sessions));
        sessions.park(old);
        sessions.next_context = u64::from(MAX_CONTEXT_GAP) - 1;
        sessions.park(young);
        assert_eq!(sessions.next_context(), Err(Rc::CONTEXT_GAP));
        assert_eq!(
            sessions.free_handle(Handle::HMAC_SESSION_FIRST),
            Err(Rc::CONTEXT_GAP)
        );
        // The last free slot is for the oldest one only.
        sessions.insert(session(Handle(0x0200_0007))).unwrap();
        sessions.insert(session(Handle(0x0200_0008))).unwrap();
        assert_eq!(
            sessions.may_load(young, u64::from(MAX_CONTEXT_GAP) - 1),
            Err(Rc::CONTEXT_GAP)
        );
        assert_eq!(sessions.may_load(old, 0), Ok(()));
        sessions.unpark(session(old)).unwrap();
        assert_eq!(sessions.next_context(), Ok(u64::from(MAX_CONTEXT_GAP)));
    }

    #[test]
    fn a_saved_table_comes_back_as_it_was_and_garbage_does_not() {
        let mut sessions = Sessions::new(slots(3), &Profile::PC_CLIENT);
        let hmac = add(&mut sessions);
        sessions.park(hmac);
        let policy = sessions.free_handle(Handle::POLICY_SESSION_FIRST).unwrap();
        sessions.insert(session(policy)).unwrap();
        sessions.park(policy);
        let mut buffer = [0; 600];
        let mut out = Output::new(&mut buffer);
        sessions.write(&mut out).unwrap();
        let written = out.written().to_vec();
        let mut other = Sessions::new(slots(3), &Profile::PC_CLIENT);
        other.read(&mut Input::new(&written)).unwrap();
        assert_eq!(other.saved(Handle(0)).collect::<Vec<_>>(), [hmac, policy]);
        assert_eq!(
            (other.may_load(hmac, 0), other.may_load(policy, 1)),
            (Ok(()), Ok(()))
        );
        assert_eq!(other.may_load(policy, 0), Err(Rc::HANDLE));
        assert_eq!(other.next_context(), Ok(2));
        for len in 0..written.len() {
            assert!(other.read(&mut Input::new(&written[..len])).is_err());
        }
        let mut wrong = written.clone();
        wrong[9] = 0x7f;
        assert_eq!(other.read(&mut Input::new(&wrong)), Err(Rc::VALUE));
    }

    #[test]
    fn a_full_table_of_saved_sessions_fits_where_it_is_written() {
        let mut sessions = Sessions::new(slots(1), &Profile::PC_CLIENT);
        for _ in 0..MAX_ACTIVE {
            let handle = add(&mut sessions);
            sessions.park(handle);
        }
        assert_eq!(
            sessions.free_handle(Handle::HMAC_SESSION_FIRST),
            Err(Rc::SESSION_HANDLES)
        );
        let mut buffer = [0; 600];
        assert_eq!(sessions.write(&mut Output::new(&mut buffer)), Ok(()));
    }
}
