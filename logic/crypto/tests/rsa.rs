//! RSA-PSS against OpenSSL, the signatures that break one rule each, and private keys.

mod common;

use std::collections::HashMap;

use common::{bit_flips, vectors};
use ironroot_crypto::CryptoError;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_crypto::rsa::{MAX_PUBLIC_DER_LEN, RsaPublicKey};

fn public_keys() -> HashMap<String, RsaPublicKey> {
    vectors("rsa_keys.txt")
        .iter()
        .map(|record| {
            let key = RsaPublicKey::from_pkcs1_der(&record.bytes("public_der")).unwrap();
            (record.text("name").to_owned(), key)
        })
        .collect()
}

#[test]
fn pss_signatures_are_taken_or_refused_as_openssl_does() {
    let keys = public_keys();
    let mut taken = 0;
    for record in vectors("rsa_pss.txt") {
        let digest = digest(record.hash(), &record.bytes("message"));
        let verified = keys[record.text("key")].verify_pss(
            record.hash(),
            digest.as_slice(),
            &record.bytes("signature"),
        );
        let expected = if record.is_valid() {
            Ok(())
        } else {
            Err(CryptoError::Verification)
        };
        assert_eq!(verified, expected, "{}", record.text("why"));
        taken += usize::from(record.is_valid());
    }
    assert_eq!(taken, 21);
}

#[test]
fn any_flipped_bit_of_signature_or_digest_is_refused() {
    let keys = public_keys();
    for record in vectors("rsa_pss.txt")
        .iter()
        .filter(|record| record.is_valid())
        .take(1)
    {
        let key = &keys[record.text("key")];
        let digest = digest(record.hash(), &record.bytes("message"));
        let signature = record.bytes("signature");
        for wrong in bit_flips(&signature).step_by(3) {
            let verified = key.verify_pss(record.hash(), digest.as_slice(), &wrong);
            assert_eq!(verified, Err(CryptoError::Verification));
        }
        for wrong in bit_flips(digest.as_slice()) {
            let verified = key.verify_pss(record.hash(), &wrong, &signature);
            assert_eq!(verified, Err(CryptoError::Verification));
        }
    }
}

#[test]
fn a_digest_of_another_length_is_the_callers_mistake() {
    let key = &public_keys()["rsa2048"];
    for len in [0, 20, 31, 33, 48, 64] {
        let verified = key.verify_pss(HashAlgorithm::Sha256, &vec![0; len], &[0; 256]);
        assert_eq!(verified, Err(CryptoError::DataLength));
    }
}

#[test]
fn public_keys_come_back_as_the_same_der() {
    for record in vectors("rsa_keys.txt") {
        let der = record.bytes("public_der");
        let key = RsaPublicKey::from_pkcs1_der(&der).unwrap();
        let mut out = [0; MAX_PUBLIC_DER_LEN];
        let len = key.to_pkcs1_der(&mut out);
        assert_eq!(out[..len], der);
        assert_eq!(key.modulus().len(), key.modulus_len());
        let again = RsaPublicKey::from_numbers(key.modulus(), &key.exponent().to_be_bytes());
        assert_eq!(again, Ok(key));
    }
}

#[test]
fn the_longest_public_key_fits_its_buffer() {
    let mut modulus = [0xff; 384];
    modulus[383] = 1;
    let key = RsaPublicKey::from_numbers(&modulus, &[0xff; 4]).unwrap();
    let mut out = [0; MAX_PUBLIC_DER_LEN];
    assert_eq!(key.to_pkcs1_der(&mut out), MAX_PUBLIC_DER_LEN);
    assert_eq!(RsaPublicKey::from_pkcs1_der(&out), Ok(key));
}

