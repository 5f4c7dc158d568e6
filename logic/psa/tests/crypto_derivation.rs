//! Key derivation: order of inputs, capacity, output to keys.

mod common;

use common::Rig;
use ironroot_client::crypto::derive::Derivation;
use ironroot_client::crypto::key;
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{
    Algorithm, DerivationStep, EccFamily, KeyAttributes, KeyId, KeyType, Usage,
};

const SHA_256: Algorithm = Algorithm::SHA_256;
const HKDF: Algorithm = Algorithm::hkdf(SHA_256);
const EXTRACT: Algorithm = Algorithm::hkdf_extract(SHA_256);
const EXPAND: Algorithm = Algorithm::hkdf_expand(SHA_256);
const SALT: DerivationStep = DerivationStep::SALT;
const SECRET: DerivationStep = DerivationStep::SECRET;
const INFO: DerivationStep = DerivationStep::INFO;

fn secret_key(rig: &mut Rig) -> KeyId {
    let attributes = KeyAttributes::volatile(KeyType::DERIVE, 0, Usage::DERIVE, HKDF);
    key::import(rig, &attributes, &[0x0b; 22]).unwrap()
}

/// A derivation whose output may start, from a key.
fn ready(rig: &mut Rig) -> Derivation {
    let secret = secret_key(rig);
    let mut derivation = Derivation::new(rig, HKDF).unwrap();
    derivation.input_key(rig, SECRET, secret).unwrap();
    derivation.input_bytes(rig, INFO, b"info").unwrap();
    derivation
}

#[test]
fn inputs_in_a_wrong_order_twice_or_missing_are_a_bad_state() {
    let orders: &[(Algorithm, &[DerivationStep])] = &[
        (HKDF, &[SECRET, SALT]),
        (HKDF, &[SALT, SALT]),
        (HKDF, &[SECRET, SECRET]),
        (HKDF, &[INFO, INFO]),
        (EXTRACT, &[SECRET]),
        (EXTRACT, &[SALT, INFO]),
        (EXPAND, &[SALT]),
    ];
    let mut rig = Rig::default();
    for (algorithm, steps) in orders {
        let mut derivation = Derivation::new(&mut rig, *algorithm).unwrap();
        let (last, first) = steps.split_last().unwrap();
        for step in first {
            derivation.input_bytes(&mut rig, *step, &[1; 32]).unwrap();
        }
        let refused = derivation.input_bytes(&mut rig, *last, &[1; 32]);
        assert_eq!(refused, Err(Error::BadState), "{algorithm:?} {steps:?}");
        derivation.abort(&mut rig);
    }
    let incomplete: &[(Algorithm, &[DerivationStep])] = &[
        (HKDF, &[]),
        (HKDF, &[SECRET]),
        (HKDF, &[SALT, INFO]),
        (EXTRACT, &[SALT]),
        (EXPAND, &[SECRET]),
    ];
    for (algorithm, steps) in incomplete {
        let mut derivation = Derivation::new(&mut rig, *algorithm).unwrap();
        for step in *steps {
            derivation.input_bytes(&mut rig, *step, &[1; 32]).unwrap();
        }
        let refused = derivation.output_bytes(&mut rig, &mut [0; 8]);
        assert_eq!(refused, Err(Error::BadState), "{algorithm:?} {steps:?}");
        derivation.abort(&mut rig);
    }
}

