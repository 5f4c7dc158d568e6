//! Hashes, MACs and key derivation against the standards' vectors.

mod common;

use common::{bit_flips, vectors};
use ironroot_crypto::hash::{HashAlgorithm, Hasher, digest};
use ironroot_crypto::kdf::{hkdf, hkdf_expand, hkdf_extract, kbkdf};
use ironroot_crypto::key_tree::{self, KeyTree};
use ironroot_crypto::mac::{Hmac, hmac};
use ironroot_crypto::{CryptoError, Secret};

const ALL: [HashAlgorithm; 3] = [
    HashAlgorithm::Sha256,
    HashAlgorithm::Sha384,
    HashAlgorithm::Sha512,
];

#[test]
fn sha2_gives_the_digests_of_fips_180() {
    for record in vectors("sha2.txt") {
        let message = match record.get("repeat_a") {
            Some(count) => vec![b'a'; count.parse().unwrap()],
            None => record.bytes("message"),
        };
        let actual = digest(record.hash(), &message);
        assert_eq!(actual.as_slice(), record.bytes("digest"), "{record:?}");
        assert_eq!(actual.as_slice().len(), record.hash().digest_len());
    }
}

#[test]
fn a_message_hashes_the_same_however_it_is_cut() {
    let message: Vec<u8> = (0..=255).cycle().take(400).collect();
    for algorithm in ALL {
        let whole = digest(algorithm, &message);
        for cut in 0..message.len() {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(&message[..cut]);
            let mut copy = hasher.clone();
            hasher.update(&message[cut..]);
            assert_eq!(hasher.finish(), whole);
            copy.update(b"something else");
            assert_ne!(copy.finish(), whole);
        }
    }
}

#[test]
fn a_digest_knows_its_length() {
    let sha256 = digest(HashAlgorithm::Sha256, b"abc");
    assert!(sha256.to_array::<32>().is_some());
    assert!(sha256.to_array::<31>().is_none());
    assert!(sha256.to_array::<64>().is_none());
    assert_eq!(
        Hasher::new(HashAlgorithm::Sha384).algorithm(),
        HashAlgorithm::Sha384
    );
}

#[test]
fn hmac_gives_the_values_of_rfc_4231_and_verifies_them() {
    for record in vectors("hmac_rfc4231.txt") {
        let (key, message, expected) = (
            record.bytes("key"),
            record.bytes("message"),
            record.bytes("mac"),
        );
        let full = hmac(record.hash(), &key, &message);
        assert_eq!(full.as_slice(), expected);

        let started = || {
            let mut mac = Hmac::new(record.hash(), &key);
            mac.update(&message);
            mac
        };
        assert_eq!(started().verify(&expected), Ok(()));
        for wrong in bit_flips(&expected) {
            assert_eq!(started().verify(&wrong), Err(CryptoError::Verification));
        }
        for wrong in [&expected[1..], &expected[..expected.len() - 1], &[]] {
            assert_eq!(started().verify(wrong), Err(CryptoError::Verification));
        }
        let long = [&expected[..], &[0]].concat();
        assert_eq!(started().verify(&long), Err(CryptoError::Verification));
    }
}

#[test]
fn hkdf_gives_the_values_of_rfc_5869() {
    for record in vectors("hkdf_rfc5869.txt") {
        let expected = record.bytes("okm");
        let prk = hkdf_extract(record.hash(), &record.bytes("salt"), &record.bytes("ikm"));
        prk.expose(|prk| assert_eq!(prk, record.bytes("prk")));
        let mut okm = vec![0; expected.len()];
        prk.expose(|prk| hkdf_expand(record.hash(), prk, &record.bytes("info"), &mut okm))
            .unwrap();
        assert_eq!(okm, expected);
    }
}

#[test]
fn hkdf_gives_the_values_of_wycheproof() {
    for record in vectors("hkdf_wycheproof.txt") {
        let expected = record.bytes("okm");
        let mut okm = vec![0; expected.len()];
        let (salt, ikm, info) = (
            record.bytes("salt"),
            record.bytes("ikm"),
            record.bytes("info"),
        );
        hkdf(record.hash(), &salt, &ikm, &info, &mut okm).unwrap();
        assert_eq!(okm, expected);
    }
}

#[test]
fn hkdf_refuses_more_than_255_digests() {
    for algorithm in ALL {
        let limit = 255 * algorithm.digest_len();
        let mut out = vec![0; limit + 1];
        assert_eq!(
            hkdf(algorithm, b"", b"key", b"", &mut out),
            Err(CryptoError::DataLength)
        );
        assert!(out.iter().all(|byte| *byte == 0));
        assert_eq!(hkdf(algorithm, b"", b"key", b"", &mut out[..limit]), Ok(()));
        assert!(out[limit - 32..limit].iter().any(|byte| *byte != 0));
    }
}

#[test]
fn the_counter_mode_kdf_agrees_with_openssl() {
    for record in vectors("kbkdf_openssl.txt") {
        let expected = record.bytes("output");
        let mut out = vec![0; expected.len()];
        let (key, label, context) = (
            record.bytes("key"),
            record.bytes("label"),
            record.bytes("context"),
        );
        kbkdf(record.hash(), &key, &label, &context, &mut out).unwrap();
        assert_eq!(out, expected);
    }
}

#[test]
fn the_key_tree_agrees_with_its_model() {
    for record in vectors("key_tree.txt") {
        let huk = Secret::new(record.array("huk"));
        let (purpose, context) = (record.bytes("purpose"), record.bytes("context"));
        let tree = KeyTree::new(&huk);
        assert!(
            tree.derive(&purpose, &context)
                .matches(&record.array("key"))
        );
        assert!(key_tree::derive(&huk, &purpose, &context).matches(&record.array("key")));
        let mut long = [0; 100];
        tree.derive_into(&purpose, &context, &mut long).unwrap();
        assert_eq!(long, record.array("long_key"));
        assert_eq!(
            tree.derive_into(&purpose, &context, &mut [0; 8161]),
            Err(CryptoError::DataLength)
        );
    }
}

#[test]
fn keys_of_the_tree_depend_on_huk_purpose_context_and_the_border_between_them() {
    let tree = KeyTree::new(&Secret::new([1; 32]));
    let other_huk = KeyTree::new(&Secret::new([2; 32]));
    let key = tree.derive(b"vault", b"7");
    let others = [
        tree.derive(b"vault", b"8"),
        tree.derive(b"vaul", b"t7"),
        tree.derive(b"vault7", b""),
        tree.derive(b"", b"vault7"),
        tree.derive(b"client", b"7"),
        other_huk.derive(b"vault", b"7"),
    ];
    for other in others {
        other.expose(|other| assert!(!key.matches(other)));
    }
}
