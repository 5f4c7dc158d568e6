use super::*;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_image::Required;
use ironroot_platform::Geometry;
use ironroot_platform::model::{Cut, Effect, ModelFlash, Power};
use std::vec::Vec;

fn geometry(write_unit: u32, erased: u8) -> Geometry {
    Geometry {
        sector_size: 4096,
        sectors: 1,
        write_unit,
        erased,
    }
}

fn blank() -> (Power, ModelFlash) {
    let power = Power::new();
    let flash = ModelFlash::new(geometry(4, 0xff), &power);
    (power, flash)
}

fn provisioning(seed: u8) -> Provisioning {
    Provisioning {
        secrets: Secrets {
            hardware_unique_key: Secret::new([seed; 32]),
            attestation_key: Secret::new([seed.wrapping_add(1); 32]),
            entropy_seed: Secret::new([seed.wrapping_add(2); 32]),
            decryption_key: None,
        },
        attestation_public_key: [4; 65],
        implementation_id: [0x33; 32],
        root_keys: PerImage {
            secure: RootKeys::one(Scheme::P256Sha256, &[0x44; 32]).unwrap(),
            non_secure: RootKeys::one(Scheme::Ed25519Pure, &[0x55; 64]).unwrap(),
        },
        lifecycle: Lifecycle::Secured,
        certification_reference: Text::new("1234567890123-12345").unwrap(),
        verification_service: Text::new("https://verifier.example").unwrap(),
        flags: ProvisioningFlags::TEST_SECRETS,
    }
}

fn huk<F: Flash>(flash: &F) -> Option<u8> {
    let otp = read(flash).ok()?;
    Some(otp.secrets.hardware_unique_key.expose(|key| key[0]))
}

#[test]
fn what_was_provisioned_comes_back_for_every_write_unit_and_erased_value() {
    for write_unit in [1, 2, 4, 8, 16, 32] {
        for erased in [0xff, 0x00] {
            let mut flash = ModelFlash::new(geometry(write_unit, erased), &Power::new());
            assert_eq!(read_facts(&flash), Err(OtpError::Blank));
            assert_eq!(
                provision(&mut flash, &provisioning(7)),
                Ok(Provisioned::New)
            );
            let otp = read(&flash).unwrap();
            assert!(otp.secrets.hardware_unique_key.matches(&[7; 32]));
            assert!(otp.secrets.attestation_key.matches(&[8; 32]));
            assert!(otp.secrets.entropy_seed.matches(&[9; 32]));
            let expected = provisioning(7);
            let facts = otp.facts;
            assert_eq!(facts.lifecycle, Lifecycle::Secured);
            assert_eq!(facts.implementation_id, [0x33; 32]);
            assert_eq!(facts.instance_id[0], 1);
            assert_eq!(
                facts.instance_id[1..],
                *digest(HashAlgorithm::Sha256, &[4; 65]).as_slice()
            );
            assert_eq!(facts.root_keys, expected.root_keys);
            assert_eq!(
                facts.certification_reference.as_str(),
                "1234567890123-12345"
            );
            assert_eq!(
                facts.verification_service.as_str(),
                "https://verifier.example"
            );
            assert!(facts.flags.contains(ProvisioningFlags::TEST_SECRETS));
            assert_eq!(flash.violations(), 0);
        }
    }
}

#[test]
fn a_key_for_encrypted_images_comes_back_whole_with_its_wrapping() {
    for wrapping in Wrapping::ALL {
        let (_, mut flash) = blank();
        let key: Vec<u8> = (1..).take(wrapping.key_len()).collect();
        assert!(DecryptionKey::new(wrapping, &key[1..]).is_none());
        assert!(DecryptionKey::new(wrapping, &[&key[..], &[0]].concat()).is_none());
        let mut what = provisioning(1);
        what.secrets.decryption_key = DecryptionKey::new(wrapping, &key);
        provision(&mut flash, &what).unwrap();
        let read_back = read_decryption_key(&flash).unwrap().unwrap();
        assert_eq!(read_back.wrapping(), wrapping);
        read_back.expose(|bytes| assert_eq!(bytes, key));
        let all = read(&flash).unwrap().secrets.decryption_key.unwrap();
        all.expose(|bytes| assert_eq!(bytes, key));
    }
}

