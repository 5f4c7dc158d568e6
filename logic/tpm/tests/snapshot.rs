//! Snapshots: everything volatile goes out as one blob and comes back, here or in a copy of the TPM.
#![cfg(feature = "full")]

mod common;

use common::{
    Auth, Command, Machine, MemoryStore, Reader, Session, Start, TestPlatform, alg, cc, keys, rc,
    rh,
};
use ironroot_tpm::{MAX_SNAPSHOT, Profile, SnapshotError};

const PCR_16: u32 = 16;

fn snapshot(machine: &mut Machine) -> Vec<u8> {
    let mut blob = vec![0; MAX_SNAPSHOT];
    let len = machine.tpm().snapshot(&mut blob).unwrap();
    blob.truncate(len);
    blob
}

/// Another process, perhaps another machine, with a copy of the records.
fn twin(machine: &Machine, seed: u64) -> Machine {
    let store = MemoryStore::default();
    store.replace(machine.store.records());
    Machine::off(&Profile::FULL, store, TestPlatform::new(seed))
}

fn take_back(machine: &mut Machine, blob: &[u8]) -> Result<(), SnapshotError> {
    machine.tpm().power_on_from(&mut blob.to_vec())
}

fn extend(machine: &mut Machine, byte: u8) {
    let command = Command::new(cc::PCR_EXTEND)
        .handle(PCR_16)
        .u32(1)
        .u16(alg::SHA256)
        .raw(&[byte; 32]);
    machine.send(&command, &mut [Auth::password(b"")]).unwrap();
}

fn pcr(machine: &mut Machine) -> Vec<u8> {
    let command = Command::new(cc::PCR_READ)
        .u32(1)
        .u16(alg::SHA256)
        .raw(&[3, 0, 0, 1]);
    let reply = machine.send(&command, &mut []).unwrap();
    reply.params[reply.params.len() - 32..].to_vec()
}

fn random(machine: &mut Machine) -> Vec<u8> {
    let reply = machine.send(&Command::new(cc::GET_RANDOM).u16(32), &mut []);
    reply.unwrap().params
}

fn own(machine: &mut Machine, session: &mut Session) -> Result<(), u32> {
    let command = Command::new(cc::HIERARCHY_CHANGE_AUTH)
        .handle(rh::OWNER)
        .sized(b"");
    let sent = machine.send(&command, &mut [session.auth(b"").into()]);
    sent.map(|_| ())
}

fn name(machine: &mut Machine, handle: u32) -> Result<Vec<u8>, u32> {
    let command = Command::new(cc::READ_PUBLIC).handle(handle);
    Ok(machine.send(&command, &mut [])?.params)
}

fn clock(machine: &mut Machine) -> (u64, u64) {
    let reply = machine
        .send(&Command::new(cc::READ_CLOCK), &mut [])
        .unwrap();
    let mut reader = reply.reader();
    (reader.u64(), reader.u64())
}

#[test]
fn all_that_is_loaded_comes_back_in_a_copy_of_the_tpm() {
    let mut machine = Machine::new();
    machine.change_auth(rh::PLATFORM, b"", b"platform");
    extend(&mut machine, 7);
    let key = keys::storage_ecc(&mut machine, rh::OWNER, b"").handle;
    let null_key = keys::storage_ecc(&mut machine, rh::NULL, b"").handle;
    let sequence = Command::new(cc::HASH_SEQUENCE_START)
        .sized(b"auth")
        .u16(alg::SHA256);
    let sequence = machine.send(&sequence, &mut []).unwrap().handle;
    let update = |data: &[u8]| {
        Command::new(cc::SEQUENCE_UPDATE)
            .handle(sequence)
            .sized(data)
    };
    machine
        .send(&update(b"ab"), &mut [Auth::password(b"auth")])
        .unwrap();
    let mut session = machine.start(Start::hmac());
    let policy = machine.start(Start::policy());
    machine
        .policy(cc::POLICY_COMMAND_CODE, &policy, |command| {
            command.u32(cc::NV_READ)
        })
        .unwrap();
    let policy_digest = machine.policy_digest(&policy);
    machine.platform.advance(5_000);
    let before = clock(&mut machine);
    // The exclusive audit, a policy, names, the register: all as it was.
    let expected = (pcr(&mut machine), name(&mut machine, key).unwrap());
    let expected_null = name(&mut machine, null_key).unwrap();

    let blob = snapshot(&mut machine);
    let mut copy = twin(&machine, 2);
    take_back(&mut copy, &blob).unwrap();
    assert_eq!((pcr(&mut copy), name(&mut copy, key).unwrap()), expected);
    assert_eq!(name(&mut copy, null_key).unwrap(), expected_null);
    assert_eq!(copy.policy_digest(&policy), policy_digest);
    assert_eq!(own(&mut copy, &mut session), Ok(()));
    assert_eq!(clock(&mut copy), before);
    copy.send(&update(b"c"), &mut [Auth::password(b"auth")])
        .unwrap();
    let complete = Command::new(cc::SEQUENCE_COMPLETE)
        .handle(sequence)
        .sized(b"")
        .u32(rh::NULL);
    let digest = copy
        .send(&complete, &mut [Auth::password(b"auth")])
        .unwrap();
    assert_eq!(digest.reader().sized(), common::crypto::sha256(&[b"abc"]));
    // The platform's auth value is one of the things that a reset takes away.
    let command = Command::new(cc::HIERARCHY_CHANGE_AUTH)
        .handle(rh::PLATFORM)
        .sized(b"");
    assert!(copy.send(&command, &mut [Auth::password(b"")]).is_err());
    copy.send(&command, &mut [Auth::password(b"platform")])
        .unwrap();
}

