//! Command audit: which commands, what digest, when the counter steps, and what outlives what. Digests are worked out
//! here from the bytes that went over the wire.
#![cfg(feature = "full")]

mod common;
mod state_common;

use common::{Cipher, attribute};
use common::{Command, Machine, Start, alg, crypto, rc, rh};
use ironroot_tpm::StoreError;
use state_common::nv::PLAIN;
use state_common::*;

const SET_STATUS: u32 = 0x140;
const GET_DIGEST: u32 = 0x133;
const GET_RANDOM: u32 = 0x17b;
const NV: u32 = 0x0100_0001;

fn list(codes: &[u32]) -> Vec<u8> {
    let mut bytes = (codes.len() as u32).to_be_bytes().to_vec();
    codes
        .iter()
        .for_each(|code| bytes.extend(code.to_be_bytes()));
    bytes
}

fn status(hash: u16, set: &[u32], clear: &[u32]) -> Command {
    Command::new(SET_STATUS)
        .handle(rh::OWNER)
        .u16(hash)
        .raw(&list(set))
        .raw(&list(clear))
}

/// Whose audit is on.
fn audited(machine: &mut Machine) -> Vec<u32> {
    let (_, list) = capability(machine, 4, 0, 254);
    list[4..]
        .chunks(4)
        .map(|code| u32::from_be_bytes(code.try_into().unwrap()))
        .collect()
}

fn counter(machine: &mut Machine) -> u64 {
    u64::from(property(machine, 0x213)) << 32 | u64::from(property(machine, 0x214))
}

/// What GetCommandAuditDigest tells.
#[derive(Debug, PartialEq)]
struct Told {
    counter: u64,
    hash: u16,
    digest: Vec<u8>,
    list: Vec<u8>,
}

fn tell(machine: &mut Machine, key: u32) -> Told {
    let scheme = if key == rh::NULL {
        &[0, 0x10][..]
    } else {
        &[0, 0x18, 0, 0x0b]
    };
    let command = Command::new(GET_DIGEST)
        .handle(rh::ENDORSEMENT)
        .handle(key)
        .sized(b"said")
        .raw(scheme);
    let [first] = open();
    let [second] = open();
    let reply = machine.send(&command, &mut [first, second]).unwrap();
    let mut outer = reply.reader();
    let attested = outer.sized().to_vec();
    let mut reader = common::Reader(&attested);
    assert_eq!((reader.u32(), reader.u16()), (0xff54_4347, 0x8015));
    reader.sized();
    assert_eq!(reader.sized(), b"said");
    reader.take(17 + 8);
    let told = Told {
        counter: reader.u64(),
        hash: reader.u16(),
        digest: reader.sized().to_vec(),
        list: reader.sized().to_vec(),
    };
    reader.end();
    assert_eq!(outer.u16(), if key == rh::NULL { alg::NULL } else { 0x18 });
    told
}

/// digest := H(digest ‖ cpHash ‖ rpHash).
fn step(digest: &[u8], command: &Command, answer: &[u8]) -> Vec<u8> {
    let names: Vec<u8> = command
        .handles
        .iter()
        .flat_map(|(_, name)| name.clone())
        .collect();
    let code = command.code.to_be_bytes();
    let cp = crypto::sha256(&[&code, &names, &command.params]);
    let rp = crypto::sha256(&[&[0; 4], &code, answer]);
    let old = if digest.is_empty() { &[0; 32] } else { digest };
    crypto::sha256(&[old, &cp, &rp])
}

fn signing_key(machine: &mut Machine) -> u32 {
    let mut template = vec![0, 0x23, 0, 0x0b];
    template.extend(0x0004_0472u32.to_be_bytes());
    template.extend([0, 0, 0, 0x10, 0, 0x10, 0, 3, 0, 0x10, 0, 0, 0, 0]);
    let command = Command::new(0x131)
        .handle(rh::OWNER)
        .sized(&[0; 4])
        .sized(&template)
        .sized(&[])
        .u32(0);
    machine.send(&command, &mut open()).unwrap().handle
}

