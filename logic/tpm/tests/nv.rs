//! NV indices: definition, rules, types, locks, and a random test against a simple model.

mod common;
mod state_common;

use common::{Auth, Command, Machine, crypto, rc, rh};
use state_common::nv::*;
use state_common::*;

const INDEX: u32 = 0x0100_1234;
const NV_RANGE: u32 = 0x146;
const NV_LOCKED: u32 = 0x148;
const NV_AUTHORIZATION: u32 = 0x149;
const NV_UNINITIALIZED: u32 = 0x14a;
#[cfg(feature = "full")]
const NV_SPACE: u32 = 0x14b;
const NV_DEFINED: u32 = 0x14c;

#[test]
fn an_index_is_written_read_and_gone() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN, b"pin", 32).unwrap();
    assert_eq!(
        define(&mut machine, INDEX, PLAIN, b"", 8).unwrap_err(),
        NV_DEFINED
    );
    assert_eq!(
        read(&mut machine, INDEX, 8, 0).unwrap_err(),
        NV_UNINITIALIZED
    );
    write(&mut machine, INDEX, b"data", 4).unwrap();
    assert_eq!(
        read(&mut machine, INDEX, 10, 2).unwrap(),
        b"\xff\xffdata\xff\xff\xff\xff"
    );
    assert_eq!(attributes(&mut machine, INDEX), PLAIN | WRITTEN);
    machine.reset();
    assert_eq!(read(&mut machine, INDEX, 32, 0).unwrap()[4..8], *b"data");
    let auth = &mut [Auth::password(b"pin")];
    machine
        .send(&by_itself(0x137, INDEX).sized(b"more").u16(0), auth)
        .unwrap();
    let wrong = &mut [Auth::password(b"pen")];
    let refused = machine
        .send(&by_itself(0x137, INDEX).sized(b"evil").u16(0), wrong)
        .unwrap_err();
    assert_eq!(refused, rc::session(rc::BAD_AUTH, 1));
    assert_eq!(read(&mut machine, INDEX, 8, 0).unwrap(), b"moredata");
    plain(&mut machine, 0x122, INDEX).unwrap();
    assert_eq!(
        plain(&mut machine, 0x122, INDEX).unwrap_err(),
        rc::handle(rc::HANDLE, 2)
    );
    assert_eq!(
        read_public(&mut machine, INDEX).unwrap_err(),
        rc::handle(rc::HANDLE, 1)
    );
    assert!(!machine.store.records().contains_key(&INDEX));
}

#[test]
fn reads_and_writes_stay_inside_an_index() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN, b"", 16).unwrap();
    write(&mut machine, INDEX, &[7; 16], 0).unwrap();
    for (data, offset, expected) in [
        (17, 0, NV_RANGE),
        (1, 16, NV_RANGE),
        (9, 8, NV_RANGE),
        (1, 17, rc::parameter(rc::VALUE, 2)),
        (1, 0xffff, rc::parameter(rc::VALUE, 2)),
    ] {
        let bytes = vec![1; data];
        assert_eq!(
            write(&mut machine, INDEX, &bytes, offset).unwrap_err(),
            expected,
            "{data} at {offset}"
        );
        assert_eq!(
            read(&mut machine, INDEX, data as u16, offset).unwrap_err(),
            expected
        );
    }
    write(&mut machine, INDEX, &[], 16).unwrap();
    assert_eq!(read(&mut machine, INDEX, 0, 16).unwrap(), []);
    assert_eq!(
        read(&mut machine, INDEX, 1025, 0).unwrap_err(),
        rc::parameter(rc::VALUE, 1)
    );
    let long = on_index(0x137, INDEX).sized(&[0; 1025]).u16(0);
    assert_eq!(
        machine.send(&long, &mut open()).unwrap_err(),
        rc::parameter(rc::SIZE, 1)
    );
    assert_eq!(read(&mut machine, INDEX, 16, 0).unwrap(), [7; 16]);
    let trailing = on_index(0x137, INDEX).sized(b"x").u16(0).u8(0);
    assert_eq!(machine.send(&trailing, &mut open()).unwrap_err(), rc::SIZE);
}

#[cfg(feature = "full")]
#[test]
fn the_largest_index_holds_what_was_written_in_pieces() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN, b"", 2048).unwrap();
    write(&mut machine, INDEX, &[1; 1024], 0).unwrap();
    write(&mut machine, INDEX, &[2; 1024], 1024).unwrap();
    machine.reset();
    assert_eq!(
        read(&mut machine, INDEX, 1024, 512).unwrap(),
        [[1; 512], [2; 512]].concat()
    );
    assert_eq!(
        define(&mut machine, INDEX + 1, PLAIN, b"", 2049).unwrap_err(),
        rc::parameter(rc::SIZE, 2)
    );
    let whole = define(&mut machine, INDEX + 1, PLAIN | WRITE_ALL, b"", 1025);
    assert_eq!(whole.unwrap_err(), rc::parameter(rc::SIZE, 2));
    define(&mut machine, INDEX + 1, PLAIN | WRITE_ALL, b"", 1024).unwrap();
    assert_eq!(
        write(&mut machine, INDEX + 1, &[1; 1023], 0).unwrap_err(),
        NV_RANGE
    );
    write(&mut machine, INDEX + 1, &[1; 1024], 0).unwrap();
}

