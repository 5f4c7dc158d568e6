//! Somebody else approves: by a signature, by an auth value, or by a ticket that says that they did.

use super::{POLICY_SECRET, POLICY_SIGNED, policy, session};
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Hierarchy, Kind};
use crate::nv::NvKind;
use crate::rc::{Rc, Result};
use crate::session::{Limit, LimitKind};
use crate::structures::{DigestBytes, Name, Nonce, Signature, Ticket, TicketKind};
use crate::wire::{Input, Output};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest_parts};

/// In a timeout on the wire: it ends with the next reset, too.
const UNTIL_RESET: u64 = 1 << 63;
/// A timeout on the wire, in bytes.
const TIMEOUT: usize = 8;

/// The parameters that PolicySigned and PolicySecret share.
struct Approval {
    /// The session it is for; empty: any.
    nonce: Nonce,
    /// The command it is for; empty: any.
    cp_hash: DigestBytes,
    reference: Nonce,
    /// Seconds until it ends; 0: never. Negative: a ticket is asked for.
    expiration: i32,
}

impl Approval {
    fn read(call: &mut Call<'_>) -> Result<Self> {
        Ok(Self {
            nonce: call.params.get()?,
            cp_hash: call.params.get()?,
            reference: call.params.get()?,
            expiration: call.params.get()?,
        })
    }

    /// When it ends, in ms of the TPM's time: from the moment when the session's nonce was made if it is for this
    /// session, else the seconds are the time itself.
    fn timeout(&self, started: u64, now: u64) -> Option<u64> {
        if self.expiration == 0 {
            return None;
        }
        let seconds = u64::from(self.expiration.unsigned_abs()).saturating_mul(1000);
        Some(match self.nonce.is_empty() {
            // What is finer than a second is given away, so that it does not end early.
            true => seconds.saturating_add(now % 1000),
            false => seconds.saturating_add(started),
        })
    }

    /// What a signer signs: H(nonceTPM ‖ expiration ‖ cpHash ‖ policyRef).
    fn digest(&self, hash: HashAlgorithm) -> ironroot_crypto::tpm::hash::Digest {
        let expiration = self.expiration.to_be_bytes();
        let parts = [
            self.nonce.as_slice(),
            &expiration,
            self.cp_hash.as_slice(),
            self.reference.as_slice(),
        ];
        digest_parts(hash, &parts)
    }
}

pub(super) fn policy_signed(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [key, handle, _] = call.handles;
    let approval = Approval::read(call)?;
    let signature: Signature = call.params.get()?;
    call.params.end()?;
    let timeout = check(core, handle, &approval)?;
    if !session(core, handle)?.1.trial {
        let hash = signature.scheme().hash();
        let digest = approval.digest(hash);
        core.verify_signature(key, digest.as_slice(), &signature)
            .map_err(|rc| rc.parameter(5))?;
    }
    let name = core.name(key)?;
    let hierarchy = core.with_object(key, |object| object.hierarchy)?;
    let about = Ticketed {
        kind: TicketKind::AuthSigned,
        hierarchy,
        ticket: true,
    };
    approve(core, call, handle, &approval, timeout, &name, about)
}

pub(super) fn policy_secret(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [entity, handle, _] = call.handles;
    let approval = Approval::read(call)?;
    call.params.end()?;
    let timeout = check(core, handle, &approval)?;
    let name = core.name(entity)?;
    let about = Ticketed {
        kind: TicketKind::AuthSecret,
        hierarchy: hierarchy_of(core, entity)?,
        ticket: !is_pin_pass(core, entity)?,
    };
    approve(core, call, handle, &approval, timeout, &name, about)
}

/// What kind of ticket may be made.
struct Ticketed {
    kind: TicketKind,
    hierarchy: Hierarchy,
    ticket: bool,
}

/// Each use of a PIN-pass index counts: a ticket would be uses that do not.
fn is_pin_pass(core: &mut Core<'_>, entity: Handle) -> Result<bool> {
    match entity.kind() {
        Kind::Nv => Ok(core.nv_index(entity)?.public.kind() == NvKind::PinPass),
        _ => Ok(false),
    }
}

