//! RSA signatures and ciphertexts of Wycheproof, with the hashes that a TPM has.

#![cfg(all(feature = "tpm-rsa", feature = "tpm-sha1"))]

use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_crypto::tpm::rsa::{
    Encryption, RsaPrivateKey, RsaPublicKey, SaltLength, SignatureScheme,
};
use wycheproof::TestResult;

fn drbg() -> Drbg {
    Drbg::new(&Secret::new([5; 32]), b"test")
}

fn hash_of(hash: wycheproof::HashFunction) -> Option<HashAlgorithm> {
    match hash {
        wycheproof::HashFunction::Sha1 => Some(HashAlgorithm::Sha1),
        wycheproof::HashFunction::Sha2_256 => Some(HashAlgorithm::Sha256),
        wycheproof::HashFunction::Sha2_384 => Some(HashAlgorithm::Sha384),
        wycheproof::HashFunction::Sha2_512 => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

fn exponent(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0u32, |number, byte| {
        number.checked_mul(256)?.checked_add((*byte).into())
    })
}

#[test]
fn pkcs1_signatures_are_judged_as_wycheproof_does() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let mut seen = 0;
    for name in TestName::all() {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = exponent(&group.key.e).and_then(|e| RsaPublicKey::new(&group.key.n, e).ok());
            let Some((key, hash)) = key.zip(hash_of(group.hash)) else {
                continue;
            };
            for test in group.tests {
                let digest = digest(hash, &test.msg);
                let scheme = SignatureScheme::Pkcs1 { hash };
                let verified = key.verify(scheme, digest.as_slice(), &test.sig).is_ok();
                // "Acceptable" are encodings that old software makes and nobody need take.
                assert_eq!(
                    verified,
                    test.result == TestResult::Valid,
                    "{name:?} {}",
                    test.tc_id
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 1500, "{seen}");
}

#[test]
fn pss_signatures_are_judged_as_wycheproof_does() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    let mut seen = 0;
    for name in TestName::all() {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = exponent(&group.key.e).and_then(|e| RsaPublicKey::new(&group.key.n, e).ok());
            let Some((key, hash)) = key.zip(hash_of(group.hash)) else {
                continue;
            };
            // One hash for both, as a TPM has it.
            if group.mgf_hash.and_then(hash_of) != Some(hash) {
                continue;
            }
            let salt = match group.salt_size {
                size if size == hash.digest_len() => SaltLength::Digest,
                _ => SaltLength::Any,
            };
            for test in group.tests {
                let digest = digest(hash, &test.msg);
                let scheme = SignatureScheme::Pss { hash, salt };
                let verified = key.verify(scheme, digest.as_slice(), &test.sig).is_ok();
                // With any salt length, those that are wrong by their salt's length only are right.
                let lenient = salt == SaltLength::Any && verified;
                let valid = test.result != TestResult::Invalid;
                assert!(
                    verified == valid || lenient,
                    "{name:?} {}: {}",
                    test.tc_id,
                    test.comment
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn oaep_is_decrypted_as_wycheproof_does() {
    use wycheproof::rsa_oaep::{TestName, TestSet};
    let (mut drbg, mut seen) = (drbg(), 0);
    for name in TestName::all() {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = exponent(&group.key.e).and_then(|e| RsaPublicKey::new(&group.key.n, e).ok());
            let hash = hash_of(group.hash).filter(|hash| hash_of(group.mgf_hash) == Some(*hash));
            let Some((public, hash)) = key.zip(hash) else {
                continue;
            };
            let Ok(private) = RsaPrivateKey::from_prime(&public, trimmed(&group.key.p)) else {
                continue;
            };
            for test in group.tests {
                let mut out = vec![0; public.size().modulus_len()];
                let scheme = Encryption::Oaep {
                    hash,
                    label: &test.label,
                };
                let len = private.decrypt(scheme, &test.ct, &mut drbg, &mut out);
                assert_eq!(
                    len.is_ok(),
                    test.result != TestResult::Invalid,
                    "{name:?} {}",
                    test.tc_id
                );
                if let Ok(len) = len {
                    assert_eq!(out[..len], test.pt[..]);
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 300, "{seen}");
}

#[test]
fn pkcs1_is_decrypted_as_wycheproof_does() {
    use wycheproof::rsa_pkcs1_decrypt::{TestName, TestSet};
    let (mut drbg, mut seen) = (drbg(), 0);
    for name in TestName::all() {
        for group in TestSet::load(name).unwrap().test_groups {
            let public = RsaPublicKey::new(&group.key.n, exponent(&group.key.e).unwrap()).unwrap();
            let private = RsaPrivateKey::from_prime(&public, trimmed(&group.key.p)).unwrap();
            for test in group.tests {
                let mut out = vec![0; public.size().modulus_len()];
                let len = private.decrypt(Encryption::Pkcs1, &test.ct, &mut drbg, &mut out);
                assert_eq!(
                    len.is_ok(),
                    test.result == TestResult::Valid,
                    "{name:?} {}",
                    test.tc_id
                );
                if let Ok(len) = len {
                    assert_eq!(out[..len], test.pt[..]);
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 150, "{seen}");
}

/// Without the zero byte of a signed number.
fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