#[cfg(feature = "full")]
#[test]
fn definitions_that_make_no_sense_are_refused() {
    let mut machine = Machine::new();
    let attributes = rc::parameter(rc::ATTRIBUTES, 2);
    let size = rc::parameter(rc::SIZE, 2);
    for (bits, len, expected) in [
        (PLAIN | 3 << 4, 8, attributes),
        (PLAIN | 5 << 4, 8, attributes),
        (PLAIN | 15 << 4, 8, attributes),
        (PLAIN | 1 << 8, 8, rc::parameter(rc::RESERVED_BITS, 2)),
        (PLAIN | 1 << 20, 8, rc::parameter(rc::RESERVED_BITS, 2)),
        (PLAIN | COUNTER, 7, size),
        (PLAIN | BITS, 9, size),
        (PLAIN | EXTEND, 20, size),
        (PLAIN | COUNTER | CLEAR_ST_CLEAR, 8, attributes),
        (OWNER_WRITE | OWNER_READ | PIN_FAIL, 8, attributes),
        (PLAIN | PIN_FAIL, 8, attributes),
        (PLAIN | PIN_PASS, 8, attributes),
        (
            OWNER_WRITE | OWNER_READ | NO_DA | PIN_PASS | GLOBAL_LOCK,
            8,
            attributes,
        ),
        (
            OWNER_WRITE | OWNER_READ | NO_DA | PIN_FAIL | WRITE_DEFINE,
            8,
            attributes,
        ),
        (OWNER_WRITE | OWNER_READ | NO_DA | PIN_FAIL, 16, size),
        (PLAIN | WRITTEN, 8, attributes),
        (PLAIN | WRITE_LOCKED, 8, attributes),
        (PLAIN | READ_LOCKED, 8, attributes),
        (OWNER_WRITE, 8, attributes),
        (OWNER_READ, 8, attributes),
        (PLAIN | CLEAR_ST_CLEAR | WRITE_DEFINE, 8, attributes),
        (PLAIN | POLICY_DELETE, 8, attributes),
    ] {
        assert_eq!(
            define(&mut machine, INDEX, bits, b"", len).unwrap_err(),
            expected,
            "{bits:08x}"
        );
    }
    let command = |by: u32, auth: &[u8], public: &[u8]| {
        Command::new(0x12a).handle(by).sized(auth).sized(public)
    };
    let mut refused = |by: u32, auth: &[u8], public: &[u8]| {
        machine
            .send(&command(by, auth, public), &mut open())
            .unwrap_err()
    };
    let good = nv_public(INDEX, PLAIN, &[], 8);
    let by_platform = nv_public(INDEX, PLAIN | PLATFORM_CREATE, &[], 8);
    assert_eq!(
        refused(rh::PLATFORM, b"", &good),
        rc::handle(rc::ATTRIBUTES, 1)
    );
    assert_eq!(
        refused(rh::OWNER, b"", &by_platform),
        rc::handle(rc::ATTRIBUTES, 1)
    );
    assert_eq!(
        refused(rh::OWNER, &[1; 33], &good),
        rc::parameter(rc::SIZE, 1)
    );
    assert_eq!(
        refused(rh::OWNER, b"", &nv_public(INDEX, PLAIN, &[1; 20], 8)),
        size
    );
    assert_eq!(
        refused(rh::OWNER, b"", &nv_public(0x0200_0000, PLAIN, &[], 8)),
        rc::parameter(rc::VALUE, 2)
    );
    assert_eq!(refused(rh::OWNER, b"", &[&good[..], &[0]].concat()), size);
    assert_eq!(refused(rh::OWNER, b"", &[]), size);
    assert_eq!(
        refused(rh::OWNER, b"", &good[..13]),
        rc::parameter(rc::INSUFFICIENT, 2)
    );
    assert_eq!(
        refused(rh::ENDORSEMENT, b"", &good),
        rc::handle(rc::VALUE, 1)
    );
    assert_eq!(handles(&mut machine, 0x0100_0000), []);
    define(
        &mut machine,
        INDEX,
        PLAIN | BITS,
        &[[1u8; 32], [0; 32]].concat(),
        8,
    )
    .unwrap();
}

#[test]
fn the_name_is_the_hash_of_the_public_area_and_changes_with_its_state() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN, b"", 8).unwrap();
    let name = |bits: u32| {
        [
            vec![0, 0x0b],
            crypto::sha256(&[&nv_public(INDEX, bits, &[], 8)]),
        ]
        .concat()
    };
    let (public, told) = read_public(&mut machine, INDEX).unwrap();
    assert_eq!(public, nv_public(INDEX, PLAIN, &[], 8));
    assert_eq!(told, name(PLAIN));
    write(&mut machine, INDEX, b"x", 0).unwrap();
    assert_eq!(
        read_public(&mut machine, INDEX).unwrap().1,
        name(PLAIN | WRITTEN)
    );
    // A session's HMAC covers the name: a client with the old one is refused.
    let command = |name: &[u8]| {
        Command::new(0x14e)
            .handle(rh::OWNER)
            .named(INDEX, name)
            .u16(1)
            .u16(0)
    };
    let mut session = machine.start(common::Start::hmac());
    machine
        .send(
            &command(&name(PLAIN | WRITTEN)),
            &mut [session.auth(b"").into()],
        )
        .unwrap();
    let stale = machine
        .send(&command(&name(PLAIN)), &mut [session.auth(b"").into()])
        .unwrap_err();
    assert_eq!(stale, rc::session(rc::BAD_AUTH, 1));
}

