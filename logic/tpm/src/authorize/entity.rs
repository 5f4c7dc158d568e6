//! One session against the entity that it authorises (Part 1, section 19.2).

use super::{Authorised, Request, hmac, policy};
use crate::core::Core;
use crate::entity::Guard;
use crate::handle::{Handle, Kind};
use crate::nv::Access;
use crate::rc::{Rc, Result};
use crate::session::Binding;
use crate::structures::AuthValue;
use crate::table::Role;
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hasher};

/// Checks that session `at` authorises `entity` for the role that the command gives it.
///
/// # Errors
/// `AUTH_TYPE`, `AUTH_UNAVAILABLE`, `LOCKOUT`, `AUTH_FAIL`, `BAD_AUTH`, and what a policy says.
pub(super) fn check(
    core: &mut Core<'_>,
    request: &Request<'_>,
    authorised: &mut Authorised,
    at: usize,
    entity: Handle,
) -> Result<()> {
    if core.presence_is_missing(request.command.code(), entity) {
        return Err(Rc::PP);
    }
    let role = request
        .command
        .roles()
        .get(at)
        .copied()
        .unwrap_or(Role::User);
    let guard = core.guard(entity)?;
    let handle = authorised.entry(at)?.handle;
    let by_policy = handle.kind() == Kind::PolicySession;
    let (with_auth, in_plain) = what_is_needed(core, handle, entity, &guard)?;
    if with_auth {
        core.check_lockout(entity)?;
    }
    match by_policy {
        true => {
            policy_is_available(core, request.command.code(), role, entity, &guard)?;
            policy::check(core, request, role, handle, entity, &guard)?;
        }
        false => auth_is_available(core, request.command.code(), role, entity, &guard)?,
    }
    let entry = authorised.entry_mut(at)?;
    (entry.auth, entry.with_auth, entry.in_plain) = (guard.auth, with_auth, in_plain);
    match in_plain {
        true => check_password(core, authorised, at)?,
        false => hmac::check(core, request, authorised, at)?,
    }
    match with_auth {
        true => core.authorisation_succeeded(entity),
        false => Ok(()),
    }
}

/// Whether the auth value is part of what proves, and whether it is given in plain.
fn what_is_needed(
    core: &mut Core<'_>,
    handle: Handle,
    entity: Handle,
    guard: &Guard,
) -> Result<(bool, bool)> {
    if handle == Handle::PASSWORD {
        return Ok((true, true));
    }
    let session = core.sessions.get(handle).ok_or(Rc::FAILURE)?;
    if let Some(policy) = &session.policy {
        return Ok((
            policy.auth_value_needed || policy.password_needed,
            policy.password_needed,
        ));
    }
    let Some(bound) = session.bound else {
        return Ok((true, false));
    };
    Ok((core.binding(entity, &guard.auth)? != bound, false))
}

/// In constant time; trailing zeros do not count.
fn check_password(core: &mut Core<'_>, authorised: &Authorised, at: usize) -> Result<()> {
    let entry = authorised.entry(at)?;
    let given = entry.proof.duplicate().without_trailing_zeros();
    match entry.auth.expose(|auth| given.matches(auth)) {
        true => Ok(()),
        false => Err(hmac::failed(core, entry)?),
    }
}

/// Whether an auth value may stand for this role.
fn auth_is_available(
    core: &mut Core<'_>,
    code: u32,
    role: Role,
    entity: Handle,
    guard: &Guard,
) -> Result<()> {
    let kind = entity.kind();
    let object = matches!(kind, Kind::Transient | Kind::Persistent);
    let needs_policy = match role {
        Role::Duplicate => true,
        // Only an object can say that its auth value is enough.
        Role::Admin => !object || guard.admin_with_policy,
        Role::User => kind == Kind::Pcr && guard.policy.hash.is_some(),
    };
    if needs_policy {
        return Err(Rc::AUTH_TYPE);
    }
    let available = match (kind, role) {
        (Kind::Nv, _) => core.nv_access(entity, Access::of(code))?.auth_value,
        (_, Role::Admin) => true,
        (_, Role::User | Role::Duplicate) => guard.user_with_auth,
    };
    match available {
        true => Ok(()),
        false => Err(Rc::AUTH_UNAVAILABLE),
    }
}

/// Whether there is a policy that may stand for this role.
fn policy_is_available(
    core: &mut Core<'_>,
    code: u32,
    role: Role,
    entity: Handle,
    guard: &Guard,
) -> Result<()> {
    let available = match (entity.kind(), role) {
        (Kind::Nv, Role::User) => {
            core.nv_access(entity, Access::of(code))?.policy && guard.policy.hash.is_some()
        }
        _ => guard.policy.hash.is_some(),
    };
    match available {
        true => Ok(()),
        false => Err(Rc::AUTH_UNAVAILABLE),
    }
}

impl Core<'_> {
    /// What a session bound to that entity now keeps: if name or auth value change, it is bound no more.
    ///
    /// # Errors
    /// As [`Core::name`].
    pub(crate) fn binding(&mut self, entity: Handle, auth: &AuthValue) -> Result<Binding> {
        let name = self.name(entity)?;
        let mut hasher = Hasher::new(HashAlgorithm::Sha256);
        hasher.update(&[u8::try_from(name.len()).unwrap_or(u8::MAX)]);
        hasher.update(name.as_slice());
        auth.expose(|auth| hasher.update(auth));
        hasher.finish().to_array().map(Binding).ok_or(Rc::FAILURE)
    }
}
