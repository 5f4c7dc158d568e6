//! Who may do this: the sessions of a command, checked and answered (Part 1, sections 18 and 19).
//!
//! The order is the specification's: the whole area is read and judged before any auth value is looked at, so that
//! a malformed command never counts as a guess; then each session is checked in turn; the first parameter is
//! decrypted last. Names, cpHash and HMACs are over the parameters as they were sent.

mod answer;
mod area;
mod entity;
mod hmac;
mod limit;
mod policy;

pub(crate) use answer::{respond, unaudited};
#[cfg(feature = "full")]
pub(crate) use hmac::rp_hash;

use crate::attributes::SessionAttributes;
use crate::core::Core;
use crate::dispatch::Locality;
use crate::handle::Handle;
use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::session::{Direction, Session, joined};
use crate::structures::{AuthValue, DigestBytes, Nonce};
use crate::supplement::{Audited, audited as command_audited};
use crate::table::Listed;
use crate::wire::{Bytes, SecretBytes};
use core::ops::Range;

/// Sessions of a command at most.
const MAX_SESSIONS: usize = 3;
/// Handles of a command at most.
const MAX_HANDLES: usize = 3;

/// What was found right, and what the answer's session area needs.
#[derive(Default)]
pub(crate) struct Authorised {
    entries: [Entry; MAX_SESSIONS],
    count: usize,
    /// Which session encrypted the first parameter.
    decrypt: Option<usize>,
    /// Which session the first parameter of the answer is encrypted for.
    encrypt: Option<usize>,
    /// Which session audits.
    audit: Option<usize>,
    /// What the audit is told of the command.
    audited: DigestBytes,
    /// What the command audit is told of it.
    command_audit: Audited,
}

/// One session of a command.
struct Entry {
    /// Of the session, or `PASSWORD`.
    handle: Handle,
    nonce_caller: Nonce,
    attributes: SessionAttributes,
    /// HMAC or password.
    proof: AuthValue,
    /// What it authorises.
    entity: Option<Handle>,
    /// The auth value of that, when the command came.
    auth: AuthValue,
    /// Whether the auth value is part of the HMACs' key.
    with_auth: bool,
    /// Whether the auth value was given in plain: a password, or PolicyPassword.
    in_plain: bool,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            handle: Handle::UNASSIGNED,
            nonce_caller: Nonce::EMPTY,
            attributes: SessionAttributes(0),
            proof: AuthValue::EMPTY,
            entity: None,
            auth: AuthValue::EMPTY,
            with_auth: false,
            in_plain: false,
        }
    }
}

/// The command as authorisation sees it.
struct Request<'a> {
    command: &'static Listed,
    locality: Locality,
    /// The names of its handles, one behind the other.
    names: Names,
    /// Its parameters as they were sent.
    params: &'a [u8],
}

/// The names of a command's handles.
type Names = Bytes<{ MAX_HANDLES * (MAX_DIGEST + 2) }>;
/// The secret of a session for one use: session key, then auth value (Part 1, section 19.6.5).
type SessionValue = SecretBytes<{ 2 * MAX_DIGEST }>;

/// Checks the session area `sessions` (offsets in `buffer`; `None`: the command came without), authorises each
/// handle that has a role, and decrypts the first parameter in place.
///
/// # Errors
/// What Part 1 names, with the session's number; a wrong auth value has been counted when this returns.
pub(crate) fn check(
    core: &mut Core<'_>,
    command: &'static Listed,
    locality: Locality,
    handles: &[Handle; MAX_HANDLES],
    buffer: &mut [u8],
    sessions: Option<Range<usize>>,
    params: Range<usize>,
) -> Result<Authorised> {
    let audit = core.command_audit_hash(command.code());
    let mut authorised = match sessions {
        Some(sessions) => area::read(core, command, buffer.get(sessions).unwrap_or_default())?,
        None if audit.is_none() => return Ok(Authorised::default()),
        None => Authorised::default(),
    };
    authorised.assign(command, handles)?;
    let handles = handles.get(..command.handles().len()).unwrap_or_default();
    let request = Request {
        command,
        locality,
        names: authorised.names(core, handles, audit.is_some())?,
        params: buffer.get(params.clone()).unwrap_or_default(),
    };
    authorised.command_audit = command_audited(audit, |hash| hmac::cp_hash(hash, &request));
    for (at, number) in (0..authorised.count).zip(1u8..) {
        check_session(core, &request, &mut authorised, at).map_err(|rc| rc.session(number))?;
    }
    authorised.audited = audited(core, &request, &authorised);
    if let Some(at) = authorised.decrypt {
        let first = buffer.get_mut(params).unwrap_or_default();
        decrypt_first(core, &authorised, at, first).map_err(|rc| rc.session(number_of(at)))?;
    }
    Ok(authorised)
}

impl Authorised {
    /// What the command audit is told of the command.
    pub(crate) fn command_audit(&self) -> &Audited {
        &self.command_audit
    }

    fn entries(&self) -> &[Entry] {
        self.entries.get(..self.count).unwrap_or_default()
    }

    fn entry(&self, at: usize) -> Result<&Entry> {
        self.entries().get(at).ok_or(Rc::FAILURE)
    }

    fn entry_mut(&mut self, at: usize) -> Result<&mut Entry> {
        self.entries.get_mut(at).ok_or(Rc::FAILURE)
    }

