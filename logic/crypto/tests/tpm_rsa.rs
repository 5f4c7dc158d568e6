//! RSA of all sizes and paddings against OpenSSL, and what must be refused.

#![cfg(all(feature = "tpm-rsa", feature = "tpm-sha1"))]

mod common;

use common::{Record, vectors};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_crypto::tpm::rsa::{
    Encryption, RsaPrivateKey, RsaPublicKey, RsaSize, SaltLength, SignatureScheme,
};
use ironroot_crypto::{CryptoError, Secret};

const HASHES: [(&str, HashAlgorithm); 4] = [
    ("sha1", HashAlgorithm::Sha1),
    ("sha256", HashAlgorithm::Sha256),
    ("sha384", HashAlgorithm::Sha384),
    ("sha512", HashAlgorithm::Sha512),
];

fn drbg() -> Drbg {
    Drbg::new(&Secret::new([5; 32]), b"test")
}

struct Key {
    record: Record,
    public: RsaPublicKey,
    private: RsaPrivateKey,
}

impl Key {
    fn len(&self) -> usize {
        self.public.size().modulus_len()
    }

    fn part(&self, name: &str) -> Vec<u8> {
        self.record.bytes(name)
    }
}

fn keys() -> Vec<Key> {
    let keys: Vec<Key> = vectors("tpm_rsa.txt")
        .into_iter()
        .map(|record| {
            let exponent = record.text("e").parse().unwrap();
            let public = RsaPublicKey::new(&record.bytes("n"), exponent).unwrap();
            let private = RsaPrivateKey::from_prime(&public, &record.bytes("p")).unwrap();
            Key {
                record,
                public,
                private,
            }
        })
        .collect();
    assert_eq!(keys.len(), 8);
    keys
}

#[test]
fn raw_powers_are_pythons_with_either_prime() {
    let mut drbg = drbg();
    for key in keys() {
        let input = key.part("raw_in");
        let mut bytes = input.clone();
        key.public.apply(&mut bytes).unwrap();
        assert_eq!(bytes, key.part("raw_public"));
        let other = RsaPrivateKey::from_prime(&key.public, &key.part("q")).unwrap();
        for private in [&key.private, &other] {
            let mut bytes = input.clone();
            private.apply(&mut bytes, &mut drbg).unwrap();
            assert_eq!(bytes, key.part("raw_private"));
        }
    }
}

#[test]
fn the_ends_of_the_range_have_their_powers_too() {
    let mut drbg = drbg();
    for key in keys() {
        let len = key.len();
        let mut below = key.part("n");
        *below.last_mut().unwrap() -= 1;
        let mut one = vec![0; len];
        one[len - 1] = 1;
        // 0, 1 and −1 are their own odd powers; p and q have no inverse modulo n.
        for number in [vec![0; len], one, below] {
            let mut bytes = number.clone();
            key.public.apply(&mut bytes).unwrap();
            assert_eq!(bytes, number);
            key.private.apply(&mut bytes, &mut drbg).unwrap();
            assert_eq!(bytes, number);
        }
        let multiple = [vec![0; len / 2], key.part("p")].concat();
        let mut bytes = multiple.clone();
        key.private.apply(&mut bytes, &mut drbg).unwrap();
        key.public.apply(&mut bytes).unwrap();
        assert_eq!(bytes, multiple);
        let n = key.part("n");
        for wrong in [
            n.clone(),
            vec![0xff; len],
            n[1..].to_vec(),
            [&[0], &n[..]].concat(),
        ] {
            let wanted = Err(CryptoError::DataLength);
            assert_eq!(key.public.apply(&mut wrong.clone()), wanted);
            assert_eq!(key.private.apply(&mut wrong.clone(), &mut drbg), wanted);
        }
    }
}

