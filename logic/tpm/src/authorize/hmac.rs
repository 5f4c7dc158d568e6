//! cpHash, rpHash and the HMACs over them (Part 1, sections 18.7, 18.8 and 19.6).

use super::{Authorised, Entry, Request, session_value};
use crate::core::Core;
use crate::rc::{Rc, Result};
use crate::session::{Session, bytes_of};
use crate::structures::{AuthValue, DigestBytes};
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hmac, digest_parts};

/// H(code ‖ names ‖ parameters as sent).
pub(super) fn cp_hash(hash: HashAlgorithm, request: &Request<'_>) -> DigestBytes {
    let code = request.command.code().to_be_bytes();
    bytes_of(&digest_parts(
        hash,
        &[&code, request.names.as_slice(), request.params],
    ))
}

/// H(success ‖ code ‖ parameters as they will be sent).
pub(crate) fn rp_hash(hash: HashAlgorithm, code: u32, params: &[u8]) -> DigestBytes {
    bytes_of(&digest_parts(hash, &[&[0; 4], &code.to_be_bytes(), params]))
}

/// Compares the HMAC of a session; a wrong one is counted.
///
/// # Errors
/// `AUTH_FAIL`, `BAD_AUTH`; `NV_UNAVAILABLE`: it could not be counted.
pub(super) fn check(
    core: &mut Core<'_>,
    request: &Request<'_>,
    authorised: &Authorised,
    at: usize,
) -> Result<()> {
    let entry = authorised.entry(at)?;
    let session = core.sessions.get(entry.handle).ok_or(Rc::FAILURE)?;
    match is_right(core, request, authorised, at, session)? {
        true => Ok(()),
        false => Err(failed(core, entry)?),
    }
}

fn is_right(
    core: &Core<'_>,
    request: &Request<'_>,
    authorised: &Authorised,
    at: usize,
    session: &Session,
) -> Result<bool> {
    let entry = authorised.entry(at)?;
    let value = session_value(session, entry.auth_in_hmac())?;
    if value.is_empty() && entry.proof.is_empty() {
        return Ok(true);
    }
    let mut hmac = value.expose(|value| Hmac::new(session.hash, value));
    hmac.update(cp_hash(session.hash, request).as_slice());
    hmac.update(entry.nonce_caller.as_slice());
    hmac.update(session.nonce_tpm.as_slice());
    if at == 0 && entry.entity.is_some() {
        nonces_of_others(core, authorised)
            .into_iter()
            .flatten()
            .for_each(|nonce| hmac.update(nonce));
    }
    hmac.update(&[entry.attributes.0]);
    Ok(entry.proof.expose(|proof| hmac.verify(proof)).is_ok())
}

/// The first session, if it authorises, ties those that only encrypt to the command: the nonce of the session that
/// decrypts, then of the one that encrypts, each once, and its own never (Part 1, section 19.6.5).
fn nonces_of_others<'a>(core: &'a Core<'_>, authorised: &Authorised) -> [Option<&'a [u8]>; 2] {
    let nonce = |at: Option<usize>| {
        let entry = authorised.entries().get(at.filter(|at| *at != 0)?)?;
        Some(core.sessions.get(entry.handle)?.nonce_tpm.as_slice())
    };
    let encrypt = authorised
        .encrypt
        .filter(|at| authorised.decrypt != Some(*at));
    [nonce(authorised.decrypt), nonce(encrypt)]
}

/// Counts a wrong HMAC or password, if it is to be counted, and says what to answer. A session bound to a guarded
/// entity stands for that one; one whose key has no auth value in it cannot be a guess at all.
pub(super) fn failed(core: &mut Core<'_>, entry: &Entry) -> Result<Rc> {
    let bound = core
        .sessions
        .get(entry.handle)
        .and_then(|session| session.guessable);
    match (bound, entry.entity) {
        (Some(bound), _) => core.guess_failed(bound == crate::handle::Handle::LOCKOUT),
        (None, Some(entity)) if entry.with_auth => core.authorisation_failed(entity),
        _ => Ok(Rc::BAD_AUTH),
    }
}

/// The HMAC of an answer; empty if the session has no secret and the command came without one, too.
pub(super) fn of_answer(
    session: &Session,
    entry: &Entry,
    code: u32,
    params: &[u8],
    bits: u8,
) -> Result<DigestBytes> {
    if entry.in_plain {
        return Ok(DigestBytes::EMPTY);
    }
    let value = session_value(session, entry.auth_in_hmac())?;
    if value.is_empty() && entry.proof.is_empty() {
        return Ok(DigestBytes::EMPTY);
    }
    let mut hmac = value.expose(|value| Hmac::new(session.hash, value));
    hmac.update(rp_hash(session.hash, code, params).as_slice());
    hmac.update(session.nonce_tpm.as_slice());
    hmac.update(entry.nonce_caller.as_slice());
    hmac.update(&[bits]);
    Ok(bytes_of(&hmac.finish()))
}

impl Entry {
    fn auth_in_hmac(&self) -> Option<&AuthValue> {
        self.with_auth.then_some(&self.auth)
    }
}