#[test]
fn owner_platform_and_index_authorise_what_the_attributes_say() {
    let mut machine = Machine::new();
    let other = INDEX + 1;
    define(&mut machine, other, PLAIN, b"", 8).unwrap();
    for (bits, writer, reader) in [
        (OWNER_WRITE | AUTH_READ, rh::OWNER, INDEX),
        (AUTH_WRITE | OWNER_READ, INDEX, rh::OWNER),
        (PP_WRITE | PP_READ, rh::PLATFORM, rh::PLATFORM),
        (PP_WRITE | OWNER_READ, rh::PLATFORM, rh::OWNER),
        (AUTH_WRITE | AUTH_READ, INDEX, INDEX),
    ] {
        define(&mut machine, INDEX, bits | NO_DA, b"", 8).unwrap();
        for by in [rh::OWNER, rh::PLATFORM, INDEX, other] {
            let write = Command::new(0x137)
                .handle(by)
                .named(INDEX, &[])
                .sized(b"12345678")
                .u16(0);
            let wrote = machine.send(&write, &mut open()).map(|_| ());
            let unusable = if by == INDEX {
                rc::AUTH_UNAVAILABLE
            } else {
                NV_AUTHORIZATION
            };
            assert_eq!(
                wrote,
                if by == writer { Ok(()) } else { Err(unusable) },
                "{bits:x} {by:x}"
            );
        }
        for by in [rh::OWNER, rh::PLATFORM, INDEX, other] {
            let read = Command::new(0x14e)
                .handle(by)
                .named(INDEX, &[])
                .u16(8)
                .u16(0);
            let told = machine.send(&read, &mut open()).map(|_| ());
            let unusable = if by == INDEX {
                rc::AUTH_UNAVAILABLE
            } else {
                NV_AUTHORIZATION
            };
            assert_eq!(
                told,
                if by == reader { Ok(()) } else { Err(unusable) },
                "{bits:x} {by:x}"
            );
        }
        plain(&mut machine, 0x122, INDEX).unwrap();
    }
}

#[test]
fn an_owner_cannot_take_away_what_the_platform_made_but_the_platform_can_all() {
    let mut machine = Machine::new();
    let platform = PLAIN | PLATFORM_CREATE;
    define(&mut machine, INDEX, platform, b"", 8).unwrap();
    define(&mut machine, INDEX + 1, PLAIN, b"", 8).unwrap();
    assert_eq!(
        plain(&mut machine, 0x122, INDEX).unwrap_err(),
        NV_AUTHORIZATION
    );
    for index in [INDEX, INDEX + 1] {
        let command = Command::new(0x122).handle(rh::PLATFORM).named(index, &[]);
        machine.send(&command, &mut open()).unwrap();
    }
    assert_eq!(handles(&mut machine, 0x0100_0000), []);
}

#[test]
fn an_index_that_only_its_policy_deletes() {
    let mut machine = Machine::new();
    // PolicyCommandCode(NV_UndefineSpaceSpecial)
    let policy = crypto::policy_step(
        crypto::Hash::Sha256,
        &[0; 32],
        0x16c,
        &[&0x11fu32.to_be_bytes()],
    );
    let bits = PLAIN | PLATFORM_CREATE | POLICY_DELETE;
    let define = Command::new(0x12a)
        .handle(rh::PLATFORM)
        .sized(b"")
        .sized(&nv_public(INDEX, bits, &policy, 8));
    machine.send(&define, &mut open()).unwrap();
    let plain = Command::new(0x122).handle(rh::PLATFORM).named(INDEX, &[]);
    assert_eq!(
        machine.send(&plain, &mut open()).unwrap_err(),
        rc::handle(rc::ATTRIBUTES, 2)
    );
    let special = |name: &[u8]| Command::new(0x11f).named(INDEX, name).handle(rh::PLATFORM);
    let name = read_public(&mut machine, INDEX).unwrap().1;
    let password = machine.send(
        &special(&name),
        &mut [Auth::password(b""), Auth::password(b"")],
    );
    assert_eq!(password.unwrap_err(), rc::AUTH_TYPE);
    let mut session = machine.start(common::Start::policy());
    machine
        .policy(0x16c, &session, |command| command.u32(0x11f))
        .unwrap();
    let mut auths = [session.auth(b"").without_auth().into(), Auth::password(b"")];
    machine.send(&special(&name), &mut auths).unwrap();
    assert_eq!(handles(&mut machine, 0x0100_0000), []);
}