#[test]
fn a_device_without_a_key_for_encrypted_images_has_none() {
    let (_, mut flash) = blank();
    assert!(matches!(read_decryption_key(&flash), Err(OtpError::Blank)));
    provision(&mut flash, &provisioning(1)).unwrap();
    assert!(matches!(read_decryption_key(&flash), Ok(None)));
    assert!(Wrapping::from_number(0).is_none() && Wrapping::from_number(9).is_none());
}

#[test]
fn a_device_is_provisioned_once() {
    let (_, mut flash) = blank();
    provision(&mut flash, &provisioning(1)).unwrap();
    let again = provision(&mut flash, &provisioning(2));
    assert_eq!(again, Err(OtpError::AlreadyProvisioned));
    assert_eq!(huk(&flash), Some(1));
}

#[test]
fn one_damaged_copy_is_survived_and_two_are_damage_not_blankness() {
    let (_, mut flash) = blank();
    provision(&mut flash, &provisioning(1)).unwrap();
    flash.corrupt(record::place_offset(1) + 100, 1);
    assert_eq!(huk(&flash), Some(1));
    flash.corrupt(record::place_offset(0) + 100, 1);
    assert_eq!(read_facts(&flash), Err(OtpError::Damaged));
    assert_eq!(
        provision(&mut flash, &provisioning(2)),
        Err(OtpError::Damaged)
    );
}

#[test]
fn an_unknown_format_is_refused() {
    let (_, mut flash) = blank();
    provision(&mut flash, &provisioning(1)).unwrap();
    let mut bytes = flash.bytes().to_vec();
    for place in 0..2 {
        let at = record::place_offset(place) as usize;
        bytes[at + 4] = 3;
        let crc = crate::crc::crc32(&bytes[at..at + record::BODY_SIZE]);
        bytes[at + record::BODY_SIZE..at + 896].copy_from_slice(&record::commit(crc));
    }
    flash.reprogram(&bytes);
    assert_eq!(read_facts(&flash), Err(OtpError::UnknownFormat));
}

#[test]
fn items_that_are_missing_doubled_or_too_long_are_damage() {
    let (_, mut flash) = blank();
    provision(&mut flash, &provisioning(1)).unwrap();
    let good = flash.bytes().to_vec();
    let mut with = |edit: &dyn Fn(&mut [u8])| {
        let mut bytes = good.clone();
        for place in 0..2 {
            let at = record::place_offset(place) as usize;
            edit(&mut bytes[at..]);
            let crc = crate::crc::crc32(&bytes[at..at + record::BODY_SIZE]);
            bytes[at + record::BODY_SIZE..at + 896].copy_from_slice(&record::commit(crc));
        }
        flash.reprogram(&bytes);
        read_facts(&flash)
    };
    assert!(with(&|_| ()).is_ok());
    assert_eq!(
        with(&|b| b[8] = 2),
        Err(OtpError::Damaged),
        "flags twice, no lifecycle"
    );
    assert_eq!(
        with(&|b| b[10] = 0xff),
        Err(OtpError::Damaged),
        "an item out of the items"
    );
    assert_eq!(
        with(&|b| b[7] = 0xff),
        Err(OtpError::Damaged),
        "items out of the place"
    );
    assert_eq!(
        with(&|b| b[13] = 0x31),
        Err(OtpError::Damaged),
        "no lifecycle state"
    );
}

