//! P-256 against RFC 6979, Wycheproof and OpenSSL, and everything that must be refused.

mod common;

use common::{bit_flips, unhex, vectors};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey, der};
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_crypto::{CryptoError, Secret};

/// The order of the group (SP 800-186, section 3.2.1.3).
const N: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The field's prime.
const P: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
const GENERATOR: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                         4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

fn private(bytes: &[u8]) -> Result<P256PrivateKey, CryptoError> {
    P256PrivateKey::from_bytes(&Secret::from_slice(bytes).unwrap())
}

fn sample_key() -> P256PrivateKey {
    private(&[0x11; 32]).unwrap()
}

/// A big-endian number plus a small one.
fn plus(number: &str, more: i32) -> Vec<u8> {
    let mut bytes = unhex(number);
    let mut carry = more;
    for byte in bytes.iter_mut().rev() {
        carry += i32::from(*byte);
        *byte = carry.rem_euclid(256) as u8;
        carry = carry.div_euclid(256);
    }
    bytes
}

#[test]
fn signatures_are_those_of_rfc_6979_and_of_openssl() {
    for file in ["ecdsa_p256_rfc6979.txt", "ecdsa_p256_deterministic.txt"] {
        for record in vectors(file) {
            let key = private(&record.bytes("private")).unwrap();
            let public = P256PublicKey::from_sec1(&record.bytes("public")).unwrap();
            let digest = digest(record.hash(), &record.bytes("message"));
            let expected = record.array("signature");
            assert_eq!(key.public(), public);
            assert_eq!(public.to_sec1().to_vec(), record.bytes("public"));
            assert_eq!(key.sign_prehash(digest.as_slice()), expected);
            assert_eq!(public.verify_prehash(digest.as_slice(), &expected), Ok(()));
            if record.get("der").is_some() {
                assert_eq!(der::parse(&record.bytes("der")), Ok(expected));
                let mut out = [0; der::MAX_LEN];
                let len = der::encode(&expected, &mut out);
                assert_eq!(out[..len], record.bytes("der"));
            }
        }
    }
}

#[test]
fn wycheproof_signatures_are_taken_or_refused_as_they_say() {
    let mut taken = 0;
    for record in vectors("ecdsa_p256_wycheproof.txt") {
        let public = P256PublicKey::from_sec1(&record.bytes("public")).unwrap();
        let digest = digest(HashAlgorithm::Sha256, &record.bytes("message"));
        let verified = der::parse(&record.bytes("signature"))
            .and_then(|signature| public.verify_prehash(digest.as_slice(), &signature));
        assert_eq!(verified.is_ok(), record.is_valid(), "{record:?}");
        taken += usize::from(verified.is_ok());
    }
    assert!(taken > 100);
}

#[test]
fn r_and_s_out_of_range_are_refused() {
    let key = sample_key();
    let digest = [0x22; 32];
    let good = key.sign_prehash(&digest);
    let (r, s) = (&good[..32], &good[32..]);
    let zero = [0; 32];
    for bad in [
        &zero[..],
        &plus(N, 0),
        &plus(N, 1),
        &[0xff; 32],
        &plus(P, 0),
    ] {
        for (r, s) in [(bad, s), (r, bad), (bad, bad)] {
            let signature = [r, s].concat().try_into().unwrap();
            let verified = key.public().verify_prehash(&digest, &signature);
            assert_eq!(verified, Err(CryptoError::Verification));
        }
    }
}

#[test]
fn any_flipped_bit_of_signature_or_digest_is_refused() {
    let key = sample_key();
    let public = key.public();
    let digest = [0x22; 32];
    let good = key.sign_prehash(&digest);
    assert_eq!(public.verify_prehash(&digest, &good), Ok(()));
    for wrong in bit_flips(&good).step_by(7) {
        let verified = public.verify_prehash(&digest, &wrong.try_into().unwrap());
        assert_eq!(verified, Err(CryptoError::Verification));
    }
    for wrong in bit_flips(&digest).step_by(11) {
        assert_eq!(
            public.verify_prehash(&wrong, &good),
            Err(CryptoError::Verification)
        );
    }
    let other = private(&[0x33; 32]).unwrap().public();
    assert_eq!(
        other.verify_prehash(&digest, &good),
        Err(CryptoError::Verification)
    );
}