#[test]
fn signatures_of_openssl_hold_for_their_scheme_and_digest_only() {
    for key in keys() {
        for (name, hash) in HASHES {
            let digest = key.part(&format!("{name}_digest"));
            let pss = |salt| SignatureScheme::Pss { hash, salt };
            let schemes = [
                ("pkcs1", SignatureScheme::Pkcs1 { hash }),
                ("pss_digest", pss(SaltLength::Digest)),
                ("pss_maximum", pss(SaltLength::Maximum)),
                ("pss_empty", pss(SaltLength::Any)),
                ("pss_digest", pss(SaltLength::Any)),
                ("pss_maximum", pss(SaltLength::Any)),
            ];
            for (kind, scheme) in schemes {
                let signature = key.part(&format!("{name}_{kind}"));
                let verified =
                    |digest: &[u8], signature: &[u8]| key.public.verify(scheme, digest, signature);
                assert_eq!(verified(&digest, &signature), Ok(()), "{name} {kind}");
                let wrong = Err(CryptoError::Verification);
                for place in [0, signature.len() / 2, signature.len() - 1] {
                    let mut other = signature.clone();
                    other[place] ^= 1;
                    assert_eq!(verified(&digest, &other), wrong);
                }
                let mut other = digest.clone();
                other[0] ^= 0x80;
                assert_eq!(verified(&other, &signature), wrong);
                assert_eq!(verified(&digest, &signature[1..]), wrong);
                assert_eq!(verified(&digest, &[&[0], &signature[..]].concat()), wrong);
                assert_eq!(verified(&digest, &key.part("n")), wrong);
                assert_eq!(
                    verified(&digest[1..], &signature),
                    Err(CryptoError::DataLength)
                );
            }
            // Another scheme's signature, and another salt length where one is asked for.
            let signature = |kind: &str| key.part(&format!("{name}_{kind}"));
            let crossed = [
                (SignatureScheme::Pkcs1 { hash }, "pss_digest"),
                (pss(SaltLength::Any), "pkcs1"),
                (pss(SaltLength::Digest), "pss_empty"),
                (pss(SaltLength::Maximum), "pss_empty"),
            ];
            for (scheme, kind) in crossed {
                let verified = key.public.verify(scheme, &digest, &signature(kind));
                assert_eq!(verified, Err(CryptoError::Verification), "{name} {kind}");
            }
        }
    }
}

#[test]
fn ciphertexts_of_openssl_are_decrypted() {
    let mut drbg = drbg();
    for key in keys() {
        let mut check = |scheme: Encryption<'_>, ciphertext: &[u8], message: &[u8]| {
            let mut out = vec![0xaa; key.len()];
            let len = key
                .private
                .decrypt(scheme, ciphertext, &mut drbg, &mut out)
                .unwrap();
            assert_eq!(&out[..len], message);
            assert!(out[len..].iter().all(|byte| *byte == 0));
        };
        for kind in ["empty", "some", "full"] {
            let message = key.part(&format!("pkcs1_{kind}_message"));
            check(
                Encryption::Pkcs1,
                &key.part(&format!("pkcs1_{kind}")),
                &message,
            );
            for (name, hash) in HASHES {
                if key.record.get(&format!("{name}_label")).is_none() {
                    continue;
                }
                let label = key.part(&format!("{name}_label"));
                let scheme = Encryption::Oaep {
                    hash,
                    label: &label,
                };
                let message = key.part(&format!("{name}_oaep_{kind}_message"));
                check(scheme, &key.part(&format!("{name}_oaep_{kind}")), &message);
            }
        }
    }
}

/// The most that fits, by scheme.
fn room(scheme: Encryption<'_>, len: usize) -> Option<usize> {
    match scheme {
        Encryption::Null => Some(len),
        Encryption::Pkcs1 => Some(len - 11),
        Encryption::Oaep { hash, .. } => len.checked_sub(2 * hash.digest_len() + 2),
    }
}

fn encryptions() -> Vec<Encryption<'static>> {
    let oaep = |(_, hash)| Encryption::Oaep {
        hash,
        label: b"TEST\0",
    };
    let mut all = vec![Encryption::Null, Encryption::Pkcs1];
    all.extend(HASHES.map(oaep));
    all
}