#[test]
fn the_list_changes_as_it_is_told_but_for_shutdown_and_the_command_itself() {
    let mut machine = Machine::new();
    assert_eq!(audited(&mut machine), [SET_STATUS]);
    let set = status(alg::NULL, &[GET_RANDOM, 0x145, 0x126, 0x999, 0x17b], &[]);
    machine.send(&set, &mut open()).unwrap();
    assert_eq!(audited(&mut machine), [0x126, SET_STATUS, GET_RANDOM]);
    // First those that are set, then those that are cleared; the hash that it is already says nothing.
    let both = status(alg::SHA256, &[0x144, 0x126], &[SET_STATUS, 0x126, 0x17d]);
    machine.send(&both, &mut open()).unwrap();
    assert_eq!(audited(&mut machine), [SET_STATUS, 0x144, GET_RANDOM]);
    // It stays, whatever happens to power; also over a Clear.
    machine.reopen();
    machine.startup(0).unwrap();
    let clear = Command::new(0x126).handle(rh::LOCKOUT);
    machine.send(&clear, &mut open()).unwrap();
    assert_eq!(audited(&mut machine), [SET_STATUS, 0x144, GET_RANDOM]);
    for (command, code) in [
        (
            status(alg::SHA384, &[GET_RANDOM], &[]),
            rc::parameter(rc::VALUE, 1),
        ),
        (
            status(alg::SHA384, &[], &[0x999]),
            rc::parameter(rc::VALUE, 1),
        ),
        (status(0x99, &[], &[]), rc::parameter(rc::HASH, 1)),
        (
            status(alg::NULL, &[0; 255], &[]),
            rc::parameter(rc::SIZE, 2),
        ),
        (status(alg::NULL, &[], &[]).u8(0), rc::SIZE),
    ] {
        assert_eq!(machine.send(&command, &mut open()).unwrap_err(), code);
    }
    let mut lockout = status(alg::NULL, &[], &[]);
    lockout.handles[0].0 = rh::LOCKOUT;
    assert_eq!(
        machine.send(&lockout, &mut open()).unwrap_err(),
        rc::handle(rc::VALUE, 1)
    );
}

#[test]
fn the_digest_is_over_every_audited_command_with_sessions_or_without() {
    let mut machine = Machine::new();
    define(&mut machine, NV, PLAIN, b"", 8).unwrap();
    assert_eq!(
        (counter(&mut machine), tell(&mut machine, rh::NULL).digest),
        (0, vec![])
    );
    let set = status(alg::NULL, &[GET_RANDOM, 0x137, 0x169], &[]);
    // A command is audited by the list that stood before it.
    let reply = machine.send(&set, &mut open()).unwrap();
    let mut digest = step(&[], &set, &reply.params);
    let without = Command::new(GET_RANDOM).u16(8);
    let reply = machine.send(&without, &mut []).unwrap();
    digest = step(&digest, &without, &reply.params);
    // Names are part of it, also when a password authorises.
    let name = read_public(&mut machine, NV).unwrap().1;
    let public = Command::new(0x169).named(NV, &name);
    let answer = machine.send(&public, &mut []).unwrap();
    digest = step(&digest, &public, &answer.params);
    digest = step(&digest, &public, &answer.params);
    let write = Command::new(0x137)
        .handle(rh::OWNER)
        .named(NV, &name)
        .sized(b"x")
        .u16(0);
    let reply = machine.send(&write, &mut open()).unwrap();
    digest = step(&digest, &write, &reply.params);
    assert_eq!(tell(&mut machine, rh::NULL).digest, digest);
    // What is refused, and what is not in the list, is not seen.
    machine
        .send(&Command::new(GET_RANDOM), &mut [])
        .unwrap_err();
    let wrong = common::Auth::password(b"wrong");
    machine.send(&write, &mut [wrong]).unwrap_err();
    clock(&mut machine);
    let told = tell(&mut machine, rh::NULL);
    assert_eq!((told.counter, told.hash), (1, alg::SHA256));
    assert_eq!(told.digest, digest);
    let codes: Vec<u8> = [0x137, SET_STATUS, 0x169, GET_RANDOM]
        .iter()
        .flat_map(|code: &u32| code.to_be_bytes())
        .collect();
    assert_eq!(told.list, crypto::sha256(&[&codes]));
}

#[test]
fn what_a_session_encrypts_is_audited_as_it_went_over_the_wire() {
    let mut machine = Machine::new();
    machine
        .send(&status(alg::NULL, &[GET_RANDOM], &[]), &mut open())
        .unwrap();
    let before = tell(&mut machine, rh::NULL).digest;
    let mut session = machine.start(Start::hmac().cipher(Cipher::Aes(128)).bind(rh::OWNER, b""));
    let command = Command::new(GET_RANDOM).u16(16);
    let usage = session
        .plain_use()
        .attributes(attribute::CONTINUE | attribute::ENCRYPT);
    let mut auths = [usage.into()];
    let sent = machine.sealed(&command, &mut auths);
    let answer = machine.raw(0, &sent);
    let len = u32::from_be_bytes(answer[10..14].try_into().unwrap()) as usize;
    let expected = step(&before, &command, &answer[14..14 + len]);
    assert_eq!(tell(&mut machine, rh::NULL).digest, expected);
}

