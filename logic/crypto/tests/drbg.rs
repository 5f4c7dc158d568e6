//! The random bit generators against their models and NIST's vector.

mod common;

use common::{unhex, vectors};
use ironroot_crypto::drbg::{Drbg, HmacDrbg};
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_crypto::{CryptoError, Secret};
use ironroot_platform::{Entropy, EntropyError};

#[test]
fn the_generator_agrees_with_its_model() {
    for record in vectors("drbg.txt") {
        let seed = Secret::new(record.array("seed"));
        let mut drbg = Drbg::new(&seed, &record.bytes("personalisation"));
        for len in [1, 24, 32, 33, 96, 97, 200] {
            let mut out = vec![0; len];
            drbg.fill(&mut out);
            assert_eq!(out, record.bytes(&format!("fill_{len}")));
        }
        drbg.reseed(&record.bytes("reseed"));
        assert!(drbg.secret::<64>().matches(&record.array("after_reseed")));
        let mut long = vec![0; 65536 + 1000];
        drbg.fill(&mut long);
        let hash = digest(HashAlgorithm::Sha256, &long);
        assert_eq!(hash.as_slice(), record.bytes("long_sha256"));
        assert!(drbg.secret::<8>().matches(&record.array("after_long")));
    }
}

#[test]
fn seeds_personalisation_and_reseeding_each_change_the_output() {
    let first = |seed: u8, personalisation: &[u8], fresh: Option<&[u8]>| {
        let mut drbg = Drbg::new(&Secret::new([seed; 32]), personalisation);
        if let Some(fresh) = fresh {
            drbg.reseed(fresh);
        }
        let mut out = [0; 16];
        drbg.fill(&mut out);
        out
    };
    let base = first(1, b"a", None);
    assert_eq!(base, first(1, b"a", None));
    let others = [
        first(2, b"a", None),
        first(1, b"b", None),
        first(1, b"", None),
        first(1, b"a", Some(b"")),
        first(1, b"a", Some(b"x")),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(base, *other);
        assert!(!others[..index].contains(other));
    }
}

struct TestEntropy {
    value: u8,
    asked: usize,
    broken: bool,
}

impl Entropy for TestEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        self.asked += out.len();
        if self.broken {
            // What a failing source may leave behind must not be used.
            out.fill(0x55);
            return Err(EntropyError);
        }
        out.fill(self.value);
        Ok(())
    }
}

#[test]
fn a_generator_starts_from_at_least_256_bits_of_entropy_or_not_at_all() {
    let mut good = TestEntropy {
        value: 7,
        asked: 0,
        broken: false,
    };
    let mut drbg = Drbg::from_entropy(&mut good, b"p").unwrap();
    assert!(good.asked >= 32);
    let mut other = TestEntropy {
        value: 8,
        asked: 0,
        broken: false,
    };
    let mut other_drbg = Drbg::from_entropy(&mut other, b"p").unwrap();
    other_drbg
        .secret::<16>()
        .expose(|other| assert!(!drbg.secret::<16>().matches(other)));

    let mut broken = TestEntropy {
        value: 7,
        asked: 0,
        broken: true,
    };
    assert_eq!(
        Drbg::from_entropy(&mut broken, b"p").err(),
        Some(CryptoError::Entropy)
    );
}

#[test]
fn hmac_drbg_gives_the_first_vector_of_cavp() {
    // NIST CAVP, drbgvectors_no_reseed, HMAC_DRBG.rsp, SHA-256, COUNT = 0: the second of two requests.
    let mut drbg = HmacDrbg::new(
        HashAlgorithm::Sha256,
        &unhex("ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488"),
        &unhex("659ba96c601dc69fc902940805ec0ca8"),
        b"",
    );
    let mut out = [0; 128];
    drbg.generate(b"", &mut out).unwrap();
    drbg.generate(b"", &mut out).unwrap();
    let expected = "e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89\
                    d54fbb978a15b5c443c9ec21036d2460b6f73ebad0dc2aba6e624abf07745bc1\
                    07694bb7547bb0995f70de25d6b29e2d3011bb19d27676c07162c8b5ccde0668\
                    961df86803482cb37ed6d5c0bb8d50cf1f50d476aa0458bdaba806f48be9dcb8";
    assert_eq!(out.to_vec(), unhex(expected));
}

#[test]
fn hmac_drbg_agrees_with_its_model() {
    for record in vectors("hmac_drbg.txt") {
        let additional = record.bytes("additional");
        let mut drbg = HmacDrbg::new(
            record.hash(),
            &record.bytes("entropy"),
            &record.bytes("nonce"),
            &record.bytes("personalisation"),
        );
        let (first, second) = (record.bytes("first"), record.bytes("second"));
        let mut out = vec![0; first.len()];
        drbg.generate(&additional, &mut out).unwrap();
        assert_eq!(out, first);
        let fresh = record.bytes("reseed");
        if !fresh.is_empty() {
            drbg.reseed(&fresh, &additional);
        }
        let mut out = vec![0; second.len()];
        drbg.generate(&additional, &mut out).unwrap();
        assert_eq!(out, second);
    }
}

#[test]
fn hmac_drbg_refuses_requests_over_its_limit() {
    let mut drbg = HmacDrbg::new(HashAlgorithm::Sha256, &[1; 32], &[2; 16], b"");
    let mut out = vec![0; 65537];
    assert_eq!(drbg.generate(b"", &mut out), Err(CryptoError::DataLength));
    assert!(out.iter().all(|byte| *byte == 0));
    assert_eq!(drbg.generate(b"", &mut out[..65536]), Ok(()));
}
