//! The standards' vectors, through the service.

mod common;

use common::Rig;
use common::vectors::read;
use ironroot_client::crypto::aead::{self, AeadParameters};
use ironroot_client::crypto::derive::Derivation;
use ironroot_client::crypto::hash::{self, HashOperation};
use ironroot_client::crypto::mac::{self, MacOperation};
use ironroot_client::crypto::{key, sign};
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{Algorithm, DerivationStep, EccFamily, KeyAttributes, KeyType, Usage};

const P256_PAIR: KeyType = KeyType::ecc_key_pair(EccFamily::SECP_R1);
const P256_PUBLIC: KeyType = KeyType::ecc_public_key(EccFamily::SECP_R1);
const ED25519_PAIR: KeyType = KeyType::ecc_key_pair(EccFamily::TWISTED_EDWARDS);
const ED25519_PUBLIC: KeyType = KeyType::ecc_public_key(EccFamily::TWISTED_EDWARDS);

#[test]
fn hashes_in_one_call_and_in_parts_agree_with_fips_180() {
    let mut rig = Rig::default();
    for record in read("sha2.txt") {
        if record.get("message").is_none() && record.get("repeat_a").is_none() {
            continue;
        }
        let (algorithm, message, expected) =
            (record.hash(), record.message(), record.bytes("digest"));
        let mut out = [0; 64];
        let len = hash::compute(&mut rig, algorithm, &message, &mut out).unwrap();
        assert_eq!(out[..len], expected);
        assert_eq!(
            hash::compare(&mut rig, algorithm, &message, &expected),
            Ok(())
        );

        let mut operation = HashOperation::new(&mut rig, algorithm).unwrap();
        let (first, second) = message.split_at(message.len() / 3);
        operation.update(&mut rig, first).unwrap();
        let mut copy = operation.try_clone(&mut rig).unwrap();
        operation.update(&mut rig, second).unwrap();
        copy.update(&mut rig, second).unwrap();
        let len = operation.finish(&mut rig, &mut out).unwrap();
        assert_eq!(out[..len], expected);
        assert_eq!(copy.verify(&mut rig, &expected), Ok(()));
    }
}

#[test]
fn a_wrong_shorter_or_longer_hash_is_an_invalid_signature() {
    let mut rig = Rig::default();
    let mut good = [0; 32];
    hash::compute(&mut rig, Algorithm::SHA_256, b"abc", &mut good).unwrap();
    let mut wrong: Vec<Vec<u8>> = (0..32).map(|len| good[..len].to_vec()).collect();
    wrong.push([&good[..], &[0]].concat());
    wrong.push(vec![0; 65]);
    for bit in 0..256 {
        let mut flipped = good.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        wrong.push(flipped);
    }
    for expected in wrong {
        let compared = hash::compare(&mut rig, Algorithm::SHA_256, b"abc", &expected);
        assert_eq!(compared, Err(Error::InvalidSignature));
        let mut operation = HashOperation::new(&mut rig, Algorithm::SHA_256).unwrap();
        operation.update(&mut rig, b"abc").unwrap();
        assert_eq!(
            operation.verify(&mut rig, &expected),
            Err(Error::InvalidSignature)
        );
    }
}

#[test]
fn hmac_in_one_call_and_in_parts_agrees_with_rfc_4231() {
    let mut rig = Rig::default();
    for record in read("hmac_rfc4231.txt") {
        let algorithm = Algorithm::hmac(record.hash());
        let usage = Usage::SIGN_MESSAGE.union(Usage::VERIFY_MESSAGE);
        let attributes = KeyAttributes::volatile(KeyType::HMAC, 0, usage, algorithm);
        let key = key::import(&mut rig, &attributes, &record.bytes("key")).unwrap();
        let (message, expected) = (record.bytes("message"), record.bytes("mac"));
        let mut out = [0; 64];
        let len = mac::compute(&mut rig, key, algorithm, &message, &mut out).unwrap();
        assert_eq!(out[..len], expected);
        assert_eq!(
            mac::verify(&mut rig, key, algorithm, &message, &expected),
            Ok(())
        );

        let (first, second) = message.split_at(message.len() / 2);
        let mut operation = MacOperation::sign(&mut rig, key, algorithm).unwrap();
        operation.update(&mut rig, first).unwrap();
        operation.update(&mut rig, second).unwrap();
        let len = operation.sign_finish(&mut rig, &mut out).unwrap();
        assert_eq!(out[..len], expected);
        let mut operation = MacOperation::verify(&mut rig, key, algorithm).unwrap();
        operation.update(&mut rig, &message).unwrap();
        assert_eq!(operation.verify_finish(&mut rig, &expected), Ok(()));
        key::destroy(&mut rig, key).unwrap();
    }
}

