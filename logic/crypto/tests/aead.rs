//! Authenticated encryption against the standards' vectors, and everything that must be refused.

mod common;

use common::{Record, bit_flips, vectors};
use ironroot_crypto::CryptoError;
use ironroot_crypto::aead::{AeadAlgorithm, open, seal};

const FILES: [&str; 7] = [
    "aes_ccm_cavp.txt",
    "aes_ccm_rfc3610.txt",
    "aes_ccm_sp800_38c.txt",
    "aes_gcm_mcgrew_viega.txt",
    "aes_gcm_wycheproof.txt",
    "chacha20_poly1305_rfc8439.txt",
    "chacha20_poly1305_wycheproof.txt",
];

struct Vector {
    algorithm: AeadAlgorithm,
    key: Vec<u8>,
    nonce: Vec<u8>,
    aad: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
    record: Record,
}

impl Vector {
    fn load(file: &str) -> Vec<Self> {
        vectors(file).into_iter().map(Self::new).collect()
    }

    fn new(record: Record) -> Self {
        let algorithm = match record.text("algorithm") {
            "aes-gcm" => AeadAlgorithm::AesGcm,
            "aes-ccm" => AeadAlgorithm::AesCcm,
            "chacha20-poly1305" => AeadAlgorithm::ChaCha20Poly1305,
            "xchacha20-poly1305" => AeadAlgorithm::XChaCha20Poly1305,
            other => panic!("unknown algorithm {other}"),
        };
        let aad = match record.get("aad_counting_bytes") {
            Some(count) => (0..=255).cycle().take(count.parse().unwrap()).collect(),
            None => record.bytes("aad"),
        };
        Self {
            algorithm,
            key: record.bytes("key"),
            nonce: record.bytes("nonce"),
            aad,
            ciphertext: record.bytes("ciphertext"),
            tag: record.bytes("tag"),
            record,
        }
    }

    fn open(&self) -> Result<Vec<u8>, CryptoError> {
        self.open_with(
            &self.key,
            &self.nonce,
            &self.aad,
            &self.ciphertext,
            &self.tag,
        )
    }

    fn open_with(
        &self,
        key: &[u8],
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let mut buf = ciphertext.to_vec();
        let opened = open(self.algorithm, key, nonce, aad, &mut buf, tag);
        if opened.is_err() {
            assert!(buf.iter().all(|byte| *byte == 0), "plaintext left behind");
        }
        opened.map(|()| buf)
    }
}

#[test]
fn vectors_of_the_standards_open_or_are_refused_as_they_say() {
    for file in FILES {
        for vector in Vector::load(file) {
            if vector.record.is_valid() {
                assert_eq!(
                    vector.open().unwrap(),
                    vector.record.bytes("plaintext"),
                    "{file}"
                );
            } else {
                assert_eq!(vector.open(), Err(CryptoError::Verification), "{file}");
            }
        }
    }
}

#[test]
fn sealing_gives_the_ciphertext_and_tag_of_the_vectors() {
    for file in FILES {
        for vector in Vector::load(file)
            .iter()
            .filter(|vector| vector.record.is_valid())
        {
            let mut buf = vector.record.bytes("plaintext");
            let mut tag = vec![0; vector.tag.len()];
            let Vector {
                algorithm,
                key,
                nonce,
                aad,
                ..
            } = vector;
            seal(*algorithm, key, nonce, aad, &mut buf, &mut tag).unwrap();
            assert_eq!(buf, vector.ciphertext, "{file}");
            assert_eq!(tag, vector.tag, "{file}");
        }
    }
}

/// One valid vector with data and associated data for each algorithm.
fn samples() -> Vec<Vector> {
    let find = |file: &str, algorithm| {
        Vector::load(file)
            .into_iter()
            .find(|vector| {
                let has_data = !vector.ciphertext.is_empty() && !vector.aad.is_empty();
                vector.record.is_valid() && has_data && vector.algorithm == algorithm
            })
            .unwrap()
    };
    vec![
        find("aes_ccm_rfc3610.txt", AeadAlgorithm::AesCcm),
        find("aes_gcm_mcgrew_viega.txt", AeadAlgorithm::AesGcm),
        find(
            "chacha20_poly1305_rfc8439.txt",
            AeadAlgorithm::ChaCha20Poly1305,
        ),
        find(
            "chacha20_poly1305_rfc8439.txt",
            AeadAlgorithm::XChaCha20Poly1305,
        ),
    ]
}

#[test]
fn any_flipped_bit_anywhere_is_refused() {
    for v in samples() {
        assert!(v.open().is_ok());
        let refused = |result| assert_eq!(result, Err(CryptoError::Verification));
        for key in bit_flips(&v.key) {
            refused(v.open_with(&key, &v.nonce, &v.aad, &v.ciphertext, &v.tag));
        }
        for nonce in bit_flips(&v.nonce) {
            refused(v.open_with(&v.key, &nonce, &v.aad, &v.ciphertext, &v.tag));
        }
        for aad in bit_flips(&v.aad) {
            refused(v.open_with(&v.key, &v.nonce, &aad, &v.ciphertext, &v.tag));
        }
        for ciphertext in bit_flips(&v.ciphertext) {
            refused(v.open_with(&v.key, &v.nonce, &v.aad, &ciphertext, &v.tag));
        }
        for tag in bit_flips(&v.tag) {
            refused(v.open_with(&v.key, &v.nonce, &v.aad, &v.ciphertext, &tag));
        }
    }
}

