//! Life of keys and operations: made, used, kept, destroyed; and what happens when there are too many.

mod common;

use common::{Rig, fail_partition, partition_failure};
use ironroot_client::crypto::derive::Derivation;
use ironroot_client::crypto::hash::HashOperation;
use ironroot_client::crypto::mac::MacOperation;
use ironroot_client::crypto::{generate_random, key, sign};
use ironroot_psa::limits;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{
    Algorithm, DerivationStep, EccFamily, KeyAttributes, KeyId, KeyType, Lifetime, Usage,
};
use ironroot_psa_api::{Error, Status};
use ironroot_spm::{FailureCause, FailureOutcome};
use std::collections::BTreeSet;

const HMAC: Algorithm = Algorithm::hmac(Algorithm::SHA_256);
const HKDF: Algorithm = Algorithm::hkdf(Algorithm::SHA_256);
const P256_PAIR: KeyType = KeyType::ecc_key_pair(EccFamily::SECP_R1);

fn aes() -> KeyAttributes {
    KeyAttributes::volatile(KeyType::AES, 128, Usage::EXPORT, Algorithm::GCM)
}

fn hmac() -> KeyAttributes {
    KeyAttributes::volatile(KeyType::HMAC, 256, Usage::ALL, HMAC)
}

#[test]
fn a_persistent_key_survives_a_restart_with_all_it_is_and_a_volatile_one_does_not() {
    let mut rig = Rig::default();
    let ecdsa = Algorithm::ecdsa(Algorithm::SHA_256);
    let usage = Usage::SIGN_HASH.union(Usage::VERIFY_HASH);
    let attributes = KeyAttributes::volatile(P256_PAIR, 256, usage, ecdsa);
    let kept = key::generate(&mut rig, &attributes.persistent(KeyId(77))).unwrap();
    assert_eq!(kept, KeyId(77));
    let volatile = key::generate(&mut rig, &attributes).unwrap();
    let mut signature = [0; 64];
    sign::message(&mut rig, kept, ecdsa, b"before", &mut signature).unwrap();
    let shown = key::attributes(&mut rig, kept).unwrap();

    let mut rig = rig.restart();
    assert_eq!(key::attributes(&mut rig, kept), Ok(shown));
    assert_eq!(
        sign::verify_message(&mut rig, kept, ecdsa, b"before", &signature),
        Ok(())
    );
    assert_eq!(
        key::attributes(&mut rig, volatile),
        Err(Error::InvalidHandle)
    );
    assert_eq!(key::destroy(&mut rig, kept), Ok(()));
    let mut rig = rig.restart();
    assert_eq!(key::attributes(&mut rig, kept), Err(Error::InvalidHandle));
}

#[test]
fn two_clients_can_have_persistent_keys_of_one_id() {
    let mut rig = Rig::default();
    let attributes = aes().persistent(KeyId(1));
    key::import(rig.as_client(-1), &attributes, &[1; 16]).unwrap();
    key::import(rig.as_client(9), &attributes, &[2; 16]).unwrap();
    let again = key::import(rig.as_client(-1), &attributes, &[3; 16]);
    assert_eq!(again, Err(Error::AlreadyExists));
    key::destroy(rig.as_client(-1), KeyId(1)).unwrap();
    let mut material = [0; 16];
    assert_eq!(
        key::export(rig.as_client(9), KeyId(1), &mut material),
        Ok(16)
    );
    assert_eq!(material, [2; 16]);
}