#[test]
fn the_tpm_that_was_copied_goes_on_as_it_was() {
    let mut machine = Machine::new();
    extend(&mut machine, 1);
    let mut session = machine.start(Start::hmac());
    let before = pcr(&mut machine);
    snapshot(&mut machine);
    assert_eq!(pcr(&mut machine), before);
    assert_eq!(own(&mut machine, &mut session), Ok(()));
}

#[test]
fn two_copies_of_one_snapshot_never_give_the_same_random_numbers_nonces_or_context_numbers() {
    let mut machine = Machine::new();
    let key = keys::storage_ecc(&mut machine, rh::OWNER, b"").handle;
    let blob = snapshot(&mut machine);
    let mut copies = [twin(&machine, 2), twin(&machine, 3)];
    let mut seen = vec![random(&mut machine)];
    let mut numbers = Vec::new();
    for copy in &mut copies {
        take_back(copy, &blob).unwrap();
        seen.push(random(copy));
        let start = copy.send(&Start::hmac().command(), &mut []).unwrap();
        seen.push(start.params);
        let context = Command::new(cc::CONTEXT_SAVE).handle(key);
        numbers.push(copy.send(&context, &mut []).unwrap().reader().u64());
    }
    // The same copy taken back twice, too.
    copies[0].tpm().power_off();
    take_back(&mut copies[0], &blob).unwrap();
    seen.push(random(&mut copies[0]));
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
    assert_ne!(numbers[0], numbers[1]);
}

/// Numbers leap by chance after a snapshot, so that two machines may count alike later on. Were number, handle and
/// proof all that makes the key, then who knows what the one session holds would read the other one.
#[test]
fn two_copies_that_count_alike_encrypt_their_contexts_apart() {
    let mut machine = Machine::new();
    let session = machine.start(Start::policy());
    let blob = snapshot(&mut machine);
    let saved = |copy: &mut Machine| {
        let command = Command::new(cc::CONTEXT_SAVE).handle(session.handle);
        let context = copy.send(&command, &mut []).unwrap().params;
        (Reader(&context).u64(), context)
    };
    let copy = |seed: u64| {
        let mut copy = twin(&machine, seed);
        take_back(&mut copy, &blob).unwrap();
        copy
    };
    // Of so many, two stand close to each other.
    let mut numbers: Vec<_> = (2..130)
        .map(|seed| (saved(&mut copy(seed)).0, seed))
        .collect();
    numbers.sort_unstable();
    let pairs = numbers
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0, pair[0].1, pair[1].1));
    let (distance, behind, ahead) = pairs.min().unwrap();
    assert!(distance < 20_000);
    let (mut behind, mut ahead) = (copy(behind), copy(ahead));
    let load = |copy: &mut Machine, context: &[u8]| {
        let command = Command::new(cc::CONTEXT_LOAD).raw(context);
        assert_eq!(copy.send(&command, &mut []).unwrap().handle, session.handle);
    };
    for _ in 0..distance {
        let (_, context) = saved(&mut behind);
        load(&mut behind, &context);
    }
    let (number, first) = saved(&mut behind);
    let (other_number, second) = saved(&mut ahead);
    assert_eq!(number, other_number);
    assert_eq!(first[..18], second[..18], "number, handle, hierarchy, size");
    // Behind the integrity; the session is the same in both, and so is all that is encrypted.
    let encrypted = 18 + 2 + 32 + 2;
    let same = first[encrypted..].iter().zip(&second[encrypted..]);
    let same = same.filter(|(one, other)| one == other).count();
    assert!(same < 20, "{same} bytes are the same");
    load(&mut behind, &first);
    load(&mut ahead, &second);
}

#[test]
fn a_context_that_was_saved_before_the_snapshot_loads_after_it() {
    let mut machine = Machine::new();
    let session = machine.start(Start::hmac());
    let saved = Command::new(cc::CONTEXT_SAVE).handle(session.handle);
    let context = machine.send(&saved, &mut []).unwrap().params;
    let blob = snapshot(&mut machine);
    let mut copy = twin(&machine, 2);
    take_back(&mut copy, &blob).unwrap();
    let load = Command::new(cc::CONTEXT_LOAD).raw(&context);
    assert_eq!(copy.send(&load, &mut []).unwrap().handle, session.handle);
    assert!(copy.send(&load, &mut []).is_err(), "and only once");
}

