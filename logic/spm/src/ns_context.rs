//! Non-secure contexts: which client id the running non-secure thread has.
//!
//! A non-secure kernel tells us through TF-M's context veneers (`tfm_nsce_init`, `acquire_ctx`,
//! `release_ctx`, `load_ctx`, `save_ctx`), always from handler mode (the gate checks that). A kernel
//! that never uses them has one client, -1. Once it uses them, a thread without a loaded context
//! has no client id and its calls are refused.
//!
//! What an id is worth: as much as the non-secure kernel. It separates threads of an honest kernel
//! from each other, not from a kernel that lies.

use ironroot_psa_api::ClientId;

/// Names a context to its owner: thread in bits 0-7, group in 8-15, slot in 16-23, the rest zero
/// (TF-M's client token).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NsToken(pub u32);

impl NsToken {
    /// What `tfm_nsce_acquire_ctx` returns when there is no context left.
    pub const INVALID: Self = Self(0xffff_ffff);

    const fn new(slot: u8, group: u8, thread: u8) -> Self {
        Self((slot as u32) << 16 | (group as u32) << 8 | thread as u32)
    }

    const fn parse(self) -> Option<(u8, u8, u8)> {
        let [thread, group, slot, reserved] = self.0.to_le_bytes();
        if reserved == 0 {
            Some((slot, group, thread))
        } else {
            None
        }
    }
}

/// Answers of the context veneers (`TFM_NS_CLIENT_ERR_…`); success is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum NsContextError {
    /// The token names no context of that thread.
    InvalidToken = 1,
    /// A client id must be negative.
    InvalidClientId = 2,
    /// Not from here: the veneer must be called from handler mode. For the gate.
    InvalidAccess = 3,
}

#[derive(Debug, Clone, Copy)]
struct Context {
    /// How often it was acquired and not released; zero is free.
    users: u16,
    group: u8,
}

#[derive(Debug, Clone, Copy)]
struct Loaded {
    slot: u8,
    thread: u8,
    client: ClientId,
}

/// The contexts: `N` groups of threads.
///
/// Lives outside the partition manager: a kernel may switch threads in the middle of a call.
#[derive(Debug)]
pub struct NsContexts<const N: usize = 4> {
    contexts: [Context; N],
    loaded: Option<Loaded>,
    in_use: bool,
}