/// CVE-2021-3569: a TPM that wrote a message of any size into a buffer of one size.
#[test]
fn every_padding_takes_every_length_that_fits_and_no_other() {
    let mut drbg = drbg();
    for key in keys() {
        let len = key.len();
        for scheme in encryptions() {
            let Some(room) = room(scheme, len) else {
                let mut out = vec![0; len];
                let refused = key.public.encrypt(scheme, b"", &mut drbg, &mut out);
                assert_eq!(refused, Err(CryptoError::DataLength));
                continue;
            };
            for message_len in [0, 1, room / 2, room.saturating_sub(1), room] {
                let mut message = vec![0x5a; message_len];
                // Not above the modulus without padding.
                message.iter_mut().take(1).for_each(|byte| *byte = 1);
                let mut ciphertext = vec![0; len];
                key.public
                    .encrypt(scheme, &message, &mut drbg, &mut ciphertext)
                    .unwrap();
                let mut out = vec![0xaa; len + 3];
                let out_len = key
                    .private
                    .decrypt(scheme, &ciphertext, &mut drbg, &mut out)
                    .unwrap();
                assert_eq!(out[len..], [0xaa; 3], "not behind the modulus's length");
                if scheme == Encryption::Null {
                    assert_eq!(out_len, len);
                    assert_eq!(out[len - message_len..len], message);
                    assert!(out[..len - message_len].iter().all(|byte| *byte == 0));
                } else {
                    assert_eq!(out[..out_len], message);
                }
            }
            for message_len in [room + 1, len, len + 1, 2 * len] {
                if message_len <= room {
                    continue;
                }
                let mut out = vec![0xaa; len];
                let message = vec![1; message_len];
                let refused = key.public.encrypt(scheme, &message, &mut drbg, &mut out);
                assert_eq!(refused, Err(CryptoError::DataLength));
                assert!(out.iter().all(|byte| *byte == 0));
            }
            // Buffers of other lengths.
            for wrong in [0, 1, len - 1] {
                let mut out = vec![0; wrong];
                let refused = key.public.encrypt(scheme, b"", &mut drbg, &mut out);
                assert_eq!(refused, Err(CryptoError::DataLength));
                let refused = key
                    .private
                    .decrypt(scheme, &vec![1; len], &mut drbg, &mut out);
                assert_eq!(refused, Err(CryptoError::DataLength));
            }
            for wrong in [0, len - 1, len + 1] {
                let mut out = vec![0; len];
                let refused = key
                    .private
                    .decrypt(scheme, &vec![1; wrong], &mut drbg, &mut out);
                assert_eq!(refused, Err(CryptoError::DataLength));
            }
        }
    }
}

/// What the private power of a ciphertext is, so that a test can choose it.
fn encrypt_raw(key: &Key, encoded: &[u8]) -> Vec<u8> {
    let mut ciphertext = encoded.to_vec();
    key.public.apply(&mut ciphertext).unwrap();
    ciphertext
}

/// CVE-2026-6727 and before it Bleichenbacher and Manger: all faults are one fault, and leave zeros.
#[test]
fn every_fault_of_the_pkcs1_padding_is_the_same_fault() {
    let mut drbg = drbg();
    for key in keys().iter().filter(|key| key.len() <= 256) {
        let len = key.len();
        // 0 2 then padding up to `end`, a zero, a message.
        let encoded = |end: usize| {
            let mut encoded = vec![0x11; len];
            encoded[..2].copy_from_slice(&[0, 2]);
            if end < len {
                encoded[end] = 0;
            }
            encoded
        };
        let mut decrypt = |encoded: &[u8]| {
            let mut out = vec![0xaa; len];
            let ciphertext = encrypt_raw(key, encoded);
            let result = key
                .private
                .decrypt(Encryption::Pkcs1, &ciphertext, &mut drbg, &mut out);
            assert!(result.is_ok() || out.iter().all(|byte| *byte == 0));
            result
        };
        for end in [10, 11, 50, len - 2, len - 1] {
            assert_eq!(
                decrypt(&encoded(end)),
                Ok(len - end - 1),
                "separator at {end}"
            );
        }
        let wrong = Err(CryptoError::Verification);
        for end in [2, 3, 8, 9, len] {
            assert_eq!(decrypt(&encoded(end)), wrong, "separator at {end}");
        }
        for (place, value) in [(0, 1), (1, 1), (1, 0), (1, 3), (5, 0)] {
            let mut encoded = encoded(50);
            encoded[place] = value;
            assert_eq!(decrypt(&encoded), wrong, "byte {place} is {value}");
        }
    }
}