#[test]
fn texts_and_key_hashes_of_the_wrong_length_cannot_be_made() {
    assert!(Text::<4>::new("four").is_some());
    assert!(Text::<4>::new("fives").is_none());
    assert!(RootKey::new(Scheme::P256Sha256, &[0; 31]).is_none());
    assert!(RootKey::new(Scheme::P256Sha256, &[0; 64]).is_none());
    assert!(RootKey::new(Scheme::Ed25519Pure, &[0; 32]).is_none());
}

#[test]
fn the_lifecycle_goes_forward_only() {
    let (_, mut flash) = blank();
    assert_eq!(
        advance(&mut flash, Lifecycle::Decommissioned),
        Err(OtpError::Blank)
    );
    provision(&mut flash, &provisioning(1)).unwrap();
    assert_eq!(
        advance(&mut flash, Lifecycle::Provisioning),
        Err(OtpError::Backwards)
    );
    assert_eq!(advance(&mut flash, Lifecycle::Secured), Ok(()));
    assert_eq!(advance(&mut flash, Lifecycle::NonRootOfTrustDebug), Ok(()));
    assert_eq!(
        read_facts(&flash).unwrap().lifecycle,
        Lifecycle::NonRootOfTrustDebug
    );
    assert_eq!(
        advance(&mut flash, Lifecycle::Secured),
        Err(OtpError::Backwards)
    );
    assert_eq!(advance(&mut flash, Lifecycle::Decommissioned), Ok(()));
    assert_eq!(
        read_facts(&flash).unwrap().lifecycle,
        Lifecycle::Decommissioned
    );
    assert_eq!(flash.violations(), 0);
}

/// Every way one operation can be interrupted.
fn cuts() -> Vec<Cut> {
    let mut cuts = std::vec![Cut::CLEAN];
    for effect in [Effect::LooksUntouched, Effect::Partial, Effect::LooksDone] {
        for unstable in [false, true] {
            for seed in 0..2 {
                cuts.push(Cut {
                    effect,
                    unstable,
                    seed,
                });
            }
        }
    }
    cuts
}

fn assert_settled(power: &Power, flash: &ModelFlash) {
    let identity = huk(flash);
    assert!(identity.is_some());
    for _ in 0..8 {
        power.on();
        assert_eq!(huk(flash), identity);
    }
}

#[test]
fn a_power_cut_at_any_step_leaves_a_blank_or_a_provisioned_device_and_repeating_settles_it() {
    for operation in 0.. {
        let mut done = false;
        for cut in cuts() {
            let (power, mut flash) = blank();
            power.cut_at(operation, cut);
            done = provision(&mut flash, &provisioning(1)).is_ok();
            power.on();
            let now = read_facts(&flash);
            assert!(matches!(now, Ok(_) | Err(OtpError::Blank)), "{now:?}");
            // The factory repeats it, with new secrets, until it is done.
            let again = provision(&mut flash, &provisioning(33));
            assert!(
                matches!(again, Ok(_) | Err(OtpError::AlreadyProvisioned)),
                "{again:?}"
            );
            assert_settled(&power, &flash);
        }
        if done {
            assert_eq!(operation, 4, "two bodies and two commits");
            return;
        }
    }
}

#[test]
fn a_second_cut_while_repeating_is_survived_too() {
    for first in 0..4 {
        for second in 0..6 {
            for cut in cuts() {
                for other in cuts() {
                    let (power, mut flash) = blank();
                    power.cut_at(first, cut);
                    let _ = provision(&mut flash, &provisioning(1));
                    power.on();
                    power.cut_at(power.operations() + second, other);
                    let _ = provision(&mut flash, &provisioning(17));
                    power.on();
                    // Four places: after two attempts cut off at their last step there may be none left.
                    match provision(&mut flash, &provisioning(33)) {
                        Ok(_) | Err(OtpError::AlreadyProvisioned) => assert_settled(&power, &flash),
                        Err(error) => assert_eq!(error, OtpError::Exhausted),
                    }
                }
            }
        }
    }
}