#[test]
fn attributes_that_no_new_key_may_have_are_refused_and_leave_no_key() {
    type Change = fn(&mut KeyAttributes);
    let cases: &[(Error, Change)] = &[
        (Error::InvalidArgument, |a| a.id = KeyId(5)),
        (Error::InvalidArgument, |a| a.kind = KeyType::NONE),
        (Error::InvalidArgument, |a| a.bits = 127),
        (Error::InvalidArgument, |a| a.bits = 512),
        (Error::InvalidArgument, |a| a.usage = Usage(0x8)),
        (Error::InvalidArgument, |a| a.usage = Usage(0x8000_0000)),
        (Error::InvalidArgument, |a| {
            a.lifetime = Lifetime::PERSISTENT
        }),
        (Error::NotSupported, |a| a.kind = KeyType::RSA_KEY_PAIR),
        (Error::InvalidArgument, |a| *a = a.persistent(KeyId::NULL)),
        (Error::InvalidArgument, |a| {
            *a = a.persistent(KeyId(0x4000_0000))
        }),
        (Error::InvalidArgument, |a| {
            *a = a.persistent(KeyId::BUILTIN_HUK)
        }),
        (Error::NotSupported, |a| {
            *a = a.persistent(KeyId(5));
            a.lifetime = Lifetime::new(2, 0);
        }),
        (Error::InvalidArgument, |a| {
            *a = a.persistent(KeyId(5));
            a.lifetime = Lifetime::new(Lifetime::PERSISTENCE_READ_ONLY, Lifetime::LOCATION_BUILTIN);
        }),
    ];
    let mut rig = Rig::default();
    for (number, (error, change)) in cases.iter().enumerate() {
        let mut attributes = aes();
        change(&mut attributes);
        assert_eq!(
            key::generate(&mut rig, &attributes),
            Err(*error),
            "case {number}"
        );
        assert_eq!(
            key::import(&mut rig, &attributes, &[1; 16]),
            Err(*error),
            "case {number}"
        );
    }
    for _ in 0..limits::VOLATILE_KEYS {
        key::generate(&mut rig, &aes()).unwrap();
    }
    assert_eq!(
        key::attributes(&mut rig, KeyId(5)),
        Err(Error::InvalidHandle)
    );
}

#[test]
fn material_must_agree_with_the_attributes() {
    let mut rig = Rig::default();
    let import = |rig: &mut Rig, kind, bits, len: usize| {
        let attributes = KeyAttributes::volatile(kind, bits, Usage::NONE, Algorithm::NONE);
        let id = key::import(rig, &attributes, &vec![1; len])?;
        let shown = key::attributes(rig, id)?;
        key::destroy(rig, id)?;
        Ok(shown.bits)
    };
    assert_eq!(import(&mut rig, KeyType::AES, 0, 24), Ok(192));
    assert_eq!(import(&mut rig, KeyType::AES, 192, 24), Ok(192));
    assert_eq!(
        import(&mut rig, KeyType::HMAC, 0, limits::KEY_LEN),
        Ok(1152)
    );
    assert_eq!(import(&mut rig, P256_PAIR, 0, 32), Ok(256));
    for (kind, bits, len) in [
        (KeyType::AES, 128, 24),
        (KeyType::AES, 0, 17),
        (KeyType::AES, 0, 0),
        (KeyType::HMAC, 0, 0),
        (KeyType::HMAC, 8, 2),
        (KeyType::CHACHA20, 0, 16),
        (P256_PAIR, 256, 31),
        (P256_PAIR, 256, 33),
    ] {
        let refused = import(&mut rig, kind, bits, len);
        assert_eq!(
            refused,
            Err(Error::InvalidArgument),
            "{kind:?} {bits} {len}"
        );
    }
    let refused = import(&mut rig, KeyType::HMAC, 0, limits::KEY_LEN + 1);
    assert_eq!(refused, Err(Error::NotSupported));
    assert_eq!(
        import(&mut rig, P256_PAIR, 384, 48),
        Err(Error::NotSupported)
    );
}

#[test]
fn the_key_pool_is_used_up_refuses_and_recovers() {
    let mut rig = Rig::default();
    let fill = |rig: &mut Rig| -> Vec<KeyId> {
        (0..limits::VOLATILE_KEYS)
            .map(|_| key::generate(rig, &aes()).unwrap())
            .collect()
    };
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let ids = fill(&mut rig);
        assert_eq!(
            key::generate(&mut rig, &aes()),
            Err(Error::InsufficientMemory)
        );
        for id in ids {
            assert!(seen.insert(id), "an id was given out twice");
            key::destroy(&mut rig, id).unwrap();
        }
    }
}

