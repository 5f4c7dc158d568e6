use super::*;
use ironroot_crypto::hash::{HashAlgorithm, digest};
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
            secure: RootKey::new(Scheme::P256Sha256, &[0x44; 32]).unwrap(),
            non_secure: RootKey::new(Scheme::Ed25519Pure, &[0x55; 64]).unwrap(),
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
        bytes[at + 4] = 2;
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