#[test]
fn a_digest_told_under_a_signature_begins_anew_and_the_counter_steps() {
    let mut machine = Machine::new();
    let key = signing_key(&mut machine);
    let set = status(alg::NULL, &[GET_RANDOM], &[]);
    machine.send(&set, &mut open()).unwrap();
    assert_eq!(counter(&mut machine), 1);
    let first = tell(&mut machine, rh::NULL);
    let again = tell(&mut machine, key);
    assert_eq!(first, again);
    assert_eq!(counter(&mut machine), 1);
    let after = tell(&mut machine, key);
    assert_eq!((after.counter, after.digest.len()), (1, 0));
    random(&mut machine);
    assert_eq!(
        (
            counter(&mut machine),
            tell(&mut machine, rh::NULL).digest.len()
        ),
        (2, 32)
    );
    // If telling is audited itself, the new digest begins with it.
    machine
        .send(&status(alg::NULL, &[GET_DIGEST], &[]), &mut open())
        .unwrap();
    let told = tell(&mut machine, key);
    assert_eq!((told.counter, counter(&mut machine)), (2, 3));
    let next = tell(&mut machine, rh::NULL);
    assert_eq!((next.counter, next.digest.len()), (3, 32));
    assert_ne!(next.digest, told.digest);
}

#[test]
fn another_hash_takes_the_digest_back_and_is_not_audited() {
    let mut machine = Machine::new();
    machine
        .send(&status(alg::NULL, &[GET_RANDOM], &[]), &mut open())
        .unwrap();
    machine
        .send(&status(alg::SHA384, &[], &[]), &mut open())
        .unwrap();
    let told = tell(&mut machine, rh::NULL);
    assert_eq!(
        (told.hash, told.digest.len(), told.list.len()),
        (alg::SHA384, 0, 48)
    );
    assert_eq!(counter(&mut machine), 1);
    random(&mut machine);
    assert_eq!(tell(&mut machine, rh::NULL).digest.len(), 48);
    assert_eq!(counter(&mut machine), 2);
    // With nothing begun, either.
    let mut machine = Machine::new();
    machine
        .send(&status(alg::SHA512, &[], &[]), &mut open())
        .unwrap();
    assert_eq!(
        (
            counter(&mut machine),
            tell(&mut machine, rh::NULL).digest.len()
        ),
        (0, 0)
    );
}

#[test]
fn the_digest_outlives_a_resume_and_a_restart_but_no_reset() {
    let mut machine = Machine::new();
    machine
        .send(&status(alg::NULL, &[0x144], &[]), &mut open())
        .unwrap();
    let mut digest = tell(&mut machine, rh::NULL).digest;
    for kind in [1u16, 0] {
        machine.shutdown(1).unwrap();
        machine.power_cycle();
        machine.startup(kind).unwrap();
        // Startup itself is in the list.
        digest = step(&digest, &Command::new(0x144).u16(kind), &[]);
        let told = tell(&mut machine, rh::NULL);
        assert_eq!((told.counter, told.digest), (1, digest.clone()));
    }
    machine.reset();
    let told = tell(&mut machine, rh::NULL);
    let startup = Command::new(0x144).u16(0);
    assert_eq!((told.counter, told.digest), (2, step(&[], &startup, &[])));
}

