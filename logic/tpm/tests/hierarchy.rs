//! Hierarchies: control, auth values, policies, new seeds, Clear.

mod common;
mod state_common;

use common::{Auth, Command, Machine, alg, rc, rh};
use state_common::nv::{OWNER_READ, OWNER_WRITE, PLAIN, PLATFORM_CREATE};
use state_common::*;

const INDEX: u32 = 0x0100_0777;
const PLATFORM_NV: u32 = 0x4000_000d;
const DISABLED: u32 = 0x120;

/// A storage key on P-256 in a hierarchy: the standard SRK template, but for the hierarchy.
fn primary(machine: &mut Machine, hierarchy: u32, auth: &[u8]) -> Result<(u32, Vec<u8>), u32> {
    let mut template = vec![0, 0x23, 0, 0x0b];
    template.extend(0x0003_0472u32.to_be_bytes());
    template.extend([
        0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10, 0, 0, 0, 0,
    ]);
    let command = Command::new(0x131)
        .handle(hierarchy)
        .sized(&[0, 0, 0, 0])
        .sized(&template)
        .sized(&[])
        .u32(0);
    let reply = machine.send(&command, &mut [Auth::password(auth)])?;
    Ok((reply.handle, reply.reader().sized().to_vec()))
}

/// EvictControl.
fn persist(machine: &mut Machine, by: u32, object: u32, handle: u32) {
    let command = Command::new(0x120)
        .handle(by)
        .named(object, &[])
        .u32(handle);
    machine.send(&command, &mut open()).unwrap();
}

#[test]
fn hierarchies_turn_themselves_off_and_the_platform_turns_them_on() {
    let mut machine = Machine::new();
    let control = |by: u32, which: u32, on: u8| Command::new(0x121).handle(by).u32(which).u8(on);
    for (by, which) in [
        (rh::OWNER, rh::ENDORSEMENT),
        (rh::ENDORSEMENT, rh::OWNER),
        (rh::OWNER, rh::PLATFORM),
        (rh::ENDORSEMENT, PLATFORM_NV),
        (rh::OWNER, PLATFORM_NV),
    ] {
        assert_eq!(
            machine
                .send(&control(by, which, 0), &mut open())
                .unwrap_err(),
            rc::AUTH_TYPE
        );
        assert_eq!(
            machine
                .send(&control(by, which, 1), &mut open())
                .unwrap_err(),
            rc::AUTH_TYPE
        );
    }
    for which in [rh::NULL, rh::LOCKOUT, 0, 0x4000_0008] {
        let refused = machine
            .send(&control(rh::PLATFORM, which, 1), &mut open())
            .unwrap_err();
        assert_eq!(refused, rc::parameter(rc::VALUE, 1));
    }
    assert_eq!(
        machine
            .send(&control(rh::PLATFORM, rh::OWNER, 2), &mut open())
            .unwrap_err(),
        rc::parameter(rc::VALUE, 2)
    );
    assert_eq!(
        machine
            .send(&control(rh::NULL, rh::OWNER, 1), &mut open())
            .unwrap_err(),
        rc::handle(rc::VALUE, 1)
    );
    for which in [rh::OWNER, rh::ENDORSEMENT] {
        machine
            .send(&control(which, which, 1), &mut open())
            .unwrap();
        let (object, _) = primary(&mut machine, which, b"").unwrap();
        machine
            .send(&control(which, which, 0), &mut open())
            .unwrap();
        assert!(
            !handles(&mut machine, 0x8000_0000).contains(&object),
            "its objects left"
        );
        assert_eq!(
            primary(&mut machine, which, b"").unwrap_err(),
            rc::handle(rc::HIERARCHY, 1)
        );
        let itself = machine
            .send(&control(which, which, 1), &mut open())
            .unwrap_err();
        assert_eq!(itself, rc::handle(rc::HIERARCHY, 1));
        machine
            .send(&control(rh::PLATFORM, which, 1), &mut open())
            .unwrap();
        primary(&mut machine, which, b"").unwrap();
    }
    machine
        .send(&control(rh::PLATFORM, rh::PLATFORM, 0), &mut open())
        .unwrap();
    let again = machine
        .send(&control(rh::PLATFORM, rh::PLATFORM, 1), &mut open())
        .unwrap_err();
    assert_eq!(again, rc::handle(rc::HIERARCHY, 1));
}

