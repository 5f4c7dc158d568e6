//! Hierarchies, the guard against guessing, the clock, random numbers.

use super::{given, new_auth};
use crate::input::Choices;
use crate::model::Model;
use crate::numbers::{cc, rc, rh};
use crate::runner::Runner;
use crate::wire::Command;

/// A command whose only handle authorises it.
fn by(
    runner: &mut Runner<'_>,
    choices: &mut Choices<'_>,
    code: u32,
    authority: u32,
    params: &[u8],
    judge: impl FnOnce(&mut Model) -> Result<(), u32>,
) {
    let command = Command::new(code).handle(authority).raw(params);
    let given = given(runner, choices, authority);
    runner.send(&command, &[given], judge);
}

pub(super) fn change_auth(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let authority = choices.pick(&[rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM, rh::LOCKOUT]);
    let auth = new_auth(choices);
    let params = Command::new(0).sized(&auth).params;
    by(
        runner,
        choices,
        cc::HIERARCHY_CHANGE_AUTH,
        authority,
        &params,
        |model| {
            match authority {
                rh::LOCKOUT => model.lockout_auth = auth,
                _ => model.root(authority).auth = auth,
            }
            Ok(())
        },
    );
}

pub(super) fn control(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let authority = choices.pick(&[rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM, rh::PLATFORM]);
    let which = choices.pick(&[rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM_NV, rh::PLATFORM]);
    // The platform comes back with the next start only: seldom.
    let on = choices.byte() & 1 == 1 || which == rh::PLATFORM && !choices.seldom(4);
    let params = Command::new(0).u32(which).u8(u8::from(on)).params;
    by(
        runner,
        choices,
        cc::HIERARCHY_CONTROL,
        authority,
        &params,
        |model| model.hierarchy_control(authority, which, on),
    );
}

fn lockout_or_platform(choices: &mut Choices<'_>) -> u32 {
    choices.pick(&[rh::LOCKOUT, rh::PLATFORM])
}

/// Seldom: little is left after it.
pub(super) fn clear(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    if !choices.seldom(3) {
        return;
    }
    let authority = lockout_or_platform(choices);
    by(runner, choices, cc::CLEAR, authority, &[], Model::clear);
}

/// Lockout may forbid Clear, and only the platform allow it again.
pub(super) fn clear_control(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let authority = lockout_or_platform(choices);
    let disable = choices.seldom(4);
    by(
        runner,
        choices,
        cc::CLEAR_CONTROL,
        authority,
        &[u8::from(disable)],
        |model| {
            if authority == rh::LOCKOUT && !disable {
                return Err(rc::AUTH_FAIL);
            }
            model.clear_disabled = disable;
            Ok(())
        },
    );
}

pub(super) fn change_seed(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let (code, hierarchy) = choices.pick(&[
        (cc::CHANGE_EPS, rh::ENDORSEMENT),
        (cc::CHANGE_PPS, rh::PLATFORM),
    ]);
    if !choices.seldom(3) {
        return;
    }
    by(runner, choices, code, rh::PLATFORM, &[], |model| {
        model.change_seed(hierarchy);
        Ok(())
    });
}

pub(super) fn lock_reset(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    by(runner, choices, cc::LOCK_RESET, rh::LOCKOUT, &[], |model| {
        model.lockout.reset_tries();
        Ok(())
    });
}

pub(super) fn lockout_parameters(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let max_tries = choices.pick(&[3u32, 1, 0, 10]);
    let recovery = choices.pick(&[1000u32, 1, 0, 60]);
    let lockout_recovery = choices.pick(&[1000u32, 1, 0, 60]);
    let params = Command::new(0)
        .u32(max_tries)
        .u32(recovery)
        .u32(lockout_recovery)
        .params;
    by(
        runner,
        choices,
        cc::LOCKOUT_PARAMETERS,
        rh::LOCKOUT,
        &params,
        |model| {
            model.lockout.set(max_tries, recovery, lockout_recovery);
            Ok(())
        },
    );
}

/// Forward only.
pub(super) fn clock_set(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let authority = choices.pick(&[rh::OWNER, rh::PLATFORM]);
    // After an unorderly start only the TPM knows what time it is.
    runner.look_at_clock();
    if runner.model.clock.low != runner.model.clock.high {
        return;
    }
    let now = runner.model.clock.high;
    let clock = choices.pick(&[
        now + 1_000,
        now,
        now + 10_000_000,
        now.saturating_sub(1),
        u64::MAX,
    ]);
    by(
        runner,
        choices,
        cc::CLOCK_SET,
        authority,
        &clock.to_be_bytes(),
        |model| match model.clock.set(clock) {
            true => Ok(()),
            false => Err(rc::parameter(rc::VALUE, 1)),
        },
    );
}

/// No random number is ever given twice.
pub(super) fn random(runner: &mut Runner<'_>, _: &mut Choices<'_>) {
    let command = Command::new(cc::GET_RANDOM).u16(16);
    if let Some((_, answer)) = runner.plain(&command, |_| Ok(())) {
        let given = answer.reader().sized().to_vec();
        assert_eq!(given.len(), 16, "length of a random number");
        assert!(runner.randoms.insert(given), "a random number came twice");
    }
}