#[test]
fn the_counter_is_kept_before_the_command_or_the_command_does_not_run() {
    let mut machine = Machine::new();
    machine
        .send(&status(alg::NULL, &[GET_RANDOM, 0x129], &[]), &mut open())
        .unwrap();
    let key = signing_key(&mut machine);
    tell(&mut machine, key);
    let records = machine.store.records();
    let change = Command::new(0x129).handle(rh::OWNER).sized(b"new");
    for command in [&change, &Command::new(GET_RANDOM).u16(8)] {
        machine.store.fail_once(0, StoreError::Unavailable);
        let mut password = open();
        let auths = if command.handles.is_empty() {
            &mut password[..0]
        } else {
            &mut password[..]
        };
        assert_eq!(
            machine.send(command, auths).unwrap_err(),
            rc::NV_UNAVAILABLE
        );
        assert_eq!(machine.store.records(), records);
        assert_eq!(counter(&mut machine), 1);
        assert_eq!(tell(&mut machine, rh::NULL).digest, []);
    }
    // What the command itself cannot keep refuses it; the counter waits for the next one.
    machine.store.fail_once(1, StoreError::Unavailable);
    assert_eq!(
        machine.send(&change, &mut open()).unwrap_err(),
        rc::NV_UNAVAILABLE
    );
    let kept = machine.store.records();
    let others = |records: &std::collections::BTreeMap<u32, Vec<u8>>| {
        let differ = kept
            .iter()
            .filter(|(id, data)| records.get(id) != Some(data));
        differ.count()
    };
    assert_eq!((others(&records), kept.len()), (1, records.len()));
    assert_eq!(counter(&mut machine), 1);
    assert_eq!(tell(&mut machine, rh::NULL).digest, []);
    // It steps once for all that are refused.
    let wrong = Command::new(GET_RANDOM);
    machine.send(&wrong, &mut []).unwrap_err();
    assert_eq!(machine.store.records(), kept);
    let commits = machine.store.commits();
    machine.send(&change, &mut open()).unwrap();
    assert_eq!(machine.store.commits(), commits + 1);
    assert_eq!(counter(&mut machine), 2);
    // And none for those that follow.
    let commits = machine.store.commits();
    random(&mut machine);
    assert_eq!(machine.store.commits(), commits);
    machine.reopen();
    machine.startup(0).unwrap();
    assert_eq!(counter(&mut machine), 2);
}

#[test]
fn a_command_that_waits_for_primes_is_audited_once() {
    let mut machine = Machine::new();
    machine
        .send(&status(alg::NULL, &[0x131, GET_RANDOM], &[]), &mut open())
        .unwrap();
    let key = signing_key(&mut machine);
    tell(&mut machine, key);
    let digest = tell(&mut machine, rh::NULL).digest;
    assert_eq!((counter(&mut machine), digest.len()), (1, 0));
    let mut template = vec![0, 1, 0, 0x0b];
    template.extend(0x0003_0472u32.to_be_bytes());
    template.extend([0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0]);
    let command = Command::new(0x131)
        .handle(rh::OWNER)
        .sized(&[0; 4])
        .sized(&template)
        .sized(&[])
        .u32(0);
    let reply = machine.send(&command, &mut open()).unwrap();
    let told = tell(&mut machine, rh::NULL);
    assert_eq!(
        (told.counter, told.digest),
        (2, step(&[], &command, &reply.params))
    );
}

/// A machine whose next audited command begins a digest; these codes are audited.
fn about_to_begin(codes: &[u32]) -> Machine {
    about_to_begin_with(codes, |_| ())
}

/// The same after `work`.
fn about_to_begin_with(codes: &[u32], work: impl FnOnce(&mut Machine)) -> Machine {
    let mut machine = Machine::new();
    machine
        .send(&status(alg::NULL, codes, &[]), &mut open())
        .unwrap();
    work(&mut machine);
    let key = signing_key(&mut machine);
    tell(&mut machine, key);
    machine
}

#[test]
fn no_command_has_an_effect_if_the_counter_of_its_audit_cannot_be_kept() {
    let bank = [&[0, 0, 0, 1, 0, 0x0b][..], &[7; 32]].concat();
    let platform = |code: u32| Command::new(code).handle(rh::PLATFORM);
    let session = 0x0200_0000;
    let cases: [(&str, Command, usize); 11] = [
        ("PCR_Extend", Command::new(0x182).handle(16).raw(&bank), 1),
        ("PCR_Event", Command::new(0x13c).handle(16).sized(b"e"), 1),
        ("PCR_Reset", Command::new(0x13d).handle(16), 1),
        ("HierarchyChangeAuth", platform(0x129).sized(b"new"), 1),
        ("HierarchyControl", platform(0x121).u32(rh::OWNER).u8(0), 1),
        ("ReadOnlyControl", platform(0x1a0).u8(1), 1),
        (
            "ACT_SetTimeout",
            Command::new(0x198).handle(0x4000_0110).u32(60),
            1,
        ),
        ("ContextSave", Command::new(0x162).handle(session), 0),
        ("FlushContext", Command::new(0x165).u32(session), 0),
        ("StartAuthSession", Start::hmac().command(), 0),
        (
            "HashSequenceStart",
            Command::new(0x186).sized(b"").u16(alg::SHA256),
            0,
        ),
    ];
    for (name, command, sessions) in cases {
        let mut machine = about_to_begin_with(&[command.code], |machine| {
            assert_eq!(machine.start(Start::hmac()).handle, session);
            extend(machine, 16, b"before");
        });
        let counted = counter(&mut machine);
        let before = (picture(&mut machine), machine.store.records());
        for error in [StoreError::Unavailable, StoreError::Full] {
            machine.store.fail_from(0, error);
            let sent = machine.send(&command, &mut open()[..sessions]);
            assert!(matches!(sent, Err(rc::NV_UNAVAILABLE | 0x14b)), "{name}");
            machine.store.heal();
            let after = (picture(&mut machine), machine.store.records());
            assert!(after == before, "{name}");
            assert_eq!(tell(&mut machine, rh::NULL).digest, [], "{name}");
        }
        // The old auth value, the session and the hierarchy are still there.
        let reply = machine.send(&command, &mut open()[..sessions]).unwrap();
        assert_eq!(counter(&mut machine), counted + 1, "{name}");
        assert!(picture(&mut machine) != before.0, "{name}");
        // Handles of an answer are no part of the digest.
        let digest = tell(&mut machine, rh::NULL).digest;
        assert_eq!(digest, step(&[], &command, &reply.params), "{name}");
    }
}