#[test]
fn a_power_cut_while_the_lifecycle_changes_leaves_the_old_or_the_new_state() {
    for operation in 0..4 {
        for cut in cuts() {
            let (power, mut flash) = blank();
            provision(&mut flash, &provisioning(1)).unwrap();
            power.cut_at(power.operations() + operation, cut);
            let _ = advance(&mut flash, Lifecycle::Decommissioned);
            power.on();
            let state = read_facts(&flash).unwrap().lifecycle;
            assert!([Lifecycle::Secured, Lifecycle::Decommissioned].contains(&state));
            advance(&mut flash, Lifecycle::Decommissioned).unwrap();
            for _ in 0..8 {
                power.on();
                assert_eq!(
                    read_facts(&flash).unwrap().lifecycle,
                    Lifecycle::Decommissioned
                );
            }
        }
    }
}

fn several(secure: u8, required: Required) -> Provisioning {
    let key = |number: u8| RootKey::new(Scheme::P256Sha256, &[number; 32]).unwrap();
    let keys: Vec<RootKey> = (1..=secure).map(key).collect();
    let mut what = provisioning(1);
    what.root_keys.secure = RootKeys::new(&keys, required).unwrap();
    what
}

fn only_secure(secure: u8) -> PerImage<u8> {
    PerImage {
        secure,
        non_secure: 0,
    }
}

fn revoked<F: Flash>(flash: &F) -> u8 {
    read_boot_facts(flash).unwrap().root_keys.secure.revoked()
}

#[test]
fn sets_of_keys_come_back_and_one_key_keeps_the_first_format() {
    let p256 = |number: u8| RootKey::new(Scheme::P256Sha256, &[number; 32]).unwrap();
    let lms = |number: u8| RootKey::new(Scheme::LmsSha256, &[number; 32]).unwrap();
    let pure = |number: u8| RootKey::new(Scheme::Ed25519Pure, &[number; 64]).unwrap();
    let all = Required::Keys(4);
    for (keys, required) in [
        (std::vec![p256(1)], Required::Keys(1)),
        (std::vec![p256(1), p256(2)], Required::Keys(1)),
        (std::vec![p256(1), lms(2)], Required::EachType),
        (std::vec![p256(1), lms(2), p256(3), lms(4)], all),
        (std::vec![pure(1), pure(2)], Required::Keys(2)),
    ] {
        for non_secure in [&keys[..], &keys[..1]] {
            let (_, mut flash) = blank();
            let mut what = provisioning(1);
            let alone = RootKeys::from(keys[0]);
            what.root_keys = PerImage {
                secure: RootKeys::new(&keys, required).unwrap(),
                non_secure: RootKeys::new(non_secure, required).unwrap_or(alone),
            };
            provision(&mut flash, &what).unwrap();
            assert_eq!(read_facts(&flash).unwrap().root_keys, what.root_keys);
            assert_eq!(read_boot_facts(&flash).unwrap().root_keys, what.root_keys);
            let plain = keys.len() == 1;
            assert_eq!(flash.bytes()[4], if plain { 1 } else { 2 });
        }
    }
}

#[test]
fn sets_that_no_image_can_satisfy_cannot_be_made() {
    let p256 = |number: u8| RootKey::new(Scheme::P256Sha256, &[number; 32]).unwrap();
    let lms = RootKey::new(Scheme::LmsSha256, &[9; 32]).unwrap();
    let sha512 = RootKey::new(Scheme::Ed25519Sha512, &[9; 64]).unwrap();
    let pure = RootKey::new(Scheme::Ed25519Pure, &[8; 64]).unwrap();
    let made = |keys: &[RootKey], required| RootKeys::new(keys, Required::Keys(required)).is_some();
    assert!(made(&[p256(1), p256(2), lms], 3));
    assert!(!made(&[], 1));
    assert!(!made(&[p256(1), p256(2)], 0));
    assert!(!made(&[p256(1), p256(2)], 3));
    assert!(!made(&[p256(1), p256(2), p256(1)], 1), "one key twice");
    assert!(!made(&[p256(1), sha512], 1), "two image hashes");
    assert!(
        !made(&[sha512, pure], 1),
        "over the hash, and over the image"
    );
    assert!(!made(&[p256(1), p256(2), p256(3), p256(4), p256(5)], 1));
    let long = |number: u8| RootKey::new(Scheme::Ed25519Sha512, &[number; 64]).unwrap();
    assert!(made(&[long(1), long(2)], 1));
    assert!(
        !made(&[long(1), long(2), long(3)], 1),
        "two with hashes of 64 bytes"
    );
    assert!(!made(&[p256(1)], 2));
}