impl<const N: usize> Default for NsContexts<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> NsContexts<N> {
    /// No contexts in use.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            contexts: [Context { users: 0, group: 0 }; N],
            loaded: None,
            in_use: false,
        }
    }

    /// `tfm_nsce_init`: how many of the contexts asked for there are (zero asks for all).
    #[must_use]
    pub fn init(&self, requested: u32) -> u32 {
        let all = u32::try_from(N).unwrap_or(u32::MAX);
        if requested == 0 {
            all
        } else {
            requested.min(all)
        }
    }

    /// `tfm_nsce_acquire_ctx`: a context for the thread, shared by its group.
    #[must_use]
    pub fn acquire(&mut self, group: u8, thread: u8) -> NsToken {
        let shared = |c: &Context| c.users > 0 && c.group == group;
        let place = self.contexts.iter().position(shared);
        let place = place.or_else(|| self.contexts.iter().position(|c| c.users == 0));
        let Some(slot) = place.and_then(|place| u8::try_from(place).ok()) else {
            return NsToken::INVALID;
        };
        let Some(context) = self.contexts.get_mut(usize::from(slot)) else {
            return NsToken::INVALID;
        };
        let Some(users) = context.users.checked_add(1) else {
            return NsToken::INVALID;
        };
        *context = Context { users, group };
        self.in_use = true;
        NsToken::new(slot, group, thread)
    }

    /// `tfm_nsce_release_ctx`: the thread needs its context no more.
    ///
    /// # Errors
    /// [`NsContextError::InvalidToken`].
    pub fn release(&mut self, token: NsToken) -> Result<(), NsContextError> {
        let (slot, thread) = self.check(token)?;
        if self
            .loaded
            .is_some_and(|l| l.slot == slot && l.thread == thread)
        {
            self.loaded = None;
        }
        if let Some(context) = self.contexts.get_mut(usize::from(slot)) {
            context.users = context.users.saturating_sub(1);
        }
        Ok(())
    }

    /// `tfm_nsce_load_ctx`: the thread is about to run, as client `id`.
    ///
    /// # Errors
    /// [`NsContextError::InvalidClientId`] or [`NsContextError::InvalidToken`].
    pub fn load(&mut self, token: NsToken, id: i32) -> Result<(), NsContextError> {
        let client = ClientId::new(id).filter(|client| client.is_non_secure());
        let client = client.ok_or(NsContextError::InvalidClientId)?;
        let (slot, thread) = self.check(token)?;
        self.loaded = Some(Loaded {
            slot,
            thread,
            client,
        });
        Ok(())
    }

    /// `tfm_nsce_save_ctx`: the thread no longer runs.
    ///
    /// # Errors
    /// [`NsContextError::InvalidToken`], also when that thread is not the loaded one.
    pub fn save(&mut self, token: NsToken) -> Result<(), NsContextError> {
        let (slot, thread) = self.check(token)?;
        if !self
            .loaded
            .is_some_and(|l| l.slot == slot && l.thread == thread)
        {
            return Err(NsContextError::InvalidToken);
        }
        self.loaded = None;
        Ok(())
    }

    /// Who calls now; nobody if contexts are in use and none is loaded.
    #[must_use]
    pub fn current(&self) -> Option<ClientId> {
        match self.loaded {
            Some(loaded) => Some(loaded.client),
            None if self.in_use => None,
            None => Some(ClientId::NON_SECURE),
        }
    }

    fn check(&self, token: NsToken) -> Result<(u8, u8), NsContextError> {
        let (slot, group, thread) = token.parse().ok_or(NsContextError::InvalidToken)?;
        let context = self
            .contexts
            .get(usize::from(slot))
            .ok_or(NsContextError::InvalidToken)?;
        if context.users == 0 || context.group != group {
            return Err(NsContextError::InvalidToken);
        }
        Ok((slot, thread))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_knows_nothing_of_contexts_is_client_minus_one() {
        let contexts = NsContexts::<2>::new();
        assert_eq!(contexts.current(), Some(ClientId::NON_SECURE));
        assert_eq!(
            (contexts.init(0), contexts.init(1), contexts.init(9)),
            (2, 1, 2)
        );
    }

    #[test]
    fn the_loaded_thread_is_the_client_and_nobody_is_after_saving() {
        let mut contexts = NsContexts::<2>::new();
        let token = contexts.acquire(1, 7);
        assert_eq!(token, NsToken(0x0000_0107));
        assert_eq!(contexts.current(), None);
        contexts.load(token, -10).unwrap();
        assert_eq!(contexts.current(), ClientId::new(-10));
        contexts.load(token, -11).unwrap(); // a kernel may change a thread's id
        assert_eq!(contexts.current(), ClientId::new(-11));
        contexts.save(token).unwrap();
        assert_eq!(contexts.current(), None);
        assert_eq!(contexts.save(token), Err(NsContextError::InvalidToken));
    }

    #[test]
    fn a_client_id_that_is_not_negative_is_refused() {
        let mut contexts = NsContexts::<2>::new();
        let token = contexts.acquire(0, 0);
        for id in [0, 1, i32::MAX] {
            assert_eq!(
                contexts.load(token, id),
                Err(NsContextError::InvalidClientId)
            );
        }
        assert_eq!(contexts.current(), None);
    }

    #[test]
    fn forged_and_stale_tokens_are_refused() {
        let mut contexts = NsContexts::<2>::new();
        let token = contexts.acquire(3, 4);
        for forged in [
            token.0 | 1 << 24,
            token.0 ^ 1 << 16,
            token.0 ^ 1 << 8,
            0xffff_ffff,
        ] {
            let forged = NsToken(forged);
            assert_eq!(contexts.load(forged, -2), Err(NsContextError::InvalidToken));
            assert_eq!(contexts.save(forged), Err(NsContextError::InvalidToken));
            assert_eq!(contexts.release(forged), Err(NsContextError::InvalidToken));
        }
        contexts.release(token).unwrap();
        assert_eq!(contexts.load(token, -2), Err(NsContextError::InvalidToken));
    }

    #[test]
    fn a_group_shares_one_context_until_its_last_thread_leaves() {
        let mut contexts = NsContexts::<1>::new();
        let first = contexts.acquire(1, 1);
        let second = contexts.acquire(1, 2);
        assert_eq!(contexts.acquire(2, 1), NsToken::INVALID);
        contexts.load(first, -5).unwrap();
        contexts.release(first).unwrap();
        assert_eq!(contexts.current(), None);
        contexts.load(second, -6).unwrap();
        contexts.release(second).unwrap();
        assert_ne!(contexts.acquire(2, 1), NsToken::INVALID);
    }
}
