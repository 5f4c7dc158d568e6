//! Startup and Shutdown: what comes back, and what must not.

mod common;
mod state_common;

use common::{Auth, Command, Machine, crypto, rc, rh};
use ironroot_tpm::{Profile, StartError, StoreError};
use state_common::*;

#[test]
fn nothing_but_startup_is_answered_before_startup_and_startup_only_once() {
    let mut machine = Machine::new();
    machine.power_cycle();
    for code in [0x17b, 0x17a, 0x145, 0x17c] {
        assert_eq!(
            machine.send(&Command::new(code), &mut []).unwrap_err(),
            rc::INITIALIZE
        );
    }
    machine.startup(0).unwrap();
    assert_eq!(machine.startup(0).unwrap_err(), rc::INITIALIZE);
    assert_eq!(machine.startup(1).unwrap_err(), rc::INITIALIZE);
}

#[test]
fn startup_refuses_other_kinds_other_localities_and_more_bytes() {
    let mut machine = Machine::new();
    machine.power_cycle();
    let startup = || Command::new(0x144);
    assert_eq!(machine.startup(2).unwrap_err(), rc::parameter(rc::VALUE, 1));
    assert_eq!(
        machine.send(&startup(), &mut []).unwrap_err(),
        rc::parameter(rc::INSUFFICIENT, 1)
    );
    assert_eq!(
        machine.send(&startup().u16(0).u8(0), &mut []).unwrap_err(),
        rc::SIZE
    );
    for locality in [1, 2, 4, 32] {
        let command = startup().u16(0).locality(locality);
        assert_eq!(machine.send(&command, &mut []).unwrap_err(), rc::LOCALITY);
    }
    machine.startup(0).unwrap();
}

/// CVE-2018-6622: after a sleep without Shutdown(STATE), PCRs came back as zeroes and boot could be measured anew.
#[test]
fn startup_state_without_an_orderly_shutdown_state_is_refused() {
    let refused = rc::parameter(rc::VALUE, 1);
    let mut machine = Machine::new();
    machine.power_cycle();
    assert_eq!(machine.startup(1).unwrap_err(), refused, "power was cut");
    machine.startup(0).unwrap();
    machine.shutdown(0).unwrap();
    machine.power_cycle();
    assert_eq!(machine.startup(1).unwrap_err(), refused, "Shutdown(CLEAR)");
    machine.startup(0).unwrap();
    machine.shutdown(1).unwrap();
    extend(&mut machine, 3, b"after the shutdown");
    machine.power_cycle();
    assert_eq!(
        machine.startup(1).unwrap_err(),
        refused,
        "a PCR was extended after Shutdown(STATE)"
    );
    machine.startup(0).unwrap();
    assert_eq!(pcr(&mut machine, 3), [0; 32]);
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    machine.power_cycle();
    assert_eq!(
        machine.startup(1).unwrap_err(),
        refused,
        "what was saved comes back only once"
    );
}

#[test]
fn a_new_tpm_has_nothing_to_resume() {
    let store = common::MemoryStore::default();
    let mut machine = Machine::off(&Profile::FULL, store, common::TestPlatform::new(3));
    machine.tpm().power_on().unwrap();
    assert_eq!(machine.startup(1).unwrap_err(), rc::parameter(rc::VALUE, 1));
    machine.startup(0).unwrap();
}

#[test]
fn a_resume_brings_back_the_static_registers_exactly_and_only_those() {
    let mut machine = Machine::new();
    for number in [0, 7, 15, 16, 23] {
        extend(&mut machine, number, b"measured");
    }
    let before: Vec<_> = (0..24).map(|number| pcr(&mut machine, number)).collect();
    let counter = pcr_counter(&mut machine);
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    for number in 0..16 {
        assert_eq!(
            pcr(&mut machine, number),
            before[number as usize],
            "{number}"
        );
    }
    for number in 16..24 {
        let fill = if (17..=22).contains(&number) { 0xff } else { 0 };
        assert_eq!(pcr(&mut machine, number), [fill; 32], "{number}");
    }
    assert!(
        pcr_counter(&mut machine) > counter,
        "registers that changed count"
    );
    let clock = clock(&mut machine);
    assert_eq!((clock.resets, clock.restarts), (1, 1));
}

#[test]
fn what_only_reads_leaves_a_shutdown_valid() {
    let mut machine = Machine::new();
    extend(&mut machine, 5, b"measured");
    let value = pcr(&mut machine, 5);
    machine.shutdown(1).unwrap();
    let commits = machine.store.commits();
    pcr(&mut machine, 5);
    capability(&mut machine, 6, 0x200, 64);
    machine.send(&Command::new(0x17b).u16(8), &mut []).unwrap();
    assert_eq!(machine.store.commits(), commits);
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(pcr(&mut machine, 5), value);
}

