//! Objects stay: EvictControl, and what is read again after power was gone.

#![cfg(feature = "full")]

mod common;
mod object_common;

use common::rc::{self, handle, parameter};
use common::{Auth, Command, Machine, cc, rh};
use ironroot_tpm::{Profile, StoreError};
use object_common::*;

const SRK: u32 = 0x8100_0001;
const PLATFORM_KEY: u32 = 0x8180_0001;

#[test]
fn a_persistent_object_outlives_power_and_keeps_its_name() {
    for template in [
        Template::storage(),
        Template::storage_rsa(1024),
        Template::storage_aes(),
    ] {
        let mut machine = Machine::new();
        let root = primary(&mut machine, &template);
        let loaded = read_public(&mut machine, root.handle).unwrap();
        evict(&mut machine, rh::OWNER, root.handle, SRK).unwrap();
        machine.flush(root.handle).unwrap();
        assert_eq!(read_public(&mut machine, SRK).unwrap(), loaded);
        let made = try_create(&mut machine, SRK, &Template::sealed(), b"auth", b"data").unwrap();
        machine.reset();
        assert_eq!(read_public(&mut machine, SRK).unwrap(), loaded);
        let object = try_load(&mut machine, SRK, &made.private, &made.public).unwrap();
        assert_eq!(unseal(&mut machine, object, b"auth").unwrap(), b"data");
        machine.reopen();
        machine.startup(0).unwrap();
        assert_eq!(read_public(&mut machine, SRK).unwrap(), loaded);
    }
}

#[test]
fn a_sealed_object_is_unsealed_where_it_stays() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let (object, _) = child(&mut machine, root, &Template::sealed(), b"auth", b"data");
    evict(&mut machine, rh::OWNER, object, SRK).unwrap();
    machine.reset();
    assert_eq!(unseal(&mut machine, SRK, b"auth").unwrap(), b"data");
    assert_eq!(
        unseal(&mut machine, SRK, b"wrong").unwrap_err(),
        rc::session(rc::BAD_AUTH, 1)
    );
    assert_eq!(
        unseal(&mut machine, SRK + 1, b"auth").unwrap_err(),
        handle(rc::HANDLE, 1)
    );
}

#[test]
fn a_persistent_object_is_removed_and_the_handle_is_free_again() {
    let mut machine = Machine::new();
    let first = primary(&mut machine, &Template::storage()).handle;
    let second = primary(&mut machine, &Template::storage().unique(&[0, 1, 1, 0, 0]));
    evict(&mut machine, rh::OWNER, first, SRK).unwrap();
    let taken = evict(&mut machine, rh::OWNER, second.handle, SRK).unwrap_err();
    assert_eq!(taken, bad::NV_DEFINED);
    let other = evict(&mut machine, rh::OWNER, SRK, SRK + 1).unwrap_err();
    assert_eq!(other, handle(rc::HANDLE, 2));
    evict(&mut machine, rh::OWNER, SRK, SRK).unwrap();
    assert_eq!(
        read_public(&mut machine, SRK).unwrap_err(),
        handle(rc::HANDLE, 1)
    );
    evict(&mut machine, rh::OWNER, second.handle, SRK).unwrap();
    // Not the one that was there before.
    assert_eq!(read_public(&mut machine, SRK).unwrap()[1], second.name);
}

