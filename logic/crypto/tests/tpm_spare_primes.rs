//! Primes found before anybody asked for a key, and what a key's search thinks of them.

#![cfg(feature = "tpm-rsa")]

use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::rsa::{
    RsaKey, RsaPrivateKey, RsaSearch, RsaSize, SPARE_PRIME_LEN, SparePrime, SpareSearch, Step,
};
use ironroot_crypto::tpm::source::KeySource;
use ironroot_crypto::{CryptoError, Secret};

/// A prime that is 1 modulo 3 leaves it no inverse, any other does.
const POWER_OF_THREE: u32 = 3_u32.pow(11);

fn drbg(seed: u8) -> Drbg {
    Drbg::new(&Secret::new([seed; 32]), b"spare primes")
}

fn spare(drbg: &mut Drbg) -> SparePrime {
    let mut search = SpareSearch::new(drbg);
    loop {
        if let Some(prime) = search.step().unwrap() {
            return prime;
        }
    }
}

fn bytes(prime: &SparePrime) -> [u8; SPARE_PRIME_LEN] {
    prime.expose(|prime| *prime)
}

fn search(seed: u8, size: RsaSize, exponent: u32) -> RsaSearch {
    let source = KeySource::random(&mut drbg(seed));
    source.rsa_search(size, exponent).unwrap()
}

fn key(step: Step) -> Option<RsaKey> {
    match step {
        Step::Done(key) => Some(key),
        Step::Pending => None,
    }
}

fn finish(mut search: RsaSearch) -> RsaKey {
    key(search.step(u32::MAX).unwrap()).unwrap()
}

fn first_prime(key: &RsaKey) -> Vec<u8> {
    key.expose_prime(<[u8]>::to_vec)
}

fn divides(prime: &[u8], key: &RsaKey) -> bool {
    RsaPrivateKey::check_prime(key.public(), prime).is_ok()
}

#[test]
fn two_spare_primes_make_a_key_at_once() {
    let mut drbg = drbg(1);
    let (one, other) = (spare(&mut drbg), spare(&mut drbg));
    let mut search = search(2, RsaSize::Rsa2048, 0);
    assert!(key(search.offer(&one).unwrap()).is_none());
    let key = key(search.offer(&other).unwrap()).expect("both are there");
    assert_eq!(first_prime(&key), bytes(&one));
    assert!(divides(&bytes(&one), &key) && divides(&bytes(&other), &key));
    assert_eq!(key.public().exponent(), 65537);
    // It works: what the private key signs the public key takes back.
    let private = RsaPrivateKey::from_prime(key.public(), &bytes(&one)).unwrap();
    let mut message = [0x5a; 256];
    private.apply(&mut message, &mut drbg).unwrap();
    assert_ne!(message, [0x5a; 256]);
    key.public().apply(&mut message).unwrap();
    assert_eq!(message, [0x5a; 256]);
    // Over is over.
    assert!(matches!(search.offer(&one), Ok(Step::Pending)));
    assert_eq!(search.step(1).err(), Some(CryptoError::Corruption));
}

#[test]
fn to_one_spare_prime_the_search_finds_the_other() {
    let mut drbg = drbg(3);
    let one = spare(&mut drbg);
    let mut begun = search(4, RsaSize::Rsa2048, 0);
    assert!(key(begun.offer(&one).unwrap()).is_none());
    let completed = finish(begun);
    let alone = finish(search(4, RsaSize::Rsa2048, 0));
    assert_eq!(first_prime(&completed), bytes(&one));
    assert!(divides(&bytes(&one), &completed));
    assert!(divides(&first_prime(&alone), &completed));
    // A search under way takes one, too.
    let mut late = search(4, RsaSize::Rsa2048, 0);
    assert!(key(late.step(5).unwrap()).is_none());
    assert!(key(late.offer(&one).unwrap()).is_none());
    assert_eq!(first_prime(&finish(late)), bytes(&one));
}

#[test]
fn the_same_prime_twice_is_no_key() {
    let one = spare(&mut drbg(5));
    let mut search = search(6, RsaSize::Rsa2048, 0);
    for _ in 0..3 {
        assert!(key(search.offer(&one).unwrap()).is_none());
    }
    // It was kept once; its own search finds the other.
    assert_eq!(first_prime(&finish(search)), bytes(&one));
}

#[test]
fn what_is_not_prime_any_more_is_refused_and_the_search_goes_on() {
    let mut drbg = drbg(7);
    let good = bytes(&spare(&mut drbg));
    let product = {
        let key = finish(search(8, RsaSize::Rsa1024, 0));
        let mut product = [0; SPARE_PRIME_LEN];
        product.copy_from_slice(key.public().modulus());
        product[0] |= 0xc0;
        product
    };
    let mut bad = vec![[0; SPARE_PRIME_LEN], [0xff; SPARE_PRIME_LEN], product];
    // Every kind of byte: a top bit, the lowest bit, something between.
    for bit in [0, 1, 9, 512, 1000, 1020, 1023] {
        let mut flipped = good;
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        bad.push(flipped);
    }
    let mut search = search(9, RsaSize::Rsa2048, 0);
    for bad in bad {
        let refused = search.offer(&SparePrime::from_bytes(&bad)).err();
        assert_eq!(refused, Some(CryptoError::Corruption), "{bad:02x?}");
    }
    let key = finish(search);
    assert!(!divides(&good, &key));
}

#[test]
fn a_prime_that_leaves_the_exponent_no_inverse_is_passed_over() {
    let mut drbg = drbg(10);
    // The number modulo 3 is the sum of its bytes modulo 3.
    let rest = |prime: &SparePrime| {
        bytes(prime)
            .iter()
            .map(|byte| u32::from(*byte))
            .sum::<u32>()
            % 3
    };
    let mut of_rest = |wanted| {
        std::iter::repeat_with(|| spare(&mut drbg))
            .find(|prime| rest(prime) == wanted)
            .unwrap()
    };
    let (unfit, fit) = (of_rest(1), of_rest(2));
    let mut search = search(11, RsaSize::Rsa2048, POWER_OF_THREE);
    assert!(key(search.offer(&unfit).unwrap()).is_none());
    assert!(key(search.offer(&fit).unwrap()).is_none());
    assert!(key(search.offer(&unfit).unwrap()).is_none());
    let key = finish(search);
    assert_eq!(first_prime(&key), bytes(&fit));
    assert!(!divides(&bytes(&unfit), &key));
}

#[test]
fn keys_of_other_sizes_take_none() {
    let one = spare(&mut drbg(12));
    for size in [RsaSize::Rsa1024, RsaSize::Rsa3072] {
        let mut offered = search(13, size, 0);
        assert!(key(offered.offer(&one).unwrap()).is_none());
        let alone = finish(search(13, size, 0));
        assert_eq!(first_prime(&finish(offered)), first_prime(&alone));
    }
}

#[test]
fn every_search_finds_another_prime_with_all_its_bits() {
    let mut drbg = drbg(14);
    let found: Vec<_> = (0..6).map(|_| bytes(&spare(&mut drbg))).collect();
    for (index, prime) in found.iter().enumerate() {
        assert_eq!(prime[0] >> 6, 3);
        assert_eq!(prime[SPARE_PRIME_LEN - 1] & 1, 1);
        assert!(!found[..index].contains(prime));
    }
}
