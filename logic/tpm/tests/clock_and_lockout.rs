//! Clock, and the guard against guessing auth values.

mod common;
mod state_common;

use common::{Auth, Command, Machine, rc, rh};
use ironroot_tpm::StoreError;
use state_common::nv::*;
use state_common::*;

const INDEX: u32 = 0x0100_0042;
const GUARDED: u32 = OWNER_WRITE | OWNER_READ | AUTH_READ | AUTH_WRITE;
const AUTH_FAIL: u32 = rc::session(rc::AUTH_FAIL, 1);

#[test]
fn time_counts_from_power_on_and_clock_goes_on() {
    let mut machine = Machine::new();
    machine.platform.advance(500);
    let first = clock(&mut machine);
    assert_eq!((first.time, first.clock, first.safe), (500, 500, true));
    machine.shutdown(0).unwrap();
    machine.platform.advance(250);
    machine.reset();
    machine.platform.advance(40);
    let second = clock(&mut machine);
    assert_eq!(second.time, 40);
    assert!((540..=790).contains(&second.clock), "{second:?}");
    assert!(second.safe);
}

#[test]
fn clock_never_goes_back_whenever_power_is_cut_and_says_so() {
    let mut machine = Machine::new();
    let mut last = 0;
    let mut dice = Dice(11);
    for _ in 0..60 {
        machine.platform.advance(u64::from(dice.roll(50_000)));
        let now = clock(&mut machine).clock;
        assert!(now >= last, "{now} after {last}");
        assert!(now <= last + 50_000 + (2 << 16), "{now} after {last}");
        last = now;
        if dice.roll(2) == 0 {
            machine.reset();
            let after = clock(&mut machine);
            assert!(after.clock >= last, "{after:?} after {last}");
            assert!(!after.safe, "power was cut");
            last = after.clock;
        }
    }
    machine.platform.advance(1 << 17);
    assert!(
        clock(&mut machine).safe,
        "a value that was kept first is safe again"
    );
}

#[test]
fn a_clock_that_cannot_be_kept_is_not_told() {
    let mut machine = Machine::new();
    machine.store.fail_from(0, StoreError::Unavailable);
    machine.platform.advance(1000);
    clock(&mut machine);
    machine.platform.advance(1 << 20);
    assert_eq!(
        machine.send(&Command::new(0x181), &mut []).unwrap_err(),
        rc::NV_UNAVAILABLE
    );
    random(&mut machine);
    machine.store.heal();
    assert!(clock(&mut machine).clock > 1 << 20);
}

#[test]
fn clock_is_set_forward_only() {
    let mut machine = Machine::new();
    machine.platform.advance(5_000);
    let set = |clock: u64| Command::new(0x128).handle(rh::OWNER).u64(clock);
    for wrong in [0, 4_999, 0xffff_0000_0000_0001, u64::MAX] {
        assert_eq!(
            machine.send(&set(wrong), &mut open()).unwrap_err(),
            rc::parameter(rc::VALUE, 1)
        );
    }
    machine.send(&set(1_000_000), &mut open()).unwrap();
    assert_eq!(clock(&mut machine).clock, 1_000_000);
    machine.reset();
    assert!(clock(&mut machine).clock >= 1_000_000);
    machine.store.fail_once(0, StoreError::Unavailable);
    let before = clock(&mut machine).clock;
    assert_eq!(
        machine.send(&set(9_000_000), &mut open()).unwrap_err(),
        rc::NV_UNAVAILABLE
    );
    assert_eq!(clock(&mut machine).clock, before);
    machine
        .send(&set(0xffff_0000_0000_0000), &mut open())
        .unwrap();
}

#[test]
fn the_rate_is_adjusted_in_steps_and_within_limits() {
    let mut machine = Machine::new();
    let adjust = |step: i8| Command::new(0x130).handle(rh::OWNER).u8(step as u8);
    for wrong in [-128, -4, 4, 127] {
        assert_eq!(
            machine.send(&adjust(wrong), &mut open()).unwrap_err(),
            rc::parameter(rc::VALUE, 1)
        );
    }
    let gained = |machine: &mut Machine| {
        let before = clock(machine).time;
        machine.platform.advance(100_000);
        clock(machine).time - before
    };
    for (step, expected) in [
        (0, 100_000),
        (3, 101_000),
        (2, 101_100),
        (1, 101_110),
        (-3, 100_110),
        (-2, 100_010),
    ] {
        machine.send(&adjust(step), &mut open()).unwrap();
        assert_eq!(gained(&mut machine), expected);
    }
    (0..40).for_each(|_| {
        machine.send(&adjust(3), &mut open()).unwrap();
    });
    assert_eq!(gained(&mut machine), 115_000);
}