#[test]
fn each_hierarchy_has_its_own_handles() {
    let mut machine = Machine::new();
    let mut of = |hierarchy| {
        try_primary(&mut machine, hierarchy, &Template::storage(), b"", b"")
            .unwrap()
            .handle
    };
    let (owner, endorsement) = (of(rh::OWNER), of(rh::ENDORSEMENT));
    let (platform, null) = (of(rh::PLATFORM), of(rh::NULL));
    let refusals = [
        (rh::OWNER, owner, PLATFORM_KEY, parameter(rc::RANGE, 1)),
        (rh::OWNER, owner, 0x8200_0000, parameter(rc::VALUE, 1)),
        (rh::OWNER, owner, 0x80ff_ffff, parameter(rc::VALUE, 1)),
        (rh::OWNER, owner, 0x0180_0000, parameter(rc::VALUE, 1)),
        (rh::PLATFORM, owner, PLATFORM_KEY, handle(rc::HIERARCHY, 2)),
        (rh::PLATFORM, owner, SRK, handle(rc::HIERARCHY, 2)),
        (rh::OWNER, platform, SRK, handle(rc::HIERARCHY, 2)),
        (rh::OWNER, platform, PLATFORM_KEY, handle(rc::HIERARCHY, 2)),
        (rh::PLATFORM, platform, SRK, parameter(rc::RANGE, 1)),
        (rh::OWNER, null, SRK, handle(rc::ATTRIBUTES, 2)),
        (rh::ENDORSEMENT, endorsement, SRK, handle(rc::VALUE, 1)),
        (rh::LOCKOUT, owner, SRK, handle(rc::VALUE, 1)),
        (rh::OWNER, rh::OWNER, SRK, handle(rc::VALUE, 2)),
    ];
    for (at, (auth, object, persistent, code)) in refusals.into_iter().enumerate() {
        let refused = evict(&mut machine, auth, object, persistent).unwrap_err();
        assert_eq!(refused, code, "line {at}");
    }
    assert!(machine.store.records().keys().all(|id| id >> 24 != 0x81));
    evict(&mut machine, rh::OWNER, endorsement, 0x8101_0001).unwrap();
    evict(&mut machine, rh::OWNER, owner, 0x817f_ffff).unwrap();
    evict(&mut machine, rh::PLATFORM, platform, 0x81ff_ffff).unwrap();
    // The owner does not remove what is the platform's; the platform removes everything.
    let refused = evict(&mut machine, rh::OWNER, 0x81ff_ffff, 0x81ff_ffff).unwrap_err();
    assert_eq!(refused, handle(rc::HIERARCHY, 2));
    evict(&mut machine, rh::PLATFORM, 0x817f_ffff, 0x817f_ffff).unwrap();
    evict(&mut machine, rh::PLATFORM, 0x81ff_ffff, 0x81ff_ffff).unwrap();
    evict(&mut machine, rh::OWNER, 0x8101_0001, 0x8101_0001).unwrap();
    assert!(machine.store.records().keys().all(|id| id >> 24 != 0x81));
}

#[test]
fn what_cannot_stay_is_refused() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage());
    let external = load_external(&mut machine, &[], &root.public, rh::OWNER).unwrap();
    let (cleared, _) = child(
        &mut machine,
        root.handle,
        &Template::hmac().with(attr::ST_CLEAR),
        b"",
        b"",
    );
    let parent = Template::storage().with(attr::ST_CLEAR);
    let (parent, _) = child(&mut machine, root.handle, &parent, b"", b"");
    let (grandchild, _) = child(&mut machine, parent, &Template::hmac(), b"", b"");
    let sequence = Command::new(cc::HASH_SEQUENCE_START).sized(b"").u16(SHA256);
    let sequence = machine.send(&sequence, &mut []).unwrap().handle;
    for object in [external, cleared, parent, grandchild, sequence] {
        let refused = evict(&mut machine, rh::OWNER, object, SRK).unwrap_err();
        assert_eq!(refused, handle(rc::ATTRIBUTES, 2));
    }
}

#[test]
fn there_are_as_many_persistent_objects_as_the_profile_says() {
    let mut machine = Machine::with_profile(&Profile::SMALL);
    let most = Profile::SMALL.persistent_objects as u32;
    let root = primary(&mut machine, &Template::storage()).handle;
    for number in 0..most {
        evict(&mut machine, rh::OWNER, root, SRK + number).unwrap();
    }
    let full = evict(&mut machine, rh::OWNER, root, SRK + most).unwrap_err();
    assert_eq!(full, bad::NV_SPACE);
    evict(&mut machine, rh::OWNER, SRK, SRK).unwrap();
    evict(&mut machine, rh::OWNER, root, SRK + most).unwrap();
}