#[test]
fn every_fault_of_the_oaep_padding_is_the_same_fault() {
    let mut drbg = drbg();
    let key = &keys()[3];
    let (len, hash) = (key.len(), HashAlgorithm::Sha256);
    let scheme = Encryption::Oaep { hash, label: b"" };
    // An encoding taken apart: what is encrypted is opened by the raw power.
    let mut ciphertext = vec![0; len];
    key.public
        .encrypt(scheme, b"message", &mut drbg, &mut ciphertext)
        .unwrap();
    let mut encoded = ciphertext.clone();
    key.private.apply(&mut encoded, &mut drbg).unwrap();
    assert_eq!(encoded[0], 0);
    for place in [0, 1, 32, 33, 64, 65, 66, 200, len - 9, len - 8, len - 1] {
        let mut other = encoded.clone();
        other[place] ^= 1;
        let mut out = vec![0xaa; len];
        let ciphertext = encrypt_raw(key, &other);
        let result = key
            .private
            .decrypt(scheme, &ciphertext, &mut drbg, &mut out);
        // A changed byte of the message itself changes the masked seed, so all are refused.
        assert_eq!(result, Err(CryptoError::Verification), "byte {place}");
        assert!(out.iter().all(|byte| *byte == 0));
    }
    let mut out = vec![0; len];
    assert_eq!(
        key.private
            .decrypt(scheme, &ciphertext, &mut drbg, &mut out),
        Ok(7)
    );
    for other in [
        Encryption::Oaep { hash, label: b"\0" },
        Encryption::Oaep {
            hash: HashAlgorithm::Sha1,
            label: b"",
        },
        Encryption::Pkcs1,
    ] {
        let result = key.private.decrypt(other, &ciphertext, &mut drbg, &mut out);
        assert_eq!(result, Err(CryptoError::Verification));
    }
}

#[test]
fn signatures_made_here_hold() {
    let mut drbg = drbg();
    for key in keys() {
        for (_, hash) in HASHES {
            let digest = digest(hash, b"a message");
            for scheme in [
                SignatureScheme::Pkcs1 { hash },
                SignatureScheme::Pss {
                    hash,
                    salt: SaltLength::Digest,
                },
                SignatureScheme::Pss {
                    hash,
                    salt: SaltLength::Maximum,
                },
                SignatureScheme::Pss {
                    hash,
                    salt: SaltLength::Any,
                },
            ] {
                let mut signature = vec![0; key.len()];
                key.private
                    .sign(scheme, digest.as_slice(), &mut drbg, &mut signature)
                    .unwrap();
                assert_eq!(
                    key.public.verify(scheme, digest.as_slice(), &signature),
                    Ok(())
                );
                let mut short = vec![0xaa; key.len() - 1];
                let refused = key
                    .private
                    .sign(scheme, digest.as_slice(), &mut drbg, &mut short);
                assert_eq!(refused, Err(CryptoError::DataLength));
                let refused = key
                    .private
                    .sign(scheme, &[1; 19], &mut drbg, &mut signature);
                assert_eq!(refused, Err(CryptoError::DataLength));
            }
            // PKCS#1 has no randomness: the same bytes as OpenSSL's.
            let (name, _) = HASHES.iter().find(|(_, other)| *other == hash).unwrap();
            let mut signature = vec![0; key.len()];
            let digest = key.part(&format!("{name}_digest"));
            let scheme = SignatureScheme::Pkcs1 { hash };
            key.private
                .sign(scheme, &digest, &mut drbg, &mut signature)
                .unwrap();
            assert_eq!(signature, key.part(&format!("{name}_pkcs1")));
        }
    }
}