#[test]
fn der_of_public_keys_that_is_not_der_is_refused() {
    let good = vectors("rsa_keys.txt")[0].bytes("public_der");
    for cut in 0..good.len() {
        assert!(RsaPublicKey::from_pkcs1_der(&good[..cut]).is_err());
    }
    assert!(RsaPublicKey::from_pkcs1_der(&[&good[..], &[0]].concat()).is_err());
    // The headers are `30 82 01 0a, 02 82 01 01 00 …, 02 03 01 00 01`.
    assert_eq!(good[..9], [0x30, 0x82, 1, 0x0a, 2, 0x82, 1, 1, 0]);
    let header = 9;
    for position in 0..header {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[position] ^= 1 << bit;
            assert!(
                RsaPublicKey::from_pkcs1_der(&bad).is_err(),
                "byte {position} bit {bit}"
            );
        }
    }
    // The same contents with a length in three bytes, and in the indefinite form.
    for start in [&[0x30, 0x83, 0, 1, 0x0a][..], &[0x30, 0x80]] {
        assert!(RsaPublicKey::from_pkcs1_der(&[start, &good[4..]].concat()).is_err());
    }
}

#[test]
fn public_keys_with_other_numbers_are_refused() {
    let good = &public_keys()["rsa2048"];
    let invalid = |modulus: &[u8], exponent: &[u8]| {
        let key = RsaPublicKey::from_numbers(modulus, exponent);
        assert_eq!(key, Err(CryptoError::InvalidKey));
    };
    let n = good.modulus();
    for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        invalid(n, exponent);
    }
    let mut even = n.to_vec();
    even[255] ^= 1;
    invalid(&even, &[3]);
    let mut short = n.to_vec();
    short[0] = 0x7f;
    invalid(&short, &[3]);
    for len in [0, 1, 128, 255, 257, 320, 383, 385, 512] {
        invalid(&vec![0xff; len], &[3]);
    }
    assert!(RsaPublicKey::from_numbers(&[&[0, 0], n].concat(), &[0, 0, 0, 0, 0, 3]).is_ok());
}

#[cfg(feature = "rsa-private")]
mod private {
    use super::*;
    use ironroot_crypto::Secret;
    use ironroot_crypto::drbg::Drbg;
    use ironroot_crypto::rsa::{MAX_PRIVATE_DER_LEN, RsaPrivateKey, RsaSize};

    fn drbg() -> Drbg {
        Drbg::new(&Secret::new([5; 32]), b"test")
    }

    fn der_of(key: &RsaPrivateKey) -> Vec<u8> {
        let mut out = Secret::<MAX_PRIVATE_DER_LEN>::zeroed();
        let len = key.to_pkcs1_der(&mut out);
        out.expose(|out| out[..len].to_vec())
    }

    #[test]
    fn imported_keys_sign_what_their_public_keys_verify() {
        let mut drbg = drbg();
        for record in vectors("rsa_keys.txt") {
            let key = RsaPrivateKey::from_pkcs1_der(&record.bytes("private_der")).unwrap();
            let public = RsaPublicKey::from_pkcs1_der(&record.bytes("public_der")).unwrap();
            assert_eq!(key.public(), Ok(public.clone()));
            assert_eq!(der_of(&key), record.bytes("private_der"));
            for hash in [
                HashAlgorithm::Sha256,
                HashAlgorithm::Sha384,
                HashAlgorithm::Sha512,
            ] {
                let digest = digest(hash, b"message");
                let mut signature = vec![0; public.modulus_len()];
                key.sign_pss(hash, digest.as_slice(), &mut drbg, &mut signature)
                    .unwrap();
                assert_eq!(
                    public.verify_pss(hash, digest.as_slice(), &signature),
                    Ok(())
                );
                let mut second = vec![0; public.modulus_len()];
                key.sign_pss(hash, digest.as_slice(), &mut drbg, &mut second)
                    .unwrap();
                assert_ne!(signature, second);
            }
        }
    }

    #[test]
    fn buffers_and_digests_of_other_lengths_are_refused() {
        let record = &vectors("rsa_keys.txt")[0];
        let key = RsaPrivateKey::from_pkcs1_der(&record.bytes("private_der")).unwrap();
        for (digest_len, signature_len) in [(31, 256), (33, 256), (32, 255), (32, 257), (32, 384)] {
            let signed = key.sign_pss(
                HashAlgorithm::Sha256,
                &vec![0; digest_len],
                &mut drbg(),
                &mut vec![0; signature_len],
            );
            assert_eq!(signed, Err(CryptoError::DataLength));
        }
    }

