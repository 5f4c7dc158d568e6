//! Protected Storage as the Secure Storage API 1.0 has it, seen by a client.

mod world;

use ironroot_client::{Output, Transport, ps};
use ironroot_ps::{MAX_OBJECT_SIZE, MAX_OBJECTS};
use ironroot_psa_api::crypto::CryptoFunction;
use ironroot_psa_api::storage::{CreateFlags, StorageUid};
use ironroot_psa_api::{Error, service, storage};
use world::{PS_CLIENT, World, info};

const NONE: CreateFlags = CreateFlags::NONE;

fn uid(number: u64) -> StorageUid {
    StorageUid::new(number).unwrap()
}

fn set(world: &mut World, client: i32, number: u64, data: &[u8]) -> Result<(), Error> {
    ps::set(&mut world.as_client(client), uid(number), data, NONE)
}

fn get(world: &mut World, client: i32, number: u64) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xee; MAX_OBJECT_SIZE + 1];
    let len = ps::get(&mut world.as_client(client), uid(number), 0, &mut out)?;
    assert!(
        out[len..].iter().all(|byte| *byte == 0xee),
        "the rest of the buffer is left alone"
    );
    out.truncate(len);
    Ok(out)
}

#[test]
fn what_is_set_is_got_also_after_a_loss_of_power() {
    let mut world = World::new();
    set(&mut world, -1, 7, b"seven").unwrap();
    assert_eq!(get(&mut world, -1, 7).unwrap(), b"seven");
    world.restart();
    assert_eq!(get(&mut world, -1, 7).unwrap(), b"seven");
    set(&mut world, -1, 7, b"another").unwrap();
    assert_eq!(get(&mut world, -1, 7).unwrap(), b"another");
}

#[test]
fn objects_of_clients_are_apart() {
    let mut world = World::new();
    set(&mut world, -1, 7, b"mine").unwrap();
    set(&mut world, -2, 7, b"yours").unwrap();
    assert_eq!(get(&mut world, -1, 7).unwrap(), b"mine");
    assert_eq!(get(&mut world, -2, 7).unwrap(), b"yours");
    assert_eq!(get(&mut world, -3, 7), Err(Error::DoesNotExist));
    assert_eq!(
        ps::remove(&mut world.as_client(-3), uid(7)),
        Err(Error::DoesNotExist)
    );
    ps::remove(&mut world.as_client(-1), uid(7)).unwrap();
    assert_eq!(get(&mut world, -1, 7), Err(Error::DoesNotExist));
    assert_eq!(get(&mut world, -2, 7).unwrap(), b"yours");
}

#[test]
fn every_length_up_to_the_most_is_kept_and_one_more_is_refused() {
    let mut world = World::new();
    for len in [
        0,
        1,
        15,
        16,
        17,
        64,
        1000,
        MAX_OBJECT_SIZE - 1,
        MAX_OBJECT_SIZE,
    ] {
        let data: Vec<u8> = (0..len).map(|n| n as u8).collect();
        set(&mut world, -1, 1, &data).unwrap();
        assert_eq!(get(&mut world, -1, 1).unwrap(), data);
        let expected = info(len as u32, 0);
        assert_eq!(ps::get_info(&mut world.as_client(-1), uid(1)), Ok(expected));
    }
    let long = vec![0; MAX_OBJECT_SIZE + 1];
    assert_eq!(
        set(&mut world, -1, 1, &long),
        Err(Error::InsufficientStorage)
    );
    assert_eq!(get(&mut world, -1, 1).unwrap().len(), MAX_OBJECT_SIZE);
    assert_eq!(world.inside.borrow().failures, 0);
}

#[test]
fn an_empty_object_exists() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"").unwrap();
    assert_eq!(get(&mut world, -1, 1).unwrap(), b"");
    assert_eq!(ps::get(&mut world.as_client(-1), uid(1), 0, &mut []), Ok(0));
    let mut out = [0; 1];
    let past = ps::get(&mut world.as_client(-1), uid(1), 1, &mut out);
    assert_eq!(past, Err(Error::InvalidArgument));
}