    /// The first sessions authorise the handles that have a role, in order.
    fn assign(&mut self, command: &Listed, handles: &[Handle; MAX_HANDLES]) -> Result<()> {
        if command.roles().len() > self.count {
            return Err(Rc::AUTH_MISSING);
        }
        let entries = self
            .entries
            .iter_mut()
            .zip(handles)
            .take(command.roles().len());
        entries.for_each(|(entry, handle)| entry.entity = Some(*handle));
        Ok(())
    }

    /// Needed for a cpHash only (`wanted`, or a session wants it): the name of an NV index costs a read.
    fn names(&self, core: &mut Core<'_>, handles: &[Handle], wanted: bool) -> Result<Names> {
        let mut all = [0; MAX_HANDLES * (MAX_DIGEST + 2)];
        let mut out = crate::wire::Output::new(&mut all);
        let by_session = |entry: &Entry| entry.handle != Handle::PASSWORD;
        if wanted || self.entries().iter().any(by_session) {
            for handle in handles {
                out.raw(core.name(*handle)?.as_slice())?;
            }
        }
        Names::new(out.written()).ok_or(Rc::FAILURE)
    }
}

/// The number that errors carry.
fn number_of(at: usize) -> u8 {
    u8::try_from(at).unwrap_or(u8::MAX).saturating_add(1)
}

fn check_session(
    core: &mut Core<'_>,
    request: &Request<'_>,
    authorised: &mut Authorised,
    at: usize,
) -> Result<()> {
    let entry = authorised.entry(at)?;
    let (handle, attributes) = (entry.handle, entry.attributes);
    if let Some(entity) = entry.entity {
        if handle != Handle::PASSWORD {
            check_use(core, handle)?;
        }
        return entity::check(core, request, authorised, at, entity);
    }
    if handle == Handle::PASSWORD {
        return Err(Rc::HANDLE);
    }
    check_use(core, handle)?;
    let useful = SessionAttributes::AUDIT
        .with(SessionAttributes::ENCRYPT)
        .with(SessionAttributes::DECRYPT);
    match attributes.has_any(useful) {
        true => hmac::check(core, request, authorised, at),
        false => Err(Rc::ATTRIBUTES),
    }
}

/// A trial session proves nothing. One bound to a guarded entity is a guess at its auth value, whatever it is used for.
fn check_use(core: &mut Core<'_>, handle: Handle) -> Result<()> {
    let session = core.sessions.get(handle).ok_or(Rc::FAILURE)?;
    if session.is_trial() {
        return Err(Rc::ATTRIBUTES);
    }
    match session.guessable {
        Some(entity) => core.check_guesses(entity == Handle::LOCKOUT),
        None => Ok(()),
    }
}

/// The cpHash that the audit session extends its digest with.
fn audited(core: &Core<'_>, request: &Request<'_>, authorised: &Authorised) -> DigestBytes {
    let entry = authorised.audit.and_then(|at| authorised.entries().get(at));
    let session = entry.and_then(|entry| core.sessions.get(entry.handle));
    session
        .map(|session| hmac::cp_hash(session.hash, request))
        .unwrap_or_default()
}

/// The session key, then the auth value if it is wanted.
fn session_value(session: &Session, auth: Option<&AuthValue>) -> Result<SessionValue> {
    joined(&session.key, auth.unwrap_or(&AuthValue::EMPTY)).ok_or(Rc::FAILURE)
}

/// Part 1, section 21: whatever the session is bound to, the auth value of what it authorises is part of the key.
fn decrypt_first(
    core: &Core<'_>,
    authorised: &Authorised,
    at: usize,
    params: &mut [u8],
) -> Result<()> {
    let entry = authorised.entry(at)?;
    let session = core.sessions.get(entry.handle).ok_or(Rc::FAILURE)?;
    let value = session_value(session, entry.entity.map(|_| &entry.auth))?;
    let nonces = (entry.nonce_caller.as_slice(), session.nonce_tpm.as_slice());
    let data = first_parameter(params)?;
    session
        .cipher
        .apply(Direction::Decrypt, session.hash, &value, nonces, data)
}

/// The bytes of the sized buffer that parameters begin with.
///
/// # Errors
/// `INSUFFICIENT`: not even a size is there. `SIZE`: the size reaches beyond the parameters (CVE-2023-1017, -1018).
fn first_parameter(params: &mut [u8]) -> Result<&mut [u8]> {
    let (size, rest) = params.split_at_mut_checked(2).ok_or(Rc::INSUFFICIENT)?;
    let size: [u8; 2] = (&*size).try_into().map_err(|_| Rc::INSUFFICIENT)?;
    rest.get_mut(..usize::from(u16::from_be_bytes(size)))
        .ok_or(Rc::SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The C code read the size without looking whether two bytes were left, and then wrote as many bytes as it said.
    #[test]
    fn cve_2023_1017_the_first_parameter_never_reaches_beyond_the_command() {
        let of = |bytes: &[u8]| first_parameter(&mut bytes.to_vec()).map(|data| data.len());
        assert_eq!(of(&[]), Err(Rc::INSUFFICIENT));
        assert_eq!(of(&[0]), Err(Rc::INSUFFICIENT));
        assert_eq!(of(&[0xff]), Err(Rc::INSUFFICIENT));
        assert_eq!(of(&[0, 0]), Ok(0));
        assert_eq!(of(&[0, 1]), Err(Rc::SIZE));
        assert_eq!(of(&[0, 2, 7]), Err(Rc::SIZE));
        assert_eq!(of(&[0, 1, 7]), Ok(1));
        assert_eq!(of(&[0, 1, 7, 7]), Ok(1));
        assert_eq!(of(&[0xff, 0xff, 7, 7]), Err(Rc::SIZE));
    }
}