    #[test]
    fn generated_keys_are_those_of_the_model() {
        for record in vectors("rsa_generate.txt") {
            let size = match record.text("bits") {
                "2048" => RsaSize::Rsa2048,
                _ => RsaSize::Rsa3072,
            };
            let seed = Secret::new(record.array("seed"));
            let mut drbg = Drbg::new(&seed, &record.bytes("personalisation"));
            let key = RsaPrivateKey::generate(size, &mut drbg);
            let model = RsaPrivateKey::from_numbers(
                &record.bytes("n"),
                &[1, 0, 1],
                &record.bytes("d"),
                &record.bytes("p"),
                &record.bytes("q"),
            )
            .unwrap();
            assert_eq!(der_of(&key), der_of(&model));
        }
    }

    #[test]
    fn primes_may_be_given_in_either_order() {
        let record = &vectors("rsa_generate.txt")[0];
        let [n, d, p, q] = ["n", "d", "p", "q"].map(|name| record.bytes(name));
        let one = RsaPrivateKey::from_numbers(&n, &[1, 0, 1], &d, &p, &q).unwrap();
        let other = RsaPrivateKey::from_numbers(&n, &[1, 0, 1], &d, &q, &p).unwrap();
        assert_eq!(der_of(&one), der_of(&other));
    }

    #[test]
    fn numbers_that_do_not_belong_together_are_refused() {
        let records = vectors("rsa_generate.txt");
        let [n, d, p, q] = ["n", "d", "p", "q"].map(|name| records[0].bytes(name));
        let [big_p, big_n] = ["p", "n"].map(|name| records[1].bytes(name));
        let e = [1, 0, 1];
        let refused = |n: &[u8], e: &[u8], d: &[u8], p: &[u8], q: &[u8]| {
            let key = RsaPrivateKey::from_numbers(n, e, d, p, q);
            assert_eq!(key.err(), Some(CryptoError::InvalidKey));
        };
        let changed = |number: &[u8], position: usize| {
            let mut number = number.to_vec();
            number[position] ^= 2;
            number
        };
        for position in [1, 40, 127] {
            refused(&changed(&n, position), &e, &d, &p, &q);
            refused(&n, &e, &changed(&d, position), &p, &q);
            refused(&n, &e, &d, &changed(&p, position), &q);
            refused(&n, &e, &d, &p, &changed(&q, position));
        }
        refused(&n, &[1, 0, 3], &d, &p, &q);
        refused(&n, &[3], &d, &p, &q);
        refused(&n, &e, &d, &p, &p);
        refused(&n, &e, &d, &big_p, &q);
        refused(&big_n, &e, &d, &p, &q);
        for zero in [&[][..], &[0], &[1], &[2]] {
            refused(&n, &e, zero, &p, &q);
            refused(&n, &e, &d, zero, &q);
            refused(&n, &e, &d, &p, zero);
        }
        // p = n, q = 1.
        refused(&n, &e, &d, &n, &[1]);
    }

    #[test]
    fn private_der_that_is_not_der_is_refused() {
        let good = vectors("rsa_keys.txt")[0].bytes("private_der");
        assert!(RsaPrivateKey::from_pkcs1_der(&good).is_ok());
        for cut in (0..good.len()).step_by(7) {
            assert!(RsaPrivateKey::from_pkcs1_der(&good[..cut]).is_err());
        }
        assert!(RsaPrivateKey::from_pkcs1_der(&[&good[..], &[0]].concat()).is_err());
        // `30 82 …, 02 01 00`: a version other than 0 has more than two primes.
        assert_eq!(good[4..7], [2, 1, 0]);
        let mut multi_prime = good.clone();
        multi_prime[6] = 1;
        let key = RsaPrivateKey::from_pkcs1_der(&multi_prime);
        assert_eq!(key.err(), Some(CryptoError::Encoding));
    }
}
