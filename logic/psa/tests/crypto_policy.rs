//! Who may do what with a key: every usage flag, every other algorithm, every other owner.

mod common;

use common::Rig;
use ironroot_client::crypto::aead::{self, AeadParameters};
use ironroot_client::crypto::derive::Derivation;
use ironroot_client::crypto::mac::{self, MacOperation};
use ironroot_client::crypto::{key, sign};
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{
    Algorithm, DerivationStep, EccFamily, KeyAttributes, KeyId, KeyType, Usage,
};

const HMAC: Algorithm = Algorithm::hmac(Algorithm::SHA_256);
const ECDSA: Algorithm = Algorithm::ecdsa(Algorithm::SHA_256);
const HKDF: Algorithm = Algorithm::hkdf(Algorithm::SHA_256);
const P256_PAIR: KeyType = KeyType::ecc_key_pair(EccFamily::SECP_R1);
const ED25519_PAIR: KeyType = KeyType::ecc_key_pair(EccFamily::TWISTED_EDWARDS);

type Use = fn(&mut Rig, KeyId, Algorithm) -> Result<(), Error>;

/// One thing that can be done with a key: what it needs, and what else could be tried.
struct Case {
    name: &'static str,
    kind: KeyType,
    bits: u16,
    needs: Usage,
    algorithm: Algorithm,
    /// An algorithm of the same kind that the policy does not name.
    other: Algorithm,
    run: Use,
}

fn aead_parameters(key: KeyId, algorithm: Algorithm) -> AeadParameters<'static> {
    AeadParameters {
        key,
        algorithm,
        nonce: &[1; 12],
        additional_data: &[],
    }
}

const CASES: &[Case] = &[
    Case {
        name: "mac compute",
        kind: KeyType::HMAC,
        bits: 256,
        needs: Usage::SIGN_MESSAGE,
        algorithm: HMAC,
        other: Algorithm::hmac(Algorithm::SHA_512),
        run: |rig, key, algorithm| mac::compute(rig, key, algorithm, b"m", &mut [0; 64]).map(drop),
    },
    Case {
        name: "mac verify",
        kind: KeyType::HMAC,
        bits: 256,
        needs: Usage::VERIFY_MESSAGE,
        algorithm: HMAC,
        other: HMAC.with_length(16),
        run: |rig, key, algorithm| judged(mac::verify(rig, key, algorithm, b"m", &[0; 32])),
    },
    Case {
        name: "mac sign setup",
        kind: KeyType::HMAC,
        bits: 256,
        needs: Usage::SIGN_MESSAGE,
        algorithm: HMAC,
        other: Algorithm::hmac(Algorithm::SHA_384),
        run: |rig, key, algorithm| {
            MacOperation::sign(rig, key, algorithm).map(|operation| operation.abort(rig))
        },
    },
    Case {
        name: "mac verify setup",
        kind: KeyType::HMAC,
        bits: 256,
        needs: Usage::VERIFY_MESSAGE,
        algorithm: HMAC,
        other: Algorithm::hmac(Algorithm::SHA_384),
        run: |rig, key, algorithm| {
            MacOperation::verify(rig, key, algorithm).map(|operation| operation.abort(rig))
        },
    },
    Case {
        name: "aead encrypt",
        kind: KeyType::AES,
        bits: 128,
        needs: Usage::ENCRYPT,
        algorithm: Algorithm::GCM,
        other: Algorithm::CCM,
        run: |rig, key, algorithm| {
            aead::encrypt(rig, &aead_parameters(key, algorithm), b"m", &mut [0; 64]).map(drop)
        },
    },
    Case {
        name: "aead decrypt",
        kind: KeyType::AES,
        bits: 128,
        needs: Usage::DECRYPT,
        algorithm: Algorithm::GCM,
        other: Algorithm::GCM.with_length(12),
        run: |rig, key, algorithm| {
            let parameters = aead_parameters(key, algorithm);
            judged(aead::decrypt(rig, &parameters, &[0; 20], &mut [0; 64]).map(drop))
        },
    },
    Case {
        name: "sign hash",
        kind: P256_PAIR,
        bits: 256,
        needs: Usage::SIGN_HASH,
        algorithm: ECDSA,
        other: Algorithm::deterministic_ecdsa(Algorithm::SHA_256),
        run: |rig, key, algorithm| {
            sign::hash(rig, key, algorithm, &[1; 32], &mut [0; 64]).map(drop)
        },
    },
    Case {
        name: "verify hash",
        kind: P256_PAIR,
        bits: 256,
        needs: Usage::VERIFY_HASH,
        algorithm: ECDSA,
        other: Algorithm::ECDSA_ANY,
        run: |rig, key, algorithm| {
            judged(sign::verify_hash(rig, key, algorithm, &[1; 32], &[1; 64]))
        },
    },
    Case {
        name: "sign message",
        kind: ED25519_PAIR,
        bits: 255,
        needs: Usage::SIGN_MESSAGE,
        algorithm: Algorithm::PURE_EDDSA,
        other: Algorithm::ED25519PH,
        run: |rig, key, algorithm| sign::message(rig, key, algorithm, b"m", &mut [0; 64]).map(drop),
    },
    Case {
        name: "verify message",
        kind: ED25519_PAIR,
        bits: 255,
        needs: Usage::VERIFY_MESSAGE,
        algorithm: Algorithm::PURE_EDDSA,
        other: Algorithm::ED25519PH,
        run: |rig, key, algorithm| {
            judged(sign::verify_message(rig, key, algorithm, b"m", &[1; 64]))
        },
    },
    Case {
        name: "derive",
        kind: KeyType::DERIVE,
        bits: 256,
        needs: Usage::DERIVE,
        algorithm: HKDF,
        other: Algorithm::hkdf(Algorithm::SHA_512),
        run: |rig, key, algorithm| {
            let mut derivation = Derivation::new(rig, algorithm)?;
            let result = derivation.input_key(rig, DerivationStep::SECRET, key);
            derivation.abort(rig);
            result
        },
    },
];