#[cfg(feature = "full")]
#[test]
fn auth_values_are_changed_one_by_one_and_stay() {
    let mut machine = Machine::new();
    let hierarchies = [rh::OWNER, rh::ENDORSEMENT, rh::LOCKOUT];
    for (number, hierarchy) in (1u8..).zip(hierarchies) {
        machine.change_auth(hierarchy, b"", &[number; 64]);
    }
    assert_eq!(property(&mut machine, 0x200) & 7, 7);
    machine.reset();
    for (number, hierarchy) in (1u8..).zip(hierarchies) {
        machine.change_auth(hierarchy, &[number; 64], &[number, 0, 0]);
        machine.change_auth(hierarchy, &[number], b"");
    }
    assert_eq!(property(&mut machine, 0x200) & 7, 0);
    let change = |hierarchy: u32, auth: &[u8]| Command::new(0x129).handle(hierarchy).sized(auth);
    let long = machine
        .send(&change(rh::OWNER, &[1; 65]), &mut open())
        .unwrap_err();
    assert_eq!(long, rc::parameter(rc::SIZE, 1));
    let null = machine
        .send(&change(rh::NULL, b"x"), &mut open())
        .unwrap_err();
    assert_eq!(null, rc::handle(rc::VALUE, 1));
}

#[cfg(feature = "full")]
#[test]
fn policies_are_set_with_a_digest_of_their_hash_only() {
    let mut machine = Machine::new();
    let set =
        |by: u32, digest: &[u8], hash: u16| Command::new(0x12e).handle(by).sized(digest).u16(hash);
    for (digest, hash, expected) in [
        (&[1; 32][..], alg::SHA1, rc::parameter(rc::SIZE, 1)),
        (&[1; 20], alg::SHA256, rc::parameter(rc::SIZE, 1)),
        (&[], alg::SHA256, rc::parameter(rc::SIZE, 1)),
        (&[1; 32], alg::NULL, rc::parameter(rc::SIZE, 1)),
        (&[1; 65], alg::SHA512, rc::parameter(rc::SIZE, 1)),
        (&[1; 32], 0x11, rc::parameter(rc::HASH, 2)),
    ] {
        assert_eq!(
            machine
                .send(&set(rh::OWNER, digest, hash), &mut open())
                .unwrap_err(),
            expected
        );
    }
    let mut expected = 4u32.to_be_bytes().to_vec();
    for (by, hash, len) in [
        (rh::OWNER, alg::SHA1, 20),
        (rh::LOCKOUT, alg::SHA256, 32),
        (rh::ENDORSEMENT, alg::SHA384, 48),
        (rh::PLATFORM, alg::SHA512, 64),
    ] {
        let digest = vec![len as u8; len];
        machine.send(&set(by, &digest, hash), &mut open()).unwrap();
        expected.extend(by.to_be_bytes());
        expected.extend(hash.to_be_bytes());
        expected.extend(digest);
    }
    // Countdown timers have policies, too; those are another test's.
    let (_, list) = capability(&mut machine, 9, 0x4000_0000, 4);
    assert_eq!(list, expected);
    machine.reset();
    let (_, list) = capability(&mut machine, 9, rh::PLATFORM, 1);
    assert_eq!(
        list,
        [&[0, 0, 0, 1][..], &rh::PLATFORM.to_be_bytes(), &[0, 0x10]].concat(),
        "the platform's is gone"
    );
    let (_, list) = capability(&mut machine, 9, rh::ENDORSEMENT, 1);
    assert_eq!(list[8..10], alg::SHA384.to_be_bytes());
    machine
        .send(&set(rh::OWNER, &[], alg::NULL), &mut open())
        .unwrap();
    let (_, list) = capability(&mut machine, 9, rh::OWNER, 1);
    assert_eq!(list[8..], [0, 0x10]);
}

