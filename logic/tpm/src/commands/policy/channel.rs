//! Policies about ways that this TPM does not have: attached components (PolicyAcSendSelect) and secure channels
//! (PolicyTransportSPDM). Their digests are computed, so that a policy for another TPM can be made here; nothing here
//! ever satisfies them. The full build only.

use super::policy;
use crate::core::Core;
use crate::dispatch::Call;
use crate::rc::{Rc, Result};
use crate::session::{Limit, LimitKind, bytes_of};
use crate::structures::{Alg, hash_of};
use crate::structures::{DigestBytes, Name};
use ironroot_crypto::tpm::hash::digest_parts;

/// `TPM_CC_AC_Send`, which this TPM does not have.
const AC_SEND: u32 = 0x195;

/// For AC_Send of one object, by one authority, to one component; the object itself need not be part of the policy.
pub(super) fn policy_ac_send_select(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let object: Name = call.params.get()?;
    let authority: Name = call.params.get()?;
    let component: Name = call.params.get()?;
    let include_object: bool = call.params.get()?;
    call.params.end()?;
    let [handle, ..] = call.handles;
    let (hash, policy) = policy(core, handle)?;
    if policy.limit.is_some() {
        return Err(Rc::CPHASH);
    }
    if policy.code.is_some() {
        return Err(Rc::COMMAND_CODE);
    }
    let (authority, component) = (authority.as_slice(), component.as_slice());
    policy.limit = Some(Limit {
        kind: LimitKind::Names,
        digest: bytes_of(&digest_parts(
            hash,
            &[object.as_slice(), authority, component],
        )),
    });
    policy.code = Some(AC_SEND);
    let included = match include_object {
        true => object.as_slice(),
        false => &[],
    };
    let parts = [included, authority, component, &[u8::from(include_object)]];
    policy.extend(hash, call.code, &parts);
    Ok(())
}

/// The command comes over a secure channel that these keys set up; an empty name stands for any key.
pub(super) fn policy_transport_spdm(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let requester: Name = call.params.get()?;
    let own: Name = call.params.get()?;
    call.params.end()?;
    let [handle, ..] = call.handles;
    let (hash, policy) = policy(core, handle)?;
    if policy.channel_needed {
        return Err(Rc::VALUE);
    }
    check_name(&requester).map_err(|rc| rc.parameter(1))?;
    check_name(&own).map_err(|rc| rc.parameter(2))?;
    let keys = match requester.is_empty() && own.is_empty() {
        true => DigestBytes::EMPTY,
        false => bytes_of(&digest_parts(
            hash,
            &[
                &size(&requester),
                requester.as_slice(),
                &size(&own),
                own.as_slice(),
            ],
        )),
    };
    policy.extend(hash, call.code, &[keys.as_slice()]);
    policy.channel_needed = true;
    Ok(())
}

/// A name is a hash algorithm and a digest of its length.
fn check_name(name: &Name) -> Result<()> {
    if name.is_empty() {
        return Ok(());
    }
    let (alg, digest) = name.as_slice().split_first_chunk().ok_or(Rc::SIZE)?;
    let hash = hash_of(Alg(u16::from_be_bytes(*alg))).ok_or(Rc::HASH)?;
    match digest.len() == hash.digest_len() {
        true => Ok(()),
        false => Err(Rc::SIZE),
    }
}

fn size(name: &Name) -> [u8; 2] {
    u16::try_from(name.len()).unwrap_or_default().to_be_bytes()
}
