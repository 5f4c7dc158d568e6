//! Random primes, the same for ever for the same generator state.
//!
//! A random odd start, a window of 4096 odd numbers behind it, a sieve by the primes below 2^16, one
//! Fermat test to base 2 as a cheap filter, then Miller-Rabin with random bases. No such promise of
//! stability is made by any published crate, and keys derived from a seed depend on it: changing
//! anything here changes every derived key.

use core::num::NonZeroU32;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{CheckedAdd, Limb, NonZero, Uint};
use zeroize::Zeroizing;

use super::private::random_uint;
use super::sieve::{BitSet, SmallPrimes};
use crate::drbg::Drbg;

/// Numbers looked at behind one start. About 11 of them are prime at 1024 bits.
const WINDOW: u32 = 4096;
const WINDOW_WORDS: usize = (WINDOW / 32) as usize;

/// Five rounds leave less than 2^-112 for random candidates of 1024 bits and more (FIPS 186-5,
/// table B.1); the sieve and the Fermat test only add to that.
const MILLER_RABIN_ROUNDS: usize = 5;

/// A random prime with its two top bits set, so that two of them have a product of full length,
/// and with `prime − 1` not divisible by the prime number `exponent`.
pub(super) fn random_prime<const LIMBS: usize>(drbg: &mut Drbg, exponent: u32) -> Uint<LIMBS> {
    // Bases come from a generator of their own: how many are drawn depends on the candidates, and
    // must not move where the next prime's search starts.
    let mut bases = Drbg::new(&drbg.secret(), b"miller-rabin bases");
    let small_primes = SmallPrimes::new();
    loop {
        let start = Zeroizing::new(random_start(drbg));
        if let Some(prime) = search_window(&start, exponent, &small_primes, &mut bases) {
            return prime;
        }
    }
}

fn random_start<const LIMBS: usize>(drbg: &mut Drbg) -> Uint<LIMBS> {
    let top_two_bits = Uint::<LIMBS>::MAX.wrapping_sub(&Uint::MAX.shr(2));
    random_uint::<LIMBS>(drbg)
        .bitor(&top_two_bits)
        .bitor(&Uint::ONE)
}

fn search_window<const LIMBS: usize>(
    start: &Uint<LIMBS>,
    exponent: u32,
    small_primes: &SmallPrimes,
    bases: &mut Drbg,
) -> Option<Uint<LIMBS>> {
    let composite = sieve(start, small_primes);
    for index in (0..WINDOW).filter(|index| !composite.contains(*index)) {
        let offset = Uint::from_u32(index.wrapping_mul(2));
        // `None` when the window leaves the range, with a chance of 2^-1000.
        let candidate = Zeroizing::new(start.checked_add(&offset).into_option()?);
        if remainder(&candidate, exponent) != 1 && is_prime(&candidate, bases) {
            return Some(*candidate);
        }
    }
    None
}

/// Marks the numbers start + 2·index that a small prime divides.
fn sieve<const LIMBS: usize>(
    start: &Uint<LIMBS>,
    small_primes: &SmallPrimes,
) -> BitSet<WINDOW_WORDS> {
    let mut composite = BitSet::new();
    for prime in small_primes.iter() {
        // The distance to the next multiple, made even, in steps of two.
        let to_multiple = prime
            .wrapping_sub(remainder(start, prime))
            .checked_rem(prime)
            .unwrap_or(0);
        let even = if to_multiple & 1 == 0 {
            to_multiple
        } else {
            to_multiple.wrapping_add(prime)
        };
        composite.insert_every(even >> 1, prime, WINDOW);
    }
    composite
}

fn remainder<const LIMBS: usize>(number: &Uint<LIMBS>, divisor: u32) -> u32 {
    let Some(divisor) = NonZeroU32::new(divisor) else {
        return 0;
    };
    let remainder = number.rem_limb(NonZero::<Limb>::from_u32(divisor));
    // Below the divisor, so it fits.
    u32::try_from(remainder.0).unwrap_or(0)
}

fn is_prime<const LIMBS: usize>(candidate: &Uint<LIMBS>, bases: &mut Drbg) -> bool {
    let Some(odd) = candidate.to_odd().into_option() else {
        return false;
    };
    let params = Zeroizing::new(FixedMontyParams::new(odd));
    let minus_1 = Zeroizing::new(candidate.wrapping_sub(&Uint::ONE));
    let fermat = FixedMontyForm::new(&Uint::from_u8(2), &params).pow(&minus_1);
    fermat == FixedMontyForm::one(&params)
        && (0..MILLER_RABIN_ROUNDS).all(|_| passes_miller_rabin(&minus_1, &params, bases))
}

/// One round with a random base (FIPS 186-5, appendix B.3.1).
fn passes_miller_rabin<const LIMBS: usize>(
    minus_1: &Uint<LIMBS>,
    params: &FixedMontyParams<LIMBS>,
    bases: &mut Drbg,
) -> bool {
    let twos = minus_1.trailing_zeros();
    let odd_part = Zeroizing::new(minus_1.shr(twos));
    let one = FixedMontyForm::one(params);
    let minus_one = one.neg();
    let mut power = FixedMontyForm::new(&random_base(bases), params).pow(&odd_part);
    if power == one || power == minus_one {
        return true;
    }
    for _ in 1..twos {
        power = power.square();
        if power == minus_one {
            return true;
        }
    }
    false
}

/// A base of at least 2 and, with its top bit cleared, below any candidate.
fn random_base<const LIMBS: usize>(bases: &mut Drbg) -> Uint<LIMBS> {
    loop {
        let base = random_uint::<LIMBS>(bases).shr(1);
        if base > Uint::ONE {
            return base;
        }
    }
}
