//! Reading a command's session area, and judging what can be judged without any auth value.

use super::{Authorised, Entry, MAX_SESSIONS, number_of};
use crate::attributes::SessionAttributes;
use crate::core::Core;
use crate::handle::{Handle, Kind};
use crate::rc::{Rc, Result};
use crate::session::{Cipher, Session};
use crate::table::{DECRYPT, ENCRYPT, Listed};
use crate::wire::Input;

/// Reads the sessions in `area`.
///
/// # Errors
/// `AUTHSIZE`: there are more than three. With the session's number: `VALUE`, `SIZE`, `INSUFFICIENT`,
/// `RESERVED_BITS`, `NONCE`, `ATTRIBUTES`, `SYMMETRIC`, `HANDLE`, `REFERENCE_S0`. `EXCLUSIVE`.
pub(super) fn read(core: &Core<'_>, command: &Listed, area: &[u8]) -> Result<Authorised> {
    let mut input = Input::new(area);
    let mut authorised = Authorised::default();
    while !input.is_empty() {
        let at = authorised.count;
        if at == MAX_SESSIONS {
            return Err(Rc::AUTHSIZE);
        }
        let entry = entry(&mut input).and_then(|entry| {
            judge(core, command, &mut authorised, &entry)?;
            Ok(entry)
        });
        *authorised.entry_mut(at)? = entry.map_err(|rc| rc.session(number_of(at)))?;
        authorised.count = at.saturating_add(1);
    }
    Ok(authorised)
}

fn entry(input: &mut Input<'_>) -> Result<Entry> {
    let handle: Handle = input.get()?;
    let session = matches!(handle.kind(), Kind::HmacSession | Kind::PolicySession);
    if !session && handle != Handle::PASSWORD {
        return Err(Rc::VALUE);
    }
    Ok(Entry {
        handle,
        nonce_caller: input.get()?,
        attributes: input.get()?,
        proof: input.get()?,
        ..Entry::default()
    })
}

fn judge(
    core: &Core<'_>,
    command: &Listed,
    authorised: &mut Authorised,
    entry: &Entry,
) -> Result<()> {
    if entry.handle == Handle::PASSWORD {
        return judge_password(entry);
    }
    let session = match core.sessions.get(entry.handle) {
        Some(session) => session,
        // The place is taken by a session of the other type.
        None if core.sessions.is_place_loaded(entry.handle) => return Err(Rc::HANDLE),
        None => return Err(Rc::REFERENCE_S0),
    };
    if authorised
        .entries()
        .iter()
        .any(|other| other.handle == entry.handle)
    {
        return Err(Rc::HANDLE);
    }
    let at = authorised.count;
    if entry.attributes.has(SessionAttributes::DECRYPT) {
        may_encrypt(command.is(DECRYPT), authorised.decrypt.replace(at), session)?;
    }
    if entry.attributes.has(SessionAttributes::ENCRYPT) {
        may_encrypt(command.is(ENCRYPT), authorised.encrypt.replace(at), session)?;
    }
    let only_with_audit = SessionAttributes::AUDIT_EXCLUSIVE.with(SessionAttributes::AUDIT_RESET);
    if !entry.attributes.has(SessionAttributes::AUDIT) && entry.attributes.has_any(only_with_audit)
    {
        return Err(Rc::ATTRIBUTES);
    }
    if entry.attributes.has(SessionAttributes::AUDIT) {
        may_audit(
            core,
            authorised.audit.replace(at),
            session,
            entry.attributes,
        )?;
    }
    Ok(())
}

fn judge_password(entry: &Entry) -> Result<()> {
    if entry
        .attributes
        .without(SessionAttributes::CONTINUE_SESSION)
        != SessionAttributes(0)
    {
        return Err(Rc::ATTRIBUTES);
    }
    match entry.nonce_caller.is_empty() {
        true => Ok(()),
        false => Err(Rc::NONCE),
    }
}

/// The command must have such a parameter, one session at most may do it, and it must have a cipher.
fn may_encrypt(possible: bool, other: Option<usize>, session: &Session) -> Result<()> {
    if !possible || other.is_some() {
        return Err(Rc::ATTRIBUTES);
    }
    match session.cipher {
        Cipher::None => Err(Rc::SYMMETRIC),
        Cipher::Xor | Cipher::Cfb { .. } => Ok(()),
    }
}

/// One HMAC session at most may audit. If the caller asks for it, nothing may have come between since its audit began.
fn may_audit(
    core: &Core<'_>,
    other: Option<usize>,
    session: &Session,
    attributes: SessionAttributes,
) -> Result<()> {
    if other.is_some() || session.handle.kind() == Kind::PolicySession {
        return Err(Rc::ATTRIBUTES);
    }
    let begins = attributes.has(SessionAttributes::AUDIT_RESET) || session.audit.is_none();
    let exclusive = core.sessions.exclusive == Some(session.handle);
    match attributes.has(SessionAttributes::AUDIT_EXCLUSIVE) && !begins && !exclusive {
        true => Err(Rc::EXCLUSIVE),
        false => Ok(()),
    }
}
