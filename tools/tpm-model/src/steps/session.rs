//! Sessions: begun, flushed, saved, loaded.

use crate::input::Choices;
use crate::numbers::{cc, rc, rh};
use crate::runner::Runner;
use crate::session::{Kind, Policy, SavedSession, Session};
use crate::wire::Command;

/// Contexts that the client keeps, of each sort.
pub(super) const CONTEXTS: usize = 6;

pub(super) fn start(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let (kind, number) = choices.pick(&[
        (Kind::Hmac, 0u8),
        (Kind::Policy, 1),
        (Kind::Policy, 1),
        (Kind::Trial, 3),
    ]);
    let command = Command::new(cc::START_AUTH_SESSION)
        .handle(rh::NULL)
        .handle(rh::NULL)
        .sized(&[7; 16])
        .sized(b"")
        .u8(number)
        .u16(0x10)
        .u16(0x0b);
    let begun = runner.plain(&command, |model| model.sessions.room());
    let Some((_, answer)) = begun else {
        return;
    };
    let nonce_tpm = answer.reader().sized().to_vec();
    assert_eq!(nonce_tpm.len(), 16, "nonceTPM");
    let first = if kind == Kind::Hmac { 2 } else { 3 };
    assert_eq!(answer.handle >> 24, first, "handle of a session");
    let taken = runner.model.sessions.active.keys();
    let place = |handle: u32| handle & 0x00ff_ffff;
    let taken = taken
        .map(|handle| place(*handle))
        .any(|at| at == place(answer.handle));
    assert!(!taken, "the handle of a session was given twice");
    let session = Session {
        kind,
        nonce_tpm,
        policy: Policy::new(),
        saved: None,
    };
    runner.model.sessions.active.insert(answer.handle, session);
}

/// A handle of a session, loaded or saved; seldom one that may not be there.
pub(super) fn some_session(runner: &Runner<'_>, choices: &mut Choices<'_>) -> u32 {
    let known: Vec<u32> = runner.model.sessions.active.keys().copied().collect();
    match known.is_empty() || choices.seldom(16) {
        true => choices.pick(&[0x0200_0000, 0x0300_0000, 0x0300_0001, 0x0200_0002]),
        false => choices.pick(&known),
    }
}

pub(super) fn flush(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let handle = some_session(runner, choices);
    let command = Command::new(cc::FLUSH_CONTEXT).u32(handle);
    runner.plain(&command, |model| {
        match model.sessions.active.remove(&handle) {
            Some(_) => Ok(()),
            None => Err(rc::parameter(rc::HANDLE, 1)),
        }
    });
}

pub(super) fn save(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let handle = some_session(runner, choices);
    let number = runner.model.number();
    let command = Command::new(cc::CONTEXT_SAVE).handle(handle);
    let saved = runner.plain(&command, |model| {
        let session = model.sessions.active.get_mut(&handle).expect("it is there");
        session.saved = Some(number);
        Ok(model.resets)
    });
    let Some((resets, answer)) = saved else {
        return;
    };
    let context = SavedSession {
        bytes: answer.params,
        handle,
        number,
        resets,
    };
    if runner.session_contexts.len() == CONTEXTS {
        runner.session_contexts.remove(0);
    }
    runner.session_contexts.push(context);
}

/// Only the last context of a session is good, and only once.
pub(super) fn load(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    if runner.session_contexts.is_empty() {
        return;
    }
    let at = choices.below(runner.session_contexts.len());
    let context = runner.session_contexts[at].clone();
    let command = Command::new(cc::CONTEXT_LOAD).raw(&context.bytes);
    let loaded = runner.plain(&command, |model| {
        // Its key is of the null hierarchy, which a reset makes anew.
        if context.resets != model.resets {
            return Err(rc::parameter(rc::INTEGRITY, 1));
        }
        let loaded = model.sessions.loaded().count();
        let known = model.sessions.active.get_mut(&context.handle);
        let Some(session) = known.filter(|session| session.saved == Some(context.number)) else {
            return Err(rc::parameter(rc::HANDLE, 1));
        };
        if loaded >= crate::session::LOADED {
            return Err(rc::SESSION_MEMORY);
        }
        session.saved = None;
        Ok(())
    });
    if let Some((_, answer)) = loaded {
        assert_eq!(answer.handle, context.handle, "handle of a loaded session");
    }
}