/// A wrong MAC, tag or signature was looked at, so the policy let it through.
fn judged(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::InvalidSignature) => Ok(()),
        other => other,
    }
}

fn make(rig: &mut Rig, case: &Case, usage: Usage, algorithm: Algorithm) -> KeyId {
    let attributes = KeyAttributes::volatile(case.kind, case.bits, usage, algorithm);
    key::generate(rig, &attributes).unwrap()
}

#[test]
fn a_flag_that_is_missing_is_not_permitted_even_when_all_others_are_set() {
    let mut rig = Rig::default();
    for case in CASES {
        let key = make(&mut rig, case, case.needs, case.algorithm);
        assert_eq!(
            (case.run)(&mut rig, key, case.algorithm),
            Ok(()),
            "{}",
            case.name
        );
        key::destroy(&mut rig, key).unwrap();

        // A hash flag implies its message flag, so it must go too.
        let implied_by = match case.needs {
            Usage::SIGN_MESSAGE => Usage::SIGN_HASH,
            Usage::VERIFY_MESSAGE => Usage::VERIFY_HASH,
            _ => Usage::NONE,
        };
        let others = Usage(Usage::ALL.0 & !case.needs.0 & !implied_by.0);
        let key = make(&mut rig, case, others, case.algorithm);
        let refused = (case.run)(&mut rig, key, case.algorithm);
        assert_eq!(refused, Err(Error::NotPermitted), "{}", case.name);
        key::destroy(&mut rig, key).unwrap();
    }
}

#[test]
fn another_algorithm_than_the_policys_is_not_permitted() {
    let mut rig = Rig::default();
    for case in CASES {
        for policy in [case.other, Algorithm::NONE] {
            let key = make(&mut rig, case, Usage::ALL, policy);
            let refused = (case.run)(&mut rig, key, case.algorithm);
            // For a verifier both kinds of ECDSA are one, see the policy's own tests.
            assert_eq!(refused, Err(Error::NotPermitted), "{}", case.name);
            key::destroy(&mut rig, key).unwrap();
        }
    }
}

#[test]
fn the_policy_permits_and_still_a_key_of_another_type_does_not_fit() {
    let mut rig = Rig::default();
    for case in CASES {
        for (kind, bits) in [(KeyType::RAW_DATA, 256), (KeyType::CHACHA20, 256)] {
            let attributes = KeyAttributes::volatile(kind, bits, Usage::ALL, case.algorithm);
            let key = key::generate(&mut rig, &attributes).unwrap();
            let refused = (case.run)(&mut rig, key, case.algorithm);
            assert_eq!(refused, Err(Error::InvalidArgument), "{}", case.name);
            key::destroy(&mut rig, key).unwrap();
        }
    }
}