#[test]
fn only_the_first_32_bytes_of_a_longer_digest_count() {
    let key = sample_key();
    let long = [0x44; 64];
    let signature = key.sign_prehash(&long);
    assert_eq!(key.public().verify_prehash(&long, &signature), Ok(()));
    assert_eq!(key.public().verify_prehash(&long[..32], &signature), Ok(()));
    let short = key.public().verify_prehash(&long[..31], &signature);
    assert_eq!(short, Err(CryptoError::Verification));
}

#[test]
fn a_shorter_digest_counts_as_the_number_it_is() {
    let key = sample_key();
    let signature = key.sign_prehash(&[0x55; 20]);
    let padded = [&[0; 12][..], &[0x55; 20]].concat();
    assert_eq!(key.public().verify_prehash(&[0x55; 20], &signature), Ok(()));
    assert_eq!(key.public().verify_prehash(&padded, &signature), Ok(()));
}

#[test]
fn private_keys_out_of_range_are_refused() {
    for bad in [vec![0; 32], plus(N, 0), plus(N, 1), vec![0xff; 32]] {
        assert_eq!(private(&bad).err(), Some(CryptoError::InvalidKey));
    }
    for good in [plus(N, -1), vec![1; 32]] {
        let key = private(&good).unwrap();
        assert!(key.to_bytes().matches(&good.try_into().unwrap()));
    }
    let one = private(&[&[0; 31][..], &[1]].concat()).unwrap();
    assert_eq!(one.public().to_sec1().to_vec(), unhex(GENERATOR));
}

#[test]
fn public_keys_in_other_forms_and_off_the_curve_are_refused() {
    let good = unhex(GENERATOR);
    assert!(P256PublicKey::from_sec1(&good).is_ok());
    let encoding = |bytes: &[u8]| {
        assert_eq!(
            P256PublicKey::from_sec1(bytes).err(),
            Some(CryptoError::Encoding)
        );
    };
    encoding(&[]);
    encoding(&[0]); // the point at infinity
    encoding(&[0; 65]);
    encoding(&good[..64]);
    encoding(&good[1..]);
    encoding(&[&good[..], &[0]].concat());
    encoding(&[&[3], &good[1..33]].concat()); // compressed
    for tag in (0..=255).filter(|tag| *tag != 4) {
        encoding(&[&[tag], &good[1..]].concat());
    }

    let invalid = |bytes: &[u8]| {
        assert_eq!(
            P256PublicKey::from_sec1(bytes).err(),
            Some(CryptoError::InvalidKey)
        );
    };
    invalid(&[&[4][..], &[0; 64]].concat());
    for wrong in bit_flips(&good[1..]).step_by(5) {
        invalid(&[&[4], &wrong[..]].concat());
    }
    // y and x exchanged; a coordinate that equals the prime, or is over it.
    invalid(&[&[4], &good[33..], &good[1..33]].concat());
    invalid(&[&[4], &plus(P, 0)[..], &good[33..]].concat());
    invalid(&[&[4], &good[1..33], &plus(P, 0)].concat());
}

#[test]
fn diffie_hellman_agrees_with_openssl_from_both_sides() {
    for record in vectors("ecdh_p256.txt") {
        let key = private(&record.bytes("private")).unwrap();
        let peer = P256PublicKey::from_sec1(&record.bytes("public")).unwrap();
        assert!(key.diffie_hellman(&peer).matches(&record.array("shared")));
    }
    let (a, b) = (sample_key(), private(&[0x77; 32]).unwrap());
    let shared = a.diffie_hellman(&b.public());
    b.diffie_hellman(&a.public())
        .expose(|other| assert!(shared.matches(other)));
}

#[test]
fn generated_keys_differ_and_sign() {
    let mut drbg = Drbg::new(&Secret::new([9; 32]), b"test");
    let (first, second) = (
        P256PrivateKey::generate(&mut drbg),
        P256PrivateKey::generate(&mut drbg),
    );
    assert_ne!(first.public(), second.public());
    let signature = first.sign_prehash(&[1; 32]);
    assert_eq!(first.public().verify_prehash(&[1; 32], &signature), Ok(()));
    assert!(
        second
            .public()
            .verify_prehash(&[1; 32], &signature)
            .is_err()
    );
}