#[test]
fn a_snapshot_before_startup_waits_for_startup_again() {
    let mut machine = Machine::new();
    machine.power_cycle();
    machine.tpm().hash_start();
    machine.tpm().hash_data(b"firm");
    let blob = snapshot(&mut machine);
    let mut copy = twin(&machine, 2);
    take_back(&mut copy, &blob).unwrap();
    for one in [&mut machine, &mut copy] {
        let get = Command::new(cc::GET_RANDOM).u16(8);
        assert_eq!(one.send(&get, &mut []).unwrap_err(), rc::INITIALIZE);
        one.tpm().hash_data(b"ware");
        one.tpm().hash_end();
        one.startup(0).unwrap();
    }
    let registers = Command::new(cc::PCR_READ)
        .u32(1)
        .u16(alg::SHA256)
        .raw(&[3, 1, 0, 0]);
    let [first, second] =
        [&mut machine, &mut copy].map(|one| one.send(&registers, &mut []).unwrap().params);
    assert_eq!(first[4..], second[4..], "register 0 has the measurement");
}

#[test]
fn a_snapshot_goes_with_the_permanent_state_beside_it_and_with_no_other() {
    let mut machine = Machine::new();
    extend(&mut machine, 9);
    let blob = snapshot(&mut machine);
    let mut stranger = Machine::off(&Profile::FULL, MemoryStore::default(), TestPlatform::new(5));
    assert_eq!(
        take_back(&mut stranger, &blob),
        Err(SnapshotError::Integrity)
    );
    // The same TPM, after a change that lasts.
    machine.own(b"new");
    machine.tpm().power_off();
    assert_eq!(
        take_back(&mut machine, &blob),
        Err(SnapshotError::Integrity)
    );
    assert!(!machine.tpm().is_powered());
    // It was refused without harm.
    machine.tpm().power_on().unwrap();
    machine.startup(0).unwrap();
    machine.change_auth(rh::OWNER, b"new", b"");
}

#[test]
fn a_spoilt_or_cut_blob_is_refused_whichever_byte_it_is() {
    let mut machine = Machine::new();
    machine.start(Start::hmac());
    let blob = snapshot(&mut machine);
    let mut copy = twin(&machine, 2);
    let records = copy.store.records();
    for at in (0..blob.len()).filter(|at| *at < 64 || at % 97 == 0 || *at + 40 > blob.len()) {
        let mut spoilt = blob.clone();
        spoilt[at] ^= 1;
        assert!(take_back(&mut copy, &spoilt).is_err(), "byte {at}");
    }
    for len in (0..blob.len()).filter(|len| *len < 64 || len % 101 == 0) {
        assert!(take_back(&mut copy, &blob[..len]).is_err(), "{len} bytes");
    }
    let longer = [&blob[..], &[0]].concat();
    assert!(take_back(&mut copy, &longer).is_err());
    assert_eq!(copy.store.records(), records);
    let mut newer = blob.clone();
    newer[9] += 1;
    assert_eq!(take_back(&mut copy, &newer), Err(SnapshotError::Version));
    assert_eq!(take_back(&mut copy, b""), Err(SnapshotError::Format));
    assert_eq!(take_back(&mut copy, &blob), Ok(()));
}

#[test]
fn without_power_or_room_there_is_no_snapshot_and_nothing_is_left_in_the_buffer() {
    let mut machine = Machine::new();
    for room in [0, 16, 60, 200, 700] {
        let mut short = vec![0xaa; room];
        assert_eq!(machine.tpm().snapshot(&mut short), Err(SnapshotError::Room));
        assert_eq!(short, vec![0; room]);
    }
    machine.tpm().power_off();
    let mut blob = vec![0; MAX_SNAPSHOT];
    assert_eq!(machine.tpm().snapshot(&mut blob), Err(SnapshotError::Off));
}

#[test]
fn the_fullest_tpm_fits() {
    let mut machine = Machine::new();
    let first = keys::storage_rsa(&mut machine, rh::NULL, b"").handle;
    let saved = Command::new(cc::CONTEXT_SAVE).handle(first);
    let context = machine.send(&saved, &mut []).unwrap().params;
    let load = Command::new(cc::CONTEXT_LOAD).raw(&context);
    while machine.send(&load, &mut []).is_ok() {}
    for _ in 0..Profile::FULL.loaded_sessions {
        machine.start(Start::policy());
    }
    let blob = snapshot(&mut machine);
    let mut copy = twin(&machine, 2);
    take_back(&mut copy, &blob).unwrap();
    let last = 0x8000_0000 + u32::try_from(Profile::FULL.loaded_objects).unwrap() - 1;
    assert!(name(&mut copy, last).is_ok());
    // A TPM with fewer slots cannot hold them, and says so.
    let store = MemoryStore::default();
    store.replace(machine.store.records());
    let mut small = Machine::off(&Profile::PC_CLIENT, store, TestPlatform::new(4));
    assert_eq!(take_back(&mut small, &blob), Err(SnapshotError::Format));
}
