//! What the store does while power is there.

mod common;

use common::{Device, Expected, Random, Step, content, geometry, id, random_step};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_platform::Geometry;
use ironroot_platform::model::{ModelCounter, ModelFlash, Power};
use ironroot_vault::{Change, MAX_RECORD, Space, Vault, VaultError};

const AN521: Geometry = Geometry {
    sector_size: 4096,
    sectors: 32,
    write_unit: 4,
    erased: 0xff,
};

#[test]
fn a_record_reads_back_as_it_was_set_now_and_after_a_restart() {
    let mut device = Device::new(AN521);
    let mut store = device.boot().unwrap();
    let mut expected = Expected::default();
    for (n, len) in [
        (1, 0),
        (2, 1),
        (3, 64),
        (4, 511),
        (5, 2048),
        (6, MAX_RECORD),
    ] {
        let step = Step::Set(n, len, n as u8);
        step.run(&mut store).unwrap();
        expected.apply(&step);
    }
    assert_eq!(Expected::of(&mut store), expected);
    drop(store);
    assert_eq!(Expected::of(&mut device.boot().unwrap()), expected);
    device.assert_no_violation();
}

#[test]
fn get_starts_at_an_offset_up_to_and_including_the_end() {
    let mut device = Device::new(AN521);
    let mut store = device.boot().unwrap();
    store.set(&id(1), 0, b"0123456789").unwrap();
    let mut out = [b'-'; 4];
    assert_eq!(store.get(&id(1), 3, &mut out), Ok(4));
    assert_eq!(&out, b"3456");
    assert_eq!(store.get(&id(1), 8, &mut out), Ok(2));
    assert_eq!(&out, b"8956", "bytes behind the end stay");
    assert_eq!(store.get(&id(1), 10, &mut out), Ok(0));
    assert_eq!(store.get(&id(1), 11, &mut out), Err(VaultError::BadOffset));
    assert_eq!(
        store.get(&id(1), u32::MAX, &mut out),
        Err(VaultError::BadOffset)
    );
    assert_eq!(store.get(&id(1), 0, &mut []), Ok(0));
    assert_eq!(
        store.read(&id(1), <[u8]>::to_vec),
        Ok(b"0123456789".to_vec())
    );
}

#[test]
fn what_is_not_there_is_missing() {
    let mut device = Device::new(AN521);
    let mut store = device.boot().unwrap();
    store.set(&id(1), 0, b"x").unwrap();
    for other in [
        ironroot_vault::RecordId {
            space: Space(9),
            ..id(1)
        },
        ironroot_vault::RecordId { owner: -2, ..id(1) },
        id(2),
    ] {
        assert_eq!(store.get(&other, 0, &mut [0]), Err(VaultError::Missing));
        assert_eq!(store.info(&other), Err(VaultError::Missing));
        assert_eq!(store.remove(&other), Err(VaultError::Missing));
    }
    store.remove(&id(1)).unwrap();
    assert_eq!(store.remove(&id(1)), Err(VaultError::Missing));
    assert_eq!(store.info(&id(1)), Err(VaultError::Missing));
    drop(store);
    assert_eq!(
        device.boot().unwrap().info(&id(1)),
        Err(VaultError::Missing)
    );
}

#[test]
fn what_is_too_long_is_refused_and_changes_nothing() {
    for geometry in [AN521, geometry(1, 0xff, 8), geometry(32, 0, 8)] {
        let mut device = Device::new(geometry);
        let mut store = device.boot().unwrap();
        let most = store.max_record();
        store.set(&id(1), 0, &content(most, 1)).unwrap();
        let too_long = content(most + 1, 2);
        assert_eq!(store.set(&id(1), 0, &too_long), Err(VaultError::TooLong));
        assert_eq!(
            store.set(&id(2), 0, &vec![0; 70_000]),
            Err(VaultError::TooLong)
        );
        let both = [
            Change::Set {
                id: id(2),
                flags: 0,
                data: b"fits",
            },
            Change::Set {
                id: id(3),
                flags: 0,
                data: &too_long,
            },
        ];
        assert_eq!(store.commit(&both), Err(VaultError::TooLong));
        assert_eq!(store.info(&id(1)).unwrap().len as usize, most);
        assert_eq!(store.info(&id(2)), Err(VaultError::Missing));
    }
}

