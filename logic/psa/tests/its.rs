//! Internal Trusted Storage.

mod common;

use common::{Device, Rig};
use ironroot_boot::otp::Lifecycle;
use ironroot_client::its::{get, get_info, remove, set};
use ironroot_psa_api::service::INTERNAL_TRUSTED_STORAGE;
use ironroot_psa_api::storage::{CreateFlags, GET, SET, StorageInfo, StorageUid};
use ironroot_psa_api::{Error, Status};

fn uid(number: u64) -> StorageUid {
    StorageUid::new(number).unwrap()
}

fn read(rig: &mut Rig, number: u64) -> Result<Vec<u8>, Error> {
    let mut out = [0; 3000];
    get(rig, uid(number), 0, &mut out).map(|len| out[..len].to_vec())
}

#[test]
fn what_is_set_can_be_got_and_survives_a_restart() {
    let mut rig = Rig::default();
    for (number, len) in [(1, 0), (2, 1), (3, 64), (u64::MAX, 2000)] {
        let data: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        set(&mut rig, uid(number), &data, CreateFlags::NONE).unwrap();
        assert_eq!(read(&mut rig, number), Ok(data.clone()));
        rig = rig.restart();
        assert_eq!(read(&mut rig, number), Ok(data));
    }
}

#[test]
fn an_empty_object_is_not_an_absent_one() {
    let mut rig = Rig::default();
    assert_eq!(read(&mut rig, 1), Err(Error::DoesNotExist));
    assert_eq!(get_info(&mut rig, uid(1)), Err(Error::DoesNotExist));
    set(&mut rig, uid(1), &[], CreateFlags::NONE).unwrap();
    assert_eq!(read(&mut rig, 1), Ok(vec![]));
    let info = StorageInfo {
        capacity: 0,
        size: 0,
        flags: CreateFlags::NONE,
    };
    assert_eq!(get_info(&mut rig, uid(1)), Ok(info));
    remove(&mut rig, uid(1)).unwrap();
    assert_eq!(read(&mut rig, 1), Err(Error::DoesNotExist));
    assert_eq!(remove(&mut rig, uid(1)), Err(Error::DoesNotExist));
}

#[test]
fn objects_are_read_from_any_offset_up_to_their_size() {
    let mut rig = Rig::default();
    let data: Vec<u8> = (0..20).collect();
    set(&mut rig, uid(1), &data, CreateFlags::NONE).unwrap();
    for offset in 0..=20_u32 {
        for room in [0, 1, 5, 20, 40] {
            let mut out = vec![0xee; room];
            let expected = room.min(20 - offset as usize);
            assert_eq!(
                get(&mut rig, uid(1), offset, &mut out),
                Ok(expected),
                "{offset} {room}"
            );
            assert_eq!(out[..expected], data[offset as usize..][..expected]);
            assert!(
                out[expected..].iter().all(|byte| *byte == 0xee),
                "the rest is untouched"
            );
        }
    }
    for offset in [21, 22, 0x7fff_ffff, u32::MAX] {
        let refused = get(&mut rig, uid(1), offset, &mut [0; 4]);
        assert_eq!(refused, Err(Error::InvalidArgument), "{offset}");
    }
}

#[test]
fn the_same_uid_of_two_clients_is_two_objects() {
    let mut rig = Rig::default();
    set(rig.as_client(-1), uid(7), b"mine", CreateFlags::WRITE_ONCE).unwrap();
    for other in [-2, 1, i32::MIN, i32::MAX] {
        let rig = rig.as_client(other);
        assert_eq!(read(rig, 7), Err(Error::DoesNotExist));
        assert_eq!(remove(rig, uid(7)), Err(Error::DoesNotExist));
        set(rig, uid(7), b"theirs", CreateFlags::NONE).unwrap();
    }
    assert_eq!(read(rig.as_client(-1), 7), Ok(b"mine".to_vec()));
}

#[test]
fn flags_come_back_and_undefined_ones_are_not_supported() {
    let mut rig = Rig::default();
    let harmless = CreateFlags(6);
    set(&mut rig, uid(1), b"x", harmless).unwrap();
    assert_eq!(get_info(&mut rig, uid(1)).unwrap().flags, harmless);
    for bit in 3..32 {
        let refused = set(&mut rig, uid(2), b"x", CreateFlags(1 << bit));
        assert_eq!(refused, Err(Error::NotSupported), "bit {bit}");
    }
    assert_eq!(read(&mut rig, 2), Err(Error::DoesNotExist));
}