#[test]
fn a_counter_never_shows_a_value_again_even_after_it_was_deleted() {
    let mut machine = Machine::new();
    for bits in [PLAIN | COUNTER, PLAIN | COUNTER | ORDERLY] {
        let mut greatest = 0;
        for _ in 0..3 {
            define(&mut machine, INDEX, bits, b"", 8).unwrap();
            assert_eq!(
                read(&mut machine, INDEX, 8, 0).unwrap_err(),
                NV_UNINITIALIZED
            );
            for _ in 0..5 {
                plain(&mut machine, 0x134, INDEX).unwrap();
                let value = u64::from_be_bytes(
                    read(&mut machine, INDEX, 8, 0).unwrap().try_into().unwrap(),
                );
                assert!(value > greatest, "{value} after {greatest}");
                greatest = value;
            }
            machine.reset();
            plain(&mut machine, 0x134, INDEX).unwrap();
            let value =
                u64::from_be_bytes(read(&mut machine, INDEX, 8, 0).unwrap().try_into().unwrap());
            assert!(value > greatest);
            greatest = value;
            plain(&mut machine, 0x122, INDEX).unwrap();
        }
    }
    define(&mut machine, INDEX, PLAIN | COUNTER, b"", 8).unwrap();
    assert_eq!(
        write(&mut machine, INDEX, &[0; 8], 0).unwrap_err(),
        rc::ATTRIBUTES
    );
    let clear = Command::new(0x126).handle(rh::LOCKOUT);
    plain(&mut machine, 0x134, INDEX).unwrap();
    let before = read(&mut machine, INDEX, 8, 0).unwrap();
    machine.send(&clear, &mut open()).unwrap();
    define(&mut machine, INDEX, PLAIN | COUNTER, b"", 8).unwrap();
    plain(&mut machine, 0x134, INDEX).unwrap();
    assert!(
        read(&mut machine, INDEX, 8, 0).unwrap() > before,
        "Clear deletes counters, too"
    );
}

#[test]
fn an_orderly_counter_is_written_once_in_256_steps_and_never_goes_back_when_power_is_cut() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN | COUNTER | ORDERLY, b"", 8).unwrap();
    let value = |machine: &mut Machine| {
        u64::from_be_bytes(read(machine, INDEX, 8, 0).unwrap().try_into().unwrap())
    };
    plain(&mut machine, 0x134, INDEX).unwrap();
    let commits = machine.store.commits();
    for _ in 0..600 {
        plain(&mut machine, 0x134, INDEX).unwrap();
    }
    assert!(machine.store.commits() - commits <= 3);
    let mut last = value(&mut machine);
    for steps in [0, 1, 100, 255, 256, 257] {
        machine.reset();
        let after = value(&mut machine);
        assert!(after >= last && after - last <= 256, "{last} {after}");
        (0..steps).for_each(|_| plain(&mut machine, 0x134, INDEX).unwrap());
        assert_eq!(value(&mut machine), after + steps);
        last = value(&mut machine);
    }
    machine.shutdown(0).unwrap();
    machine.reset();
    assert_eq!(
        value(&mut machine),
        last,
        "an orderly shutdown keeps it exactly"
    );
}

#[test]
fn orderly_data_is_lost_at_a_reset_and_kept_over_restart_and_resume() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN | ORDERLY, b"", 8).unwrap();
    let commits = machine.store.commits();
    write(&mut machine, INDEX, b"volatile", 0).unwrap();
    assert_eq!(
        machine.store.commits(),
        commits,
        "orderly data is not written"
    );
    for startup in [1, 0] {
        machine.shutdown(1).unwrap();
        machine.power_cycle();
        machine.startup(startup).unwrap();
        assert_eq!(read(&mut machine, INDEX, 8, 0).unwrap(), b"volatile");
    }
    machine.shutdown(0).unwrap();
    machine.reset();
    assert_eq!(
        read(&mut machine, INDEX, 8, 0).unwrap_err(),
        NV_UNINITIALIZED
    );
    write(&mut machine, INDEX, b"x", 0).unwrap();
    assert_eq!(
        read(&mut machine, INDEX, 8, 0).unwrap(),
        b"x\0\0\0\0\0\0\0",
        "what was lost does not show through"
    );
}

#[cfg(feature = "full")]
#[test]
fn orderly_room_is_limited_and_comes_back() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN | ORDERLY, b"", 1000).unwrap();
    define(&mut machine, INDEX + 1, PLAIN | ORDERLY, b"", 24).unwrap();
    assert_eq!(
        define(&mut machine, INDEX + 2, PLAIN | ORDERLY, b"", 1).unwrap_err(),
        NV_SPACE
    );
    write(&mut machine, INDEX + 1, &[5; 24], 0).unwrap();
    plain(&mut machine, 0x122, INDEX).unwrap();
    assert_eq!(
        read(&mut machine, INDEX + 1, 24, 0).unwrap(),
        [5; 24],
        "the neighbour moved, and is whole"
    );
    define(&mut machine, INDEX + 2, PLAIN | ORDERLY, b"", 1000).unwrap();
    assert_eq!(
        read(&mut machine, INDEX + 2, 1, 0).unwrap_err(),
        NV_UNINITIALIZED
    );
}

#[cfg(feature = "full")]
#[test]
fn there_are_as_many_indices_as_the_profile_says() {
    let mut machine = Machine::new();
    for number in 0..256 {
        define(&mut machine, INDEX + number, PLAIN, b"", 4).unwrap();
    }
    assert_eq!(
        define(&mut machine, INDEX + 256, PLAIN, b"", 4).unwrap_err(),
        NV_SPACE
    );
    assert_eq!(property(&mut machine, 0x202), 256);
    let (more, list) = capability(&mut machine, 1, 0x0100_0000, 300);
    assert!(more);
    assert_eq!(list[..4], 254u32.to_be_bytes());
    machine
        .send(&Command::new(0x126).handle(rh::LOCKOUT), &mut open())
        .unwrap();
    assert_eq!(
        handles(&mut machine, 0x0100_0000),
        [],
        "Clear takes them all in one commit"
    );
}