#[test]
fn broken_sets_in_the_record_are_damage() {
    let (_, mut flash) = blank();
    provision(&mut flash, &several(2, Required::Keys(2))).unwrap();
    let good = flash.bytes().to_vec();
    // Items before it: lifecycle 6, flags 8, implementation 36, instance 37 bytes; then 4 of its own head.
    let item = 8 + 6 + 8 + 36 + 37 + 4;
    assert_eq!(good[item..item + 2], [2, 1], "two of them, P-256");
    let mut with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        for place in 0..2 {
            let start = record::place_offset(place) as usize;
            bytes[start + at] = value;
            let crc = crate::crc::crc32(&bytes[start..start + record::BODY_SIZE]);
            bytes[start + record::BODY_SIZE..start + 896].copy_from_slice(&record::commit(crc));
        }
        flash.reprogram(&bytes);
        read_boot_facts(&flash).map(|facts| facts.root_keys.secure.keys().count())
    };
    assert_eq!(with(item, 1), Ok(2));
    assert_eq!(with(item, 0), Ok(2), "one of each type");
    assert_eq!(with(item + 1, 7), Err(OtpError::Damaged), "no scheme");
    assert_eq!(with(item + 1, 4), Err(OtpError::Damaged), "a longer hash");
    assert_eq!(
        with(4, 1),
        Err(OtpError::Damaged),
        "several in the first format"
    );
    assert_eq!(with(4, 3), Err(OtpError::UnknownFormat));
}

#[test]
fn keys_are_revoked_one_by_one_down_to_the_last_that_are_needed() {
    let yes = |_: &PerImage<RootKeys>| true;
    let (_, mut flash) = blank();
    assert_eq!(
        revoke(&mut flash, only_secure(1), yes),
        Err(OtpError::Blank)
    );
    provision(&mut flash, &several(4, Required::Keys(2))).unwrap();
    assert_eq!(revoked(&flash), 0);
    assert_eq!(revoke(&mut flash, only_secure(0b0001), yes), Ok(()));
    assert_eq!(revoked(&flash), 0b0001);
    assert_eq!(
        revoke(&mut flash, only_secure(0b0110), yes),
        Err(OtpError::LastKeys)
    );
    assert_eq!(
        revoke(&mut flash, only_secure(0b1_0000), yes),
        Err(OtpError::Invalid)
    );
    assert_eq!(revoked(&flash), 0b0001);
    assert_eq!(revoke(&mut flash, only_secure(0b1000), yes), Ok(()));
    assert_eq!(revoked(&flash), 0b1001);
    assert_eq!(
        revoke(&mut flash, only_secure(0b0010), yes),
        Err(OtpError::LastKeys)
    );
    // The other image's only key.
    let other = PerImage {
        secure: 0,
        non_secure: 1,
    };
    assert_eq!(revoke(&mut flash, other, yes), Err(OtpError::LastKeys));
    // Again is nothing new.
    let written = flash.bytes().to_vec();
    assert_eq!(revoke(&mut flash, only_secure(0b1001), yes), Ok(()));
    assert_eq!(flash.bytes(), written);
    assert_eq!(read_facts(&flash).unwrap().lifecycle, Lifecycle::Secured);
}

