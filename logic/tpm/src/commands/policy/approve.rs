//! One policy in place of another: alternatives, and policies that a key or an NV index approves of.

use super::{policy, session};
use crate::core::Core;
use crate::dispatch::Call;
use crate::rc::{Rc, Result};
use crate::structures::{Alg, DigestBytes, Name, Nonce, Ticket, TicketKind, hash_of};
use crate::wire::{Input, Unmarshal};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest_parts};

/// Two to eight alternatives, one behind the other.
struct Alternatives {
    count: usize,
    list: [DigestBytes; 8],
}

impl Unmarshal for Alternatives {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let count = input.get::<u32>()?;
        if !(2..=8).contains(&count) {
            return Err(Rc::SIZE);
        }
        let mut list = [DigestBytes::EMPTY; 8];
        for (slot, _) in list.iter_mut().zip(0..count) {
            *slot = input.get()?;
        }
        Ok(Self {
            count: usize::try_from(count).unwrap_or_default(),
            list,
        })
    }
}

/// The policy so far is one of these; from now on it is all of them.
pub(super) fn policy_or(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let all: Alternatives = call.params.get()?;
    call.params.end()?;
    let all = all.list.get(..all.count).unwrap_or_default();
    let (hash, policy) = policy(core, handle)?;
    if !policy.trial && !all.contains(&policy.digest) {
        return Err(Rc::VALUE.parameter(1));
    }
    let mut parts: [&[u8]; 8] = [&[]; 8];
    parts
        .iter_mut()
        .zip(all)
        .for_each(|(part, digest)| *part = digest.as_slice());
    policy.clear_digest(hash);
    policy.extend(hash, call.code, &parts);
    Ok(())
}

/// A key signed the policy so far, and VerifySignature saw it.
pub(super) fn policy_authorize(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let approved: DigestBytes = call.params.get()?;
    let reference: Nonce = call.params.get()?;
    let key: Name = call.params.get()?;
    let ticket = call
        .params
        .with(|input| Ticket::of_kind(TicketKind::Verified, input))?;
    call.params.end()?;
    let name_alg = name_algorithm(&key).map_err(|rc| rc.parameter(3))?;
    let (_, state) = session(core, handle)?;
    if !state.trial {
        if state.digest != approved {
            return Err(Rc::VALUE.parameter(1));
        }
        let signed = digest_parts(name_alg, &[approved.as_slice(), reference.as_slice()]);
        if !core.ticket_is_right(&ticket, &[signed.as_slice(), key.as_slice()]) {
            return Err(Rc::VALUE.parameter(4));
        }
    }
    let (hash, policy) = policy(core, handle)?;
    policy.clear_digest(hash);
    policy.extend_with_name(hash, call.code, key.as_slice(), reference.as_slice());
    Ok(())
}

/// The algorithm that a name begins with; a digest of just its length must follow.
fn name_algorithm(name: &Name) -> Result<HashAlgorithm> {
    let mut input = Input::new(name.as_slice());
    let hash = hash_of(input.get::<Alg>().map_err(|_| Rc::HASH)?).ok_or(Rc::HASH)?;
    match input.rest().len() == hash.digest_len() {
        true => Ok(hash),
        false => Err(Rc::SIZE),
    }
}

/// An NV index holds the policy so far, as a `TPMT_HA`.
pub(super) fn policy_authorize_nv(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [authority, index, handle] = call.handles;
    call.params.end()?;
    let (session, state) = session(core, handle)?;
    if !state.trial {
        let (hash, digest) = (session.hash, state.digest);
        core.nv_read_for_policy(authority, index, |_, data| holds(data, hash, &digest))??;
    }
    let name = core.name(index)?;
    let (hash, policy) = policy(core, handle)?;
    policy.clear_digest(hash);
    policy.extend(hash, call.code, &[name.as_slice()]);
    Ok(())
}

fn holds(data: &[u8], hash: HashAlgorithm, digest: &DigestBytes) -> Result<()> {
    let mut input = Input::new(data);
    let kept: HashAlgorithm = input.get()?;
    let value = input.take(kept.digest_len())?;
    if kept != hash {
        return Err(Rc::HASH);
    }
    match value == digest.as_slice() {
        true => Ok(()),
        false => Err(Rc::VALUE),
    }
}