#[test]
fn a_restart_zeroes_registers_and_counts_a_reset_counts_resets() {
    let mut machine = Machine::new();
    extend(&mut machine, 5, b"measured");
    machine.shutdown(1).unwrap();
    machine.reset();
    assert_eq!(pcr(&mut machine, 5), [0; 32]);
    let restarted = clock(&mut machine);
    assert_eq!((restarted.resets, restarted.restarts), (1, 1));
    machine.shutdown(0).unwrap();
    machine.reset();
    let reset = clock(&mut machine);
    assert_eq!((reset.resets, reset.restarts), (2, 0));
    machine.reset();
    assert_eq!(clock(&mut machine).resets, 3);
}

#[test]
fn the_platforms_auth_value_survives_a_resume_and_nothing_else() {
    let mut machine = Machine::new();
    machine.change_auth(rh::PLATFORM, b"", b"secret");
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    machine.change_auth(rh::PLATFORM, b"secret", b"other");
    machine.shutdown(1).unwrap();
    machine.reset();
    machine.change_auth(rh::PLATFORM, b"", b"third");
    machine.reset();
    machine.change_auth(rh::PLATFORM, b"", b"");
}

#[test]
fn hierarchies_that_were_turned_off_stay_off_over_a_resume_and_no_longer() {
    let mut machine = Machine::new();
    let off = |which: u32| Command::new(0x121).handle(rh::PLATFORM).u32(which).u8(0);
    for which in [rh::OWNER, rh::ENDORSEMENT, 0x4000_000d] {
        machine
            .send(&off(which), &mut [Auth::password(b"")])
            .unwrap();
    }
    machine
        .send(&off(rh::PLATFORM), &mut [Auth::password(b"")])
        .unwrap();
    assert_eq!(property(&mut machine, 0x201) & 0xf, 0);
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(
        property(&mut machine, 0x201) & 0xf,
        1,
        "the platform comes back on with every start"
    );
    machine.shutdown(1).unwrap();
    machine.reset();
    assert_eq!(property(&mut machine, 0x201), 0x8000_000f);
    machine.reset();
    assert_eq!(
        property(&mut machine, 0x201),
        0xf,
        "the last start was not orderly"
    );
}

#[test]
fn locality_three_starts_register_zero_with_three_and_a_resume_must_come_from_there_again() {
    let mut machine = Machine::new();
    let startup = |kind: u16, locality: u8| Command::new(0x144).u16(kind).locality(locality);
    machine.power_cycle();
    machine.send(&startup(0, 3), &mut []).unwrap();
    let mut expected = [0; 32];
    expected[31] = 3;
    assert_eq!(pcr(&mut machine, 0), expected);
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    assert_eq!(machine.startup(1).unwrap_err(), rc::LOCALITY);
    machine.send(&startup(1, 3), &mut []).unwrap();
    assert_eq!(pcr(&mut machine, 0), expected);
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(0).unwrap();
    assert_eq!(pcr(&mut machine, 0), [0; 32]);
}

#[test]
fn firmware_measured_before_startup_extends_register_zero_from_four() {
    let mut machine = Machine::new();
    machine.power_cycle();
    machine.tpm().hash_start();
    machine.tpm().hash_data(b"first ");
    machine.tpm().hash_data(b"stage");
    machine.tpm().hash_end();
    machine.startup(0).unwrap();
    let mut start = [0; 32];
    start[31] = 4;
    let expected = crypto::sha256(&[&start, &crypto::sha256(&[b"first stage"])]);
    assert_eq!(pcr(&mut machine, 0), expected);
    assert!(machine.tpm().established());
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    assert_eq!(
        machine.startup(1).unwrap_err(),
        rc::parameter(rc::VALUE, 1),
        "it was not measured this time"
    );
    machine.tpm().hash_start();
    machine.tpm().hash_end();
    machine.startup(1).unwrap();
    assert_eq!(
        pcr(&mut machine, 0),
        expected,
        "what was saved, not what was measured again"
    );
}

#[test]
fn a_dynamic_measurement_zeroes_17_to_22_and_extends_17() {
    let mut machine = Machine::new();
    let restarts = clock(&mut machine).restarts;
    machine.tpm().hash_start();
    machine.tpm().hash_data(b"launched");
    machine.tpm().hash_end();
    let expected = crypto::sha256(&[&[0; 32], &crypto::sha256(&[b"launched"])]);
    assert_eq!(pcr(&mut machine, 17), expected);
    for number in 18..=22 {
        assert_eq!(pcr(&mut machine, number), [0; 32]);
    }
    assert_eq!(clock(&mut machine).restarts, restarts + 1);
    machine.tpm().hash_start();
    machine.tpm().hash_data(b"launched");
    pcr(&mut machine, 0);
    machine.tpm().hash_end();
    assert_eq!(
        pcr(&mut machine, 17),
        expected,
        "a command gave the measurement up"
    );
    machine.tpm().hash_data(b"never started");
    machine.tpm().hash_end();
    assert_eq!(pcr(&mut machine, 17), expected);
}