#[test]
fn the_last_key_of_a_type_stays_where_each_type_is_needed() {
    let keys = [
        RootKey::new(Scheme::P256Sha256, &[1; 32]).unwrap(),
        RootKey::new(Scheme::P256Sha256, &[2; 32]).unwrap(),
        RootKey::new(Scheme::LmsSha256, &[3; 32]).unwrap(),
    ];
    let mut what = provisioning(1);
    what.root_keys.secure = RootKeys::new(&keys, Required::EachType).unwrap();
    let (_, mut flash) = blank();
    provision(&mut flash, &what).unwrap();
    for keys in [0b100, 0b011, 0b111] {
        assert_eq!(
            revoke(&mut flash, only_secure(keys), |_| true),
            Err(OtpError::LastKeys)
        );
    }
    assert_eq!(revoke(&mut flash, only_secure(0b001), |_| true), Ok(()));
}

#[test]
fn what_is_installed_is_asked_about_with_the_keys_that_would_be_left() {
    let (_, mut flash) = blank();
    provision(&mut flash, &several(3, Required::Keys(1))).unwrap();
    let written = flash.bytes().to_vec();
    let mut asked = None;
    let refused = revoke(&mut flash, only_secure(0b010), |keys| {
        asked = Some(keys.secure.revoked());
        false
    });
    assert_eq!(refused, Err(OtpError::NothingWouldBoot));
    assert_eq!(asked, Some(0b010));
    assert_eq!(flash.bytes(), written, "nothing was begun");
}

#[test]
fn revocations_leave_room_for_the_end_of_life() {
    let (_, mut flash) = blank();
    provision(&mut flash, &several(4, Required::Keys(1))).unwrap();
    for state in [
        Lifecycle::NonRootOfTrustDebug,
        Lifecycle::RecoverableRootOfTrustDebug,
    ] {
        advance(&mut flash, state).unwrap();
    }
    let mut last = Ok(());
    for keys in [0b001, 0b010, 0b100] {
        last = revoke(&mut flash, only_secure(keys), |_| true);
    }
    assert_eq!(last, Ok(()));
    assert_eq!(revoked(&flash), 0b111);
    advance(&mut flash, Lifecycle::Decommissioned).unwrap();
    assert_eq!(revoked(&flash), 0b111);
    assert_eq!(
        read_facts(&flash).unwrap().lifecycle,
        Lifecycle::Decommissioned
    );
}

#[test]
fn a_power_cut_while_a_key_is_revoked_leaves_the_old_or_the_new_keys_and_repeating_settles_it() {
    for operation in 0..3 {
        for cut in cuts() {
            let (power, mut flash) = blank();
            provision(&mut flash, &several(3, Required::Keys(1))).unwrap();
            revoke(&mut flash, only_secure(0b001), |_| true).unwrap();
            power.cut_at(power.operations() + operation, cut);
            let _ = revoke(&mut flash, only_secure(0b010), |_| true);
            power.on();
            assert!([0b001, 0b011].contains(&revoked(&flash)));
            revoke(&mut flash, only_secure(0b010), |_| true).unwrap();
            for _ in 0..8 {
                power.on();
                assert_eq!(revoked(&flash), 0b011);
            }
        }
    }
}

#[test]
fn no_two_cuts_at_two_revocations_take_the_last_key() {
    // A first word that was cut off comes and goes; what is decided without it must not add up with it.
    for first in 0..2 {
        for second in 0..3 {
            for cut in cuts() {
                for other in cuts() {
                    let (power, mut flash) = blank();
                    provision(&mut flash, &several(3, Required::Keys(1))).unwrap();
                    power.cut_at(power.operations() + first, cut);
                    let _ = revoke(&mut flash, only_secure(0b011), |_| true);
                    power.on();
                    power.cut_at(power.operations() + second, other);
                    let _ = revoke(&mut flash, only_secure(0b100), |_| true);
                    for _ in 0..4 {
                        power.on();
                        assert!([0, 0b011, 0b100].contains(&revoked(&flash)));
                    }
                }
            }
        }
    }
}