/// Whose proof makes a ticket about an entity (`EntityGetHierarchy()` of Part 4).
fn hierarchy_of(core: &mut Core<'_>, entity: Handle) -> Result<Hierarchy> {
    use crate::attributes::NvAttributes;
    Ok(match entity.kind() {
        Kind::Permanent => Hierarchy::of(entity).unwrap_or(Hierarchy::Owner),
        Kind::Nv => match core
            .nv_index(entity)?
            .public
            .has(NvAttributes::PLATFORM_CREATE)
        {
            true => Hierarchy::Platform,
            false => Hierarchy::Owner,
        },
        Kind::Transient => core.objects.hierarchy_of(entity).unwrap_or(Hierarchy::Null),
        Kind::Persistent => core.with_object(entity, |object| object.hierarchy)?,
        _ => Hierarchy::Owner,
    })
}

/// Checks session, command and time; gives the timeout. Nothing is checked for a trial session.
fn check(core: &Core<'_>, handle: Handle, approval: &Approval) -> Result<Option<u64>> {
    let (session, state) = session(core, handle)?;
    if state.trial {
        return Ok(None);
    }
    let timeout = approval.timeout(session.started, core.clock.time);
    if !approval.nonce.is_empty() && approval.nonce != session.nonce_tpm {
        return Err(Rc::NONCE.parameter(1));
    }
    check_timeout(core, session.epoch, timeout).map_err(|rc| rc.parameter(4))?;
    check_cp_hash(core, handle, &approval.cp_hash, 2)?;
    Ok(timeout)
}

fn check_timeout(core: &Core<'_>, epoch: u64, timeout: Option<u64>) -> Result<()> {
    let over =
        timeout.is_some_and(|timeout| timeout < core.clock.time || epoch != core.time_epoch());
    match over {
        true => Err(Rc::EXPIRED),
        false => Ok(()),
    }
}

fn check_cp_hash(core: &Core<'_>, handle: Handle, cp_hash: &DigestBytes, number: u8) -> Result<()> {
    let (session, state) = session(core, handle)?;
    if cp_hash.is_empty() {
        return Ok(());
    }
    if cp_hash.len() != session.hash.digest_len() {
        return Err(Rc::SIZE.parameter(number));
    }
    state.may_limit(LimitKind::Command, cp_hash)
}

/// Extends the policy, and answers with a ticket if one was asked for and may be given.
fn approve(
    core: &mut Core<'_>,
    call: &mut Call<'_>,
    handle: Handle,
    approval: &Approval,
    timeout: Option<u64>,
    name: &Name,
    about: Ticketed,
) -> Result<()> {
    let trial = session(core, handle)?.1.trial;
    extend(
        core,
        handle,
        call.code,
        (name, &approval.reference),
        &approval.cp_hash,
        timeout,
    )?;
    let wanted = approval.expiration < 0 && !trial && about.ticket;
    let Some(timeout) = timeout.filter(|_| wanted) else {
        call.out.sized(&[])?;
        return call.out.put(&Ticket::null(about.kind));
    };
    let until_reset = approval.nonce.is_empty();
    let timeout = match until_reset {
        true => timeout | UNTIL_RESET,
        false => timeout & !UNTIL_RESET,
    };
    let parts = Parts::new(core, timeout);
    let parts = parts.list(&approval.cp_hash, &approval.reference, name);
    let ticket = core.ticket(about.kind, about.hierarchy, &parts);
    call.out.sized(&timeout.to_be_bytes())?;
    call.out.put(&ticket)
}

fn extend(
    core: &mut Core<'_>,
    handle: Handle,
    code: u32,
    (name, reference): (&Name, &Nonce),
    cp_hash: &DigestBytes,
    timeout: Option<u64>,
) -> Result<()> {
    let (hash, policy) = policy(core, handle)?;
    policy.extend_with_name(hash, code, name.as_slice(), reference.as_slice());
    if !cp_hash.is_empty() {
        policy.limit = Some(Limit {
            kind: LimitKind::Command,
            digest: *cp_hash,
        });
    }
    policy.expire_at(timeout);
    Ok(())
}