#[test]
fn a_failing_call_leaves_no_key_and_no_id() {
    let mut rig = Rig::default();
    let request = CryptoRequest::new(CryptoFunction::GenerateKey);
    let attributes = aes().to_bytes();
    for short in 0..4 {
        let (status, outputs) = rig.crypto(&request, &[&attributes], &[short]);
        assert_eq!(
            (status, outputs[0].len()),
            (Error::BufferTooSmall.status(), 0)
        );
    }
    let attributes = aes().persistent(KeyId(3)).to_bytes();
    let (status, _) = rig.crypto(&request, &[&attributes], &[0]);
    assert_eq!(status, Error::BufferTooSmall.status());
    assert_eq!(
        key::attributes(&mut rig, KeyId(3)),
        Err(Error::InvalidHandle)
    );
    for _ in 0..limits::VOLATILE_KEYS {
        key::generate(&mut rig, &aes()).unwrap();
    }
}

#[test]
fn destroying_nothing_succeeds_and_destroying_what_is_not_there_does_not() {
    let mut rig = Rig::default();
    assert_eq!(key::destroy(&mut rig, KeyId::NULL), Ok(()));
    let id = key::generate(&mut rig, &aes()).unwrap();
    assert_eq!(key::destroy(&mut rig, id), Ok(()));
    assert_eq!(key::destroy(&mut rig, id), Err(Error::InvalidHandle));
    assert_eq!(key::purge(&mut rig, id), Err(Error::InvalidHandle));
    assert_eq!(key::destroy(&mut rig, KeyId(6)), Err(Error::InvalidHandle));
}

#[test]
fn destroying_a_key_ends_the_operations_that_use_it_and_no_others() {
    let mut rig = Rig::default();
    for persistent in [false, true] {
        let attributes = if persistent {
            hmac().persistent(KeyId(8))
        } else {
            hmac()
        };
        let doomed = key::generate(&mut rig, &attributes).unwrap();
        let kept = key::generate(&mut rig, &hmac()).unwrap();
        let mut ends = MacOperation::sign(&mut rig, doomed, HMAC).unwrap();
        let mut lives = MacOperation::sign(&mut rig, kept, HMAC).unwrap();
        ends.update(&mut rig, b"a").unwrap();
        key::destroy(&mut rig, doomed).unwrap();
        assert_eq!(ends.update(&mut rig, b"b"), Err(Error::BadState));
        assert_eq!(
            ends.sign_finish(&mut rig, &mut [0; 32]),
            Err(Error::BadState)
        );
        lives.update(&mut rig, b"b").unwrap();
        assert_eq!(lives.sign_finish(&mut rig, &mut [0; 32]), Ok(32));
    }
    let secret = KeyAttributes::volatile(KeyType::DERIVE, 256, Usage::DERIVE, HKDF);
    let secret = key::generate(&mut rig, &secret).unwrap();
    let mut derivation = Derivation::new(&mut rig, HKDF).unwrap();
    derivation
        .input_key(&mut rig, DerivationStep::SECRET, secret)
        .unwrap();
    derivation
        .input_bytes(&mut rig, DerivationStep::INFO, b"")
        .unwrap();
    derivation.output_bytes(&mut rig, &mut [0; 8]).unwrap();
    key::destroy(&mut rig, secret).unwrap();
    assert_eq!(
        derivation.output_bytes(&mut rig, &mut [0; 8]),
        Err(Error::BadState)
    );
    derivation.abort(&mut rig);
}

