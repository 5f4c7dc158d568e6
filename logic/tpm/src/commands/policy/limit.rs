//! Digests that limit the command a session can be used for. There is room for one.

use super::policy;
use crate::core::Core;
use crate::dispatch::Call;
use crate::rc::{Rc, Result};
use crate::session::{Limit, LimitKind};
use crate::structures::DigestBytes;

pub(super) fn policy_cp_hash(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    add(core, call, LimitKind::Command)
}

pub(super) fn policy_name_hash(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    add(core, call, LimitKind::Names)
}

pub(super) fn policy_template(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    add(core, call, LimitKind::Template)
}

#[cfg(feature = "full")]
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
