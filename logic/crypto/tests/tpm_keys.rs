//! Keys from seeds against `tests/tpm/derivation.py`, and the search for RSA keys: steps, sizes, structure.

#![cfg(all(
    feature = "tpm-p224",
    feature = "tpm-p384",
    feature = "tpm-p521",
    feature = "tpm-bn",
    feature = "tpm-sm",
    feature = "tpm-sha3",
    feature = "tpm-rsa"
))]

mod common;

use common::unhex;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::derive::{self, PrimaryKey};
use ironroot_crypto::tpm::ec::{Curve, EcScalar};
use ironroot_crypto::tpm::rsa::{RsaKey, RsaPrivateKey, RsaSearch, RsaSize, Step};
use ironroot_crypto::tpm::source::{KeySource, Purpose};
use ironroot_crypto::{CryptoError, Secret};
use serde_json::Value;

fn keys() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tpm_primary.json");
    let text = std::fs::read_to_string(path).unwrap();
    let vectors: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        vectors["derivation"],
        ironroot_crypto::tpm::source::DERIVATION_ID
    );
    vectors["keys"].as_array().unwrap().clone()
}

fn bytes(record: &Value, field: &str) -> Vec<u8> {
    unhex(record[field].as_str().unwrap())
}

fn derived(record: &Value) -> derive::Primary {
    let hierarchy = record["hierarchy"].as_u64().unwrap() as u32;
    let (seed, data) = (bytes(record, "seed"), bytes(record, "data"));
    derive::primary(&seed, hierarchy, &bytes(record, "template"), &data).unwrap()
}

/// A key, and the number of steps it took.
fn finish(mut search: RsaSearch, budget: u32) -> (RsaKey, u32) {
    for steps in 1.. {
        if let Step::Done(key) = search.step(budget).unwrap() {
            return (key, steps);
        }
    }
    unreachable!()
}

fn random_source(seed: u32) -> KeySource {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    KeySource::random(&mut Drbg::new(&Secret::new(bytes), b"keys"))
}

fn prime(key: &RsaKey) -> Vec<u8> {
    key.expose_prime(<[u8]>::to_vec)
}

fn check_ecc(record: &Value, scalar: &EcScalar) {
    assert_eq!(scalar.expose(<[u8]>::to_vec), bytes(record, "d"));
    let public = scalar.public().unwrap();
    assert_eq!(public.x(), bytes(record, "x"));
    assert_eq!(public.y(), bytes(record, "y"));
}

fn check_rsa(record: &Value, key: &RsaKey) {
    assert_eq!(prime(key), bytes(record, "p"));
    assert_eq!(key.public().modulus(), bytes(record, "n"));
    assert_eq!(u64::from(key.public().exponent()), record["e"]);
}

/// Those of the EK credential profile, of storage keys and of others, made by another program from the document.
#[test]
fn primary_keys_are_those_of_the_second_implementation() {
    let (mut rsa, mut ecc, mut other) = (0, 0, 0);
    for record in keys() {
        let primary = derived(&record);
        let seed_value = primary
            .seed_value
            .expose(|bytes| bytes[..primary.seed_value_len].to_vec());
        assert_eq!(seed_value, bytes(&record, "seed_value"));
        match primary.key {
            PrimaryKey::Rsa(search) => {
                check_rsa(&record, &finish(search, 100).0);
                rsa += 1;
            }
            PrimaryKey::Ecc(scalar) => {
                check_ecc(&record, &scalar);
                ecc += 1;
            }
            PrimaryKey::Bytes { key, len } => {
                assert_eq!(key.expose(|key| key[..len].to_vec()), bytes(&record, "key"));
                other += 1;
            }
        }
    }
    assert_eq!((rsa, ecc, other), (15, 36, 16));
}