#[test]
fn open_and_abort_for_ever_never_uses_up_the_pool() {
    // TFMV-3: abort had no effect.
    let mut rig = Rig::default();
    let key = key::generate(&mut rig, &hmac()).unwrap();
    for _ in 0..50 * limits::OPERATIONS {
        HashOperation::new(&mut rig, Algorithm::SHA_256)
            .unwrap()
            .abort(&mut rig);
        MacOperation::sign(&mut rig, key, HMAC)
            .unwrap()
            .abort(&mut rig);
        Derivation::new(&mut rig, HKDF).unwrap().abort(&mut rig);
        // Operations that failed are aborted too.
        let mut failed = Derivation::new(&mut rig, HKDF).unwrap();
        failed
            .input_bytes(&mut rig, DerivationStep::COST, b"")
            .unwrap_err();
        failed.abort(&mut rig);
    }
    let open: Vec<_> = (0..limits::OPERATIONS)
        .map(|_| HashOperation::new(&mut rig, Algorithm::SHA_256).unwrap())
        .collect();
    let refused = HashOperation::new(&mut rig, Algorithm::SHA_256).map(drop);
    assert_eq!(refused, Err(Error::InsufficientMemory));
    for operation in open {
        operation.abort(&mut rig);
    }
    drop(HashOperation::new(&mut rig, Algorithm::SHA_256).unwrap());
}

fn setup(rig: &mut Rig) -> u32 {
    let request = CryptoRequest::new(CryptoFunction::HashSetup).algorithm(Algorithm::SHA_256);
    let (status, outputs) = rig.crypto(&request, &[], &[4]);
    assert_eq!(status, Status::SUCCESS);
    u32::from_le_bytes(outputs[0][..].try_into().unwrap())
}

fn status_of(rig: &mut Rig, function: CryptoFunction, handle: u32, inputs: &[&[u8]]) -> Status {
    let request = CryptoRequest::new(function)
        .operation(handle)
        .algorithm(Algorithm::SHA_256);
    rig.crypto(&request, inputs, &[4, 32]).0
}

#[test]
fn an_operation_in_the_wrong_state_fails_and_can_only_be_aborted() {
    use CryptoFunction as F;
    let mut rig = Rig::default();
    let bad_state = Error::BadState.status();
    // Nothing was set up.
    for function in [
        F::HashUpdate,
        F::HashFinish,
        F::HashVerify,
        F::MacUpdate,
        F::MacSignFinish,
    ] {
        assert_eq!(status_of(&mut rig, function, 0, &[b"x"]), bad_state);
    }
    // Of another kind.
    for function in [
        F::MacUpdate,
        F::MacSignFinish,
        F::MacVerifyFinish,
        F::KeyDerivationGetCapacity,
    ] {
        let handle = setup(&mut rig);
        assert_eq!(status_of(&mut rig, function, handle, &[b"x"]), bad_state);
        assert_eq!(
            status_of(&mut rig, F::HashUpdate, handle, &[b"x"]),
            bad_state,
            "poisoned"
        );
        assert_eq!(status_of(&mut rig, F::HashFinish, handle, &[]), bad_state);
        assert_eq!(
            status_of(&mut rig, F::HashAbort, handle, &[]),
            Status::SUCCESS
        );
    }
    // Set up twice.
    let handle = setup(&mut rig);
    assert_eq!(status_of(&mut rig, F::HashSetup, handle, &[]), bad_state);
    assert_eq!(
        status_of(&mut rig, F::HashUpdate, handle, &[b"x"]),
        Status::SUCCESS
    );
    // Cloned over a live one.
    let clone = status_of(&mut rig, F::HashClone, handle, &[&handle.to_le_bytes()]);
    assert_eq!(clone, bad_state);
    // Finished, then used.
    assert_eq!(
        status_of(&mut rig, F::HashFinish, handle, &[]),
        Status::SUCCESS
    );
    assert_eq!(
        status_of(&mut rig, F::HashUpdate, handle, &[b"x"]),
        bad_state
    );
    // Abort succeeds on nothing, on what is over, on nonsense.
    for handle in [0, handle, u32::MAX] {
        assert_eq!(
            status_of(&mut rig, F::HashAbort, handle, &[]),
            Status::SUCCESS
        );
    }
}