/// A try at the guarded index's auth value.
fn guess(machine: &mut Machine, auth: &[u8]) -> Result<(), u32> {
    let command = by_itself(0x137, INDEX).sized(b"x").u16(0);
    machine
        .send(&command, &mut [Auth::password(auth)])
        .map(|_| ())
}

fn guarded() -> Machine {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, GUARDED, b"right", 8).unwrap();
    machine
}

#[test]
fn three_wrong_guesses_lock_and_time_forgets_them_one_by_one() {
    let mut machine = guarded();
    for tries in 1..=3 {
        assert_eq!(guess(&mut machine, b"wrong").unwrap_err(), AUTH_FAIL);
        assert_eq!(property(&mut machine, 0x20e), tries);
    }
    assert_eq!(property(&mut machine, 0x200) & 1 << 9, 1 << 9, "inLockout");
    assert_eq!(guess(&mut machine, b"right").unwrap_err(), rc::LOCKOUT);
    assert_eq!(guess(&mut machine, b"wrong").unwrap_err(), rc::LOCKOUT);
    assert_eq!(
        property(&mut machine, 0x20e),
        3,
        "refused tries do not count"
    );
    machine.platform.advance(999_000);
    assert_eq!(guess(&mut machine, b"right").unwrap_err(), rc::LOCKOUT);
    machine.platform.advance(1_000);
    guess(&mut machine, b"right").unwrap();
    assert_eq!(property(&mut machine, 0x20e), 2, "a success does not reset");
    machine.platform.advance(1_500_000);
    assert_eq!(property(&mut machine, 0x20e), 1);
    machine.platform.advance(500_000);
    assert_eq!(property(&mut machine, 0x20e), 0);
}

#[test]
fn failed_tries_survive_restarts_and_unguarded_entities_never_count() {
    let mut machine = guarded();
    guess(&mut machine, b"wrong").unwrap_err();
    machine.shutdown(0).unwrap();
    machine.reset();
    assert_eq!(property(&mut machine, 0x20e), 1);
    let owner = Command::new(0x12a)
        .handle(rh::OWNER)
        .sized(b"")
        .sized(&nv_public(INDEX + 1, PLAIN, &[], 8));
    let refused = machine
        .send(&owner, &mut [Auth::password(b"wrong")])
        .unwrap_err();
    assert_eq!(refused, rc::session(rc::BAD_AUTH, 1));
    machine.send(&owner, &mut open()).unwrap();
    let command = by_itself(0x137, INDEX + 1).sized(b"x").u16(0);
    let refused = machine
        .send(&command, &mut [Auth::password(b"wrong")])
        .unwrap_err();
    assert_eq!(refused, rc::session(rc::BAD_AUTH, 1));
    assert_eq!(property(&mut machine, 0x20e), 1);
    (0..2).for_each(|_| {
        let _ = guess(&mut machine, b"wrong");
    });
    machine.send(&command, &mut open()).unwrap();
    assert_eq!(
        guess(&mut machine, b"right").unwrap_err(),
        rc::LOCKOUT,
        "but not what is not guarded"
    );
}

#[test]
fn power_cut_after_a_try_counts_and_without_one_does_not() {
    let mut machine = guarded();
    machine.reset();
    machine.reset();
    assert_eq!(property(&mut machine, 0x20e), 0, "nobody tried");
    guess(&mut machine, b"right").unwrap();
    machine.reset();
    assert_eq!(
        property(&mut machine, 0x20e),
        1,
        "the answer may have been waited for in vain"
    );
    guess(&mut machine, b"right").unwrap();
    machine.shutdown(0).unwrap();
    machine.reset();
    assert_eq!(
        property(&mut machine, 0x20e),
        1,
        "an orderly stop counts nothing"
    );
    guess(&mut machine, b"wrong").unwrap_err();
    machine.reset();
    assert_eq!(property(&mut machine, 0x20e), 3);
    guess(&mut machine, b"right").unwrap_err();
    machine.reset();
    assert_eq!(
        property(&mut machine, 0x20e),
        3,
        "never beyond the limit by itself"
    );
}

#[test]
fn guesses_are_counted_even_when_nothing_can_be_written() {
    let mut machine = guarded();
    guess(&mut machine, b"right").unwrap();
    machine.store.fail_from(0, StoreError::Unavailable);
    for _ in 0..3 {
        assert_eq!(
            guess(&mut machine, b"wrong").unwrap_err(),
            rc::NV_UNAVAILABLE
        );
    }
    assert_eq!(guess(&mut machine, b"right").unwrap_err(), rc::LOCKOUT);
    machine.store.heal();
    assert_eq!(guess(&mut machine, b"right").unwrap_err(), rc::LOCKOUT);
    machine.platform.advance(1_000_000);
    guess(&mut machine, b"wrong").unwrap_err();
    assert_eq!(property(&mut machine, 0x20e), 3);
}