#[test]
fn reading_starts_anywhere_up_to_the_end_and_stops_there() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"0123456789").unwrap();
    for offset in 0..=10u32 {
        for len in 0..12usize {
            let mut out = vec![0xee; len];
            let got = ps::get(&mut world.as_client(-1), uid(1), offset, &mut out).unwrap();
            let expected = &b"0123456789"[offset as usize..];
            let expected = &expected[..expected.len().min(len)];
            assert_eq!(&out[..got], expected);
            assert!(out[got..].iter().all(|byte| *byte == 0xee));
        }
    }
    for offset in [11, 12, u32::MAX] {
        let got = ps::get(&mut world.as_client(-1), uid(1), offset, &mut [0; 4]);
        assert_eq!(got, Err(Error::InvalidArgument));
    }
}

#[test]
fn write_once_can_neither_be_changed_nor_removed_nor_restarted_away() {
    let mut world = World::new();
    ps::set(
        &mut world.as_client(-1),
        uid(1),
        b"forever",
        CreateFlags::WRITE_ONCE,
    )
    .unwrap();
    for _ in 0..2 {
        assert_eq!(set(&mut world, -1, 1, b"x"), Err(Error::NotPermitted));
        assert_eq!(
            ps::remove(&mut world.as_client(-1), uid(1)),
            Err(Error::NotPermitted)
        );
        assert_eq!(get(&mut world, -1, 1).unwrap(), b"forever");
        assert_eq!(
            ps::get_info(&mut world.as_client(-1), uid(1)),
            Ok(info(7, 1))
        );
        world.restart();
    }
    set(&mut world, -2, 1, b"another client's is another object").unwrap();
}

#[test]
fn write_once_does_not_bind_us_while_the_device_is_made() {
    // Internal Trusted Storage has the last word; a real one does not enforce it then either.
    for (lifecycle, binds) in [
        (0x1000, false),
        (0x2000, false),
        (0x3000, true),
        (0x4000, true),
        (0x30ff, true),
        (0, true),
    ] {
        let world = World::new();
        let mut world = World::start(world.flash, lifecycle);
        ps::set(
            &mut world.as_client(-1),
            uid(1),
            b"first",
            CreateFlags::WRITE_ONCE,
        )
        .unwrap();
        let mut flash = world.flash.borrow_mut();
        flash.objects.values_mut().for_each(|object| object.0 = 0);
        drop(flash);
        let expected = if binds {
            Err(Error::NotPermitted)
        } else {
            Ok(())
        };
        assert_eq!(set(&mut world, -1, 1, b"again"), expected, "{lifecycle:#x}");
    }
}

#[test]
fn flags_are_kept_and_unknown_ones_refused() {
    let mut world = World::new();
    for flags in [0, 2, 4, 6] {
        ps::set(&mut world.as_client(-1), uid(1), b"x", CreateFlags(flags)).unwrap();
        assert_eq!(
            ps::get_info(&mut world.as_client(-1), uid(1)),
            Ok(info(1, flags))
        );
    }
    for bit in 3..32 {
        let refused = ps::set(
            &mut world.as_client(-1),
            uid(1),
            b"y",
            CreateFlags(1 << bit),
        );
        assert_eq!(refused, Err(Error::NotSupported));
    }
    assert_eq!(get(&mut world, -1, 1).unwrap(), b"x");
}

