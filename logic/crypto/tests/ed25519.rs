//! Ed25519 against RFC 8032, and the signatures and keys that a lax verifier takes.

mod common;

use common::{bit_flips, vectors};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ed25519::{Ed25519PrivateKey, Ed25519PublicKey};
use ironroot_crypto::{CryptoError, Secret};

#[test]
fn keys_and_signatures_are_those_of_rfc_8032() {
    for record in vectors("ed25519_rfc8032.txt") {
        let key = Ed25519PrivateKey::from_seed(&Secret::new(record.array("seed")));
        let (message, signature) = (record.bytes("message"), record.array("signature"));
        assert_eq!(key.public().to_bytes(), record.array("public"));
        assert!(key.to_seed().matches(&record.array("seed")));
        assert_eq!(key.sign(&message), signature);
        let public = Ed25519PublicKey::from_bytes(&record.array("public")).unwrap();
        assert_eq!(public, key.public());
        assert_eq!(public.verify_strict(&message, &signature), Ok(()));
    }
}

#[test]
fn any_flipped_bit_of_signature_message_or_key_is_refused() {
    let key = Ed25519PrivateKey::from_seed(&Secret::new([3; 32]));
    let signature = key.sign(b"message");
    for wrong in bit_flips(&signature) {
        let verified = key
            .public()
            .verify_strict(b"message", &wrong.try_into().unwrap());
        assert_eq!(verified, Err(CryptoError::Verification));
    }
    for wrong in bit_flips(b"message") {
        assert!(key.public().verify_strict(&wrong, &signature).is_err());
    }
    for wrong in [&b""[..], b"messag", b"message\0"] {
        assert!(key.public().verify_strict(wrong, &signature).is_err());
    }
    for wrong in bit_flips(&key.public().to_bytes()) {
        let verified = Ed25519PublicKey::from_bytes(&wrong.try_into().unwrap())
            .and_then(|public| public.verify_strict(b"message", &signature));
        assert!(verified.is_err());
    }
}

#[test]
fn public_keys_of_low_order_are_refused() {
    for record in vectors("ed25519_low_order.txt") {
        let key = Ed25519PublicKey::from_bytes(&record.array("point"));
        assert_eq!(key.err(), Some(CryptoError::InvalidKey), "{record:?}");
    }
}

#[test]
fn signatures_that_a_lax_verifier_takes_are_refused() {
    for record in vectors("ed25519_reject.txt") {
        let public = Ed25519PublicKey::from_bytes(&record.array("public")).unwrap();
        let verified = public.verify_strict(&record.bytes("message"), &record.array("signature"));
        assert_eq!(verified, Err(CryptoError::Verification), "{record:?}");
    }
}

#[test]
fn strings_that_are_no_point_or_not_its_one_encoding_are_refused() {
    // y = 2 has no x (RFC 8032, section 5.1.3).
    let mut two = [0; 32];
    two[0] = 2;
    assert_eq!(
        Ed25519PublicKey::from_bytes(&two).err(),
        Some(CryptoError::InvalidKey)
    );
    // y from the prime 2^255 − 19 on up to 2^255 − 1, with both signs.
    for sign in [0x7f, 0xff] {
        for first in 0xed..=0xff {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (first, sign);
            assert_eq!(
                Ed25519PublicKey::from_bytes(&bytes).err(),
                Some(CryptoError::InvalidKey)
            );
        }
    }
    // Just below the prime, y = p − 4 stands for the same points as y = 4, and is one encoding.
    let mut four = [0; 32];
    four[0] = 4;
    let mut minus_four = [0xff; 32];
    (minus_four[0], minus_four[31]) = (0xe9, 0x7f);
    assert!(Ed25519PublicKey::from_bytes(&four).is_ok());
    assert!(Ed25519PublicKey::from_bytes(&minus_four).is_ok());
}

#[test]
fn generated_keys_differ_and_sign() {
    let mut drbg = Drbg::new(&Secret::new([9; 32]), b"test");
    let first = Ed25519PrivateKey::generate(&mut drbg);
    let second = Ed25519PrivateKey::generate(&mut drbg);
    assert_ne!(first.public(), second.public());
    let signature = first.sign(b"m");
    assert_eq!(first.public().verify_strict(b"m", &signature), Ok(()));
    assert!(second.public().verify_strict(b"m", &signature).is_err());
}
