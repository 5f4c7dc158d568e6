//! SHA-3, SM3, SM4 and CMAC against the examples of their standards, Wycheproof and OpenSSL.

#![cfg(all(
    feature = "tpm-sha1",
    feature = "tpm-sha3",
    feature = "tpm-sm",
    feature = "tpm-modes"
))]

mod common;

use common::{Record, unhex, vectors};
use ironroot_crypto::CryptoError;
use ironroot_crypto::tpm::cipher::{BLOCK_LEN, Cipher, CipherAlgorithm, Mode};
use ironroot_crypto::tpm::cmac::{CMAC_STATE_LEN, Cmac, cmac};
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hmac, digest, hmac};
use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};

fn hash(record: &Record) -> HashAlgorithm {
    match record.text("hash") {
        "sm3" => HashAlgorithm::Sm3,
        "sha3_256" => HashAlgorithm::Sha3_256,
        "sha3_384" => HashAlgorithm::Sha3_384,
        "sha3_512" => HashAlgorithm::Sha3_512,
        other => panic!("unknown hash {other}"),
    }
}

/// GB/T 32905, annex A; FIPS 202 (NIST's example values).
#[test]
fn digests_are_those_of_the_standards_examples() {
    let sixteen = b"abcd".repeat(16);
    for (algorithm, message, expected) in [
        (
            HashAlgorithm::Sm3,
            &b"abc"[..],
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
        ),
        (
            HashAlgorithm::Sm3,
            &sixteen,
            "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
        ),
        (
            HashAlgorithm::Sha3_256,
            b"",
            "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
        ),
        (
            HashAlgorithm::Sha3_256,
            b"abc",
            "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
        ),
        (
            HashAlgorithm::Sha3_384,
            b"abc",
            "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
        ),
        (
            HashAlgorithm::Sha3_512,
            b"abc",
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
        ),
    ] {
        assert_eq!(digest(algorithm, message).as_slice(), unhex(expected));
        assert_eq!(algorithm.digest_len(), unhex(expected).len());
    }
}

#[test]
fn digests_and_macs_are_openssls_around_the_ends_of_blocks() {
    let records = vectors("tpm_hashes.txt");
    assert_eq!(records.len(), 36);
    for record in records {
        let (algorithm, data) = (hash(&record), record.bytes("data"));
        assert_eq!(digest(algorithm, &data).as_slice(), record.bytes("digest"));
        let mac = hmac(algorithm, &record.bytes("key"), &[&data]);
        assert_eq!(mac.as_slice(), record.bytes("hmac"));
    }
}

#[test]
fn hmacs_are_judged_as_wycheproof_does() {
    let mut seen = 0;
    for (name, algorithm) in [
        (TestName::HmacSm3, HashAlgorithm::Sm3),
        (TestName::HmacSha3_256, HashAlgorithm::Sha3_256),
        (TestName::HmacSha3_384, HashAlgorithm::Sha3_384),
        (TestName::HmacSha3_512, HashAlgorithm::Sha3_512),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let mac = hmac(algorithm, &test.key, &[&test.msg]);
                let right = mac.as_slice().starts_with(&test.tag);
                assert_eq!(right, test.result == TestResult::Valid, "{}", test.tc_id);
                // Only the whole MAC is one.
                let mut mac = Hmac::new(algorithm, &test.key);
                mac.update(&test.msg);
                let whole = test.tag.len() == algorithm.digest_len();
                assert_eq!(mac.verify(&test.tag).is_ok(), right && whole);
                seen += 1;
            }
        }
    }
    assert!(seen > 600, "{seen}");
}

fn mode(record: &Record) -> Mode {
    match record.text("mode") {
        "ecb" => Mode::Ecb,
        "cbc" => Mode::Cbc,
        "cfb" => Mode::Cfb,
        "ofb" => Mode::Ofb,
        "ctr" => Mode::Ctr,
        other => panic!("unknown mode {other}"),
    }
}

fn sm4(key: &[u8]) -> Cipher {
    Cipher::new(CipherAlgorithm::Sm4, key).unwrap()
}

/// GB/T 32907, annex A: once, and a million times over.
#[test]
fn sm4_is_that_of_the_standards_examples() {
    let key = unhex("0123456789abcdeffedcba9876543210");
    let cipher = sm4(&key);
    let mut block = key.clone();
    let mut encrypt = |times| {
        for _ in 0..times {
            cipher
                .encrypt(Mode::Ecb, &mut [0; BLOCK_LEN], &mut block)
                .unwrap();
        }
        block.clone()
    };
    assert_eq!(encrypt(1), unhex("681edf34d206965e86b3e94f536e4246"));
    assert_eq!(encrypt(999_999), unhex("595298c7c6fd271f0402f804c33d3f66"));
}