#[test]
fn messages_that_are_not_as_agreed_are_refused_and_hurt_nobody() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"there").unwrap();
    let handle = service::PROTECTED_STORAGE.handle;
    let one = 1u64.to_le_bytes();
    let mut call = |kind, inputs: &[&[u8]], out: usize| {
        let mut buffer = vec![0; out];
        let mut outputs = [Output::new(&mut buffer)];
        let outputs = if out > 0 { &mut outputs[..] } else { &mut [] };
        world.as_client(-1).call(handle, kind, inputs, outputs).ok()
    };
    let malformed = Err(Error::ProgrammerError);
    let flags = [0; 4];
    assert_eq!(
        call(storage::SET, &[&[0; 8], b"x", &flags], 0),
        Err(Error::InvalidArgument)
    );
    assert_eq!(call(storage::SET, &[&[1; 7], b"x", &flags], 0), malformed);
    assert_eq!(call(storage::SET, &[&[1; 9], b"x", &flags], 0), malformed);
    assert_eq!(call(storage::SET, &[&one, b"x", &[0; 3]], 0), malformed);
    assert_eq!(call(storage::SET, &[&one, b"x"], 0), malformed);
    assert_eq!(call(storage::SET, &[], 0), malformed);
    assert_eq!(call(storage::GET, &[&one, &[0; 5]], 8), malformed);
    assert_eq!(call(storage::GET, &[&one], 8), malformed);
    assert_eq!(
        call(storage::GET, &[&[0; 8], &[0; 4]], 8),
        Err(Error::InvalidArgument)
    );
    assert_eq!(call(storage::GET, &[&one, &[0; 4]], 0), Ok(()));
    assert_eq!(
        call(storage::GET_INFO, &[&one], 11),
        Err(Error::BufferTooSmall)
    );
    assert_eq!(
        call(storage::GET_INFO, &[&one], 0),
        Err(Error::BufferTooSmall)
    );
    assert_eq!(call(storage::GET_INFO, &[], 12), malformed);
    assert_eq!(
        call(storage::REMOVE, &[&[0; 8]], 0),
        Err(Error::InvalidArgument)
    );
    assert_eq!(call(storage::REMOVE, &[], 0), malformed);
    assert_eq!(
        call(storage::GET_SUPPORT, &[], 3),
        Err(Error::BufferTooSmall)
    );
    for kind in [0, 1, 1000, 1006, i32::from(i16::MAX)] {
        assert_eq!(call(kind, &[&one], 0), Err(Error::NotSupported));
    }
    assert_eq!(get(&mut world, -1, 1).unwrap(), b"there");
    assert_eq!(ps::get_support(&mut world.as_client(-1)), 0);
    assert_eq!(world.inside.borrow().failures, 0);
}

#[test]
fn a_set_is_one_change_of_storage() {
    let mut world = World::new();
    for (n, data) in [b"first".as_slice(), b"second", b""].iter().enumerate() {
        set(&mut world, -1, 1, data).unwrap();
        assert_eq!(world.flash.borrow().changes, n as u32 + 1);
    }
    ps::remove(&mut world.as_client(-1), uid(1)).unwrap();
    assert_eq!(world.flash.borrow().changes, 4);
    assert!(world.flash.borrow().objects.is_empty());
}

#[test]
fn the_key_is_derived_once_and_nothing_is_left_open() {
    let mut world = World::new();
    for n in 0..5 {
        set(&mut world, -1, n + 1, b"x").unwrap();
        get(&mut world, -1, n + 1).unwrap();
    }
    let inside = world.inside.borrow();
    assert_eq!((inside.derivations, inside.open_derivations), (1, 0));
    assert_eq!(inside.nonces.len(), 5);
}

#[test]
fn a_lost_key_is_derived_again() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"x").unwrap();
    world.inside.borrow_mut().keys.clear();
    assert_eq!(get(&mut world, -1, 1).unwrap(), b"x");
    assert_eq!(world.inside.borrow().derivations, 2);
}

#[test]
fn names_and_data_are_not_in_storage_in_the_clear() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"a rather long secret").unwrap();
    let flash = world.flash.borrow();
    let ((owner, _), (_, stored)) = flash.objects.iter().next().unwrap();
    assert_eq!(*owner, PS_CLIENT);
    assert_eq!(stored.len(), 36 + 20 + 16);
    assert!(
        !stored
            .windows(6)
            .any(|window| b"a rather long secret".windows(6).any(|w| w == window))
    );
}