#[test]
fn steps_that_hkdf_does_not_have_and_wrong_lengths_are_invalid() {
    let mut rig = Rig::default();
    let try_input = |rig: &mut Rig, algorithm, step, data: &[u8]| {
        let mut derivation = Derivation::new(rig, algorithm).unwrap();
        let result = derivation.input_bytes(rig, step, data);
        derivation.abort(rig);
        result
    };
    for step in [
        DerivationStep::LABEL,
        DerivationStep::SEED,
        DerivationStep::PASSWORD,
        DerivationStep::COST,
        DerivationStep::CONTEXT,
        DerivationStep(0),
        DerivationStep(0xffff),
    ] {
        assert_eq!(
            try_input(&mut rig, HKDF, step, b"x"),
            Err(Error::InvalidArgument)
        );
    }
    for len in [0, 31, 33, 64] {
        let refused = try_input(&mut rig, EXPAND, SECRET, &vec![0; len]);
        assert_eq!(refused, Err(Error::InvalidArgument), "{len}");
    }
    assert_eq!(try_input(&mut rig, HKDF, INFO, &[0; 256]), Ok(()));
    assert_eq!(
        try_input(&mut rig, HKDF, INFO, &[0; 257]),
        Err(Error::NotSupported)
    );
    assert_eq!(try_input(&mut rig, HKDF, SALT, &[0; 5000]), Ok(()));
    assert_eq!(try_input(&mut rig, HKDF, SECRET, &[0; 5000]), Ok(()));
}

#[test]
fn a_salt_longer_than_a_block_counts_as_its_hash() {
    // RFC 2104: keys longer than the block are hashed first; 65 bytes is the first such length.
    let mut rig = Rig::default();
    let salt = [0x5c; 65];
    let mut hashed = [0; 32];
    ironroot_client::crypto::hash::compute(&mut rig, SHA_256, &salt, &mut hashed).unwrap();
    let mut extracted = |salt: &[u8]| {
        let mut derivation = Derivation::new(&mut rig, EXTRACT).unwrap();
        derivation.input_bytes(&mut rig, SALT, salt).unwrap();
        derivation.input_bytes(&mut rig, SECRET, b"secret").unwrap();
        let mut out = [0; 32];
        derivation.output_bytes(&mut rig, &mut out).unwrap();
        derivation.abort(&mut rig);
        out
    };
    assert_eq!(extracted(&salt), extracted(&hashed));
    assert_ne!(extracted(&salt[..64]), extracted(&hashed));
}

#[test]
fn over_reading_gives_nothing_and_leaves_nothing() {
    let mut rig = Rig::default();
    let mut derivation = ready(&mut rig);
    assert_eq!(derivation.capacity(&mut rig), Ok(255 * 32));
    derivation.set_capacity(&mut rig, 40).unwrap();
    assert_eq!(
        derivation.set_capacity(&mut rig, 41),
        Err(Error::InvalidArgument)
    );
    derivation.abort(&mut rig);

    let mut derivation = ready(&mut rig);
    derivation.set_capacity(&mut rig, 40).unwrap();
    derivation.output_bytes(&mut rig, &mut [0; 33]).unwrap();
    assert_eq!(derivation.capacity(&mut rig), Ok(7));
    let mut out = [0xee; 8];
    assert_eq!(
        derivation.output_bytes(&mut rig, &mut out),
        Err(Error::InsufficientData)
    );
    assert_eq!(out, [0xee; 8]);
    assert_eq!(derivation.capacity(&mut rig), Ok(0));
    assert_eq!(
        derivation.output_bytes(&mut rig, &mut [0; 1]),
        Err(Error::InsufficientData)
    );
    derivation.abort(&mut rig);
}

#[test]
fn the_whole_capacity_can_be_read_and_not_a_byte_more() {
    let mut rig = Rig::default();
    let mut derivation = ready(&mut rig);
    let mut out = vec![0; 255 * 32];
    derivation.output_bytes(&mut rig, &mut out).unwrap();
    assert_ne!(out[254 * 32..], [0; 32]);
    assert_eq!(
        derivation.output_bytes(&mut rig, &mut [0; 1]),
        Err(Error::InsufficientData)
    );
    derivation.abort(&mut rig);
}