#[test]
fn a_transaction_is_done_in_order() {
    let mut device = Device::new(AN521);
    let mut store = device.boot().unwrap();
    let steps = Step::Transaction(vec![
        Step::Set(1, 10, 1),
        Step::Set(2, 20, 2),
        Step::Set(1, 30, 3),
        Step::Remove(2),
        Step::Set(4, 40, 4),
        Step::Remove(4),
        Step::Set(4, 41, 5),
    ]);
    let mut expected = Expected::default();
    steps.run(&mut store).unwrap();
    expected.apply(&steps);
    assert_eq!(Expected::of(&mut store), expected);
    drop(store);
    assert_eq!(Expected::of(&mut device.boot().unwrap()), expected);
}

#[test]
fn a_transaction_with_a_step_that_cannot_be_done_does_nothing() {
    let mut device = Device::new(AN521);
    let mut store = device.boot().unwrap();
    store.set(&id(1), 1, b"one").unwrap();
    let before = Expected::of(&mut store);
    let work = store.statistics();
    for bad in [
        vec![Step::Set(2, 5, 5), Step::Remove(3)],
        vec![Step::Remove(1), Step::Remove(1)],
        vec![Step::Set(2, 5, 5), Step::Remove(2), Step::Remove(2)],
        vec![Step::Remove(2), Step::Set(2, 5, 5)],
    ] {
        assert_eq!(
            Step::Transaction(bad).run(&mut store),
            Err(VaultError::Missing)
        );
    }
    store.commit(&[]).unwrap();
    assert_eq!(Expected::of(&mut store), before);
    assert_eq!(store.statistics(), work, "nothing was written");
}

#[test]
fn a_transaction_may_be_longer_than_a_sector() {
    let mut device = Device::new(geometry(8, 0xff, 20));
    let mut store = device.boot().unwrap();
    let steps = Step::Transaction((1..9).map(|n| Step::Set(n, 100, n as u8)).collect());
    let mut expected = Expected::default();
    for _ in 0..20 {
        steps.run(&mut store).unwrap();
        expected.apply(&steps);
        assert_eq!(Expected::of(&mut store), expected);
    }
    drop(store);
    assert_eq!(Expected::of(&mut device.boot().unwrap()), expected);
    device.assert_no_violation();
}

#[test]
fn set_with_writes_in_place_and_a_refusal_stores_nothing() {
    let mut device = Device::new(AN521);
    let mut store = device.boot().unwrap();
    let filled = store.set_with(&id(1), 3, 5, |data| {
        assert_eq!(data, [0; 5]);
        data.copy_from_slice(b"hello");
        Ok::<(), ()>(())
    });
    assert_eq!(filled, Ok(Ok(())));
    assert_eq!(store.read(&id(1), <[u8]>::to_vec), Ok(b"hello".to_vec()));
    let refused = store.set_with(&id(1), 4, 9, |data| {
        data.fill(0xee);
        Err("no")
    });
    assert_eq!(refused, Ok(Err("no")));
    assert_eq!(store.info(&id(1)).unwrap().flags, 3);
    let filled = store.set_with(&id(1), 0, 6, |data| {
        assert_eq!(data, [0; 6], "nothing of the refused content is left");
        Ok::<(), ()>(())
    });
    assert_eq!(filled, Ok(Ok(())));
    let too_long = store.set_with(&id(1), 0, MAX_RECORD + 1, |_| Ok::<(), ()>(()));
    assert_eq!(too_long, Err(VaultError::TooLong));
}

#[test]
fn counters_count_apart_from_records_and_survive() {
    let mut device = Device::new(geometry(4, 0xff, 8));
    for round in 0..30 {
        let mut store = device.boot().unwrap();
        assert_eq!(store.counter_read(&id(1)), Ok(round * 3));
        for step in 1..=3 {
            assert_eq!(store.counter_increment(&id(1)), Ok(round * 3 + step));
            store.set(&id(1), 0, &content(60, round as u8)).unwrap();
        }
        assert_eq!(store.counter_read(&id(2)), Ok(0));
        assert_eq!(store.info(&id(1)).unwrap().len, 60);
        store.remove(&id(1)).unwrap();
        assert_eq!(
            store.ids(Space(1), -1).count(),
            0,
            "counters are not listed"
        );
    }
    device.assert_no_violation();
}

