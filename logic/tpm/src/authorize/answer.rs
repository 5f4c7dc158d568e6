//! The session area of an answer (Part 1, section 18.8): nonces roll, the first parameter is encrypted, the audit is
//! told, each session proves the answer, and those that are not to go on end.

use super::{Authorised, Entry, first_parameter, hmac, session_value};
use crate::attributes::SessionAttributes;
use crate::core::Core;
use crate::handle::{Handle, Kind};
use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::session::{Direction, PolicyState, bytes_of};
use crate::structures::{AuthValue, DigestBytes, Nonce};
use crate::table::{Listed, NO_SESSIONS};
use crate::wire::Output;
use ironroot_crypto::tpm::hash::digest_parts;

/// Writes the session area of the answer to `area`, and encrypts the first parameter of `params` if a session asks it.
///
/// # Errors
/// `FAILURE`
pub(crate) fn respond(
    core: &mut Core<'_>,
    authorised: &mut Authorised,
    command: &Listed,
    params: &mut [u8],
    area: &mut Output<'_>,
) -> Result<()> {
    for at in 0..authorised.count {
        let entry = authorised.entry_mut(at)?;
        roll_nonce(core, entry.handle)?;
        look_again(core, entry);
    }
    if let Some(at) = authorised.encrypt {
        encrypt_first(core, authorised.entry(at)?, params)?;
    }
    audit(core, authorised, command, params)?;
    for at in 0..authorised.count {
        write(core, authorised.entry(at)?, command.code(), params, area)?;
    }
    authorised
        .entries()
        .iter()
        .for_each(|entry| conclude(core, entry));
    Ok(())
}

/// A command that no session audited ends an exclusive audit, if it could have been audited.
pub(crate) fn unaudited(core: &mut Core<'_>, command: &Listed) {
    if !command.is(NO_SESSIONS) {
        core.sessions.exclusive = None;
    }
}

fn roll_nonce(core: &mut Core<'_>, handle: Handle) -> Result<()> {
    if handle == Handle::PASSWORD {
        return Ok(());
    }
    let mut bytes = [0; MAX_DIGEST];
    core.drbg.fill(&mut bytes);
    let session = core.sessions.get_mut(handle).ok_or(Rc::FAILURE)?;
    let nonce = bytes.get(..session.nonce_tpm.len()).unwrap_or_default();
    session.nonce_tpm = Nonce::new(nonce).ok_or(Rc::FAILURE)?;
    Ok(())
}

/// The answer is proved with the auth value that holds after the command: HierarchyChangeAuth proves with the new
/// one. A deleted NV index has none any more; a sequence that ended is proved with the one it had.
fn look_again(core: &mut Core<'_>, entry: &mut Entry) {
    let Some(entity) = entry.entity.filter(|_| entry.handle != Handle::PASSWORD) else {
        return;
    };
    match core.guard(entity) {
        Ok(guard) => entry.auth = guard.auth,
        Err(_) if entity.kind() == Kind::Nv => entry.auth = AuthValue::EMPTY,
        Err(_) => {}
    }
}

fn encrypt_first(core: &Core<'_>, entry: &Entry, params: &mut [u8]) -> Result<()> {
    let session = core.sessions.get(entry.handle).ok_or(Rc::FAILURE)?;
    let value = session_value(session, entry.entity.map(|_| &entry.auth))?;
    let nonces = (session.nonce_tpm.as_slice(), entry.nonce_caller.as_slice());
    // What the TPM wrote itself has a first parameter: else the table is wrong.
    let data = first_parameter(params).map_err(|_| Rc::FAILURE)?;
    session
        .cipher
        .apply(Direction::Encrypt, session.hash, &value, nonces, data)
}

/// Digest := H(digest ‖ cpHash ‖ rpHash), from zeros at the first use or when the caller asks (Part 1, section 19.9).
fn audit(
    core: &mut Core<'_>,
    authorised: &mut Authorised,
    command: &Listed,
    params: &[u8],
) -> Result<()> {
    let Some(at) = authorised.audit else {
        unaudited(core, command);
        return Ok(());
    };
    let audited = authorised.audited;
    let entry = authorised.entry_mut(at)?;
    let session = core.sessions.get_mut(entry.handle).ok_or(Rc::FAILURE)?;
    let old = session
        .audit
        .filter(|_| !entry.attributes.has(SessionAttributes::AUDIT_RESET));
    let zeros = [0; MAX_DIGEST];
    let before = match &old {
        Some(digest) => digest.as_slice(),
        None => zeros.get(..session.hash.digest_len()).unwrap_or_default(),
    };
    let rp_hash = hmac::rp_hash(session.hash, command.code(), params);
    session.audit = Some(bytes_of(&digest_parts(
        session.hash,
        &[before, audited.as_slice(), rp_hash.as_slice()],
    )));
    // A session that audits is bound to nothing any more.
    session.bound = None;
    core.sessions.exclusive = match (old, core.sessions.exclusive) {
        (None, _) => Some(entry.handle),
        (Some(_), exclusive) => exclusive.filter(|handle| *handle == entry.handle),
    };
    let told = entry.attributes.without(SessionAttributes::AUDIT_RESET);
    entry.attributes = match core.sessions.exclusive {
        Some(_) => told.with(SessionAttributes::AUDIT_EXCLUSIVE),
        None => told.without(SessionAttributes::AUDIT_EXCLUSIVE),
    };
    Ok(())
}

fn write(
    core: &Core<'_>,
    entry: &Entry,
    code: u32,
    params: &[u8],
    area: &mut Output<'_>,
) -> Result<()> {
    if entry.handle == Handle::PASSWORD {
        area.put(&Nonce::EMPTY)?;
        area.put(&SessionAttributes::CONTINUE_SESSION)?;
        return area.put(&DigestBytes::EMPTY);
    }
    let session = core.sessions.get(entry.handle).ok_or(Rc::FAILURE)?;
    area.put(&session.nonce_tpm)?;
    area.put(&entry.attributes)?;
    area.put(&hmac::of_answer(
        session,
        entry,
        code,
        params,
        entry.attributes.0,
    )?)
}

/// A policy session whose nonce rolled begins anew, and its time, too. A session that is not to go on ends.
fn conclude(core: &mut Core<'_>, entry: &Entry) {
    if entry.handle == Handle::PASSWORD {
        return;
    }
    if !entry.attributes.has(SessionAttributes::CONTINUE_SESSION) {
        core.sessions.flush(entry.handle);
        return;
    }
    let (time, epoch) = (core.clock.time, core.time_epoch());
    if let Some(session) = core.sessions.get_mut(entry.handle)
        && session.policy.is_some()
    {
        session.policy = Some(PolicyState::new(false, session.hash));
        (session.started, session.epoch) = (time, epoch);
    }
}