#[test]
fn the_result_buffer_being_too_small_ends_the_operation() {
    let mut rig = Rig::default();
    let handle = setup(&mut rig);
    let request = CryptoRequest::new(CryptoFunction::HashFinish).operation(handle);
    let (status, outputs) = rig.crypto(&request, &[], &[4, 31]);
    assert_eq!(status, Error::BufferTooSmall.status());
    assert!(
        outputs.iter().all(Vec::is_empty),
        "no output, not even of the handle"
    );
    let (status, _) = rig.crypto(&request, &[], &[4, 32]);
    assert_eq!(status, Error::BadState.status());
}

#[test]
fn another_client_can_neither_use_nor_abort_an_operation() {
    use CryptoFunction as F;
    let mut rig = Rig::default();
    let handle = setup(rig.as_client(-1));
    for function in [F::HashUpdate, F::HashFinish, F::HashVerify, F::HashClone] {
        let status = status_of(rig.as_client(-2), function, handle, &[&[0; 4]]);
        assert_eq!(status, Error::BadState.status());
    }
    assert_eq!(
        status_of(rig.as_client(-2), F::HashAbort, handle, &[]),
        Status::SUCCESS
    );
    let alive = status_of(rig.as_client(-1), F::HashUpdate, handle, &[b"x"]);
    assert_eq!(alive, Status::SUCCESS);
}

#[test]
fn a_partition_that_failed_loses_its_volatile_keys_and_operations_and_nobody_else_does() {
    let mut rig = Rig::default();
    let key_of = |rig: &mut Rig, client| key::generate(rig.as_client(client), &hmac()).unwrap();
    let (lost, kept) = (key_of(&mut rig, 5), key_of(&mut rig, -1));
    let persistent = key::generate(rig.as_client(5), &aes().persistent(KeyId(2))).unwrap();
    let lost_operation = setup(rig.as_client(5));
    let kept_operation = setup(rig.as_client(-1));
    let outcome = FailureOutcome::Restarted { left: 0 };
    fail_partition(
        &mut rig.root,
        partition_failure(5, FailureCause::Panic, outcome),
    );
    assert_eq!(
        key::attributes(rig.as_client(5), lost),
        Err(Error::InvalidHandle)
    );
    assert!(key::attributes(rig.as_client(5), persistent).is_ok());
    let update = CryptoFunction::HashUpdate;
    let status = status_of(rig.as_client(5), update, lost_operation, &[b"x"]);
    assert_eq!(status, Error::BadState.status());
    assert!(key::attributes(rig.as_client(-1), kept).is_ok());
    let status = status_of(rig.as_client(-1), update, kept_operation, &[b"x"]);
    assert_eq!(status, Status::SUCCESS);
}

#[test]
fn random_numbers_of_every_length_are_there_and_differ() {
    let mut rig = Rig::default();
    let mut seen = BTreeSet::new();
    for len in [16, 31, 32, 255, 256, 257, 1000] {
        let mut bytes = vec![0; len];
        generate_random(&mut rig, &mut bytes).unwrap();
        assert!(seen.insert(bytes[..16].to_vec()));
        assert_ne!(bytes[len - 16..], [0; 16], "filled to the end");
    }
    let request = CryptoRequest::new(CryptoFunction::GenerateRandom);
    assert_eq!(rig.crypto(&request, &[], &[0]).0, Status::SUCCESS);
}

#[test]
fn a_restarted_device_draws_other_numbers() {
    let mut rig = Rig::default();
    let (mut before, mut after) = ([0; 32], [0; 32]);
    generate_random(&mut rig, &mut before).unwrap();
    generate_random(&mut rig.restart(), &mut after).unwrap();
    assert_ne!(before, after);
}