#[test]
fn hedged_signatures_verify_and_never_repeat() {
    let key = sample_key();
    let mut drbg = Drbg::new(&Secret::new([9; 32]), b"test");
    let first = key.sign_prehash_hedged(&[1; 32], &mut drbg);
    let second = key.sign_prehash_hedged(&[1; 32], &mut drbg);
    assert_ne!(first, second);
    assert_ne!(first[..32], key.sign_prehash(&[1; 32])[..32]);
    for signature in [first, second] {
        assert_eq!(key.public().verify_prehash(&[1; 32], &signature), Ok(()));
    }
}

#[test]
fn der_has_one_encoding_for_each_signature() {
    let signature: [u8; 64] = [&[0x80; 32][..], &[0x7f; 32]].concat().try_into().unwrap();
    let mut out = [0; der::MAX_LEN];
    let len = der::encode(&signature, &mut out);
    let good = out[..len].to_vec();
    assert_eq!(good[..4], [0x30, 69, 2, 33]);
    assert_eq!(der::parse(&good), Ok(signature));

    // Nothing shorter, longer or with one bit changed reads as the same signature.
    for cut in 0..good.len() {
        assert!(der::parse(&good[..cut]).is_err());
    }
    assert!(der::parse(&[&good[..], &[0]].concat()).is_err());
    for changed in bit_flips(&good) {
        assert_ne!(der::parse(&changed), Ok(signature));
    }
}

#[test]
fn der_that_is_not_der_is_refused() {
    let good = [0x30, 6, 2, 1, 1, 2, 1, 2];
    assert_eq!(der::parse(&good).unwrap()[31], 1);
    let bad: [&[u8]; 19] = [
        &[0x31, 6, 2, 1, 1, 2, 1, 2],          // a set
        &[0x10, 6, 2, 1, 1, 2, 1, 2],          // a primitive sequence
        &[0x30, 6, 3, 1, 1, 2, 1, 2],          // a bit string
        &[0x30, 6, 2, 1, 1, 0x82, 1, 2],       // another class
        &[0x30, 0x81, 6, 2, 1, 1, 2, 1, 2],    // long form for a short length
        &[0x30, 0x82, 0, 6, 2, 1, 1, 2, 1, 2], // the same in two bytes
        &[0x30, 0x80, 2, 1, 1, 2, 1, 2, 0, 0], // indefinite length
        &[0x30, 0xff, 2, 1, 1, 2, 1, 2],       // reserved length
        &[0x30, 0x83, 0, 0, 6, 2, 1, 1, 2, 1, 2],
        &[0x30, 7, 2, 2, 0, 1, 2, 1, 2],       // needless zero
        &[0x30, 6, 2, 1, 0x80, 2, 1, 2],       // negative r
        &[0x30, 6, 2, 1, 1, 2, 1, 0xff],       // negative s
        &[0x30, 5, 2, 0, 2, 1, 2],             // empty r
        &[0x30, 3, 2, 1, 1],                   // no s
        &[0x30, 9, 2, 1, 1, 2, 1, 2, 2, 1, 3], // a third number
        &[0x30, 5, 2, 1, 1, 2, 1],             // s cut off
        &[0x30, 6, 2, 5, 1, 2, 1, 2],          // r longer than the sequence
        &[0x30, 6, 2, 1, 1, 2, 1, 2, 0],       // trailing byte
        &[],
    ];
    for bytes in bad {
        assert_eq!(
            der::parse(bytes),
            Err(CryptoError::Encoding),
            "{bytes:02x?}"
        );
    }
    // 257 bits.
    let long = [&[0x30, 38, 2, 33, 1][..], &[0; 32], &[2, 1, 1]].concat();
    assert_eq!(der::parse(&long), Err(CryptoError::Encoding));
    let padded = [&[0x30, 39, 2, 34, 0, 0x80][..], &[0; 32], &[2, 1, 1]].concat();
    assert_eq!(der::parse(&padded), Err(CryptoError::Encoding));
}

#[test]
fn small_numbers_and_zero_survive_der() {
    for value in [0u8, 1, 0x7f, 0x80, 0xff] {
        let mut signature = [0; 64];
        signature[31] = value;
        signature[63] = value;
        let mut out = [0xaa; der::MAX_LEN];
        let len = der::encode(&signature, &mut out);
        assert_eq!(der::parse(&out[..len]), Ok(signature));
        assert!(out[len..].iter().all(|byte| *byte == 0xaa));
    }
    let longest = [0xff; 64];
    let mut out = [0; der::MAX_LEN];
    assert_eq!(der::encode(&longest, &mut out), der::MAX_LEN);
    assert_eq!(der::parse(&out), Ok(longest));
}