#[test]
fn bits_are_set_and_never_cleared() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN | BITS, b"", 8).unwrap();
    let set = |bits: u64| on_index(0x135, INDEX).u64(bits);
    machine.send(&set(0), &mut open()).unwrap();
    assert_eq!(
        read(&mut machine, INDEX, 8, 0).unwrap(),
        [0; 8],
        "setting nothing writes zeroes"
    );
    machine
        .send(&set(0x8000_0000_0000_0001), &mut open())
        .unwrap();
    machine.send(&set(0x10), &mut open()).unwrap();
    assert_eq!(
        read(&mut machine, INDEX, 8, 0).unwrap(),
        [0x80, 0, 0, 0, 0, 0, 0, 0x11]
    );
    assert_eq!(
        plain(&mut machine, 0x134, INDEX).unwrap_err(),
        rc::handle(rc::ATTRIBUTES, 2)
    );
    assert_eq!(
        write(&mut machine, INDEX, &[0; 8], 0).unwrap_err(),
        rc::ATTRIBUTES
    );
}

#[cfg(feature = "full")]
#[test]
fn an_extended_index_is_the_hash_chain_of_what_it_was_given() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN | EXTEND, b"", 32).unwrap();
    let mut value = vec![0; 32];
    for data in [&b"first"[..], b"", &[3; 1024]] {
        machine
            .send(&on_index(0x136, INDEX).sized(data), &mut open())
            .unwrap();
        value = crypto::sha256(&[&value, data]);
        assert_eq!(read(&mut machine, INDEX, 32, 0).unwrap(), value);
    }
    assert_eq!(
        write(&mut machine, INDEX, &[0; 32], 0).unwrap_err(),
        rc::ATTRIBUTES
    );
    let set = on_index(0x135, INDEX).u64(1);
    assert_eq!(
        machine.send(&set, &mut open()).unwrap_err(),
        rc::handle(rc::ATTRIBUTES, 2)
    );
}

#[test]
fn locks_last_until_the_start_that_takes_them_away() {
    let mut machine = Machine::new();
    let lockable = PLAIN | WRITE_ST_CLEAR | READ_ST_CLEAR;
    define(&mut machine, INDEX, lockable, b"", 8).unwrap();
    define(&mut machine, INDEX + 1, PLAIN | WRITE_DEFINE, b"", 8).unwrap();
    define(&mut machine, INDEX + 2, PLAIN | WRITE_DEFINE, b"", 8).unwrap();
    define(&mut machine, INDEX + 3, PLAIN, b"", 8).unwrap();
    for index in INDEX..INDEX + 2 {
        write(&mut machine, index, b"12345678", 0).unwrap();
    }
    for index in INDEX..INDEX + 3 {
        plain(&mut machine, 0x138, index).unwrap();
        plain(&mut machine, 0x138, index).unwrap();
        assert_eq!(write(&mut machine, index, b"x", 0).unwrap_err(), NV_LOCKED);
    }
    assert_eq!(
        plain(&mut machine, 0x138, INDEX + 3).unwrap_err(),
        rc::handle(rc::ATTRIBUTES, 2)
    );
    plain(&mut machine, 0x14f, INDEX).unwrap();
    plain(&mut machine, 0x14f, INDEX).unwrap();
    assert_eq!(read(&mut machine, INDEX, 8, 0).unwrap_err(), NV_LOCKED);
    assert_eq!(
        plain(&mut machine, 0x14f, INDEX + 1).unwrap_err(),
        rc::handle(rc::ATTRIBUTES, 2)
    );
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(
        read(&mut machine, INDEX, 8, 0).unwrap_err(),
        NV_LOCKED,
        "a resume keeps locks"
    );
    assert_eq!(write(&mut machine, INDEX, b"x", 0).unwrap_err(), NV_LOCKED);
    machine.shutdown(1).unwrap();
    machine.reset();
    assert_eq!(read(&mut machine, INDEX, 8, 0).unwrap(), b"12345678");
    write(&mut machine, INDEX, b"x", 0).unwrap();
    assert_eq!(
        write(&mut machine, INDEX + 1, b"x", 0).unwrap_err(),
        NV_LOCKED,
        "defined to be written once"
    );
    write(&mut machine, INDEX + 2, b"x", 0).unwrap();
    assert_eq!(
        attributes(&mut machine, INDEX + 1),
        PLAIN | WRITE_DEFINE | WRITTEN | WRITE_LOCKED
    );
    assert_eq!(attributes(&mut machine, INDEX), lockable | WRITTEN);
}

#[test]
fn what_is_cleared_by_startup_clear_survives_a_resume_only() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN | CLEAR_ST_CLEAR, b"", 8).unwrap();
    write(&mut machine, INDEX, b"12345678", 0).unwrap();
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(read(&mut machine, INDEX, 8, 0).unwrap(), b"12345678");
    machine.shutdown(1).unwrap();
    machine.reset();
    assert_eq!(
        read(&mut machine, INDEX, 8, 0).unwrap_err(),
        NV_UNINITIALIZED
    );
    write(&mut machine, INDEX, b"x", 1).unwrap();
    assert_eq!(
        read(&mut machine, INDEX, 8, 0).unwrap(),
        b"\xffx\xff\xff\xff\xff\xff\xff"
    );
}

