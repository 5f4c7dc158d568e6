//! Telling primes from composites: a sieve for many numbers, Fermat and Miller-Rabin for one.
//!
//! One test takes the same time for all numbers of a length. How many tests a search takes does not.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Limb, NonZero, Uint, Word};
use zeroize::Zeroizing;

use super::RsaSize;
use super::powers::{power, power_of_two};
use crate::rsa::sieve::{BitSet, SmallPrimes};

/// Odd numbers looked at behind one start. About 11 of them are prime at 1024 bits, 6 at 2048.
pub(super) const WINDOW: u32 = 4096;
const WINDOW_WORDS: usize = (WINDOW / 32) as usize;

/// The places of a window that a small prime divides.
pub(super) type Composite = BitSet<WINDOW_WORDS>;

/// Rounds of Miller-Rabin for random candidates of half the key's size (FIPS 186-5, table B.1; for 512 bits, which
/// it has no more, those of FIPS 186-4, table C.3, and one).
pub(super) const fn rounds(size: RsaSize) -> u32 {
    match size {
        RsaSize::Rsa1024 => 8,
        RsaSize::Rsa2048 => 5,
        RsaSize::Rsa3072 | RsaSize::Rsa4096 => 4,
    }
}

/// Marks the numbers start + 2·place that a small prime divides.
pub(super) fn sieve<const HALF: usize>(start: &Uint<HALF>) -> Composite {
    let mut composite = Composite::new();
    let small_primes = SmallPrimes::new();
    let mut primes = small_primes.iter();
    let mut first = primes.next();
    // A division of the long number takes longest, so as many primes as fit a word share one.
    while first.is_some() {
        let mut group = [0; GROUP];
        let mut product = 1;
        for place in &mut group {
            let Some(prime) = first else { break };
            let Some(larger) = product_with(product, prime) else {
                break;
            };
            (product, *place) = (larger, prime);
            first = primes.next();
        }
        let rest = word_remainder(start, product);
        for prime in group.into_iter().filter(|prime| *prime != 0) {
            // Below a prime of 16 bits, so it fits.
            let rest = rest.checked_rem(Word::from(prime)).unwrap_or(0) as u32;
            // The distance to the next multiple, made even, in steps of two.
            let distance = prime.wrapping_sub(rest).checked_rem(prime).unwrap_or(0);
            let even = if distance & 1 == 0 {
                distance
            } else {
                distance.wrapping_add(prime)
            };
            composite.insert_every(even >> 1, prime, WINDOW);
        }
    }
    composite
}

/// The most primes whose product can fit a word: 3·5·7·… up to 53.
const GROUP: usize = 15;

fn product_with(product: Word, prime: u32) -> Option<Word> {
    product.checked_mul(Word::from(prime))
}

fn word_remainder<const HALF: usize>(number: &Uint<HALF>, divisor: Word) -> Word {
    let divisor = NonZero::<Limb>::new(Limb(divisor)).into_option();
    divisor.map_or(0, |divisor| number.rem_limb(divisor).0)
}

pub(super) fn remainder<const HALF: usize>(number: &Uint<HALF>, divisor: u32) -> u32 {
    // Below the divisor, so it fits.
    word_remainder(number, Word::from(divisor)) as u32
}

/// Whether the greatest common divisor is 1.
pub(super) fn no_common_divisor(mut a: u32, mut b: u32) -> bool {
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a == 1
}

/// 2^(number − 1) = 1: nearly all composites fail.
pub(super) fn passes_fermat<const HALF: usize>(number: &Uint<HALF>) -> bool {
    let Some(odd) = number.to_odd().into_option() else {
        return false;
    };
    let params = Zeroizing::new(FixedMontyParams::new(odd));
    let exponent = Zeroizing::new(number.wrapping_sub(&Uint::ONE));
    power_of_two(&exponent, &params) == FixedMontyForm::one(&params)
}

/// One round (FIPS 186-5, appendix B.3.1).
pub(super) fn passes_miller_rabin<const HALF: usize>(
    number: &Uint<HALF>,
    base: &Uint<HALF>,
) -> bool {
    let Some(odd) = number.to_odd().into_option() else {
        return false;
    };
    let params = Zeroizing::new(FixedMontyParams::new(odd));
    let minus_1 = Zeroizing::new(number.wrapping_sub(&Uint::ONE));
    let twos = minus_1.trailing_zeros();
    let odd_part = Zeroizing::new(minus_1.shr(twos));
    let one = FixedMontyForm::one(&params);
    let minus_one = one.neg();
    let mut value = Zeroizing::new(power(&FixedMontyForm::new(base, &params), &odd_part));
    if *value == one || *value == minus_one {
        return true;
    }
    for _ in 1..twos {
        *value = value.square();
        if *value == minus_one {
            return true;
        }
    }
    false
}