#[test]
fn every_changed_bit_is_noticed_before_and_after_a_restart() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"data").unwrap();
    let name = *world.flash.borrow().objects.keys().next().unwrap();
    let stored = world.flash.borrow().objects[&name].1.clone();
    for byte in 0..stored.len() {
        for bit in [0, 7] {
            let mut changed = stored.clone();
            changed[byte] ^= 1 << bit;
            world.flash.borrow_mut().objects.get_mut(&name).unwrap().1 = changed;
            for restarted in [false, true] {
                if restarted {
                    world.restart();
                }
                let got = get(&mut world, -1, 1);
                // A head that names another object leaves ours missing.
                let expected = [
                    Error::InvalidSignature,
                    Error::DataCorrupt,
                    Error::DoesNotExist,
                ];
                assert!(
                    got.as_ref().is_err_and(|e| expected.contains(e)),
                    "byte {byte} bit {bit}"
                );
                let renamed = (4..16).contains(&byte) && restarted;
                assert!(renamed || got != Err(Error::DoesNotExist), "byte {byte}");
                if byte >= 24 {
                    assert_eq!(got, Err(Error::InvalidSignature), "byte {byte}");
                    let info = ps::get_info(&mut world.as_client(-1), uid(1));
                    assert_eq!(info, Err(Error::InvalidSignature));
                }
            }
            world.flash.borrow_mut().objects.get_mut(&name).unwrap().1 = stored.clone();
            world.restart();
        }
    }
    assert_eq!(get(&mut world, -1, 1).unwrap(), b"data");
}

#[test]
fn objects_exchanged_in_storage_do_not_open() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"mine!").unwrap();
    set(&mut world, -2, 1, b"yours").unwrap();
    let mut flash = world.flash.borrow_mut();
    let names: Vec<_> = flash.objects.keys().copied().collect();
    let (first, second) = (
        flash.objects[&names[0]].clone(),
        flash.objects[&names[1]].clone(),
    );
    flash.objects.insert(names[0], second);
    flash.objects.insert(names[1], first);
    drop(flash);
    assert_eq!(get(&mut world, -1, 1), Err(Error::DataCorrupt));
    // After a restart the index follows the heads, and each client gets its own again.
    world.restart();
    assert_eq!(get(&mut world, -1, 1).unwrap(), b"mine!");
    assert_eq!(get(&mut world, -2, 1).unwrap(), b"yours");
}

#[test]
fn truncated_and_lengthened_objects_are_corrupt() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"data").unwrap();
    let name = *world.flash.borrow().objects.keys().next().unwrap();
    let stored = world.flash.borrow().objects[&name].1.clone();
    for len in (0..stored.len()).chain([stored.len() + 1, stored.len() + 100]) {
        let mut changed = stored.clone();
        changed.resize(len, 0);
        world.flash.borrow_mut().objects.get_mut(&name).unwrap().1 = changed;
        assert_eq!(get(&mut world, -1, 1), Err(Error::DataCorrupt), "{len}");
        world.restart();
        assert_eq!(get(&mut world, -1, 1), Err(Error::DataCorrupt), "{len}");
    }
}

#[test]
fn storages_own_answers_are_told_apart() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"data").unwrap();
    for (storage, ours) in [
        (Error::DataCorrupt, Error::DataCorrupt),
        (Error::InvalidSignature, Error::DataCorrupt),
        (Error::StorageFailure, Error::StorageFailure),
        (Error::GenericError, Error::StorageFailure),
        (Error::ConnectionBusy, Error::StorageFailure),
    ] {
        world.flash.borrow_mut().fail_reads.insert(1, storage);
        assert_eq!(get(&mut world, -1, 1), Err(ours));
        world.restart();
        assert_eq!(
            get(&mut world, -1, 1),
            Err(ours),
            "after a restart, {storage:?}"
        );
        world.flash.borrow_mut().fail_reads.clear();
        world.restart();
        assert_eq!(get(&mut world, -1, 1).unwrap(), b"data");
    }
}

#[test]
fn a_slot_that_could_not_be_read_at_the_start_is_looked_at_again() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"data").unwrap();
    world
        .flash
        .borrow_mut()
        .fail_reads
        .insert(1, Error::StorageFailure);
    world.restart();
    assert_eq!(set(&mut world, -1, 2, b"new"), Err(Error::StorageFailure));
    world.flash.borrow_mut().fail_reads.clear();
    assert_eq!(get(&mut world, -1, 1).unwrap(), b"data");
    assert_eq!(set(&mut world, -1, 2, b"new"), Ok(()));
}