#[test]
fn a_policy_authorises_its_hierarchy() {
    let mut machine = Machine::new();
    let code = 0x129u32;
    let digest = common::crypto::policy_step(
        common::crypto::Hash::Sha256,
        &[0; 32],
        0x16c,
        &[&code.to_be_bytes()],
    );
    let set = Command::new(0x12e)
        .handle(rh::OWNER)
        .sized(&digest)
        .u16(alg::SHA256);
    machine.send(&set, &mut open()).unwrap();
    let mut session = machine.start(common::Start::policy());
    machine
        .policy(0x16c, &session, |command| command.u32(code))
        .unwrap();
    let change = Command::new(code).handle(rh::OWNER).sized(b"set by policy");
    machine
        .send(&change, &mut [session.auth(b"").without_auth().into()])
        .unwrap();
    machine.change_auth(rh::OWNER, b"set by policy", b"");
}

#[test]
fn clear_takes_the_owner_away_and_leaves_the_platform() {
    let mut machine = Machine::new();
    let owned = primary(&mut machine, rh::OWNER, b"").unwrap();
    let endorsed = primary(&mut machine, rh::ENDORSEMENT, b"").unwrap();
    let platform = primary(&mut machine, rh::PLATFORM, b"").unwrap();
    persist(&mut machine, rh::OWNER, owned.0, 0x8100_0001);
    persist(&mut machine, rh::OWNER, endorsed.0, 0x8101_0001);
    persist(&mut machine, rh::PLATFORM, platform.0, 0x8180_0001);
    define(&mut machine, INDEX, PLAIN, b"", 8).unwrap();
    define(&mut machine, INDEX + 1, PLAIN | PLATFORM_CREATE, b"", 8).unwrap();
    define(
        &mut machine,
        INDEX + 2,
        OWNER_READ | OWNER_WRITE | nv::ORDERLY,
        b"",
        8,
    )
    .unwrap();
    define(
        &mut machine,
        INDEX + 3,
        PLAIN | PLATFORM_CREATE | nv::ORDERLY,
        b"",
        8,
    )
    .unwrap();
    write(&mut machine, INDEX + 3, b"platform", 0).unwrap();
    machine.change_auth(rh::OWNER, b"", b"owner");
    machine.change_auth(rh::ENDORSEMENT, b"", b"endorsement");
    machine.change_auth(rh::LOCKOUT, b"", b"lockout");
    let parameters = Command::new(0x13a).handle(rh::LOCKOUT).u32(9).u32(9).u32(9);
    machine
        .send(&parameters, &mut [Auth::password(b"lockout")])
        .unwrap();
    machine.reset();
    write(&mut machine, INDEX + 3, b"platform", 0).unwrap_err();
    machine
        .send(
            &Command::new(0x137)
                .handle(rh::PLATFORM)
                .named(INDEX + 3, &[])
                .sized(b"x")
                .u16(0),
            &mut open(),
        )
        .unwrap_err();
    let counter = pcr_counter(&mut machine);
    let clear = |by: u32| Command::new(0x126).handle(by);
    let commits = machine.store.commits();
    machine
        .send(&clear(rh::LOCKOUT), &mut [Auth::password(b"lockout")])
        .unwrap();
    assert_eq!(machine.store.commits(), commits + 1, "one transaction");
    assert_eq!(handles(&mut machine, 0x8100_0000), [0x8180_0001]);
    assert_eq!(handles(&mut machine, 0x0100_0000), [INDEX + 1, INDEX + 3]);
    assert_eq!(property(&mut machine, 0x200) & 7, 0);
    assert_eq!(
        [0x20e, 0x20f, 0x210, 0x211].map(|number| property(&mut machine, number)),
        [0, 3, 1000, 1000]
    );
    assert_eq!(pcr_counter(&mut machine), counter + 1);
    let now = clock(&mut machine);
    assert_eq!(
        (now.clock, now.resets, now.restarts, now.safe),
        (0, 0, 0, true)
    );
    assert_ne!(
        primary(&mut machine, rh::OWNER, b"").unwrap().1,
        owned.1,
        "a new storage seed"
    );
    assert_eq!(
        primary(&mut machine, rh::ENDORSEMENT, b"").unwrap().1,
        endorsed.1,
        "the same endorsement seed"
    );
    assert_eq!(
        primary(&mut machine, rh::PLATFORM, b"").unwrap().1,
        platform.1
    );
}

