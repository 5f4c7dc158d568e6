//! Digests that limit the command a session can be used for. There is room for one.

use super::policy;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::session::{Limit, LimitKind, bytes_of};
use crate::structures::{DigestBytes, Name};
use ironroot_crypto::tpm::hash::digest_parts;

/// `TPM_CC_Duplicate`
const DUPLICATE: u32 = 0x14b;

pub(super) fn policy_cp_hash(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    add(core, call, LimitKind::Command)
}

pub(super) fn policy_name_hash(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    add(core, call, LimitKind::Names)
}

pub(super) fn policy_template(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    add(core, call, LimitKind::Template)
}

pub(super) fn policy_parameters(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    add(core, call, LimitKind::Parameters)
}

fn add(core: &mut Core<'_>, call: &mut Call<'_>, kind: LimitKind) -> Result<()> {
    let [handle, ..] = call.handles;
    let digest: DigestBytes = call.params.get()?;
    call.params.end()?;
    let (hash, policy) = policy(core, handle)?;
    if kind == LimitKind::Template {
        check_template(policy.limit, &digest)?;
    }
    if digest.len() != hash.digest_len() {
        return Err(Rc::SIZE.parameter(1));
    }
    match (kind, policy.limit) {
        // These do not bear being said twice.
        (LimitKind::Names | LimitKind::Parameters, Some(_)) => return Err(Rc::CPHASH),
        _ => policy.may_limit(kind, &digest)?,
    }
    policy.limit = Some(Limit { kind, digest });
    policy.extend(hash, call.code, &[digest.as_slice()]);
    Ok(())
}

/// Another template has a code of its own, and comes before a wrong size.
fn check_template(limit: Option<Limit>, digest: &DigestBytes) -> Result<()> {
    match limit {
        Some(limit) if limit.kind != LimitKind::Template => Err(Rc::CPHASH),
        Some(limit) if limit.digest != *digest => Err(Rc::VALUE.parameter(1)),
        Some(_) | None => Ok(()),
    }
}

/// For Duplicate of one object to one new parent; the object itself need not be part of the policy.
pub(super) fn policy_duplication_select(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let object: Name = call.params.get()?;
    let parent: Name = call.params.get()?;
    let include_object: bool = call.params.get()?;
    call.params.end()?;
    select(core, handle, call.code, (&object, &parent), include_object)
}

fn select(
    core: &mut Core<'_>,
    handle: Handle,
    code: u32,
    (object, parent): (&Name, &Name),
    include_object: bool,
) -> Result<()> {
    let (hash, policy) = policy(core, handle)?;
    if policy.limit.is_some() {
        return Err(Rc::CPHASH);
    }
    if policy.code.is_some() {
        return Err(Rc::COMMAND_CODE);
    }
    policy.limit = Some(Limit {
        kind: LimitKind::Names,
        digest: bytes_of(&digest_parts(hash, &[object.as_slice(), parent.as_slice()])),
    });
    policy.code = Some(DUPLICATE);
    let included = if include_object {
        object.as_slice()
    } else {
        &[]
    };
    policy.extend(
        hash,
        code,
        &[included, parent.as_slice(), &[u8::from(include_object)]],
    );
    Ok(())
}