#[test]
fn a_store_that_fails_leaves_everything_as_it_was() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    for (error, code) in [
        (StoreError::Unavailable, rc::NV_UNAVAILABLE),
        (StoreError::Full, bad::NV_SPACE),
    ] {
        let before = machine.store.records();
        machine.store.fail_once(0, error);
        assert_eq!(evict(&mut machine, rh::OWNER, root, SRK).unwrap_err(), code);
        assert_eq!(machine.store.records(), before);
        assert_eq!(
            read_public(&mut machine, SRK).unwrap_err(),
            handle(rc::HANDLE, 1)
        );
    }
    evict(&mut machine, rh::OWNER, root, SRK).unwrap();
    read_public(&mut machine, SRK).unwrap();
    machine.store.fail_once(0, StoreError::Unavailable);
    assert_eq!(
        evict(&mut machine, rh::OWNER, SRK, SRK).unwrap_err(),
        rc::NV_UNAVAILABLE
    );
    read_public(&mut machine, SRK).unwrap();
}

#[test]
fn a_clear_takes_the_owners_persistent_objects_and_leaves_the_platforms() {
    let mut machine = Machine::new();
    for (hierarchy, auth, persistent) in [
        (rh::OWNER, rh::OWNER, SRK),
        (rh::ENDORSEMENT, rh::OWNER, SRK + 1),
        (rh::PLATFORM, rh::PLATFORM, PLATFORM_KEY),
    ] {
        let made = try_primary(&mut machine, hierarchy, &Template::storage(), b"", b"").unwrap();
        evict(&mut machine, auth, made.handle, persistent).unwrap();
        machine.flush(made.handle).unwrap();
        read_public(&mut machine, persistent).unwrap();
    }
    let clear = Command::new(cc::CLEAR).handle(rh::PLATFORM);
    machine.send(&clear, &mut [Auth::password(b"")]).unwrap();
    for gone in [SRK, SRK + 1] {
        assert_eq!(
            read_public(&mut machine, gone).unwrap_err(),
            handle(rc::HANDLE, 1)
        );
    }
    read_public(&mut machine, PLATFORM_KEY).unwrap();
}

#[test]
fn a_persistent_object_of_a_hierarchy_that_is_off_is_not_there() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    evict(&mut machine, rh::OWNER, root, SRK).unwrap();
    read_public(&mut machine, SRK).unwrap();
    let switch = |on: u8| {
        Command::new(cc::HIERARCHY_CONTROL)
            .handle(rh::PLATFORM)
            .u32(rh::OWNER)
            .u8(on)
    };
    machine
        .send(&switch(0), &mut [Auth::password(b"")])
        .unwrap();
    assert_eq!(
        read_public(&mut machine, SRK).unwrap_err(),
        handle(rc::HANDLE, 1)
    );
    machine
        .send(&switch(1), &mut [Auth::password(b"")])
        .unwrap();
    read_public(&mut machine, SRK).unwrap();
}

#[test]
fn a_spoilt_record_is_no_object() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    evict(&mut machine, rh::OWNER, root, SRK).unwrap();
    machine.reset();
    let good = machine.store.records();
    let record = good[&SRK].clone();
    let spoilt = [
        vec![],
        vec![2],
        record[..record.len() - 1].to_vec(),
        [&record[..], &[0]].concat(),
        [&[9], &record[1..]].concat(),
        vec![0xff; 2000],
    ];
    for bytes in spoilt {
        let mut records = good.clone();
        records.insert(SRK, bytes);
        machine.store.replace(records);
        machine.reset();
        assert!(read_public(&mut machine, SRK).is_err());
    }
    machine.store.replace(good);
    machine.reset();
    read_public(&mut machine, SRK).unwrap();
}