#[test]
fn a_global_lock_locks_what_is_there_and_asked_for_it() {
    let mut machine = Machine::new();
    let lock = Command::new(0x132).handle(rh::OWNER);
    define(&mut machine, INDEX, PLAIN | GLOBAL_LOCK, b"", 8).unwrap();
    define(&mut machine, INDEX + 1, PLAIN, b"", 8).unwrap();
    define(
        &mut machine,
        INDEX + 2,
        PLAIN | GLOBAL_LOCK | WRITE_DEFINE,
        b"",
        8,
    )
    .unwrap();
    define(
        &mut machine,
        INDEX + 3,
        PLAIN | GLOBAL_LOCK | ORDERLY,
        b"",
        8,
    )
    .unwrap();
    for index in INDEX..INDEX + 4 {
        write(&mut machine, index, b"12345678", 0).unwrap();
    }
    machine.send(&lock, &mut open()).unwrap();
    let locked = |machine: &mut Machine| -> Vec<bool> {
        (INDEX..INDEX + 5)
            .map(|index| write(machine, index, b"x", 0) == Err(NV_LOCKED))
            .collect()
    };
    define(&mut machine, INDEX + 4, PLAIN | GLOBAL_LOCK, b"", 8).unwrap();
    assert_eq!(locked(&mut machine), [true, false, true, true, false]);
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(locked(&mut machine), [true, false, true, true, false]);
    machine.reset();
    assert_eq!(locked(&mut machine), [false, false, true, false, false]);
    machine.send(&lock, &mut open()).unwrap();
    machine.reset();
    machine.reset();
    assert_eq!(attributes(&mut machine, INDEX + 4) & WRITE_LOCKED, 0);
    assert_eq!(
        attributes(&mut machine, INDEX + 2) & WRITE_LOCKED,
        WRITE_LOCKED
    );
}

#[test]
fn a_pin_pass_index_lets_its_auth_value_be_used_as_often_as_its_limit() {
    let mut machine = Machine::new();
    let bits = OWNER_WRITE | OWNER_READ | AUTH_READ | NO_DA | PIN_PASS;
    define(&mut machine, INDEX, bits, b"pin", 8).unwrap();
    let use_it = |machine: &mut Machine, pin: &[u8]| {
        machine
            .send(
                &by_itself(0x14e, INDEX).u16(8).u16(0),
                &mut [Auth::password(pin)],
            )
            .map(|reply| reply.params)
    };
    assert_eq!(
        use_it(&mut machine, b"pin").unwrap_err(),
        rc::AUTH_UNAVAILABLE,
        "not written yet"
    );
    write(&mut machine, INDEX, &[0, 0, 0, 0, 0, 0, 0, 3], 0).unwrap();
    for used in 1..=3 {
        assert_eq!(
            use_it(&mut machine, b"pen").unwrap_err(),
            rc::session(rc::BAD_AUTH, 1)
        );
        use_it(&mut machine, b"pin").unwrap();
        machine.reset();
        assert_eq!(
            read(&mut machine, INDEX, 8, 0).unwrap(),
            [0, 0, 0, used, 0, 0, 0, 3]
        );
    }
    assert_eq!(
        use_it(&mut machine, b"pin").unwrap_err(),
        rc::AUTH_UNAVAILABLE
    );
    write(&mut machine, INDEX, &[0, 0, 0, 2, 0, 0, 0, 3], 0).unwrap();
    use_it(&mut machine, b"pin").unwrap();
    assert_eq!(
        use_it(&mut machine, b"pin").unwrap_err(),
        rc::AUTH_UNAVAILABLE
    );
}

#[test]
fn a_pin_fail_index_counts_failures_and_a_success_begins_anew() {
    let mut machine = Machine::new();
    let bits = OWNER_WRITE | OWNER_READ | AUTH_READ | NO_DA | PIN_FAIL;
    define(&mut machine, INDEX, bits, b"pin", 8).unwrap();
    write(&mut machine, INDEX, &[0, 0, 0, 0, 0, 0, 0, 3], 0).unwrap();
    let try_it = |machine: &mut Machine, pin: &[u8]| {
        machine
            .send(
                &by_itself(0x14e, INDEX).u16(8).u16(0),
                &mut [Auth::password(pin)],
            )
            .map(|_| ())
    };
    let wrong = rc::session(rc::BAD_AUTH, 1);
    assert_eq!(try_it(&mut machine, b"1").unwrap_err(), wrong);
    assert_eq!(try_it(&mut machine, b"2").unwrap_err(), wrong);
    assert_eq!(read(&mut machine, INDEX, 4, 0).unwrap(), [0, 0, 0, 2]);
    try_it(&mut machine, b"pin").unwrap();
    assert_eq!(read(&mut machine, INDEX, 4, 0).unwrap(), [0; 4]);
    for _ in 0..3 {
        assert_eq!(try_it(&mut machine, b"no").unwrap_err(), wrong);
    }
    assert_eq!(
        try_it(&mut machine, b"pin").unwrap_err(),
        rc::AUTH_UNAVAILABLE
    );
    machine.reset();
    assert_eq!(
        try_it(&mut machine, b"pin").unwrap_err(),
        rc::AUTH_UNAVAILABLE
    );
    assert_eq!(
        property(&mut machine, 0x20e),
        0,
        "the lockout has nothing to do with it"
    );
}

