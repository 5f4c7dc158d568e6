//! Assertions of one fact: PCRs, locality, command, presence, auth value, written.

use super::{policy, session};
use crate::core::Core;
use crate::dispatch::Call;
use crate::rc::{Rc, Result};
use crate::structures::{DigestBytes, PcrSelections};
use crate::table;
use crate::wire::Output;

/// Localities 0 to 4, one bit each.
const ALL_LOCALITIES: u8 = 0x1f;

/// The PCRs are as they are, or as the caller says; and stay so until the session is used.
pub(super) fn policy_pcr(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let wanted: DigestBytes = call.params.get()?;
    let mut selections: PcrSelections = call.params.get()?;
    call.params.end()?;
    let (hash, trial, checked) = {
        let (session, policy) = session(core, handle)?;
        (session.hash, policy.trial, policy.pcr_counter)
    };
    let counter = core.volatile.pcr_counter;
    let now = core.pcr_digest(hash, &mut selections);
    let digest = match (wanted.is_empty(), trial) {
        (true, _) => now,
        (false, true) => wanted,
        (false, false) if wanted == now => now,
        (false, false) if checked.is_none_or(|checked| checked == counter) => {
            return Err(Rc::VALUE.parameter(1));
        }
        (false, false) => return Err(Rc::PCR_CHANGED),
    };
    if !trial && checked.is_some_and(|checked| checked != counter) {
        return Err(Rc::PCR_CHANGED);
    }
    let mut buffer = [0; 64];
    let mut out = Output::new(&mut buffer);
    out.put(&selections)?;
    let (hash, policy) = policy(core, handle)?;
    policy.extend(hash, call.code, &[out.written(), digest.as_slice()]);
    if !trial {
        policy.pcr_counter = Some(counter);
    }
    Ok(())
}

/// Localities 0 to 4 are bits, of which those left must be in all assertions; one from 32 on stands for itself.
pub(super) fn policy_locality(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let locality: u8 = call.params.get()?;
    call.params.end()?;
    let (hash, policy) = policy(core, handle)?;
    policy.locality = narrowed(policy.locality, locality).ok_or(Rc::RANGE.parameter(1))?;
    policy.extend(hash, call.code, &[&[locality]]);
    Ok(())
}

fn narrowed(old: u8, new: u8) -> Option<u8> {
    let left = match (old, new) {
        (_, 0) => return None,
        (0, 1..=ALL_LOCALITIES) => new,
        (1..=ALL_LOCALITIES, 1..=ALL_LOCALITIES) => old & new,
        (0, _) => new,
        (_, _) if old == new => new,
        _ => return None,
    };
    (left != 0).then_some(left)
}

pub(super) fn policy_command_code(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let code: u32 = call.params.get()?;
    call.params.end()?;
    let (hash, policy) = policy(core, handle)?;
    if policy.code.is_some_and(|old| old != code) {
        return Err(Rc::VALUE.parameter(1));
    }
    if table::find(code).is_none() {
        return Err(Rc::POLICY_CC.parameter(1));
    }
    policy.code = Some(code);
    policy.extend(hash, call.code, &[&code.to_be_bytes()]);
    Ok(())
}

pub(super) fn policy_physical_presence(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    call.params.end()?;
    let (hash, policy) = policy(core, handle)?;
    policy.presence_needed = true;
    policy.extend(hash, call.code, &[]);
    Ok(())
}

/// `TPM_CC_PolicyAuthValue`: PolicyPassword extends with it, too, so that either satisfies the same policy.
const POLICY_AUTH_VALUE: u32 = 0x16b;

pub(super) fn policy_auth_value(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    call.params.end()?;
    let (hash, policy) = policy(core, handle)?;
    (policy.auth_value_needed, policy.password_needed) = (true, false);
    policy.extend(hash, POLICY_AUTH_VALUE, &[]);
    Ok(())
}

pub(super) fn policy_password(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    call.params.end()?;
    let (hash, policy) = policy(core, handle)?;
    (policy.auth_value_needed, policy.password_needed) = (false, true);
    policy.extend(hash, POLICY_AUTH_VALUE, &[]);
    Ok(())
}

pub(super) fn policy_get_digest(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    call.params.end()?;
    let (_, policy) = session(core, handle)?;
    call.out.put(&policy.digest)
}

pub(super) fn policy_nv_written(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let written: bool = call.params.get()?;
    call.params.end()?;
    let (hash, policy) = policy(core, handle)?;
    if policy.nv_written.is_some_and(|old| old != written) {
        return Err(Rc::VALUE.parameter(1));
    }
    policy.nv_written = Some(written);
    policy.extend(hash, call.code, &[&[u8::from(written)]]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localities_can_only_be_narrowed_and_the_two_kinds_never_mix() {
        assert_eq!(narrowed(0, 0), None);
        assert_eq!(narrowed(0, 0b11000), Some(0b11000));
        assert_eq!(narrowed(0b11000, 0b01001), Some(0b01000));
        assert_eq!(narrowed(0b11000, 0b00111), None);
        assert_eq!(narrowed(0, 32), Some(32));
        assert_eq!(narrowed(32, 32), Some(32));
        assert_eq!(narrowed(32, 33), None);
        assert_eq!(narrowed(32, 1), None);
        assert_eq!(narrowed(1, 32), None);
    }
}