#[test]
fn write_once_binds_in_the_field_and_not_in_the_factory() {
    for lifecycle in Lifecycle::ALL {
        let mut rig = Rig::new(Device {
            lifecycle,
            ..Device::default()
        });
        let binds = lifecycle >= Lifecycle::Secured;
        set(&mut rig, uid(1), b"first", CreateFlags::WRITE_ONCE).unwrap();
        let mut rig = rig.restart();
        let expected = if binds {
            Err(Error::NotPermitted)
        } else {
            Ok(())
        };
        for data in [&b"first"[..], b"second", b""] {
            let again = set(&mut rig, uid(1), data, CreateFlags::NONE);
            assert_eq!(again, expected, "{lifecycle:?}");
            if !binds {
                set(&mut rig, uid(1), b"first", CreateFlags::WRITE_ONCE).unwrap();
            }
        }
        assert_eq!(remove(&mut rig, uid(1)), expected, "{lifecycle:?}");
        let left = if binds {
            Ok(b"first".to_vec())
        } else {
            Err(Error::DoesNotExist)
        };
        assert_eq!(read(&mut rig, 1), left);
    }
}

#[test]
fn uid_zero_is_invalid_everywhere() {
    let mut rig = Rig::default();
    let invalid = Error::InvalidArgument.status();
    let zero: &[u8] = &[0; 8];
    let mut status = |kind, inputs: &[&[u8]], outputs: &[usize]| {
        rig.message(INTERNAL_TRUSTED_STORAGE.handle, kind, inputs, outputs)
            .0
    };
    assert_eq!(status(SET, &[zero, b"x", &[0; 4]], &[]), invalid);
    assert_eq!(status(GET, &[zero, &[0; 4]], &[4]), invalid);
    assert_eq!(status(1003, &[zero], &[12]), invalid);
    assert_eq!(status(1004, &[zero], &[]), invalid);
}

#[test]
fn messages_of_another_shape_are_refused_and_store_nothing() {
    let mut rig = Rig::default();
    let own: &[u8] = &1u64.to_le_bytes();
    let handle = INTERNAL_TRUSTED_STORAGE.handle;
    for inputs in [
        &[][..],
        &[own],
        &[own, b"x"],
        &[own, b"x", &[0; 3]],
        &[own, b"x", &[0; 5]],
        &[&own[..7], b"x", &[0; 4]],
    ] {
        let (status, _) = rig.message(handle, SET, inputs, &[]);
        assert_eq!(status, Error::ProgrammerError.status(), "{inputs:?}");
    }
    for kind in [0, 1, 1000, 1005, 1006, 0x7fff] {
        let (status, _) = rig.message(handle, kind, &[own, b"x", &[0; 4]], &[]);
        assert_eq!(status, Error::NotSupported.status(), "{kind}");
    }
    assert_eq!(read(&mut rig, 1), Err(Error::DoesNotExist));
    set(&mut rig, uid(1), b"x", CreateFlags::NONE).unwrap();
    let (status, _) = rig.message(handle, 1003, &[own], &[11]);
    assert_eq!(status, Error::BufferTooSmall.status());
    assert_eq!(rig.message(handle, 1003, &[own], &[12]).0, Status::SUCCESS);
}

#[test]
fn an_object_too_large_is_refused_at_every_size_above_the_limit_and_the_old_one_stays() {
    let mut rig = Rig::default();
    set(&mut rig, uid(1), b"old", CreateFlags::NONE).unwrap();
    let fits =
        |rig: &mut Rig, len: usize| set(rig, uid(2), &vec![7; len], CreateFlags::NONE).is_ok();
    let limit = (1..4000).rev().find(|len| fits(&mut rig, *len)).unwrap();
    assert!(limit >= 2048, "{limit}");
    for len in [limit + 1, limit + 2, 4096, 65_536, 1_000_000] {
        let refused = set(&mut rig, uid(1), &vec![7; len], CreateFlags::NONE);
        assert_eq!(refused, Err(Error::InsufficientStorage), "{len}");
    }
    assert_eq!(read(&mut rig, 1), Ok(b"old".to_vec()));
}

#[test]
fn a_full_store_refuses_keeps_what_it_has_and_takes_again_after_a_removal() {
    let mut rig = Rig::default();
    let data = vec![7; 1500];
    let mut stored = 0;
    let refusal = loop {
        match set(&mut rig, uid(stored + 1), &data, CreateFlags::NONE) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refusal, Error::InsufficientStorage);
    for number in 1..=stored {
        assert_eq!(read(&mut rig, number), Ok(data.clone()));
    }
    remove(&mut rig, uid(1)).unwrap();
    remove(&mut rig, uid(2)).unwrap();
    assert_eq!(set(&mut rig, uid(1), &data, CreateFlags::NONE), Ok(()));
}