#[test]
fn a_state_of_another_version_or_cut_short_does_not_start() {
    let machine = Machine::new();
    let whole = machine.store.records();
    let record = whole[&1].clone();
    let start = |bytes: &[u8]| {
        let mut records = whole.clone();
        records.insert(1, bytes.to_vec());
        start_error(records)
    };
    assert_eq!(start(&record), None);
    for len in 0..record.len() {
        assert_eq!(start(&record[..len]), Some(StartError::Corrupt), "{len}");
    }
    let mut longer = record.clone();
    longer.push(0);
    assert_eq!(start(&longer), Some(StartError::Corrupt));
    let mut newer = record.clone();
    newer[5] ^= 2;
    assert_eq!(start(&newer), Some(StartError::Version));
    let mut other = record;
    other[0] ^= 1;
    assert_eq!(start(&other), Some(StartError::Corrupt));
}

#[test]
fn no_new_tpm_is_made_where_records_are_but_not_its_own() {
    let machine = Machine::new();
    let mut records = machine.store.records();
    let own = records.remove(&1).unwrap();
    records.insert(0x0100_0001, own);
    assert_eq!(start_error(records), Some(StartError::Corrupt));
}

#[test]
fn a_new_tpm_whose_first_commit_fails_does_not_start() {
    let store = common::MemoryStore::default();
    store.fail_once(0, StoreError::Unavailable);
    assert_eq!(
        start_error_of(&store),
        Some(StartError::Store(StoreError::Unavailable))
    );
    assert!(store.records().is_empty());
    assert_eq!(start_error_of(&store), None);
}

#[test]
fn two_starts_from_one_state_never_give_the_same_random() {
    let mut machine = Machine::new();
    let records = machine.store.records();
    let first = random(&mut machine);
    // The kit's entropy goes on where it was, as real entropy does; the state is the same.
    machine.store.replace(records.clone());
    machine.reset();
    let second = random(&mut machine);
    assert_ne!(first, second);
    // Equal entropy, different states: the kept seed tells them apart.
    let fresh = |records: std::collections::BTreeMap<u32, Vec<u8>>| {
        let store = common::MemoryStore::default();
        store.replace(records);
        let mut machine = Machine::off(&Profile::FULL, store, common::TestPlatform::new(77));
        machine.tpm().power_on().unwrap();
        machine.startup(0).unwrap();
        random(&mut machine)
    };
    assert_eq!(
        fresh(records.clone()),
        fresh(records.clone()),
        "the test's entropy repeats"
    );
    assert_ne!(fresh(records), fresh(machine.store.records()));
}

#[test]
fn random_extends_sessions_and_reads_never_write() {
    let mut machine = Machine::new();
    let commits = machine.store.commits();
    for _ in 0..10 {
        random(&mut machine);
        extend(&mut machine, 4, b"more");
        machine
            .send(&Command::new(0x146).sized(b"stirred"), &mut [])
            .unwrap();
        let session = machine.start(common::Start::hmac());
        machine.flush(session.handle).unwrap();
        clock(&mut machine);
        machine.platform.advance(1000);
    }
    assert_eq!(machine.store.commits(), commits);
}

#[test]
fn a_record_that_is_not_whole_ends_in_failure_mode_which_tells_little() {
    let mut machine = Machine::new();
    define(&mut machine, 0x0100_0001, nv::PLAIN, b"", 8).unwrap();
    let mut records = machine.store.records();
    records.insert(0x0100_0001, vec![0, 1, 2, 3]);
    machine.store.replace(records);
    machine.reset();
    assert_eq!(
        read(&mut machine, 0x0100_0001, 8, 0).unwrap_err(),
        rc::FAILURE
    );
    for code in [0x17b, 0x17e, 0x145, 0x169] {
        assert_eq!(
            machine.send(&Command::new(code), &mut []).unwrap_err(),
            rc::FAILURE
        );
    }
    let result = machine.send(&Command::new(0x17c), &mut []).unwrap();
    let mut reader = result.reader();
    reader.sized();
    assert_eq!(reader.u32(), rc::FAILURE);
    assert_eq!(property(&mut machine, 0x105), u32::from_be_bytes(*b"IBM\0"));
    let (more, list) = capability(&mut machine, 6, 0x105, 100);
    assert!(!more);
    assert_eq!(list.len(), 4 + 8 * 8, "who made it, and no more");
    for (what, first) in [(6, 0x100), (6, 0x200), (1, 0), (5, 0)] {
        let command = Command::new(0x17a).u32(what).u32(first).u32(1);
        assert_eq!(machine.send(&command, &mut []).unwrap_err(), rc::FAILURE);
    }
    machine.power_cycle();
    machine.startup(0).unwrap();
}