#[test]
fn sm4_is_openssls_in_every_mode_and_in_several_calls() {
    let records = vectors("tpm_sm4.txt");
    assert_eq!(records.len(), 24);
    for record in records {
        let cipher = sm4(&record.bytes("key"));
        let (message, ciphertext) = (record.bytes("message"), record.bytes("ciphertext"));
        for cut in (0..=message.len()).step_by(BLOCK_LEN) {
            let (mut iv, mut data) = (record.array("iv"), message.clone());
            let (head, tail) = data.split_at_mut(cut);
            cipher.encrypt(mode(&record), &mut iv, head).unwrap();
            cipher.encrypt(mode(&record), &mut iv, tail).unwrap();
            assert_eq!(data, ciphertext);
            let mut iv = record.array("iv");
            let (head, tail) = data.split_at_mut(cut);
            cipher.decrypt(mode(&record), &mut iv, head).unwrap();
            cipher.decrypt(mode(&record), &mut iv, tail).unwrap();
            assert_eq!(data, message);
        }
    }
}

#[test]
fn sm4_keys_of_other_lengths_are_refused() {
    for len in [0, 8, 15, 17, 24, 32] {
        let refused = Cipher::new(CipherAlgorithm::Sm4, &vec![1; len]).err();
        assert_eq!(refused, Some(CryptoError::KeyLength));
        let refused = Cmac::new(CipherAlgorithm::Sm4, &vec![1; len]).err();
        assert_eq!(refused, Some(CryptoError::KeyLength));
    }
}

/// RFC 4493, section 4.
#[test]
fn cmacs_are_those_of_rfc_4493() {
    let key = unhex("2b7e151628aed2a6abf7158809cf4f3c");
    let message = unhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
         30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
    );
    for (len, expected) in [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ] {
        let mac = cmac(CipherAlgorithm::Aes, &key, &[&message[..len]]).unwrap();
        assert_eq!(mac.as_slice(), unhex(expected));
    }
}

fn cipher(record: &Record) -> CipherAlgorithm {
    match record.text("cipher") {
        "aes" => CipherAlgorithm::Aes,
        "sm4" => CipherAlgorithm::Sm4,
        other => panic!("unknown cipher {other}"),
    }
}

#[test]
fn cmacs_are_openssls_and_a_saved_one_goes_on() {
    let records = vectors("tpm_cmac.txt");
    assert_eq!(records.len(), 40);
    for record in records {
        let (key, message, mac) = (
            record.bytes("key"),
            record.bytes("message"),
            record.bytes("mac"),
        );
        for cut in 0..=message.len() {
            let (head, tail) = message.split_at(cut);
            let mut first = Cmac::new(cipher(&record), &key).unwrap();
            first.update(head);
            let mut saved = [0xff; CMAC_STATE_LEN];
            let len = first.save(&mut saved);
            first.update(tail);
            assert_eq!(first.finish().as_slice(), mac);
            let mut second = Cmac::restore(&saved[..len]).unwrap();
            assert_eq!(second.algorithm(), cipher(&record));
            second.update(tail);
            assert_eq!(second.verify(&mac), Ok(()));
        }
    }
}

#[test]
fn cmacs_are_judged_as_wycheproof_does() {
    let (mut right, mut wrong) = (0, 0);
    for group in TestSet::load(TestName::AesCmac).unwrap().test_groups {
        for test in group.tests {
            // Some keys are of no AES.
            let verified = Cmac::new(CipherAlgorithm::Aes, &test.key).and_then(|mut mac| {
                mac.update(&test.msg);
                mac.verify(&test.tag)
            });
            let valid = test.result == TestResult::Valid && test.tag.len() == BLOCK_LEN;
            assert_eq!(verified.is_ok(), valid, "{}", test.tc_id);
            if valid { right += 1 } else { wrong += 1 }
        }
    }
    assert!(right > 50 && wrong > 50, "{right} {wrong}");
}

#[test]
fn bytes_that_are_no_saved_cmac_are_refused() {
    let mut saved = [0; CMAC_STATE_LEN];
    let mut mac = Cmac::new(CipherAlgorithm::Sm4, &[1; 16]).unwrap();
    mac.update(&[1; 20]);
    mac.save(&mut saved);
    for cut in 0..CMAC_STATE_LEN {
        assert!(Cmac::restore(&saved[..cut]).is_err());
    }
    assert!(Cmac::restore(&[&saved[..], &[0]].concat()).is_err());
    // The cipher, the key's length, the length of the last block.
    for (place, value) in [
        (0, 0),
        (0, 3),
        (1, 0),
        (1, 24),
        (1, 33),
        (1, 255),
        (2, 17),
        (2, 255),
    ] {
        let mut other = saved;
        other[place] = value;
        assert!(Cmac::restore(&other).is_err(), "{place} {value}");
    }
}