#[test]
fn numbers_that_are_no_prime_of_the_modulus_are_refused() {
    for key in keys() {
        let p = key.part("p");
        let refused = |prime: &[u8]| {
            let wanted = Some(CryptoError::InvalidKey);
            assert_eq!(RsaPrivateKey::from_prime(&key.public, prime).err(), wanted);
            assert_eq!(RsaPrivateKey::check_prime(&key.public, prime).err(), wanted);
        };
        assert_eq!(RsaPrivateKey::check_prime(&key.public, &p), Ok(()));
        assert_eq!(
            RsaPrivateKey::check_prime(&key.public, &key.part("q")),
            Ok(())
        );
        for bit in [0, 1, 7, p.len() * 4, p.len() * 8 - 1] {
            let mut other = p.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            refused(&other);
        }
        let mut one = vec![0; p.len()];
        refused(&one);
        *one.last_mut().unwrap() = 1;
        refused(&one);
        refused(&vec![0xff; p.len()]);
        refused(&p[1..]);
        refused(&[&[0], &p[..]].concat());
        refused(&[]);
        refused(&key.part("n"));
    }
}

#[test]
fn exponents_that_have_no_inverse_are_refused() {
    // p − 1 is divisible by 3 for one prime in two: among eight keys one of the primes has it.
    let mut refused = 0;
    for key in keys() {
        let public = RsaPublicKey::new(key.public.modulus(), 3).unwrap();
        let divides = |prime: &str| {
            let prime = key.part(prime);
            prime
                .iter()
                .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % 3)
                == 1
        };
        let expected = divides("p") || divides("q");
        assert_eq!(
            RsaPrivateKey::from_prime(&public, &key.part("p")).is_err(),
            expected
        );
        refused += usize::from(expected);
    }
    assert!(refused > 0);
}

#[test]
fn a_square_is_no_key() {
    // 2^1023 < n < 2^1024: the square of a number just below 2^512.
    let mut root = [0xff; 64];
    root[63] = 0xfd;
    let mut square = [0u8; 128];
    // (2^512 − 3)² = 2^1024 − 6·2^512 + 9.
    square[..64].fill(0xff);
    square[63] = 0xfa;
    square[127] = 9;
    let public = RsaPublicKey::new(&square, 0).unwrap();
    assert_eq!(
        RsaPrivateKey::check_prime(&public, &root),
        Ok(()),
        "it divides"
    );
    let refused = RsaPrivateKey::from_prime(&public, &root).err();
    assert_eq!(refused, Some(CryptoError::InvalidKey));
}

#[test]
fn a_key_of_composites_gives_nothing_away() {
    // p and q are no primes, so the power does not go back, and nobody sees it.
    let mut p = [0xff; 64];
    p[63] = 0xfd;
    // q is 2^512 − 5: (2^512 − 3)(2^512 − 5) = 2^1024 − 8·2^512 + 15.
    let mut n = [0u8; 128];
    n[..64].fill(0xff);
    n[63] = 0xf8;
    n[127] = 15;
    let public = RsaPublicKey::new(&n, 65539).unwrap();
    let Ok(private) = RsaPrivateKey::from_prime(&public, &p) else {
        panic!("65539 has an inverse modulo both");
    };
    let mut bytes = [0x5a; 128];
    assert_eq!(
        private.apply(&mut bytes, &mut drbg()),
        Err(CryptoError::Corruption)
    );
    assert_eq!(bytes, [0; 128]);
}

#[test]
fn moduli_and_exponents_that_make_no_key_are_refused() {
    let refused = |modulus: &[u8], exponent| {
        let key = RsaPublicKey::new(modulus, exponent).err();
        assert_eq!(key, Some(CryptoError::InvalidKey));
    };
    for size in RsaSize::ALL {
        let len = size.modulus_len();
        let good = vec![0xff; len];
        assert_eq!(RsaPublicKey::new(&good, 0).unwrap().exponent(), 65537);
        assert_eq!(
            RsaPublicKey::new(&[&[0], &good[..]].concat(), 3)
                .unwrap()
                .size(),
            size
        );
        assert_eq!(RsaSize::from_bits(size.bits()), Some(size));
        for exponent in [1, 2, 4, 65536, u32::MAX - 1] {
            refused(&good, exponent);
        }
        refused(&[&good[..len - 1], &[0xfe]].concat(), 0);
        refused(&[&[0x7f], &good[1..]].concat(), 0);
        refused(&good[1..], 0);
        refused(&[&[1], &good[..]].concat(), 0);
    }
    refused(&[], 0);
    for bits in [0, 512, 1023, 1025, 1536, 2047, 4095, 4097, 8192, u16::MAX] {
        assert_eq!(RsaSize::from_bits(bits), None);
    }
}