#[test]
fn seed_hierarchy_template_and_data_each_change_the_key() {
    let key = |seed: &[u8], hierarchy, template: &[u8], data: &[u8]| {
        let source = KeySource::derived(seed, hierarchy, template, data);
        source.to_bytes().expose(|bytes| *bytes)
    };
    let first = key(b"seed", 1, b"template", b"data");
    assert_eq!(key(b"seed", 1, b"template", b"data"), first);
    let others = [
        key(b"seeds", 1, b"template", b"data"),
        key(b"seed", 2, b"template", b"data"),
        key(b"seed", 1, b"templates", b"data"),
        key(b"seed", 1, b"template", b"date"),
        key(b"seed", 1, b"template", b""),
        // The border between template and data counts.
        key(b"seed", 1, b"templated", b"ata"),
        key(b"seed", 1, b"templat", b"edata"),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(other, &first, "{index}");
        assert!(!others[..index].contains(other), "{index}");
    }
}

#[test]
fn purposes_do_not_share_bytes() {
    let source = random_source(1);
    let fill = |purpose| {
        let mut out = [0; 64];
        source.fill(purpose, &mut out);
        out
    };
    let all = [
        Purpose::SymmetricKey,
        Purpose::KeyedHashKey,
        Purpose::SeedValue,
    ]
    .map(fill);
    assert_ne!(all[0], all[1]);
    assert_ne!(all[0], all[2]);
    assert_ne!(all[1], all[2]);
    assert!(all.iter().all(|bytes| *bytes != [0; 64]));
    let again = KeySource::from_bytes(&source.to_bytes());
    let mut out = [0; 64];
    again.fill(Purpose::SeedValue, &mut out);
    assert_eq!(out, all[2]);
    // Curves have one label, but lengths that differ.
    let scalar = |curve| {
        source
            .ec_scalar(curve)
            .unwrap()
            .expose(|bytes| bytes[..8].to_vec())
    };
    assert_ne!(scalar(Curve::P256), scalar(Curve::P384));
}

#[test]
fn templates_that_are_none_are_refused() {
    for record in keys() {
        // The searches of RSA templates that do parse are not run.
        let template = bytes(&record, "template");
        let primary = |template: &[u8]| derive::primary(b"seed", 1, template, b"").err();
        for cut in 0..template.len() {
            assert_eq!(
                primary(&template[..cut]),
                Some(CryptoError::Encoding),
                "cut at {cut}"
            );
        }
        let longer = [&template[..], &[0]].concat();
        assert_eq!(primary(&longer), Some(CryptoError::Encoding));
        for (place, value) in [(0, 0xff), (1, 0x7f), (2, 0xff), (3, 0x11)] {
            let mut other = template.clone();
            other[place] = value;
            assert_eq!(primary(&other), Some(CryptoError::InvalidKey));
        }
    }
}

#[test]
fn the_budget_of_a_step_does_not_change_the_key() {
    for size in [RsaSize::Rsa1024, RsaSize::Rsa2048] {
        let source = random_source(2);
        let search = || source.rsa_search(size, 0).unwrap();
        let (first, steps) = finish(search(), 1);
        assert!(steps > 20, "a search of {steps} steps");
        for budget in [2, 7, 1000] {
            let (other, fewer) = finish(search(), budget);
            assert_eq!(prime(&other), prime(&first));
            assert_eq!(other.public(), first.public());
            assert_eq!(fewer, steps.div_ceil(budget));
        }
        // No budget, no progress; and over is over.
        let mut search = search();
        for _ in 0..10 {
            assert!(matches!(search.step(0), Ok(Step::Pending)));
        }
        assert!(matches!(search.step(u32::MAX), Ok(Step::Done(_))));
        assert_eq!(search.step(1).err(), Some(CryptoError::Corruption));
    }
}

#[test]
fn exponents_are_odd_and_above_two_to_the_sixteenth() {
    let source = random_source(3);
    for exponent in [1, 2, 3, 17, 65535, 65536, 65538, u32::MAX - 1] {
        let refused = source.rsa_search(RsaSize::Rsa1024, exponent).err();
        assert_eq!(refused, Some(CryptoError::InvalidKey));
    }
    // 65537 is prime; the others have small divisors, which p − 1 must not have.
    for exponent in [0, 65537, 65539, 65541, 3 * 5 * 7 * 11 * 13 * 17, u32::MAX] {
        let key = finish(source.rsa_search(RsaSize::Rsa1024, exponent).unwrap(), 1000).0;
        let expected = if exponent == 0 { 65537 } else { exponent };
        assert_eq!(key.public().exponent(), expected);
        key.expose_prime(|prime| assert!(RsaPrivateKey::from_prime(key.public(), prime).is_ok()));
    }
}

