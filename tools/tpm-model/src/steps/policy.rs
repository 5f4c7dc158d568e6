//! What policy and trial sessions are told (Part 3, section 23).

use super::session::some_session;
use crate::hash::{SHA256, sha256};
use crate::input::Choices;
use crate::model::Model;
use crate::numbers::{cc, rc};
use crate::runner::Runner;
use crate::session::{Kind, Policy};
use crate::wire::Command;

/// The register that policies look at.
pub(super) const REGISTER: u32 = 9;

/// A handle of a policy session: the place of another handle is judged before anything is looked for.
fn some_policy(runner: &Runner<'_>, choices: &mut Choices<'_>) -> u32 {
    some_session(runner, choices) & 0x00ff_ffff | 0x0300_0000
}

fn policy(model: &mut Model, handle: u32) -> (&mut Policy, bool) {
    let session = model.sessions.active.get_mut(&handle).expect("it is there");
    (&mut session.policy, session.kind == Kind::Trial)
}

/// `TPML_PCR_SELECTION` of [`REGISTER`].
pub(super) fn selection() -> Vec<u8> {
    let command = Command::new(0).u32(1).u16(SHA256).u8(3);
    command.raw(&(1u32 << REGISTER).to_le_bytes()[..3]).params
}

pub(super) fn assert(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let handle = some_policy(runner, choices);
    match choices.byte() % 6 {
        0 | 1 => pcr(runner, choices, handle),
        2 => auth_value(runner, handle),
        3 => password(runner, handle),
        4 => {
            let codes = [cc::NV_READ, cc::NV_READ, cc::UNSEAL, cc::NV_WRITE];
            command_code(runner, handle, choices.pick(&codes));
        }
        _ => restart(runner, handle),
    }
}

/// A session comes to what an object or an index wants, as far as it can.
pub(super) fn satisfy(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let sessions = runner.model.sessions.active.iter();
    let fitting: Vec<u32> = sessions
        .filter(|(_, session)| session.kind == Kind::Policy && session.saved.is_none())
        .map(|(handle, _)| *handle)
        .collect();
    if fitting.is_empty() {
        return super::session::start(runner, choices);
    }
    let handle = choices.pick(&fitting);
    restart(runner, handle);
    match choices.byte() & 3 {
        0 => auth_value(runner, handle),
        1 => password(runner, handle),
        2 => command_code(runner, handle, cc::NV_READ),
        _ => pcr(runner, choices, handle),
    }
}

fn restart(runner: &mut Runner<'_>, handle: u32) {
    let command = Command::new(cc::POLICY_RESTART).handle(handle);
    runner.plain(&command, |model| {
        *policy(model, handle).0 = Policy::new();
        Ok(())
    });
}

fn auth_value(runner: &mut Runner<'_>, handle: u32) {
    let command = Command::new(cc::POLICY_AUTH_VALUE).handle(handle);
    runner.plain(&command, |model| {
        let (policy, _) = policy(model, handle);
        policy.extend(cc::POLICY_AUTH_VALUE, &[]);
        (policy.auth_value, policy.password) = (true, false);
        Ok(())
    });
}

/// Its digest is that of PolicyAuthValue, so that either may satisfy a policy.
fn password(runner: &mut Runner<'_>, handle: u32) {
    let command = Command::new(cc::POLICY_PASSWORD).handle(handle);
    runner.plain(&command, |model| {
        let (policy, _) = policy(model, handle);
        policy.extend(cc::POLICY_AUTH_VALUE, &[]);
        (policy.auth_value, policy.password) = (false, true);
        Ok(())
    });
}

fn command_code(runner: &mut Runner<'_>, handle: u32, code: u32) {
    let bytes = code.to_be_bytes();
    let command = Command::new(cc::POLICY_COMMAND_CODE)
        .handle(handle)
        .raw(&bytes);
    runner.plain(&command, |model| {
        let (policy, _) = policy(model, handle);
        if policy.code.is_some_and(|known| known != code) {
            return Err(rc::parameter(rc::VALUE, 1));
        }
        policy.extend(cc::POLICY_COMMAND_CODE, &[&bytes]);
        policy.code = Some(code);
        Ok(())
    });
}

/// With the digest that the caller expects, or without.
fn pcr(runner: &mut Runner<'_>, choices: &mut Choices<'_>, handle: u32) {
    let told = match runner.model.pcrs.value(SHA256, REGISTER) {
        Some(value) => sha256(&[value]),
        None => return,
    };
    let wanted = match choices.byte() & 3 {
        0 => told.clone(),
        1 => vec![3; 32],
        _ => Vec::new(),
    };
    let selection = selection();
    let command = Command::new(cc::POLICY_PCR)
        .handle(handle)
        .sized(&wanted)
        .raw(&selection);
    runner.plain(&command, |model| {
        let stamp = model.pcrs.stamp;
        let (policy, trial) = policy(model, handle);
        if !trial && policy.pcrs.is_some_and(|seen| seen != stamp) {
            return Err(rc::PCR_CHANGED);
        }
        if !trial && !wanted.is_empty() && wanted != told {
            return Err(rc::parameter(rc::VALUE, 1));
        }
        let digest = if wanted.is_empty() { &told } else { &wanted };
        policy.extend(cc::POLICY_PCR, &[&selection, digest]);
        if !trial {
            policy.pcrs = Some(stamp);
        }
        Ok(())
    });
}

pub(super) fn digest(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let handle = some_policy(runner, choices);
    let command = Command::new(cc::POLICY_GET_DIGEST).handle(handle);
    let done = runner.plain(&command, |model| Ok(policy(model, handle).0.digest.clone()));
    if let Some((wanted, answer)) = done {
        assert_eq!(answer.reader().sized(), wanted, "policyDigest");
    }
}
