//! Initial attestation through the service, checked with the verifier's half of `ironroot-attest`.

mod common;

use common::{Device, Rig, attestation_public_key, boot_record, shared_data};
use ironroot_attest::{Claims, LifecycleState, Profile, UnverifiedToken};
use ironroot_boot::otp::Lifecycle;
use ironroot_client::attest::{get_token, get_token_size};
use ironroot_psa_api::Error;
use ironroot_psa_api::attest::{GET_TOKEN, GET_TOKEN_SIZE};
use ironroot_psa_api::service::ATTESTATION;

fn token(rig: &mut Rig, challenge: &[u8]) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; 2048];
    let len = get_token(rig, challenge, &mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

fn with_claims(token: &[u8], check: impl FnOnce(&Claims<'_>)) {
    let token = UnverifiedToken::parse(token)
        .unwrap()
        .verify(&attestation_public_key())
        .unwrap();
    check(token.claims());
}

#[test]
fn a_token_says_what_this_device_is_and_runs() {
    let mut rig = Rig::new(Device {
        certification_reference: "1234567890123-12345",
        ..Device::default()
    });
    let challenge = [0x5a; 48];
    let token = token(rig.as_client(-3), &challenge).unwrap();
    with_claims(&token, |claims| {
        assert_eq!(claims.profile, Profile::Rfc9783);
        assert_eq!(claims.nonce.as_bytes(), challenge);
        assert_eq!(claims.client_id.get(), -3);
        assert_eq!(claims.lifecycle.state(), LifecycleState::Secured);
        assert_eq!(claims.implementation_id, [0x77; 32]);
        assert_eq!(claims.boot_seed.unwrap().as_bytes().len(), 32);
        assert_eq!(claims.certification_reference, Some("1234567890123-12345"));
        assert_eq!(claims.verification_service, None);
        let components: Vec<_> = claims.software_components.clone().collect();
        assert_eq!(components.len(), 2);
        assert_eq!(components[0].measurement_type, Some("SPE"));
        assert_eq!(components[0].measurement_value, [0x11; 32]);
        assert_eq!(components[1].measurement_type, Some("NSPE"));
        assert_eq!(components[1].signer_id, [0x22; 32]);
    });
}

#[test]
fn the_older_profile_can_be_chosen() {
    let mut rig = Rig::new(Device {
        profile: Profile::IotProfile1,
        ..Device::default()
    });
    let token = token(&mut rig, &[1; 32]).unwrap();
    with_claims(&token, |claims| {
        assert_eq!(claims.profile, Profile::IotProfile1)
    });
}

#[test]
fn the_size_is_told_beforehand_for_every_challenge_and_only_for_those() {
    let mut rig = Rig::default();
    for len in 0..=70 {
        let size = get_token_size(&mut rig, len);
        let made = token(&mut rig, &vec![7; len]);
        if [32, 48, 64].contains(&len) {
            let (size, made) = (size.unwrap(), made.unwrap());
            assert_eq!(size, made.len());
            let short = get_token(&mut rig, &vec![7; len], &mut vec![0; size - 1]);
            assert_eq!(short, Err(Error::BufferTooSmall));
            assert_eq!(
                get_token(&mut rig, &vec![7; len], &mut vec![0; size]),
                Ok(size)
            );
        } else {
            assert_eq!(size, Err(Error::InvalidArgument), "{len}");
            assert_eq!(made, Err(Error::InvalidArgument), "{len}");
        }
    }
    assert_eq!(
        get_token_size(&mut rig, 0x1_0020),
        Err(Error::InvalidArgument)
    );
}

#[test]
fn the_boot_seed_stays_for_a_boot_and_changes_with_the_next() {
    fn seed(rig: &mut Rig) -> Vec<u8> {
        let token = token(rig, &[1; 32]).unwrap();
        let mut seed = vec![];
        with_claims(&token, |claims| {
            seed.extend(claims.boot_seed.unwrap().as_bytes())
        });
        seed
    }
    let mut rig = Rig::default();
    let first = seed(&mut rig);
    assert_eq!(seed(&mut rig), first);
    assert_ne!(first, [0; 32], "a seed of zeros");
    assert_ne!(seed(&mut rig.restart()), first);
}

#[test]
fn each_lifecycle_is_told() {
    for lifecycle in Lifecycle::ALL {
        let mut rig = Rig::new(Device {
            lifecycle,
            ..Device::default()
        });
        let token = token(&mut rig, &[1; 32]).unwrap();
        with_claims(&token, |claims| {
            assert_eq!(claims.lifecycle.value(), lifecycle as u16)
        });
    }
}

#[test]
fn a_shared_data_area_that_lies_gives_no_token_rather_than_one_that_leaves_something_out() {
    let good = boot_record("SPE", 1);
    let mut short_hash = good.clone();
    short_hash.pop();
    let cases = [
        shared_data(&[good.clone(), short_hash], &[]),
        shared_data(&[good.clone(), vec![]], &[]),
        shared_data(&[good.clone(), b"not CBOR".to_vec()], &[]),
        shared_data(&[], &[]),
        shared_data(&vec![good.clone(); 17], &[]),
        vec![],
        vec![0; 64],
        shared_data(&[good], &[])[..20].to_vec(),
    ];
    for (number, shared_data) in cases.into_iter().enumerate() {
        let mut rig = Rig::new(Device {
            shared_data,
            ..Device::default()
        });
        assert!(token(&mut rig, &[1; 32]).is_err(), "case {number}");
        assert!(get_token_size(&mut rig, 32).is_err(), "case {number}");
    }
}

#[test]
fn packed_partitions_are_components_of_their_own() {
    let records: Vec<_> = (0..9)
        .map(|n| boot_record(&format!("PART{n}"), n))
        .collect();
    let device = Device {
        shared_data: shared_data(&records, &[]),
        ..Device::default()
    };
    let mut rig = Rig::new(device);
    let token = token(&mut rig, &[1; 64]).unwrap();
    with_claims(&token, |claims| {
        let types: Vec<_> = claims
            .software_components
            .clone()
            .map(|c| c.measurement_type.unwrap())
            .collect();
        assert_eq!(types.len(), 9);
        assert_eq!(types[8], "PART8");
    });
}

#[test]
fn messages_of_another_shape_are_refused() {
    let mut rig = Rig::default();
    let (status, _) = rig.message(ATTESTATION.handle, GET_TOKEN, &[], &[1000]);
    assert_eq!(status, Error::InvalidArgument.status());
    for len in [0, 3, 5, 8] {
        let (status, _) = rig.message(
            ATTESTATION.handle,
            GET_TOKEN_SIZE,
            &[&[32, 0, 0, 0, 0, 0, 0, 0][..len]],
            &[4],
        );
        assert_eq!(status, Error::ProgrammerError.status());
    }
    for kind in [0, 1000, 1003] {
        let (status, _) = rig.message(ATTESTATION.handle, kind, &[&[1; 32]], &[1000]);
        assert_eq!(status, Error::NotSupported.status());
    }
    let (status, _) = rig.message(ATTESTATION.handle, GET_TOKEN, &[&[1; 32]], &[]);
    assert_eq!(status, Error::BufferTooSmall.status());
}