/// n modulo a small number.
fn remainder(number: &[u8], divisor: u64) -> u64 {
    number
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u64::from(*byte)) % divisor)
}

/// Whether n is a power of 65537 modulo each of the primes that ROCA's primes were made of (CVE-2017-15361). A
/// random number is with a chance of one in 2^28.
fn has_rocas_fingerprint(n: &[u8]) -> bool {
    const PRIMES: [u64; 16] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151,
    ];
    PRIMES.iter().all(|prime| {
        let mut power = 1;
        (0..*prime).any(|_| {
            power = power * 65537 % prime;
            power == remainder(n, *prime)
        })
    })
}

/// CVE-2021-3505: TPMs whose keys were shorter than they said. CVE-2017-15361 (ROCA): primes with a structure.
#[test]
fn many_keys_have_full_length_and_no_structure() {
    let count = if std::env::var_os("IRONROOT_FULL").is_some() {
        1000
    } else {
        60
    };
    let roca = [37u32; 64].map(|_| 0u8);
    assert!(!has_rocas_fingerprint(&[&roca[..], &[2]].concat()));
    assert!(has_rocas_fingerprint(&[1]));
    let mut seen = std::collections::HashSet::new();
    // How often each of bits 2 to 10 from the top, and 1 to 9 from the bottom, is one.
    let (mut high, mut low) = ([0u32; 9], [0u32; 9]);
    let mut residues = [[0u32; 11]; 2];
    for seed in 0..count {
        let source = random_source(1000 + seed);
        let key = finish(source.rsa_search(RsaSize::Rsa1024, 0).unwrap(), 1000).0;
        let (n, p) = (key.public().modulus().to_vec(), prime(&key));
        assert_eq!((n.len(), p.len()), (128, 64));
        assert_eq!(n[0] >> 7, 1, "the modulus has all its bits");
        assert_eq!(p[0] >> 6, 3, "the prime has its two top bits");
        assert_eq!(n[127] & 1 & p[63], 1);
        assert!(!has_rocas_fingerprint(&n));
        assert!(seen.insert(p.clone()) && seen.insert(n.clone()));
        RsaPrivateKey::from_prime(key.public(), &p).unwrap();
        let (top, bottom) = (
            u16::from_be_bytes([p[0], p[1]]),
            u16::from_be_bytes([p[62], p[63]]),
        );
        for bit in 0..9 {
            high[bit] += u32::from(top >> (13 - bit)) & 1;
            low[bit] += u32::from(bottom >> (bit + 1)) & 1;
        }
        residues[0][remainder(&p, 11) as usize] += 1;
        residues[1][remainder(&n, 11) as usize] += 1;
    }
    // Five standard deviations.
    let limit = 5 * count.isqrt() / 2 + 1;
    for ones in high.iter().chain(&low) {
        assert!(ones.abs_diff(count / 2) <= limit, "{high:?} {low:?}");
    }
    for residues in residues {
        assert_eq!(residues[0], 0);
        let expected = count / 10;
        let limit = 5 * expected.isqrt() + 2;
        assert!(
            residues[1..]
                .iter()
                .all(|seen| seen.abs_diff(expected) <= limit),
            "{residues:?}"
        );
    }
}

#[test]
fn keys_of_every_size_have_that_size() {
    for size in RsaSize::ALL {
        let key = finish(random_source(9).rsa_search(size, 0).unwrap(), u32::MAX).0;
        assert_eq!(key.public().size(), size);
        assert_eq!(key.public().modulus().len() * 8, usize::from(size.bits()));
        assert_eq!(prime(&key).len(), size.prime_len());
        assert_eq!(prime(&key)[0] >> 6, 3);
    }
}