#[test]
fn a_damaged_slot_is_used_again_when_no_other_is_left() {
    let mut world = World::new();
    for n in 1..=MAX_OBJECTS as u64 {
        set(&mut world, -1, n, b"x").unwrap();
    }
    assert_eq!(
        set(&mut world, -1, 99, b"y"),
        Err(Error::InsufficientStorage)
    );
    world
        .flash
        .borrow_mut()
        .fail_reads
        .insert(3, Error::DataCorrupt);
    world.restart();
    assert_eq!(get(&mut world, -1, 3), Err(Error::DataCorrupt));
    world.flash.borrow_mut().fail_reads.clear();
    set(&mut world, -1, 3, b"replaced").unwrap();
    assert_eq!(get(&mut world, -1, 3).unwrap(), b"replaced");
    for n in 1..=MAX_OBJECTS as u64 {
        assert!(get(&mut world, -1, n).is_ok());
    }
}

#[test]
fn full_storage_refuses_new_objects_and_still_replaces_old_ones() {
    let mut world = World::new();
    world.flash.borrow_mut().capacity = 2;
    set(&mut world, -1, 1, b"a").unwrap();
    set(&mut world, -1, 2, b"b").unwrap();
    assert_eq!(
        set(&mut world, -1, 3, b"c"),
        Err(Error::InsufficientStorage)
    );
    assert_eq!(get(&mut world, -1, 3), Err(Error::DoesNotExist));
    set(&mut world, -1, 2, b"B").unwrap();
    ps::remove(&mut world.as_client(-1), uid(1)).unwrap();
    set(&mut world, -1, 3, b"c").unwrap();
    assert_eq!(get(&mut world, -1, 3).unwrap(), b"c");
}

#[test]
fn a_change_that_failed_leaves_the_old_or_the_new() {
    for happened in [false, true] {
        let mut world = World::new();
        set(&mut world, -1, 1, b"old").unwrap();
        let fail = (Error::StorageFailure, happened);
        world.flash.borrow_mut().fail_changes = vec![fail];
        assert_eq!(set(&mut world, -1, 1, b"new"), Err(Error::StorageFailure));
        let expected: &[u8] = if happened { b"new" } else { b"old" };
        assert_eq!(get(&mut world, -1, 1).unwrap(), expected);

        world.flash.borrow_mut().fail_changes = vec![fail];
        assert_eq!(set(&mut world, -1, 2, b"made"), Err(Error::StorageFailure));
        let expected = if happened {
            Ok(b"made".to_vec())
        } else {
            Err(Error::DoesNotExist)
        };
        assert_eq!(get(&mut world, -1, 2), expected);

        world.flash.borrow_mut().fail_changes = vec![fail];
        let removed = ps::remove(&mut world.as_client(-1), uid(1));
        assert_eq!(removed, Err(Error::StorageFailure));
        assert_eq!(get(&mut world, -1, 1).is_err(), happened);
    }
}

#[test]
fn failures_of_the_crypto_service_change_nothing() {
    let mut world = World::new();
    set(&mut world, -1, 1, b"old").unwrap();
    for (function, error) in [
        (CryptoFunction::AeadEncrypt, Error::HardwareFailure),
        (CryptoFunction::AeadEncrypt, Error::InsufficientMemory),
        (CryptoFunction::AeadEncrypt, Error::InvalidHandle),
    ] {
        world.inside.borrow_mut().fail_crypto = Some((function, error));
        assert_eq!(set(&mut world, -1, 1, b"new"), Err(Error::GenericError));
        world.inside.borrow_mut().fail_crypto = None;
        assert_eq!(get(&mut world, -1, 1).unwrap(), b"old");
    }
    for function in [
        CryptoFunction::GenerateRandom,
        CryptoFunction::KeyDerivationOutputKey,
    ] {
        world.restart();
        world.inside.borrow_mut().keys.clear();
        world.inside.borrow_mut().fail_crypto = Some((function, Error::InsufficientEntropy));
        assert_eq!(set(&mut world, -1, 1, b"new"), Err(Error::GenericError));
        world.inside.borrow_mut().fail_crypto = None;
        assert_eq!(get(&mut world, -1, 1).unwrap(), b"old");
        assert_eq!(world.inside.borrow().open_derivations, 0);
    }
}