#[test]
fn every_flipped_bit_of_a_mac_and_every_other_length_fails() {
    let mut rig = Rig::default();
    let full = Algorithm::hmac(Algorithm::SHA_256);
    let usage = Usage::SIGN_MESSAGE.union(Usage::VERIFY_MESSAGE);
    let policy = full.with_length_at_least(4);
    let attributes = KeyAttributes::volatile(KeyType::HMAC, 0, usage, policy);
    let key = key::import(&mut rig, &attributes, b"key").unwrap();
    for length in [4, 16, 32] {
        let algorithm = full.with_length(length);
        let mut good = [0; 32];
        let len = mac::compute(&mut rig, key, algorithm, b"message", &mut good).unwrap();
        assert_eq!(len, usize::from(length));
        let check = |rig: &mut Rig, mac: &[u8]| mac::verify(rig, key, algorithm, b"message", mac);
        assert_eq!(check(&mut rig, &good[..len]), Ok(()));
        for bit in 0..len * 8 {
            let mut flipped = good;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                check(&mut rig, &flipped[..len]),
                Err(Error::InvalidSignature),
                "{bit}"
            );
        }
        for other in (0..=32).filter(|other| *other != len) {
            assert_eq!(
                check(&mut rig, &good[..other]),
                Err(Error::InvalidSignature),
                "{other}"
            );
        }
    }
}

fn aead_of(name: &str) -> Option<(Algorithm, KeyType)> {
    match name {
        "aes-gcm" => Some((Algorithm::GCM, KeyType::AES)),
        "aes-ccm" => Some((Algorithm::CCM, KeyType::AES)),
        "chacha20-poly1305" => Some((Algorithm::CHACHA20_POLY1305, KeyType::CHACHA20)),
        _ => None,
    }
}

fn aead_file(name: &str) -> usize {
    let mut rig = Rig::default();
    let mut done = 0;
    for record in read(name) {
        let Some((algorithm, kind)) = aead_of(record.text("algorithm")) else {
            continue;
        };
        // The message carries nonces of at most 16 bytes; huge additional data is the crypto crate's own test.
        let fits = record.get("aad").is_some() && record.bytes("nonce").len() <= 16;
        if !fits || record.bytes("ciphertext").len() + record.bytes("aad").len() > 2200 {
            continue;
        }
        let tag = record.bytes("tag");
        let algorithm = algorithm.with_length(tag.len() as u8);
        let usage = Usage::ENCRYPT.union(Usage::DECRYPT);
        let attributes = KeyAttributes::volatile(kind, 0, usage, algorithm);
        let key = key::import(&mut rig, &attributes, &record.bytes("key")).unwrap();
        let (nonce, additional_data) = (record.bytes("nonce"), record.bytes("aad"));
        let parameters = AeadParameters {
            key,
            algorithm,
            nonce: &nonce,
            additional_data: &additional_data,
        };
        let sealed = [record.bytes("ciphertext"), tag].concat();
        let mut out = vec![0; sealed.len()];
        let opened = aead::decrypt(&mut rig, &parameters, &sealed, &mut out);
        if record.is_valid() {
            let plaintext = record.bytes("plaintext");
            assert_eq!(opened, Ok(plaintext.len()), "{record:?}");
            assert_eq!(out[..plaintext.len()], plaintext);
            assert_eq!(
                aead::encrypt(&mut rig, &parameters, &plaintext, &mut out),
                Ok(sealed.len())
            );
            assert_eq!(out, sealed);
        } else {
            assert!(opened.is_err(), "{record:?}");
            assert!(out.iter().all(|byte| *byte == 0), "no plaintext came out");
        }
        key::destroy(&mut rig, key).unwrap();
        done += 1;
    }
    done
}

#[test]
fn aes_gcm_agrees_with_its_authors_and_wycheproof() {
    assert!(aead_file("aes_gcm_mcgrew_viega.txt") >= 12);
    assert!(aead_file("aes_gcm_wycheproof.txt") >= 20);
}

#[test]
fn aes_ccm_agrees_with_sp_800_38c_rfc_3610_and_cavp() {
    assert!(aead_file("aes_ccm_sp800_38c.txt") >= 3);
    assert!(aead_file("aes_ccm_rfc3610.txt") >= 10);
    assert!(aead_file("aes_ccm_cavp.txt") >= 20);
}

#[test]
fn chacha20_poly1305_agrees_with_rfc_8439_and_wycheproof() {
    assert!(aead_file("chacha20_poly1305_rfc8439.txt") >= 1);
    assert!(aead_file("chacha20_poly1305_wycheproof.txt") >= 20);
}