#[test]
fn a_key_comes_out_only_where_a_key_went_in() {
    let mut rig = Rig::default();
    let attributes = KeyAttributes::volatile(KeyType::AES, 256, Usage::EXPORT, Algorithm::GCM);
    let mut derivation = Derivation::new(&mut rig, HKDF).unwrap();
    derivation
        .input_bytes(&mut rig, SECRET, &[0x0b; 22])
        .unwrap();
    derivation.input_bytes(&mut rig, INFO, b"info").unwrap();
    assert_eq!(
        derivation.output_key(&mut rig, &attributes),
        Err(Error::NotPermitted)
    );
    let mut stream = [0; 32];
    derivation.output_bytes(&mut rig, &mut stream).unwrap();
    derivation.abort(&mut rig);

    let mut derivation = ready(&mut rig);
    let made = derivation.output_key(&mut rig, &attributes).unwrap();
    let mut material = [0; 32];
    assert_eq!(key::export(&mut rig, made, &mut material), Ok(32));
    assert_eq!(material, stream, "the same stream");
    derivation.set_capacity(&mut rig, 31).unwrap();
    assert_eq!(
        derivation.output_key(&mut rig, &attributes),
        Err(Error::InsufficientData)
    );
    derivation.abort(&mut rig);
}

#[test]
fn a_p256_key_is_the_drawn_number_plus_one_and_an_ed25519_key_the_drawn_bytes() {
    let mut rig = Rig::default();
    let mut stream = [0; 32];
    let mut derivation = ready(&mut rig);
    derivation.output_bytes(&mut rig, &mut stream).unwrap();
    derivation.abort(&mut rig);
    for (family, bits, plus) in [
        (EccFamily::SECP_R1, 256, 1),
        (EccFamily::TWISTED_EDWARDS, 255, 0),
    ] {
        let kind = KeyType::ecc_key_pair(family);
        let attributes = KeyAttributes::volatile(kind, bits, Usage::EXPORT, Algorithm::NONE);
        let mut derivation = ready(&mut rig);
        let made = derivation.output_key(&mut rig, &attributes).unwrap();
        derivation.abort(&mut rig);
        let mut material = [0; 32];
        key::export(&mut rig, made, &mut material).unwrap();
        let mut expected = stream;
        expected[31] += plus; // the last byte of this stream is not 255
        assert_eq!(material, expected);
    }
}

#[test]
fn a_derived_key_can_be_kept() {
    let mut rig = Rig::default();
    let attributes = KeyAttributes::volatile(KeyType::AES, 128, Usage::EXPORT, Algorithm::GCM);
    let mut derivation = ready(&mut rig);
    let made = derivation
        .output_key(&mut rig, &attributes.persistent(KeyId(4)))
        .unwrap();
    let (mut before, mut after) = ([0; 16], [1; 16]);
    key::export(&mut rig, made, &mut before).unwrap();
    let again = derivation.output_key(&mut rig, &attributes.persistent(KeyId(4)));
    assert_eq!(again, Err(Error::AlreadyExists));
    key::export(&mut rig.restart(), made, &mut after).unwrap();
    assert_eq!(before, after);
}

#[test]
fn keys_of_a_wrong_type_are_invalid_inputs_and_fail_the_operation() {
    let mut rig = Rig::default();
    let raw = KeyAttributes::volatile(KeyType::RAW_DATA, 256, Usage::DERIVE, HKDF);
    let raw = key::generate(&mut rig, &raw).unwrap();
    let secret = secret_key(&mut rig);
    for (step, key, expected) in [
        (SECRET, raw, Err(Error::InvalidArgument)),
        (SALT, secret, Err(Error::InvalidArgument)),
        (INFO, secret, Err(Error::InvalidArgument)),
        (SALT, raw, Ok(())),
        (INFO, raw, Ok(())),
        (SECRET, KeyId(0x1234), Err(Error::InvalidHandle)),
    ] {
        let mut derivation = Derivation::new(&mut rig, HKDF).unwrap();
        assert_eq!(
            derivation.input_key(&mut rig, step, key),
            expected,
            "{step:?}"
        );
        if expected.is_err() {
            let next = derivation.input_bytes(&mut rig, INFO, b"");
            assert_eq!(next, Err(Error::BadState), "{step:?}");
        }
        derivation.abort(&mut rig);
    }
}