#[test]
fn a_command_that_was_refused_after_the_counter_leaves_the_counter_that_is_told() {
    let mut machine = about_to_begin(&[0x198, GET_RANDOM]);
    let timer = |seconds: u32| Command::new(0x198).handle(0x4000_0110).u32(seconds);
    for _ in 0..2 {
        let refused = machine.send(&timer(u32::MAX), &mut open()).unwrap_err();
        assert_eq!(refused, rc::parameter(rc::VALUE, 1));
        assert_eq!(counter(&mut machine), 1);
    }
    machine.send(&timer(9), &mut open()).unwrap();
    assert_eq!(counter(&mut machine), 2);
    // A loss of power leaves it ahead, never behind.
    let mut machine = about_to_begin(&[0x198, GET_RANDOM]);
    machine.send(&timer(u32::MAX), &mut open()).unwrap_err();
    machine.reset();
    assert_eq!(counter(&mut machine), 2);
    random(&mut machine);
    assert_eq!(counter(&mut machine), 3);
}

#[test]
fn in_failure_mode_nothing_is_audited_and_the_test_result_is_told_without_a_store() {
    let mut machine = Machine::new();
    define(&mut machine, NV, PLAIN, b"", 8).unwrap();
    machine
        .send(&status(alg::NULL, &[0x17c, 0x17a], &[]), &mut open())
        .unwrap();
    let mut records = machine.store.records();
    records.insert(NV, vec![0, 1, 2, 3]);
    machine.store.replace(records.clone());
    machine.reset();
    assert_eq!(read(&mut machine, NV, 8, 0).unwrap_err(), rc::FAILURE);
    let commits = machine.store.commits();
    machine.store.fail_from(0, StoreError::Unavailable);
    let result = machine.send(&Command::new(0x17c), &mut []).unwrap();
    let mut reader = result.reader();
    reader.sized();
    assert_eq!(reader.u32(), rc::FAILURE);
    property(&mut machine, 0x105);
    assert_eq!(machine.store.commits(), commits);
}

#[test]
fn an_audited_command_ends_the_validity_of_a_shutdown() {
    let mut machine = Machine::new();
    let set = status(alg::NULL, &[GET_RANDOM], &[]);
    let reply = machine.send(&set, &mut open()).unwrap();
    let digest = step(&[], &set, &reply.params);
    // What is not audited does not.
    machine.shutdown(1).unwrap();
    pcr(&mut machine, 0);
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(tell(&mut machine, rh::NULL).digest, digest);
    machine.shutdown(1).unwrap();
    let get = Command::new(GET_RANDOM).u16(8);
    machine.send(&get, &mut []).unwrap();
    machine.power_cycle();
    assert_eq!(machine.startup(1).unwrap_err(), rc::parameter(rc::VALUE, 1));
    machine.startup(0).unwrap();
    // Another Shutdown keeps it.
    machine.send(&get, &mut []).unwrap();
    let digest = tell(&mut machine, rh::NULL).digest;
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(tell(&mut machine, rh::NULL).digest, digest);
    // Where that cannot be written, the command does not run.
    machine.shutdown(1).unwrap();
    machine.store.fail_from(0, StoreError::Unavailable);
    assert_eq!(machine.send(&get, &mut []).unwrap_err(), rc::NV_UNAVAILABLE);
    machine.store.heal();
    machine.power_cycle();
    machine.startup(1).unwrap();
}