#[test]
fn every_flipped_bit_of_a_tag_ciphertext_or_additional_data_fails_and_gives_no_plaintext() {
    let mut rig = Rig::default();
    let cases = [
        (Algorithm::GCM, KeyType::AES, 128),
        (Algorithm::CCM.with_length(8), KeyType::AES, 256),
        (Algorithm::CHACHA20_POLY1305, KeyType::CHACHA20, 256),
    ];
    for (algorithm, kind, bits) in cases {
        let usage = Usage::ENCRYPT.union(Usage::DECRYPT);
        let attributes = KeyAttributes::volatile(kind, bits, usage, algorithm);
        let key = key::generate(&mut rig, &attributes).unwrap();
        let parameters = AeadParameters {
            key,
            algorithm,
            nonce: &[7; 12],
            additional_data: b"header",
        };
        let mut sealed = [0; 64];
        let len = aead::encrypt(&mut rig, &parameters, b"attack at dawn", &mut sealed).unwrap();
        for bit in 0..len * 8 {
            let mut flipped = sealed;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut out = [0xee; 32];
            let opened = aead::decrypt(&mut rig, &parameters, &flipped[..len], &mut out);
            assert_eq!(
                opened,
                Err(Error::InvalidSignature),
                "{algorithm:?}, bit {bit}"
            );
            assert_eq!(out, [0xee; 32]);
        }
        let other = AeadParameters {
            additional_data: b"headep",
            ..parameters
        };
        let opened = aead::decrypt(&mut rig, &other, &sealed[..len], &mut [0; 32]);
        assert_eq!(opened, Err(Error::InvalidSignature));
    }
}

#[test]
fn deterministic_ecdsa_agrees_with_rfc_6979_and_both_kinds_verify() {
    let mut rig = Rig::default();
    for record in read("ecdsa_p256_rfc6979.txt") {
        let deterministic = Algorithm::deterministic_ecdsa(record.hash());
        let usage = Usage::SIGN_HASH.union(Usage::VERIFY_HASH);
        let attributes = KeyAttributes::volatile(P256_PAIR, 256, usage, deterministic);
        let pair = key::import(&mut rig, &attributes, &record.bytes("private")).unwrap();
        let (message, expected) = (record.bytes("message"), record.bytes("signature"));
        let mut out = [0; 64];
        assert_eq!(
            sign::message(&mut rig, pair, deterministic, &message, &mut out),
            Ok(64)
        );
        assert_eq!(out[..], expected);
        let mut hashed = [0; 64];
        let len = hash::compute(&mut rig, record.hash(), &message, &mut hashed).unwrap();
        assert_eq!(
            sign::hash(&mut rig, pair, deterministic, &hashed[..len], &mut out),
            Ok(64)
        );
        assert_eq!(out[..], expected);

        let mut public = [0; 65];
        assert_eq!(key::export_public(&mut rig, pair, &mut public), Ok(65));
        assert_eq!(public[..], record.bytes("public"));
        let randomised = Algorithm::ecdsa(record.hash());
        let attributes = KeyAttributes::volatile(P256_PUBLIC, 256, Usage::VERIFY_HASH, randomised);
        let public = key::import(&mut rig, &attributes, &public).unwrap();
        for algorithm in [deterministic, randomised] {
            let verified = sign::verify_message(&mut rig, public, algorithm, &message, &expected);
            assert_eq!(verified, Ok(()));
        }
        let hashed = &hashed[..len];
        assert_eq!(
            sign::verify_hash(&mut rig, public, randomised, hashed, &expected),
            Ok(())
        );
        key::destroy(&mut rig, pair).unwrap();
        key::destroy(&mut rig, public).unwrap();
    }
}

#[test]
fn randomised_ecdsa_differs_each_time_and_verifies() {
    let mut rig = Rig::default();
    let algorithm = Algorithm::ecdsa(Algorithm::SHA_256);
    let usage = Usage::SIGN_HASH.union(Usage::VERIFY_HASH);
    let attributes = KeyAttributes::volatile(P256_PAIR, 256, usage, algorithm);
    let pair = key::generate(&mut rig, &attributes).unwrap();
    let (mut one, mut two) = ([0; 64], [0; 64]);
    sign::message(&mut rig, pair, algorithm, b"abc", &mut one).unwrap();
    sign::message(&mut rig, pair, algorithm, b"abc", &mut two).unwrap();
    assert_ne!(one, two);
    for signature in [one, two] {
        assert_eq!(
            sign::verify_message(&mut rig, pair, algorithm, b"abc", &signature),
            Ok(())
        );
        let other = sign::verify_message(&mut rig, pair, algorithm, b"abd", &signature);
        assert_eq!(other, Err(Error::InvalidSignature));
    }
}