#[test]
fn clear_can_be_forbidden_by_both_and_allowed_by_the_platform_alone() {
    let mut machine = Machine::new();
    let control = |by: u32, disable: u8| Command::new(0x127).handle(by).u8(disable);
    let clear = |by: u32| Command::new(0x126).handle(by);
    assert_eq!(
        machine
            .send(&control(rh::LOCKOUT, 0), &mut open())
            .unwrap_err(),
        0x8e
    );
    machine.send(&control(rh::LOCKOUT, 1), &mut open()).unwrap();
    machine.reset();
    assert_eq!(property(&mut machine, 0x200) & 1 << 8, 1 << 8);
    for by in [rh::LOCKOUT, rh::PLATFORM] {
        assert_eq!(machine.send(&clear(by), &mut open()).unwrap_err(), DISABLED);
    }
    assert_eq!(
        machine
            .send(&control(rh::PLATFORM, 2), &mut open())
            .unwrap_err(),
        rc::parameter(rc::VALUE, 1)
    );
    assert_eq!(
        machine
            .send(&control(rh::OWNER, 0), &mut open())
            .unwrap_err(),
        rc::handle(rc::VALUE, 1)
    );
    machine
        .send(&control(rh::PLATFORM, 0), &mut open())
        .unwrap();
    machine.send(&clear(rh::PLATFORM), &mut open()).unwrap();
    assert_eq!(
        machine.send(&clear(rh::OWNER), &mut open()).unwrap_err(),
        rc::handle(rc::VALUE, 1)
    );
}

#[test]
fn new_seeds_change_the_keys_of_their_hierarchy_only() {
    let all = [rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM];
    for (code, changed, kept_range) in [
        (0x125, rh::PLATFORM, 0x8101_0001),
        (0x124, rh::ENDORSEMENT, 0x8180_0001),
    ] {
        let mut machine = Machine::new();
        let before = all.map(|hierarchy| primary(&mut machine, hierarchy, b"").unwrap());
        persist(&mut machine, rh::OWNER, before[1].0, 0x8101_0001);
        persist(&mut machine, rh::PLATFORM, before[2].0, 0x8180_0001);
        machine.change_auth(rh::ENDORSEMENT, b"", b"secret");
        machine
            .send(&Command::new(code).handle(rh::PLATFORM), &mut open())
            .unwrap();
        assert_eq!(handles(&mut machine, 0x8100_0000), [kept_range]);
        let secret: &[u8] = if code == 0x124 { b"" } else { b"secret" };
        let after = [
            primary(&mut machine, rh::OWNER, b""),
            primary(&mut machine, rh::ENDORSEMENT, secret),
            primary(&mut machine, rh::PLATFORM, b""),
        ];
        for ((hierarchy, before), after) in all.into_iter().zip(before).zip(after) {
            assert_eq!(
                before.1 == after.unwrap().1,
                hierarchy != changed,
                "{hierarchy:x}"
            );
        }
    }
}

#[test]
fn the_null_hierarchy_is_new_after_a_reset_and_kept_over_a_restart() {
    let mut machine = Machine::new();
    let first = primary(&mut machine, rh::NULL, b"").unwrap().1;
    assert_eq!(primary(&mut machine, rh::NULL, b"").unwrap().1, first);
    for startup in [1, 0] {
        machine.shutdown(1).unwrap();
        machine.power_cycle();
        machine.startup(startup).unwrap();
        assert_eq!(primary(&mut machine, rh::NULL, b"").unwrap().1, first);
    }
    machine.reset();
    assert_ne!(primary(&mut machine, rh::NULL, b"").unwrap().1, first);
}