#[test]
fn the_index_refuses_one_too_many_and_says_so() {
    let mut device = Device::new(AN521);
    let mut store = device.boot().unwrap();
    for n in 0..32 {
        assert_eq!(store.free_records(), 32 - n as usize);
        store.set(&id(n), 0, b"").unwrap();
    }
    assert_eq!(store.set(&id(99), 0, b""), Err(VaultError::TooMany));
    assert_eq!(store.counter_increment(&id(1)), Err(VaultError::TooMany));
    store.set(&id(3), 0, b"still").unwrap();
    let swap = Step::Transaction(vec![Step::Remove(3), Step::Set(3, 9, 9)]);
    swap.run(&mut store).unwrap();
    store.remove(&id(3)).unwrap();
    store.set(&id(99), 0, b"").unwrap();
}

#[test]
fn a_smaller_index_refuses_the_mount_and_harms_nothing() {
    let power = Power::new();
    let mut flash = ModelFlash::unproven(AN521, &power);
    let mut counter = ModelCounter::new(0, u32::MAX, &power);
    let key = Secret::new([1; 32]);
    let mut drbg = Drbg::new(&Secret::new([2; 32]), b"");
    let mut store = Vault::<_, _, 8>::mount(&mut flash, &mut counter, &key, &mut drbg).unwrap();
    (0..8).for_each(|n| store.set(&id(n), 0, b"x").unwrap());
    drop(store);
    let small = Vault::<_, _, 7>::mount(&mut flash, &mut counter, &key, &mut drbg);
    assert_eq!(small.err(), Some(VaultError::TooMany));
    let store = Vault::<_, _, 8>::mount(&mut flash, &mut counter, &key, &mut drbg).unwrap();
    assert_eq!(store.free_records(), 0);
}

/// Fills the store until it refuses, then checks what a full store must still do.
#[test]
fn a_full_store_still_removes_overwrites_and_refuses_cheaply() {
    for (geometry, len) in [
        (geometry(1, 0xff, 8), 60),
        (geometry(8, 0x00, 8), 152),
        (geometry(32, 0xff, 10), 100),
        (geometry(4, 0xff, 5), 20),
        (geometry(4, 0xff, 4), 100),
    ] {
        let mut device = Device::new(geometry);
        let mut store = device.boot().unwrap();
        let mut expected = Expected::default();
        let mut count = 0;
        let full = loop {
            let step = Step::Set(count, len, count as u8);
            match step.run(&mut store) {
                Ok(()) => expected.apply(&step),
                Err(error) => break error,
            }
            count += 1;
        };
        assert_eq!(full, VaultError::NoSpace);
        assert!(count > 0, "something fits");
        let work = store.statistics();
        for _ in 0..10 {
            assert_eq!(
                store.set(&id(count), 0, &content(len, 0)),
                Err(VaultError::NoSpace)
            );
        }
        assert_eq!(
            store.statistics(),
            work,
            "a refusal costs the flash nothing"
        );
        for round in 0..200 {
            let step = Step::Set(round % count, len, round as u8);
            step.run(&mut store).expect("a full store overwrites");
            expected.apply(&step);
        }
        assert_eq!(Expected::of(&mut store), expected);
        drop(store);
        let mut store = device.boot().unwrap();
        for n in 0..count {
            assert_eq!(Expected::of(&mut store), expected);
            Step::Remove(n)
                .run(&mut store)
                .expect("a full store removes");
            expected.apply(&Step::Remove(n));
        }
        assert_eq!(Expected::of(&mut store), expected);
        for n in 0..count {
            store
                .set(&id(n), 0, &content(len, 1))
                .expect("what fitted fits again");
        }
        drop(store);
        device.assert_no_violation();
    }
}

#[test]
fn the_announced_capacity_can_be_used() {
    let mut device = Device::new(AN521);
    let mut store = device.boot().unwrap();
    assert!(
        store.capacity() > 100_000,
        "of 131,072 bytes of flash: {}",
        store.capacity()
    );
    assert_eq!(store.free_space(), store.capacity());
    for n in 0..32 {
        let before = store.free_space();
        store.set(&id(n), 0, &content(1500, 1)).unwrap();
        assert_eq!(store.free_space(), before - store.cost(1500));
    }
    for n in 0..32 {
        store.set(&id(n), 0, &content(1900, 1)).unwrap();
    }
}