#[test]
fn indices_of_a_hierarchy_that_is_off_are_not_there() {
    let mut machine = Machine::new();
    define(&mut machine, INDEX, PLAIN, b"", 8).unwrap();
    define(&mut machine, INDEX + 1, PLAIN | PLATFORM_CREATE, b"", 8).unwrap();
    let off = |which: u32| Command::new(0x121).handle(rh::PLATFORM).u32(which).u8(0);
    machine.send(&off(rh::OWNER), &mut open()).unwrap();
    assert_eq!(
        read_public(&mut machine, INDEX).unwrap_err(),
        rc::handle(rc::HANDLE, 1)
    );
    read_public(&mut machine, INDEX + 1).unwrap();
    machine.send(&off(0x4000_000d), &mut open()).unwrap();
    assert_eq!(
        read_public(&mut machine, INDEX + 1).unwrap_err(),
        rc::handle(rc::HANDLE, 1)
    );
    let more = define(&mut machine, INDEX + 2, PLAIN | PLATFORM_CREATE, b"", 8);
    assert_eq!(more.unwrap_err(), rc::handle(rc::HIERARCHY, 1));
    machine.reset();
    read_public(&mut machine, INDEX).unwrap();
}

#[test]
fn a_new_auth_value_needs_the_policy_and_replaces_the_old_one() {
    let mut machine = Machine::new();
    let policy = crypto::policy_step(
        crypto::Hash::Sha256,
        &[0; 32],
        0x16c,
        &[&0x13bu32.to_be_bytes()],
    );
    for (index, bits) in [(INDEX, PLAIN), (INDEX + 1, PLAIN | ORDERLY)] {
        let define = Command::new(0x12a)
            .handle(rh::OWNER)
            .sized(b"old")
            .sized(&nv_public(index, bits, &policy, 8));
        machine.send(&define, &mut open()).unwrap();
        write(&mut machine, index, b"12345678", 0).unwrap();
        let name = read_public(&mut machine, index).unwrap().1;
        let change = |auth: &[u8]| Command::new(0x13b).named(index, &name).sized(auth);
        let by_password = machine
            .send(&change(b"new"), &mut [Auth::password(b"old")])
            .unwrap_err();
        assert_eq!(by_password, rc::AUTH_TYPE);
        for (auth, expected) in [
            (&[1; 33][..], Err(rc::parameter(rc::SIZE, 1))),
            (b"new\0\0", Ok(())),
        ] {
            let mut session = machine.start(common::Start::policy());
            machine
                .policy(0x16c, &session, |command| command.u32(0x13b))
                .unwrap();
            let changed = machine.send(
                &change(auth),
                &mut [session.auth(b"").without_auth().into()],
            );
            assert_eq!(changed.map(|_| ()), expected);
            if expected.is_err() {
                machine.flush(session.handle).unwrap();
            }
        }
        let read = by_itself(0x14e, index).u16(8).u16(0);
        machine
            .send(&read, &mut [Auth::password(b"old")])
            .unwrap_err();
        let reply = machine.send(&read, &mut [Auth::password(b"new")]).unwrap();
        assert_eq!(reply.reader().sized(), b"12345678", "the data stays");
    }
}

/// What an index must be, in as few words as possible.
#[derive(Clone)]
struct Model {
    bits: u32,
    data: Vec<u8>,
    written: bool,
    write_locked: bool,
    read_locked: bool,
}

impl Model {
    fn started(&mut self, reset: bool) {
        self.read_locked = false;
        if self.bits & 0xf0 != COUNTER
            && (self.bits & CLEAR_ST_CLEAR != 0 || self.bits & ORDERLY != 0 && reset)
        {
            self.written = false;
        }
        if !(self.written && self.bits & WRITE_DEFINE != 0) {
            self.write_locked = false;
        }
    }

    fn set(&mut self, at: usize, data: &[u8]) {
        if !self.written {
            self.data
                .fill(if self.bits & ORDERLY != 0 { 0 } else { 0xff });
        }
        self.data[at..at + data.len()].copy_from_slice(data);
        self.written = true;
    }
}

#[test]
fn random_commands_and_starts_agree_with_a_model() {
    let mut dice = Dice(0x5eed_0004);
    for _ in 0..6 {
        one_life(&mut dice, 250);
    }
}

