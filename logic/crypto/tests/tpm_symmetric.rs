//! Hashes, HMAC, key derivation and AES of the TPM against FIPS 180-4, SP 800-38A and OpenSSL, and everything in
//! several calls against one.

#![cfg(all(feature = "tpm-sha1", feature = "tpm-modes"))]

mod common;

use common::{Record, unhex, vectors};
use ironroot_crypto::CryptoError;
use ironroot_crypto::tpm::cipher::{BLOCK_LEN, Cipher, CipherAlgorithm, Mode};
use ironroot_crypto::tpm::hash::{
    HASH_STATE_LEN, HMAC_STATE_LEN, HashAlgorithm, Hasher, Hmac, digest, digest_parts, hmac,
};
use ironroot_crypto::tpm::kdf::{kdfa, kdfe};

fn hash(record: &Record) -> HashAlgorithm {
    match record.text("hash") {
        "sha1" => HashAlgorithm::Sha1,
        "sha256" => HashAlgorithm::Sha256,
        "sha384" => HashAlgorithm::Sha384,
        "sha512" => HashAlgorithm::Sha512,
        other => panic!("unknown hash {other}"),
    }
}

/// Bytes that differ from place to place.
fn noise(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 167 + i / 256) as u8).collect()
}

#[test]
fn digests_are_those_of_the_standards_examples() {
    let million = vec![b'a'; 1_000_000];
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let examples: [(HashAlgorithm, &[u8], &str); 8] = [
        (
            HashAlgorithm::Sha1,
            b"",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        ),
        (
            HashAlgorithm::Sha1,
            b"abc",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
        ),
        (
            HashAlgorithm::Sha1,
            two_blocks,
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        ),
        (
            HashAlgorithm::Sha1,
            &million,
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
        ),
        (
            HashAlgorithm::Sha256,
            b"abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            HashAlgorithm::Sha256,
            &million,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
        (
            HashAlgorithm::Sha384,
            b"abc",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            HashAlgorithm::Sha512,
            b"abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];
    for (algorithm, data, expected) in examples {
        assert_eq!(digest(algorithm, data).as_slice(), unhex(expected));
    }
}

#[test]
fn hashes_and_macs_are_those_of_another_implementation() {
    let mut seen = 0;
    for record in vectors("tpm_kdf.txt") {
        if record.text("kind") != "hmac" {
            continue;
        }
        let (algorithm, data, key) = (hash(&record), record.bytes("data"), record.bytes("key"));
        assert_eq!(digest(algorithm, &data).as_slice(), record.bytes("digest"));
        let (head, tail) = data.split_at(data.len() / 3);
        assert_eq!(
            digest_parts(algorithm, &[head, tail]).as_slice(),
            record.bytes("digest")
        );
        let out = record.bytes("out");
        assert_eq!(hmac(algorithm, &key, &[head, tail]).as_slice(), out);
        let mac = |data: &[u8]| {
            let mut mac = Hmac::new(algorithm, &key);
            mac.update(data);
            mac
        };
        assert_eq!(mac(&data).verify(&out), Ok(()));
        for wrong in common::bit_flips(&out) {
            assert_eq!(mac(&data).verify(&wrong), Err(CryptoError::Verification));
        }
        assert_eq!(
            mac(&data).verify(&out[..out.len() - 1]),
            Err(CryptoError::Verification)
        );
        seen += 1;
    }
    assert_eq!(seen, 16);
}

#[test]
fn the_macs_of_rfc_2202_come_out() {
    let sha1 = |key: &[u8], data: &[u8]| hmac(HashAlgorithm::Sha1, key, &[data]);
    let expected = "b617318655057264e28bc0b6fb378c8ef146be00";
    assert_eq!(sha1(&[0x0b; 20], b"Hi There").as_slice(), unhex(expected));
    let data = b"what do ya want for nothing?";
    let expected = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    assert_eq!(sha1(b"Jefe", data).as_slice(), unhex(expected));
    let data = b"Test Using Larger Than Block-Size Key - Hash Key First";
    let expected = "aa4ae5e15272d00e95705637ce8a3b55ed402112";
    assert_eq!(sha1(&[0xaa; 80], data).as_slice(), unhex(expected));
}

#[test]
fn a_hash_saved_anywhere_goes_on_as_if_it_had_not_been() {
    let data = noise(300);
    for algorithm in HashAlgorithm::ALL.iter().copied() {
        let whole = digest(algorithm, &data);
        for cut in 0..=data.len() {
            let (head, tail) = data.split_at(cut);
            let mut first = Hasher::new(algorithm);
            first.update(head);
            let mut saved = [0; HASH_STATE_LEN];
            let len = first.save(&mut saved);
            let mut second = Hasher::restore(&saved[..len]).unwrap();
            assert_eq!(second.algorithm(), algorithm);
            second.update(tail);
            assert_eq!(second.finish(), whole);
            // And so does the copy.
            let mut copy = first.clone();
            copy.update(tail);
            assert_eq!(copy.finish(), whole);
        }
    }
}

#[test]
fn a_mac_saved_anywhere_goes_on_as_if_it_had_not_been() {
    let data = noise(300);
    for algorithm in HashAlgorithm::ALL.iter().copied() {
        for key in [noise(0), noise(20), noise(200)] {
            let whole = hmac(algorithm, &key, &[&data]);
            for cut in (0..=data.len()).step_by(7) {
                let (head, tail) = data.split_at(cut);
                let mut first = Hmac::new(algorithm, &key);
                first.update(head);
                let mut saved = [0; HMAC_STATE_LEN];
                let len = first.save(&mut saved);
                let mut second = Hmac::restore(&saved[..len]).unwrap();
                assert_eq!(second.algorithm(), algorithm);
                second.update(tail);
                assert_eq!(second.finish(), whole);
            }
        }
    }
}

#[test]
fn bytes_that_are_no_saved_state_are_refused() {
    let mut saved = [0; HASH_STATE_LEN];
    for algorithm in HashAlgorithm::ALL.iter().copied() {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&noise(70));
        let len = hasher.save(&mut saved);
        for cut in 0..len {
            assert!(Hasher::restore(&saved[..cut]).is_err());
        }
        let longer = [&saved[..len], &[0]].concat();
        assert!(Hasher::restore(&longer).is_err());
        for tag in (0..=255).filter(|tag| *tag != saved[0]) {
            let mut other = saved[..len].to_vec();
            other[0] = tag;
            // SHA-384 and SHA-512, SHA-256 and SM3, and all of SHA-3 have states of one form: the caller's MAC
            // tells them apart.
            let twin = matches!((saved[0], tag), (3, 4) | (4, 3))
                || cfg!(feature = "tpm-sm") && matches!((saved[0], tag), (2, 5) | (5, 2))
                || cfg!(feature = "tpm-sha3") && saved[0] >= 6 && matches!(tag, 6..=8);
            assert_eq!(
                Hasher::restore(&other).is_ok(),
                twin,
                "{algorithm:?} as {tag}"
            );
        }
    }
    let (mut sha1, mut sha256) = ([0; HASH_STATE_LEN], [0; HASH_STATE_LEN]);
    let len = Hasher::new(HashAlgorithm::Sha1).save(&mut sha1);
    let other = Hasher::new(HashAlgorithm::Sha256).save(&mut sha256);
    assert!(Hmac::restore(&[&sha1[..len], &sha256[..other]].concat()).is_err());
    assert!(Hmac::restore(&[]).is_err());
    assert!(Hmac::restore(&sha1[..len]).is_err());
}

#[test]
fn whatever_bytes_are_restored_nothing_panics() {
    let (mut restored, mut refused) = (0, 0);
    let mut go = |bytes: &[u8]| {
        if let Ok(mut hasher) = Hasher::restore(bytes) {
            hasher.update(&noise(200));
            hasher.finish();
            restored += 1;
        } else {
            refused += 1;
        }
        if let Ok(mut mac) = Hmac::restore(&[bytes, bytes].concat()) {
            mac.update(&noise(200));
            mac.finish();
        }
    };
    for algorithm in HashAlgorithm::ALL.iter().copied() {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&noise(150));
        let mut saved = [0; HASH_STATE_LEN];
        let len = hasher.save(&mut saved);
        for place in 0..len {
            for value in [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xff] {
                let mut bytes = saved[..len].to_vec();
                bytes[place] = value;
                go(&bytes);
                bytes[place..].fill(value);
                go(&bytes);
            }
        }
    }
    assert!(restored > 1000 && refused > 100, "{restored} {refused}");
}

#[test]
fn kdfa_and_kdfe_are_those_of_openssl() {
    let mut seen = 0;
    for record in vectors("tpm_kdf.txt") {
        let (key, expected) = (record.bytes("key"), record.bytes("out"));
        let derive = match record.text("kind") {
            "kdfa" => kdfa,
            "kdfe" => kdfe,
            _ => continue,
        };
        let (label, u, v) = (record.bytes("label"), record.bytes("u"), record.bytes("v"));
        let bits: u32 = record.text("bits").parse().unwrap();
        let mut out = vec![0xaa; expected.len()];
        derive(hash(&record), &key, &label, &u, &v, bits, &mut out).unwrap();
        assert_eq!(out, expected);
        for len in [expected.len() - 1, expected.len() + 1] {
            let mut out = vec![0; len];
            let refused = derive(hash(&record), &key, &label, &u, &v, bits, &mut out);
            assert_eq!(refused, Err(CryptoError::DataLength));
        }
        seen += 1;
    }
    assert_eq!(seen, 40);
}

#[test]
fn bits_that_fill_no_byte_leave_its_top_bits_zero() {
    for (bits, mask) in [(521, 0x01), (523, 0x07), (527, 0x7f), (528, 0xff)] {
        let mut all = false;
        for key in 0..20 {
            let mut out = [0xff; 66];
            let sha512 = HashAlgorithm::Sha512;
            kdfa(sha512, &[key], b"A", b"", b"", bits, &mut out).unwrap();
            assert_eq!(out[0] & !mask, 0);
            all |= out[0] == mask;
            kdfe(sha512, &[key], b"A", b"", b"", bits, &mut out).unwrap();
            assert_eq!(out[0] & !mask, 0);
        }
        assert!(all || bits > 523, "no bit too many is cleared");
    }
    // The number of bits is hashed, so it is another stream: KDFa of 521 bits is not one of 528 cut short.
    let (mut short, mut long) = ([0; 66], [0; 66]);
    kdfa(HashAlgorithm::Sha512, b"k", b"A", b"", b"", 521, &mut short).unwrap();
    kdfa(HashAlgorithm::Sha512, b"k", b"A", b"", b"", 528, &mut long).unwrap();
    assert_ne!(short[1..], long[1..]);
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

#[test]
fn aes_is_that_of_sp_800_38a_and_openssl() {
    let mut seen = 0;
    for record in vectors("tpm_aes.txt") {
        let aes = Cipher::new(CipherAlgorithm::Aes, &record.bytes("key")).unwrap();
        let (message, ciphertext) = (record.bytes("message"), record.bytes("ciphertext"));
        let mut data = message.clone();
        aes.encrypt(mode(&record), &mut record.array("iv"), &mut data)
            .unwrap();
        assert_eq!(data, ciphertext);
        aes.decrypt(mode(&record), &mut record.array("iv"), &mut data)
            .unwrap();
        assert_eq!(data, message);
        seen += 1;
    }
    assert_eq!(seen, 32);
}

/// CVE-2021-3446, CVE-2026-21444: TPMs that gave back the first initialisation vector, or a wrong one.
#[test]
fn several_calls_with_the_chained_vector_are_one_call() {
    for record in vectors("tpm_aes.txt") {
        let aes = Cipher::new(CipherAlgorithm::Aes, &record.bytes("key")).unwrap();
        let (message, ciphertext) = (record.bytes("message"), record.bytes("ciphertext"));
        for cut in (0..=message.len()).step_by(BLOCK_LEN) {
            let mut iv = record.array::<BLOCK_LEN>("iv");
            let mut data = message.clone();
            let (head, tail) = data.split_at_mut(cut);
            aes.encrypt(mode(&record), &mut iv, head).unwrap();
            aes.encrypt(mode(&record), &mut iv, tail).unwrap();
            assert_eq!(data, ciphertext);
            let mut iv = record.array::<BLOCK_LEN>("iv");
            let (head, tail) = data.split_at_mut(cut);
            aes.decrypt(mode(&record), &mut iv, head).unwrap();
            aes.decrypt(mode(&record), &mut iv, tail).unwrap();
            assert_eq!(data, message);
        }
    }
}

#[test]
fn the_chained_vector_is_the_modes_own() {
    let aes = Cipher::new(CipherAlgorithm::Aes, &[7; 16]).unwrap();
    let first = [9; BLOCK_LEN];
    let message = noise(2 * BLOCK_LEN + 5);
    let run = |mode, len: usize, decrypt: bool| {
        let (mut iv, mut data) = (first, message[..len].to_vec());
        if decrypt {
            aes.decrypt(mode, &mut iv, &mut data).unwrap();
        } else {
            aes.encrypt(mode, &mut iv, &mut data).unwrap();
        }
        (iv, data)
    };
    // CBC and CFB: the last block of ciphertext, whichever direction.
    for mode in [Mode::Cbc, Mode::Cfb] {
        let (iv, data) = run(mode, 32, false);
        assert_eq!(iv, data[16..]);
        assert_eq!(run(mode, 32, true).0, message[16..32]);
    }
    // A partial block of CFB: its ciphertext and zeros.
    let (iv, data) = run(Mode::Cfb, 37, false);
    assert_eq!(iv[..5], data[32..]);
    assert_eq!(iv[5..], [0; 11]);
    assert_eq!(run(Mode::Cfb, 37, true).0[..5], message[32..]);
    // CTR: as many blocks on as were begun. OFB: the last block of the stream.
    let mut counter = first;
    counter[15] += 3;
    assert_eq!(run(Mode::Ctr, 37, false).0, counter);
    let stream: Vec<u8> = {
        let mut zeros = vec![0; 48];
        aes.encrypt(Mode::Ofb, &mut first.clone(), &mut zeros)
            .unwrap();
        zeros
    };
    assert_eq!(run(Mode::Ofb, 37, true).0, stream[32..]);
    assert_eq!(run(Mode::Ecb, 32, false).0, first);
    for mode in [Mode::Cbc, Mode::Cfb, Mode::Ctr, Mode::Ofb, Mode::Ecb] {
        assert_eq!(run(mode, 0, false), (first, Vec::new()));
    }
}

#[test]
fn partial_blocks_of_ecb_and_cbc_and_other_key_lengths_are_refused() {
    let aes = Cipher::new(CipherAlgorithm::Aes, &[7; 32]).unwrap();
    for len in [1, 15, 17, 31] {
        for mode in [Mode::Ecb, Mode::Cbc] {
            let (mut iv, mut data) = ([9; BLOCK_LEN], noise(len));
            let refused = aes.encrypt(mode, &mut iv, &mut data);
            assert_eq!(refused, Err(CryptoError::DataLength));
            let refused = aes.decrypt(mode, &mut iv, &mut data);
            assert_eq!(refused, Err(CryptoError::DataLength));
            assert_eq!((iv, data), ([9; BLOCK_LEN], noise(len)));
        }
    }
    for len in [0, 8, 15, 17, 23, 25, 31, 33, 64] {
        assert_eq!(
            Cipher::new(CipherAlgorithm::Aes, &noise(len)).err(),
            Some(CryptoError::KeyLength)
        );
    }
}