#[test]
fn ed25519_agrees_with_rfc_8032() {
    let mut rig = Rig::default();
    let algorithm = Algorithm::PURE_EDDSA;
    for record in read("ed25519_rfc8032.txt") {
        let usage = Usage::SIGN_MESSAGE.union(Usage::VERIFY_MESSAGE);
        let attributes = KeyAttributes::volatile(ED25519_PAIR, 255, usage, algorithm);
        let pair = key::import(&mut rig, &attributes, &record.bytes("seed")).unwrap();
        let (message, expected) = (record.bytes("message"), record.bytes("signature"));
        let mut out = [0; 64];
        assert_eq!(
            sign::message(&mut rig, pair, algorithm, &message, &mut out),
            Ok(64)
        );
        assert_eq!(out[..], expected);
        assert_eq!(
            sign::verify_message(&mut rig, pair, algorithm, &message, &expected),
            Ok(())
        );
        let mut public = [0; 32];
        assert_eq!(key::export_public(&mut rig, pair, &mut public), Ok(32));
        assert_eq!(public[..], record.bytes("public"));
        for bit in (0..512).step_by(37) {
            let mut flipped = out;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let verified = sign::verify_message(&mut rig, pair, algorithm, &message, &flipped);
            assert_eq!(verified, Err(Error::InvalidSignature));
        }
        key::destroy(&mut rig, pair).unwrap();
    }
}

#[test]
fn ed25519_signatures_that_only_a_lax_verifier_takes_are_refused() {
    let mut rig = Rig::default();
    for record in read("ed25519_reject.txt") {
        let algorithm = Algorithm::PURE_EDDSA;
        let attributes =
            KeyAttributes::volatile(ED25519_PUBLIC, 255, Usage::VERIFY_MESSAGE, algorithm);
        let public = key::import(&mut rig, &attributes, &record.bytes("public")).unwrap();
        let (message, signature) = (record.bytes("message"), record.bytes("signature"));
        let verified = sign::verify_message(&mut rig, public, algorithm, &message, &signature);
        assert_eq!(verified, Err(Error::InvalidSignature), "{record:?}");
        key::destroy(&mut rig, public).unwrap();
    }
}

#[test]
fn hkdf_and_its_halves_agree_with_rfc_5869() {
    let mut rig = Rig::default();
    for record in read("hkdf_rfc5869.txt") {
        let hash = record.hash();
        let whole = Algorithm::hkdf(hash);
        let attributes = KeyAttributes::volatile(KeyType::DERIVE, 0, Usage::DERIVE, whole);
        let secret = key::import(&mut rig, &attributes, &record.bytes("ikm")).unwrap();
        let mut derivation = Derivation::new(&mut rig, whole).unwrap();
        let (salt, info) = (record.bytes("salt"), record.bytes("info"));
        if !salt.is_empty() {
            derivation
                .input_bytes(&mut rig, DerivationStep::SALT, &salt)
                .unwrap();
        }
        derivation
            .input_key(&mut rig, DerivationStep::SECRET, secret)
            .unwrap();
        derivation
            .input_bytes(&mut rig, DerivationStep::INFO, &info)
            .unwrap();
        // In pieces of all sizes: the stream does not depend on how it is read.
        let mut okm = vec![0; record.bytes("okm").len()];
        let (first, rest) = okm.split_at_mut(1);
        derivation.output_bytes(&mut rig, first).unwrap();
        let (second, third) = rest.split_at_mut(33);
        derivation.output_bytes(&mut rig, second).unwrap();
        derivation.output_bytes(&mut rig, third).unwrap();
        assert_eq!(okm, record.bytes("okm"));
        derivation.abort(&mut rig);

        let mut extract = Derivation::new(&mut rig, Algorithm::hkdf_extract(hash)).unwrap();
        extract
            .input_bytes(&mut rig, DerivationStep::SALT, &salt)
            .unwrap();
        extract
            .input_bytes(&mut rig, DerivationStep::SECRET, &record.bytes("ikm"))
            .unwrap();
        let mut prk = [0; 32];
        extract.output_bytes(&mut rig, &mut prk).unwrap();
        assert_eq!(prk[..], record.bytes("prk"));
        extract.abort(&mut rig);

        let mut expand = Derivation::new(&mut rig, Algorithm::hkdf_expand(hash)).unwrap();
        expand
            .input_bytes(&mut rig, DerivationStep::SECRET, &prk)
            .unwrap();
        expand
            .input_bytes(&mut rig, DerivationStep::INFO, &info)
            .unwrap();
        okm.fill(0);
        expand.output_bytes(&mut rig, &mut okm).unwrap();
        assert_eq!(okm, record.bytes("okm"));
        expand.abort(&mut rig);
        key::destroy(&mut rig, secret).unwrap();
    }
}
