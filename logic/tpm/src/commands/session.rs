//! Part 3, section 11: StartAuthSession and PolicyRestart.

use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Kind};
use crate::nv::NvKind;
use crate::object::exchange::MAX_ENCRYPTED_SECRET;
use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::session::{Cipher, PolicyState, Session, joined};
use crate::structures::{AuthValue, Nonce, ObjectKind};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, RETURNS_HANDLE};
use crate::wire::{Input, SecretBytes, Unmarshal};
use ironroot_crypto::tpm::hash::HashAlgorithm;
use ironroot_crypto::tpm::kdf::kdfa;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x176,
        handles: &[Place::ObjectOrNull, Place::EntityOrNull],
        roles: &[],
        traits: DECRYPT | ENCRYPT | RETURNS_HANDLE,
        run: start_auth_session,
    },
    Command {
        code: 0x180,
        handles: &[Place::PolicySession],
        roles: &[],
        traits: 0,
        run: policy_restart,
    },
];

/// The shortest nonce that a caller may give, in bytes.
const MIN_NONCE: usize = 16;
/// The label of salts.
const SECRET: &[u8] = b"SECRET\0";

/// `TPM_SE`
#[derive(Clone, Copy, PartialEq, Eq)]
enum SessionKind {
    Hmac,
    Policy,
    Trial,
}

impl Unmarshal for SessionKind {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get::<u8>()? {
            0 => Ok(Self::Hmac),
            1 => Ok(Self::Policy),
            3 => Ok(Self::Trial),
            _ => Err(Rc::VALUE),
        }
    }
}

fn start_auth_session(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [key, bind, _] = call.handles;
    let nonce_caller: Nonce = call.params.get()?;
    let encrypted_salt = call.params.sized(MAX_ENCRYPTED_SECRET)?;
    let kind: SessionKind = call.params.get()?;
    // That the mode is CFB is asked for after all else is known to be right.
    let cipher = call.params.with(|input| match input.get::<Cipher>() {
        Err(rc) if rc == Rc::MODE => Ok(None),
        read => read.map(Some),
    })?;
    let hash: HashAlgorithm = call.params.get()?;
    call.params.end()?;
    if nonce_caller.len() < MIN_NONCE || nonce_caller.len() > hash.digest_len() {
        return Err(Rc::SIZE.parameter(1));
    }
    let salt = salt(core, key, encrypted_salt)?;
    let bound = bind_value(core, bind)?;
    let cipher = cipher.ok_or(Rc::MODE.parameter(4))?;
    let first = match kind {
        SessionKind::Hmac => Handle::HMAC_SESSION_FIRST,
        SessionKind::Policy | SessionKind::Trial => Handle::POLICY_SESSION_FIRST,
    };
    let handle = core.sessions.free_handle(first)?;
    let nonce_tpm = fresh_nonce(core, nonce_caller.len())?;
    let keyed = key != Handle::NULL || bind != Handle::NULL;
    let session = Session {
        handle,
        hash,
        cipher,
        key: match keyed {
            true => session_key(hash, &bound, &salt, &nonce_tpm, &nonce_caller)?,
            false => SecretBytes::EMPTY,
        },
        nonce_tpm,
        bound: match bind != Handle::NULL && kind == SessionKind::Hmac {
            true => Some(core.binding(bind, &bound)?),
            false => None,
        },
        guessable: guessable(core, bind)?,
        audit: None,
        policy: match kind {
            SessionKind::Hmac => None,
            SessionKind::Policy | SessionKind::Trial => {
                Some(PolicyState::new(kind == SessionKind::Trial, hash))
            }
        },
        started: core.clock.time,
        epoch: core.time_epoch(),
    };
    core.sessions.insert(session)?;
    call.response_handle = Some(handle);
    call.out.put(&nonce_tpm)
}