#[test]
fn no_auth_value_is_tried_that_could_not_be_noted() {
    let mut machine = guarded();
    machine.store.fail_once(0, StoreError::Unavailable);
    assert_eq!(
        guess(&mut machine, b"right").unwrap_err(),
        rc::NV_UNAVAILABLE
    );
    guess(&mut machine, b"right").unwrap();
}

#[test]
fn lockouts_own_auth_value_gets_one_try_and_resets_the_others() {
    let mut machine = guarded();
    machine.change_auth(rh::LOCKOUT, b"", b"key");
    (0..3).for_each(|_| {
        let _ = guess(&mut machine, b"wrong");
    });
    let reset = Command::new(0x139).handle(rh::LOCKOUT);
    machine.send(&reset, &mut [Auth::password(b"key")]).unwrap();
    guess(&mut machine, b"right").unwrap();
    assert_eq!(
        machine
            .send(&reset, &mut [Auth::password(b"no")])
            .unwrap_err(),
        AUTH_FAIL
    );
    assert_eq!(
        machine
            .send(&reset, &mut [Auth::password(b"key")])
            .unwrap_err(),
        rc::LOCKOUT
    );
    machine.reset();
    assert_eq!(
        machine
            .send(&reset, &mut [Auth::password(b"key")])
            .unwrap_err(),
        rc::LOCKOUT
    );
    machine.platform.advance(999_000);
    assert_eq!(
        machine
            .send(&reset, &mut [Auth::password(b"key")])
            .unwrap_err(),
        rc::LOCKOUT
    );
    machine.platform.advance(1_000);
    machine.send(&reset, &mut [Auth::password(b"key")]).unwrap();
    machine
        .send(&reset, &mut [Auth::password(b"no")])
        .unwrap_err();
    machine.platform.advance(1_000_000);
    machine.shutdown(0).unwrap();
    machine.reset();
    machine.send(&reset, &mut [Auth::password(b"key")]).unwrap();
}

#[test]
fn lockouts_own_recovery_of_zero_waits_for_the_next_start() {
    let mut machine = Machine::new();
    let parameters = |tries: u32, recovery: u32, lockout: u32| {
        Command::new(0x13a)
            .handle(rh::LOCKOUT)
            .u32(tries)
            .u32(recovery)
            .u32(lockout)
    };
    machine.send(&parameters(5, 10, 0), &mut open()).unwrap();
    for (property_number, value) in [(0x20f, 5), (0x210, 10), (0x211, 0)] {
        assert_eq!(property(&mut machine, property_number), value);
    }
    machine.change_auth(rh::LOCKOUT, b"", b"key");
    let reset = Command::new(0x139).handle(rh::LOCKOUT);
    machine
        .send(&reset, &mut [Auth::password(b"no")])
        .unwrap_err();
    machine.platform.advance(1 << 40);
    assert_eq!(
        machine
            .send(&reset, &mut [Auth::password(b"key")])
            .unwrap_err(),
        rc::LOCKOUT
    );
    machine.reset();
    machine.send(&reset, &mut [Auth::password(b"key")]).unwrap();
}

#[test]
fn a_recovery_time_of_zero_counts_nothing_and_a_limit_of_zero_locks_at_once() {
    let mut machine = guarded();
    let parameters = |tries: u32, recovery: u32| {
        Command::new(0x13a)
            .handle(rh::LOCKOUT)
            .u32(tries)
            .u32(recovery)
            .u32(1000)
    };
    machine.send(&parameters(2, 0), &mut open()).unwrap();
    for _ in 0..10 {
        assert_eq!(guess(&mut machine, b"wrong").unwrap_err(), AUTH_FAIL);
    }
    guess(&mut machine, b"right").unwrap();
    machine.send(&parameters(0, 100), &mut open()).unwrap();
    assert_eq!(guess(&mut machine, b"right").unwrap_err(), rc::LOCKOUT);
    let trailing = parameters(1, 1).u8(0);
    assert_eq!(machine.send(&trailing, &mut open()).unwrap_err(), rc::SIZE);
    let owner = Command::new(0x13a).handle(rh::OWNER).u32(1).u32(1).u32(1);
    assert_eq!(
        machine.send(&owner, &mut open()).unwrap_err(),
        rc::handle(rc::VALUE, 1)
    );
}
