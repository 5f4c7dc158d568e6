//! PolicyDuplicationSelect (Part 3, section 23.15).

use super::policy;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::session::{Limit, LimitKind, bytes_of};
use crate::structures::Name;
use ironroot_crypto::tpm::hash::digest_parts;

/// `TPM_CC_Duplicate`
const DUPLICATE: u32 = 0x14b;

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