fn one_life(dice: &mut Dice, steps: usize) {
    let mut machine = Machine::new();
    let mut model: std::collections::BTreeMap<u32, Model> = Default::default();
    let extra = [
        0,
        WRITE_DEFINE,
        WRITE_ST_CLEAR,
        READ_ST_CLEAR,
        CLEAR_ST_CLEAR,
        GLOBAL_LOCK,
        ORDERLY,
        WRITE_ALL,
    ];
    for step in 0..steps {
        let index = INDEX + dice.roll(6);
        let known = model.get(&index).cloned();
        match dice.roll(14) {
            0 | 1 => {
                let mut bits = PLAIN | [0, 0, BITS, EXTEND][dice.roll(4) as usize];
                (0..3).for_each(|_| bits |= extra[dice.roll(8) as usize]);
                let len = match bits & 0xf0 {
                    BITS => 8,
                    EXTEND => 32,
                    _ => dice.roll(40) as u16,
                };
                let senseless =
                    bits & (CLEAR_ST_CLEAR | WRITE_DEFINE) == CLEAR_ST_CLEAR | WRITE_DEFINE;
                let expected = match known {
                    _ if senseless => Err(rc::parameter(rc::ATTRIBUTES, 2)),
                    Some(_) => Err(NV_DEFINED),
                    None => Ok(()),
                };
                assert_eq!(
                    define(&mut machine, index, bits, b"", len),
                    expected,
                    "step {step}"
                );
                if expected.is_ok() {
                    let (data, written) = (vec![0; len.into()], false);
                    let (write_locked, read_locked) = (false, false);
                    model.insert(
                        index,
                        Model {
                            bits,
                            data,
                            written,
                            write_locked,
                            read_locked,
                        },
                    );
                }
            }
            2 if dice.roll(3) == 0 => {
                let expected = known.map(|_| ()).ok_or(rc::handle(rc::HANDLE, 2));
                assert_eq!(plain(&mut machine, 0x122, index), expected);
                model.remove(&index);
            }
            3..=5 => {
                let Some(mut now) = known else { continue };
                let kind = now.bits & 0xf0;
                let len = now.data.len();
                let (at, count) = (dice.roll(12) as usize, dice.roll(len as u32 + 2) as usize);
                let at = if dice.roll(2) == 0 { 0 } else { at };
                let data = dice.bytes(count);
                let (result, effect) = match kind {
                    BITS => {
                        let bits = u64::from(dice.roll(u32::MAX));
                        let old = if now.written {
                            now.data.clone()
                        } else {
                            vec![0; 8]
                        };
                        let new = u64::from_be_bytes(old.try_into().unwrap()) | bits;
                        let sent = machine
                            .send(&on_index(0x135, index).u64(bits), &mut open())
                            .map(|_| ());
                        (sent, Ok((0, new.to_be_bytes().to_vec())))
                    }
                    EXTEND => {
                        let old = if now.written {
                            now.data.clone()
                        } else {
                            vec![0; 32]
                        };
                        let sent = machine
                            .send(&on_index(0x136, index).sized(&data), &mut open())
                            .map(|_| ());
                        (sent, Ok((0, crypto::sha256(&[&old, &data]))))
                    }
                    _ => {
                        let effect = match () {
                            () if at > len => Err(rc::parameter(rc::VALUE, 2)),
                            () if at + count > len => Err(NV_RANGE),
                            () if now.bits & WRITE_ALL != 0 && count != len => Err(NV_RANGE),
                            () => Ok((at, data.clone())),
                        };
                        (write(&mut machine, index, &data, at as u16), effect)
                    }
                };
                let expected = if now.write_locked {
                    Err(NV_LOCKED)
                } else {
                    effect
                };
                assert_eq!(result, expected.clone().map(|_| ()), "step {step}");
                if let Ok((at, data)) = expected {
                    now.set(at, &data);
                    model.insert(index, now);
                }
            }
            6 | 7 => {
                let Some(now) = known else { continue };
                let expected = match () {
                    () if now.read_locked => Err(NV_LOCKED),
                    () if !now.written => Err(NV_UNINITIALIZED),
                    () => Ok(now.data),
                };
                let len = expected.as_ref().map_or(1, Vec::len);
                assert_eq!(
                    read(&mut machine, index, len as u16, 0),
                    expected,
                    "step {step}"
                );
            }
            8 => {
                let Some(now) = model.get_mut(&index) else {
                    continue;
                };
                let lockable = now.bits & (WRITE_DEFINE | WRITE_ST_CLEAR) != 0;
                let expected = match now.write_locked || lockable {
                    true => Ok(()),
                    false => Err(rc::handle(rc::ATTRIBUTES, 2)),
                };
                assert_eq!(plain(&mut machine, 0x138, index), expected, "step {step}");
                now.write_locked |= expected.is_ok();
            }
            9 => {
                let Some(now) = model.get_mut(&index) else {
                    continue;
                };
                let lockable = now.bits & READ_ST_CLEAR != 0;
                let expected = if lockable {
                    Ok(())
                } else {
                    Err(rc::handle(rc::ATTRIBUTES, 2))
                };
                assert_eq!(plain(&mut machine, 0x14f, index), expected, "step {step}");
                now.read_locked |= lockable;
            }
            10 if dice.roll(3) == 0 => {
                machine
                    .send(&Command::new(0x132).handle(rh::OWNER), &mut open())
                    .unwrap();
                let global = model.values_mut().filter(|now| now.bits & GLOBAL_LOCK != 0);
                global.for_each(|now| now.write_locked = true);
            }
            11 if dice.roll(2) == 0 => {
                let kind = dice.roll(4);
                match kind {
                    0 => machine.reset(),
                    1 => {
                        machine.shutdown(0).unwrap();
                        machine.reopen();
                        machine.startup(0).unwrap();
                    }
                    startup => {
                        machine.shutdown(1).unwrap();
                        machine.power_cycle();
                        machine.startup(startup as u16 - 2).unwrap();
                    }
                }
                if kind != 3 {
                    model.values_mut().for_each(|now| now.started(kind < 2));
                }
            }
            _ => {
                assert_eq!(
                    handles(&mut machine, 0x0100_0000),
                    model.keys().copied().collect::<Vec<_>>()
                );
                for (index, now) in &model {
                    let flag = |set: bool, bit: u32| if set { bit } else { 0 };
                    let state = flag(now.written, WRITTEN)
                        | flag(now.write_locked, WRITE_LOCKED)
                        | flag(now.read_locked, READ_LOCKED);
                    assert_eq!(
                        attributes(&mut machine, *index),
                        now.bits | state,
                        "step {step}"
                    );
                }
            }
        }
    }
}