#[test]
fn another_clients_key_does_not_exist_for_any_use() {
    let mut rig = Rig::default();
    for case in CASES {
        let key = make(rig.as_client(-1), case, Usage::ALL, case.algorithm);
        for other in [-2, i32::MIN, 1, 100] {
            let refused = (case.run)(rig.as_client(other), key, case.algorithm);
            assert_eq!(refused, Err(Error::InvalidHandle), "{}", case.name);
            let rig = rig.as_client(other);
            let refused = Err(Error::InvalidHandle);
            assert_eq!(key::attributes(rig, key).map(drop), refused);
            assert_eq!(key::export(rig, key, &mut [0; 99]).map(drop), refused);
            assert_eq!(
                key::export_public(rig, key, &mut [0; 99]).map(drop),
                refused
            );
            let copy = KeyAttributes::volatile(case.kind, case.bits, Usage::ALL, case.algorithm);
            assert_eq!(key::copy(rig, key, &copy).map(drop), refused);
            assert_eq!(key::purge(rig, key), refused);
            assert_eq!(key::destroy(rig, key), refused);
        }
        assert_eq!(
            (case.run)(rig.as_client(-1), key, case.algorithm),
            Ok(()),
            "{}",
            case.name
        );
        key::destroy(rig.as_client(-1), key).unwrap();
    }
}

#[test]
fn no_key_id_reaches_the_keys_of_another_client() {
    // TFMV-4: the owner was not part of the key id.
    let mut rig = Rig::default();
    let attributes = KeyAttributes::volatile(KeyType::AES, 128, Usage::ALL, Algorithm::GCM);
    for client in [1, 2, -2] {
        key::generate(rig.as_client(client), &attributes).unwrap();
        key::generate(rig.as_client(client), &attributes.persistent(KeyId(5))).unwrap();
    }
    rig.as_client(-1);
    let near = |id: KeyId| id.0.saturating_sub(300)..id.0.saturating_add(300);
    let ids = (0..2000)
        .chain(near(KeyId::USER_MAX))
        .chain(near(KeyId::VENDOR_MIN))
        .chain(near(KeyId::BUILTIN_HUK))
        .chain(near(KeyId::VENDOR_MAX))
        .chain(near(KeyId(u32::MAX)))
        .chain((0..32).map(|bit| 1 << bit))
        .chain((0..32).map(|bit| 1 << bit | 5));
    for id in ids
        .map(KeyId)
        .filter(|id| ![KeyId::BUILTIN_HUK, KeyId::BUILTIN_IAK].contains(id))
    {
        assert_eq!(
            key::attributes(&mut rig, id),
            Err(Error::InvalidHandle),
            "{id:?}"
        );
        assert_eq!(
            key::export(&mut rig, id, &mut [0; 64]),
            Err(Error::InvalidHandle),
            "{id:?}"
        );
    }
}

#[test]
fn the_material_leaves_only_with_the_export_flag_and_the_public_part_always() {
    let mut rig = Rig::default();
    let kinds = [
        (KeyType::AES, 128, 16, None),
        (KeyType::HMAC, 256, 32, None),
        (KeyType::DERIVE, 80, 10, None),
        (P256_PAIR, 256, 32, Some(65)),
        (ED25519_PAIR, 255, 32, Some(32)),
    ];
    for (kind, bits, len, public_len) in kinds {
        for usage in [
            Usage::EXPORT,
            Usage(Usage::ALL.0 & !Usage::EXPORT.0),
            Usage::NONE,
        ] {
            let attributes = KeyAttributes::volatile(kind, bits, usage, Algorithm::NONE);
            let key = key::generate(&mut rig, &attributes).unwrap();
            let expected = if usage == Usage::EXPORT {
                Ok(len)
            } else {
                Err(Error::NotPermitted)
            };
            assert_eq!(key::export(&mut rig, key, &mut [0; 99]), expected);
            let public = key::export_public(&mut rig, key, &mut [0; 99]);
            assert_eq!(public, public_len.ok_or(Error::InvalidArgument));
            if let (Ok(len), Some(public_len)) = (expected, public_len) {
                let short = key::export(&mut rig, key, &mut vec![0; len - 1]);
                assert_eq!(short, Err(Error::BufferTooSmall));
                let short = key::export_public(&mut rig, key, &mut vec![0; public_len - 1]);
                assert_eq!(short, Err(Error::BufferTooSmall));
            }
            key::destroy(&mut rig, key).unwrap();
        }
    }
    let public_type = KeyType::ecc_public_key(EccFamily::SECP_R1);
    let attributes = KeyAttributes::volatile(public_type, 0, Usage::NONE, Algorithm::NONE);
    let point = common::attestation_public_key().to_sec1();
    let key = key::import(&mut rig, &attributes, &point).unwrap();
    assert_eq!(key::export(&mut rig, key, &mut [0; 65]), Ok(65));
}

#[test]
fn hash_flags_imply_message_flags_and_the_attributes_show_it() {
    let mut rig = Rig::default();
    let mut attributes = KeyAttributes::volatile(P256_PAIR, 256, Usage::NONE, ECDSA);
    attributes.usage = Usage::SIGN_HASH.union(Usage::CACHE);
    let key = key::generate(&mut rig, &attributes).unwrap();
    let shown = key::attributes(&mut rig, key).unwrap();
    assert_eq!(shown.usage, attributes.usage.union(Usage::SIGN_MESSAGE));
    assert_eq!((shown.id, shown.bits, shown.kind), (key, 256, P256_PAIR));
    assert_eq!(
        sign::message(&mut rig, key, ECDSA, b"m", &mut [0; 64]),
        Ok(64)
    );
}