/// The salt that the caller encrypted to `key`; nothing without one.
fn salt(core: &mut Core<'_>, key: Handle, encrypted: &[u8]) -> Result<SecretBytes<MAX_DIGEST>> {
    if key == Handle::NULL {
        return match encrypted.is_empty() {
            true => Ok(SecretBytes::EMPTY),
            false => Err(Rc::VALUE.parameter(2)),
        };
    }
    core.refuse_sequence(key, Rc::KEY.handle(1))?;
    core.with_object(key, |object| {
        if !matches!(object.public.kind(), ObjectKind::Rsa | ObjectKind::Ecc) {
            return Err(Rc::KEY.handle(1));
        }
        if encrypted.is_empty() {
            return Err(Rc::VALUE.parameter(2));
        }
        if object.sensitive.is_none() {
            return Err(Rc::HANDLE.handle(1));
        }
        match object.public.has(ObjectAttributes::DECRYPT) {
            true => Ok(()),
            false => Err(Rc::ATTRIBUTES.handle(1)),
        }
    })??;
    let salt = core.decrypt_secret(key, SECRET, encrypted);
    // One code for all that can be wrong with it: a padding oracle would tell them apart.
    salt.map_err(|_| Rc::VALUE.parameter(2))
}

/// The auth value that goes into the key.
fn bind_value(core: &mut Core<'_>, bind: Handle) -> Result<AuthValue> {
    if bind == Handle::NULL {
        return Ok(AuthValue::EMPTY);
    }
    // With a PIN index every use would have to be counted.
    let refused = match bind.kind() {
        Kind::Nv => matches!(
            core.nv_index(bind)?.public.kind(),
            NvKind::PinFail | NvKind::PinPass
        ),
        // Without a name nobody could tell what the session is bound to.
        Kind::Transient | Kind::Persistent => core.name(bind)?.is_empty(),
        _ => false,
    };
    let guard = core.guard(bind);
    match (refused, guard) {
        (false, Ok(guard)) => Ok(guard.auth),
        _ => Err(Rc::HANDLE.handle(2)),
    }
}

fn guessable(core: &mut Core<'_>, bind: Handle) -> Result<Option<Handle>> {
    if bind == Handle::NULL {
        return Ok(None);
    }
    Ok(core.guard(bind)?.protected_from_guessing.then_some(bind))
}

fn fresh_nonce(core: &mut Core<'_>, len: usize) -> Result<Nonce> {
    let mut bytes = [0; MAX_DIGEST];
    core.drbg.fill(&mut bytes);
    bytes.get(..len).and_then(Nonce::new).ok_or(Rc::FAILURE)
}

/// KDFa(hash, auth value ‖ salt, "ATH", nonceTPM, nonceCaller) (Part 1, section 19.6.8).
fn session_key(
    hash: HashAlgorithm,
    auth: &AuthValue,
    salt: &SecretBytes<MAX_DIGEST>,
    nonce_tpm: &Nonce,
    nonce_caller: &Nonce,
) -> Result<SecretBytes<MAX_DIGEST>> {
    let both = joined(auth, salt).ok_or(Rc::FAILURE)?;
    let bits = u32::try_from(hash.digest_len().saturating_mul(8)).map_err(|_| Rc::FAILURE)?;
    let mut derived = Ok(());
    let key = SecretBytes::filled(hash.digest_len(), |key| {
        let nonces = (nonce_tpm.as_slice(), nonce_caller.as_slice());
        derived = both.expose(|both| kdfa(hash, both, b"ATH", nonces.0, nonces.1, bits, key));
    });
    derived.map_err(|_| Rc::FAILURE)?;
    key.ok_or(Rc::FAILURE)
}

/// The policy begins anew; key and nonce stay.
fn policy_restart(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    call.params.end()?;
    let session = core.sessions.get_mut(handle).ok_or(Rc::FAILURE)?;
    session.policy = Some(PolicyState::new(session.is_trial(), session.hash));
    Ok(())
}