/// One long random run per geometry against a plain map, with restarts.
#[test]
fn random_steps_give_what_a_map_gives() {
    let rounds = if common::full() { 20_000 } else { 1_500 };
    for unit in [1, 2, 4, 8, 16, 32] {
        for (erased, sectors) in [(0xff, 6), (0x00, 9), (0xff, 23)] {
            let mut random = Random(u64::from(unit) * 1000 + u64::from(sectors));
            let mut device = Device::new(geometry(unit, erased, sectors));
            let mut expected = Expected::default();
            let mut done = 0;
            while done < rounds {
                let mut store = device.boot().unwrap();
                for _ in 0..random.below(40) {
                    done += 1;
                    let step = random_step(&mut random, store.max_record());
                    let before = store.free_space();
                    match step.run(&mut store) {
                        Ok(()) => expected.apply(&step),
                        Err(VaultError::Missing) => {
                            let Step::Remove(n) = step else { continue };
                            assert!(!expected.records.contains_key(&id(n)));
                        }
                        Err(VaultError::NoSpace) => assert!(before < store.capacity()),
                        Err(error) => panic!("{error:?}"),
                    }
                }
                assert_eq!(Expected::of(&mut store), expected);
                drop(store);
            }
            device.assert_no_violation();
        }
    }
}

#[test]
fn all_sectors_wear_alike() {
    for (geometry, hot) in [
        (AN521, 1),
        (AN521, 30),
        (
            Geometry {
                sector_size: 512,
                ..geometry(16, 0xff, 7)
            },
            4,
        ),
    ] {
        let mut device = Device::new(geometry);
        let mut store = device.boot().unwrap();
        (0..hot).for_each(|n| store.set(&id(n), 0, &content(64, 0)).unwrap());
        store.set(&id(31), 0, &content(100, 9)).unwrap(); // never touched again
        let updates = 40 * geometry.size() / 104;
        for n in 0..u64::from(updates) {
            store.set(&id(n % hot), 0, &content(64, n as u8)).unwrap();
        }
        assert_eq!(store.read(&id(31), <[u8]>::to_vec), Ok(content(100, 9)));
        let statistics = store.statistics();
        drop(store);
        let (least, most) = (
            device.flash.erases().iter().min().unwrap(),
            device.flash.erases().iter().max().unwrap(),
        );
        println!(
            "{geometry:?} hot {hot}: {updates} updates, erases {least} to {most}, {statistics:?}"
        );
        assert!(*most >= 30 && most - least <= 1, "{least} to {most}");
        device.assert_no_violation();
    }
}

#[test]
fn a_mounted_store_without_writes_leaves_the_flash_alone() {
    let mut device = Device::new(AN521);
    device.boot().unwrap().set(&id(1), 0, b"x").unwrap();
    let before = device.power.operations();
    for _ in 0..10 {
        let mut store = device.boot().unwrap();
        store.read(&id(1), |_| ()).unwrap();
        assert_eq!(store.statistics(), Default::default());
    }
    assert_eq!(device.power.operations(), before);
}

#[test]
fn a_disturbed_read_is_read_again() {
    let mut device = Device::new(AN521);
    let mut store = device.boot().unwrap();
    (0..20).for_each(|n| store.set(&id(n), 0, &content(200, n as u8)).unwrap());
    drop(store);
    device.flash.flip_on_every_read(Some(7));
    let mut store = device.boot().unwrap();
    for round in 0..20 {
        for n in 0..20 {
            let expected = content(200, if round > n { n as u8 + 1 } else { n as u8 });
            assert_eq!(store.read(&id(n), <[u8]>::to_vec), Ok(expected));
        }
        store
            .set(&id(round), 0, &content(200, round as u8 + 1))
            .unwrap();
    }
}

#[test]
fn a_worn_out_counter_makes_the_store_read_only() {
    let power = Power::new();
    let mut flash = ModelFlash::unproven(AN521, &power);
    let mut counter = ModelCounter::new(0, 10, &power);
    let key = Secret::new([1; 32]);
    let mut drbg = Drbg::new(&Secret::new([2; 32]), b"");
    let mut store = Vault::<_, _, 8>::mount(&mut flash, &mut counter, &key, &mut drbg).unwrap();
    let done = (0..)
        .take_while(|n| store.set(&id(1), 0, &[*n]).is_ok())
        .count();
    assert_eq!(done, 8, "formatting takes two steps, each commit one");
    assert_eq!(store.set(&id(1), 0, b"no"), Err(VaultError::Exhausted));
    assert_eq!(store.remove(&id(1)), Err(VaultError::Exhausted));
    assert_eq!(store.read(&id(1), <[u8]>::to_vec), Ok(vec![7]));
    drop(store);
    let mut store = Vault::<_, _, 8>::mount(&mut flash, &mut counter, &key, &mut drbg).unwrap();
    assert_eq!(store.set(&id(1), 0, b"no"), Err(VaultError::Exhausted));
    assert_eq!(store.read(&id(1), <[u8]>::to_vec), Ok(vec![7]));
}