#[test]
fn a_copy_needs_the_flag_and_may_do_what_both_policies_allow() {
    let mut rig = Rig::default();
    let both = Usage::ENCRYPT.union(Usage::DECRYPT);
    let source = KeyAttributes::volatile(
        KeyType::AES,
        128,
        both.union(Usage::COPY),
        Algorithm::GCM.with_length_at_least(8),
    );
    let source = key::generate(&mut rig, &source).unwrap();
    let wanted = KeyAttributes::volatile(
        KeyType::NONE,
        0,
        Usage::ENCRYPT.union(Usage::EXPORT),
        Algorithm::GCM.with_length(12),
    );
    let copy = key::copy(&mut rig, source, &wanted).unwrap();
    let shown = key::attributes(&mut rig, copy).unwrap();
    assert_eq!(
        shown.usage,
        Usage::ENCRYPT,
        "no flag that the source has not"
    );
    assert_eq!(shown.algorithm, Algorithm::GCM.with_length(12));
    assert_eq!((shown.kind, shown.bits), (KeyType::AES, 128));

    let refused = |rig: &mut Rig, change: fn(&mut KeyAttributes), key: KeyId| {
        let mut attributes = wanted;
        change(&mut attributes);
        key::copy(rig, key, &attributes)
    };
    let argument = Err(Error::InvalidArgument);
    assert_eq!(
        refused(&mut rig, |a| a.algorithm = Algorithm::CCM, source),
        argument
    );
    assert_eq!(
        refused(
            &mut rig,
            |a| a.algorithm = Algorithm::GCM.with_length(4),
            source
        ),
        argument
    );
    assert_eq!(refused(&mut rig, |a| a.bits = 256, source), argument);
    assert_eq!(
        refused(&mut rig, |a| a.kind = KeyType::HMAC, source),
        argument
    );
    assert_eq!(refused(&mut rig, |_| (), copy), Err(Error::NotPermitted));
}

#[test]
fn each_client_derives_its_own_key_from_the_hardware_key() {
    let mut rig = Rig::default();
    let mut derived = |client| {
        let rig = rig.as_client(client);
        let mut derivation = Derivation::new(rig, HKDF).unwrap();
        derivation
            .input_key(rig, DerivationStep::SECRET, KeyId::BUILTIN_HUK)
            .unwrap();
        derivation
            .input_bytes(rig, DerivationStep::INFO, b"same")
            .unwrap();
        let mut bytes = [0; 32];
        derivation.output_bytes(rig, &mut bytes).unwrap();
        derivation.abort(rig);
        bytes
    };
    let (one, two, again) = (derived(-1), derived(7), derived(-1));
    assert_ne!(one, two);
    assert_eq!(one, again);
}

#[test]
fn built_in_keys_can_do_what_their_table_says_and_nothing_else() {
    let mut rig = Rig::default();
    for client in [-1, 1] {
        let rig = rig.as_client(client);
        for key in [KeyId::BUILTIN_HUK, KeyId::BUILTIN_IAK] {
            assert_eq!(
                key::export(rig, key, &mut [0; 99]),
                Err(Error::NotPermitted)
            );
            assert_eq!(key::destroy(rig, key), Err(Error::NotPermitted));
            let copy = KeyAttributes::volatile(KeyType::NONE, 0, Usage::ALL, Algorithm::NONE);
            assert_eq!(key::copy(rig, key, &copy), Err(Error::NotPermitted));
            for case in CASES.iter().filter(|case| case.needs != Usage::DERIVE) {
                let refused = (case.run)(rig, key, case.algorithm);
                assert_eq!(refused, Err(Error::NotPermitted), "{}", case.name);
            }
        }
        let other = Derivation::new(rig, Algorithm::hkdf(Algorithm::SHA_512)).unwrap();
        let mut other = other;
        let refused = other.input_key(rig, DerivationStep::SECRET, KeyId::BUILTIN_HUK);
        assert_eq!(refused, Err(Error::NotPermitted));
        other.abort(rig);
        let mut public = [0; 65];
        assert_eq!(
            key::export_public(rig, KeyId::BUILTIN_IAK, &mut public),
            Ok(65)
        );
        assert_eq!(public, common::attestation_public_key().to_sec1());
        let refused = key::export_public(rig, KeyId::BUILTIN_HUK, &mut public);
        assert_eq!(refused, Err(Error::InvalidArgument));
    }
}