/// What a ticket is about, as bytes: the timeout with its mark, and the power cycle in which it counts.
struct Parts {
    bytes: [u8; 3 * TIMEOUT],
}

impl Parts {
    fn new(core: &Core<'_>, timeout: u64) -> Self {
        let resets = match timeout & UNTIL_RESET {
            0 => 0,
            _ => core.permanent.get().total_resets,
        };
        let mut bytes = [0; 3 * TIMEOUT];
        let mut out = Output::new(&mut bytes);
        // 24 bytes for 24 bytes.
        let _ = out
            .put(&timeout)
            .and_then(|()| out.put(&core.time_epoch()))
            .and_then(|()| out.put(&resets));
        Self { bytes }
    }

    fn list<'a>(
        &'a self,
        cp_hash: &'a DigestBytes,
        reference: &'a Nonce,
        name: &'a Name,
    ) -> [&'a [u8]; 4] {
        [
            cp_hash.as_slice(),
            reference.as_slice(),
            name.as_slice(),
            &self.bytes,
        ]
    }
}

/// A ticket of PolicySigned or PolicySecret, and the code of that command.
fn read_ticket(input: &mut Input<'_>) -> Result<(u32, Ticket)> {
    let tag: u16 = Input::new(input.rest()).get()?;
    let (code, kind) = match tag == TicketKind::AuthSecret as u16 {
        true => (POLICY_SECRET, TicketKind::AuthSecret),
        false => (POLICY_SIGNED, TicketKind::AuthSigned),
    };
    Ok((code, Ticket::of_kind(kind, input)?))
}

/// In place of PolicySigned or PolicySecret, which gave the ticket. A trial session uses those instead.
pub(super) fn policy_ticket(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let [handle, ..] = call.handles;
    let timeout = call.params.sized(TIMEOUT)?;
    let cp_hash: DigestBytes = call.params.get()?;
    let reference: Nonce = call.params.get()?;
    let name: Name = call.params.get()?;
    let (code, ticket) = call.params.with(read_ticket)?;
    call.params.end()?;
    let (session, state) = session(core, handle)?;
    if state.trial {
        return Err(Rc::ATTRIBUTES.handle(1));
    }
    let timeout = timeout.try_into().map_err(|_| Rc::SIZE.parameter(1))?;
    let timeout = u64::from_be_bytes(timeout);
    let ends = Some(timeout & !UNTIL_RESET);
    check_timeout(core, session.epoch, ends).map_err(|rc| rc.parameter(1))?;
    check_cp_hash(core, handle, &cp_hash, 2)?;
    let parts = Parts::new(core, timeout);
    if !core.ticket_is_right(&ticket, &parts.list(&cp_hash, &reference, &name)) {
        return Err(Rc::TICKET.parameter(5));
    }
    extend(core, handle, code, (&name, &reference), &cp_hash, ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(expiration: i32, nonce: &[u8]) -> Approval {
        Approval {
            nonce: Nonce::new(nonce).unwrap(),
            cp_hash: DigestBytes::EMPTY,
            reference: Nonce::EMPTY,
            expiration,
        }
    }

    #[test]
    fn a_timeout_counts_from_the_nonce_or_is_the_time_itself() {
        assert_eq!(approval(0, &[1]).timeout(7, 9), None);
        assert_eq!(approval(5, &[1]).timeout(7, 9), Some(5007));
        assert_eq!(approval(-5, &[1]).timeout(7, 9), Some(5007));
        assert_eq!(approval(5, &[]).timeout(7, 3_999), Some(5999));
        // The one number whose negative does not fit.
        assert_eq!(
            approval(i32::MIN, &[1]).timeout(0, 0),
            Some(0x8000_0000 * 1000)
        );
    }
}