#[test]
fn data_cut_or_moved_between_the_parts_is_refused() {
    for v in samples() {
        let refused = |result| assert_eq!(result, Err(CryptoError::Verification));
        let (last, shorter) = v.ciphertext.split_last().unwrap();
        refused(v.open_with(&v.key, &v.nonce, &v.aad, shorter, &v.tag));
        refused(v.open_with(&v.key, &v.nonce, &v.aad[1..], &v.ciphertext, &v.tag));
        refused(v.open_with(&v.key, &v.nonce, &[], &v.ciphertext, &v.tag));
        let moved = [&v.aad[..], &[*last]].concat();
        refused(v.open_with(&v.key, &v.nonce, &moved, shorter, &v.tag));
        let padded = [&v.aad[..], &[0]].concat();
        refused(v.open_with(&v.key, &v.nonce, &padded, &v.ciphertext, &v.tag));
    }
}

#[test]
fn lengths_outside_the_table_are_named_and_nothing_else_is_refused() {
    use AeadAlgorithm::*;
    let table: [(_, &[usize], &[usize], &[usize]); 4] = [
        (
            AesGcm,
            &[16, 24, 32],
            &[1, 8, 12, 13, 16, 64],
            &[4, 8, 12, 13, 14, 15, 16],
        ),
        (
            AesCcm,
            &[16, 24, 32],
            &[7, 8, 9, 10, 11, 12, 13],
            &[4, 6, 8, 10, 12, 14, 16],
        ),
        (ChaCha20Poly1305, &[32], &[12], &[16]),
        (XChaCha20Poly1305, &[32], &[24], &[16]),
    ];
    for (algorithm, keys, nonces, tags) in table {
        let try_lengths = |key: usize, nonce: usize, tag: usize| {
            let (key, nonce) = (vec![1; key], vec![2; nonce]);
            let (mut buf, mut tag) = (*b"plaintext", vec![0; tag]);
            let sealed = seal(algorithm, &key, &nonce, b"", &mut buf, &mut tag);
            assert_eq!(sealed.is_err(), &buf == b"plaintext");
            let opened = open(algorithm, &key, &nonce, b"", &mut buf, &tag);
            assert_eq!(sealed, opened);
            if opened.is_ok() {
                assert_eq!(&buf, b"plaintext");
            } else {
                assert_eq!(buf, [0; 9]);
            }
            sealed
        };
        let (key, nonce, tag) = (keys[0], nonces[0], tags[tags.len() - 1]);
        for len in 0..70 {
            let expected = if keys.contains(&len) {
                Ok(())
            } else {
                Err(CryptoError::KeyLength)
            };
            assert_eq!(
                try_lengths(len, nonce, tag),
                expected,
                "{algorithm:?} key {len}"
            );
            let expected = if tags.contains(&len) {
                Ok(())
            } else {
                Err(CryptoError::TagLength)
            };
            assert_eq!(
                try_lengths(key, nonce, len),
                expected,
                "{algorithm:?} tag {len}"
            );
            let any_but_none = algorithm == AesGcm && len > 0;
            let good = any_but_none || nonces.contains(&len);
            let expected = if good {
                Ok(())
            } else {
                Err(CryptoError::NonceLength)
            };
            assert_eq!(
                try_lengths(key, len, tag),
                expected,
                "{algorithm:?} nonce {len}"
            );
        }
    }
}

#[test]
fn ccm_refuses_a_message_that_its_length_field_cannot_hold() {
    // A nonce of 13 bytes leaves two bytes for the length.
    let mut tag = [0; 16];
    let mut fits = vec![0; 65535];
    assert_eq!(
        seal(
            AeadAlgorithm::AesCcm,
            &[0; 16],
            &[0; 13],
            b"",
            &mut fits,
            &mut tag
        ),
        Ok(())
    );
    assert_eq!(
        open(
            AeadAlgorithm::AesCcm,
            &[0; 16],
            &[0; 13],
            b"",
            &mut fits,
            &tag
        ),
        Ok(())
    );
    assert!(fits.iter().all(|byte| *byte == 0));

    let mut too_long = vec![7; 65536];
    let sealed = seal(
        AeadAlgorithm::AesCcm,
        &[0; 16],
        &[0; 13],
        b"",
        &mut too_long,
        &mut tag,
    );
    assert_eq!(sealed, Err(CryptoError::DataLength));
    let opened = open(
        AeadAlgorithm::AesCcm,
        &[0; 16],
        &[0; 13],
        b"",
        &mut too_long,
        &tag,
    );
    assert_eq!(opened, Err(CryptoError::DataLength));
    assert!(too_long.iter().all(|byte| *byte == 0));
    // One byte less of nonce, and it fits.
    assert_eq!(
        seal(
            AeadAlgorithm::AesCcm,
            &[0; 16],
            &[0; 12],
            b"",
            &mut too_long,
            &mut tag
        ),
        Ok(())
    );
}

#[test]
fn every_length_around_the_block_size_comes_back() {
    for v in samples() {
        for len in 0..300 {
            let plaintext: Vec<u8> = (0..=255).cycle().take(len).collect();
            let (mut buf, mut tag) = (plaintext.clone(), v.tag.clone());
            seal(v.algorithm, &v.key, &v.nonce, &v.aad, &mut buf, &mut tag).unwrap();
            assert!(len < 16 || buf != plaintext);
            open(v.algorithm, &v.key, &v.nonce, &v.aad, &mut buf, &tag).unwrap();
            assert_eq!(buf, plaintext);
        }
    }
}
