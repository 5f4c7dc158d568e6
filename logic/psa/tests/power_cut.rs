//! Power goes at every operation of making and destroying keys: afterwards there is the old state or the new
//! one, and everything else is as it was.

mod common;

use common::Rig;
use ironroot_client::crypto::key;
use ironroot_client::its;
use ironroot_platform::model::{Cut, Effect};
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{Algorithm, KeyAttributes, KeyId, KeyType, Usage};
use ironroot_psa_api::storage::{CreateFlags, StorageUid};

const ID: KeyId = KeyId(11);

fn attributes() -> KeyAttributes {
    KeyAttributes::volatile(KeyType::AES, 256, Usage::EXPORT, Algorithm::GCM).persistent(ID)
}

fn bystander() -> KeyAttributes {
    attributes().persistent(KeyId(12))
}

fn material(rig: &mut Rig, id: KeyId) -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    key::export(rig, id, &mut bytes).map(|_| bytes)
}

const EFFECTS: [Effect; 4] = [
    Effect::NotBegun,
    Effect::LooksUntouched,
    Effect::Partial,
    Effect::LooksDone,
];

/// Runs `change` with power cut at every operation in every way, until one run needs no further operation, and
/// `check`s what a restart finds.
fn sweep(
    prepare: impl Fn(&mut Rig),
    change: impl Fn(&mut Rig) -> Result<(), Error>,
    check: impl Fn(&mut Rig, bool),
) {
    let mut uncut = 0;
    for cut in 0.. {
        for (seed, effect) in (cut..).zip(EFFECTS) {
            for unstable in [false, true] {
                let mut rig = Rig::default();
                key::import(&mut rig, &bystander(), &[0xbb; 32]).unwrap();
                prepare(&mut rig);
                rig.power.cut_at(
                    rig.power.operations() + cut,
                    Cut {
                        effect,
                        unstable,
                        seed,
                    },
                );
                let done = change(&mut rig).is_ok();
                assert!(
                    !done || rig.power.is_on(),
                    "success without power, cut {cut}"
                );
                uncut += u32::from(rig.power.is_on());
                let mut rig = rig.restart();
                check(&mut rig, done);
                assert_eq!(material(&mut rig, KeyId(12)), Ok([0xbb; 32]), "cut {cut}");
                // And the store goes on working.
                let uid = StorageUid::new(1).unwrap();
                assert_eq!(its::set(&mut rig, uid, b"after", CreateFlags::NONE), Ok(()));
            }
        }
        if uncut > 0 {
            assert!(cut > 0, "the change writes something");
            return;
        }
    }
}

#[test]
fn a_key_being_imported_is_there_whole_or_not_at_all() {
    sweep(
        |_| (),
        |rig| key::import(rig, &attributes(), &[0xaa; 32]).map(drop),
        |rig, done| match material(rig, ID) {
            Ok(bytes) => assert_eq!(bytes, [0xaa; 32]),
            Err(error) => assert_eq!((error, done), (Error::InvalidHandle, false)),
        },
    );
}

#[test]
fn a_key_being_destroyed_is_there_whole_or_gone() {
    sweep(
        |rig| {
            key::import(rig, &attributes(), &[0xaa; 32]).unwrap();
        },
        |rig| key::destroy(rig, ID),
        |rig, done| match material(rig, ID) {
            Ok(bytes) => assert_eq!((bytes, done), ([0xaa; 32], false)),
            Err(error) => assert_eq!(error, Error::InvalidHandle),
        },
    );
}

#[test]
fn a_key_made_again_after_a_cut_is_the_new_one() {
    sweep(
        |rig| {
            key::import(rig, &attributes(), &[0xaa; 32]).unwrap();
            key::destroy(rig, ID).unwrap();
        },
        |rig| key::import(rig, &attributes(), &[0xcc; 32]).map(drop),
        |rig, done| match material(rig, ID) {
            Ok(bytes) => assert_eq!(bytes, [0xcc; 32], "never the destroyed one"),
            Err(error) => assert_eq!((error, done), (Error::InvalidHandle, false)),
        },
    );
}

#[test]
fn an_object_being_replaced_is_the_old_one_or_the_new_one() {
    let uid = || StorageUid::new(9).unwrap();
    sweep(
        |rig| its::set(rig, uid(), &[1; 100], CreateFlags::NONE).unwrap(),
        |rig| its::set(rig, uid(), &[2; 200], CreateFlags::NONE),
        |rig, done| {
            let mut out = [0; 300];
            let len = its::get(rig, uid(), 0, &mut out).unwrap();
            match len {
                100 => assert_eq!((&out[..100], done), (&[1; 100][..], false)),
                200 => assert_eq!(out[..200], [2; 200]),
                other => panic!("{other} bytes"),
            }
        },
    );
}
