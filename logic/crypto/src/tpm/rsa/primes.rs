//! The primes that follow from one source, one after another, in steps of one modular exponentiation.
//!
//! ```text
//! Draw ──► Fermat ──► MillerRabin (rounds) ──► a prime, Draw
//!   ▲        │ fails: next candidate   │ fails: next candidate
//!   └────────┴ window at its end
//! ```
//!
//! A start is drawn, its two top bits and its lowest bit are set, and of the 4096 odd numbers from there on the
//! first that is prime and leaves the exponent an inverse is taken. So which prime comes out depends on the
//! source alone: sieve, tests and their order only find it sooner. That is what a derivation for ever stands
//! on: `docs/decisions/0012-keys-from-seeds.md`.
//!
//! The time that a search takes tells something about the primes, as everywhere.

use crypto_bigint::{CheckedAdd, Uint};
use zeroize::{Zeroize, Zeroizing};

use super::super::source::KeySource;
use super::power::read;
use super::primality::{
    Composite, WINDOW, no_common_divisor, passes_fermat, passes_miller_rabin, remainder, rounds,
    sieve,
};
use super::{MAX_PRIME_LEN, RsaSize};
use crate::{CryptoError, Secret};

const START: &[u8] = b"RSA PRIME";
const BASE: &[u8] = b"RSA BASE";

/// What comes next.
#[derive(Clone, Copy)]
enum Phase {
    Draw,
    Fermat,
    MillerRabin { passed: u32 },
}

/// A search for primes. Wiped when dropped.
pub(super) struct Primes<const HALF: usize> {
    source: KeySource,
    size: RsaSize,
    exponent: u32,
    phase: Phase,
    /// How many starts and bases were drawn.
    starts: u32,
    bases: u32,
    start: Uint<HALF>,
    /// The places of the window that a small prime divides.
    composite: Composite,
    /// The place that is looked at.
    place: u32,
}

impl<const HALF: usize> Primes<HALF> {
    /// For keys of that size and that exponent.
    pub(super) fn new(source: &KeySource, size: RsaSize, exponent: u32) -> Self {
        Self {
            source: KeySource::from_bytes(&source.to_bytes()),
            size,
            exponent,
            phase: Phase::Draw,
            starts: 0,
            bases: 0,
            start: Uint::ZERO,
            composite: Composite::new(),
            place: 0,
        }
    }

    /// For keys of which size.
    pub(super) fn size(&self) -> RsaSize {
        self.size
    }

    /// For keys of which exponent.
    pub(super) fn exponent(&self) -> u32 {
        self.exponent
    }

    /// Goes on for at most one exponentiation; gives a prime when one was found. The next step begins another.
    pub(super) fn step(&mut self) -> Result<Option<Zeroizing<Uint<HALF>>>, CryptoError> {
        match self.phase {
            Phase::Draw => self.draw(),
            Phase::Fermat => self.fermat(),
            Phase::MillerRabin { passed } => return self.miller_rabin(passed),
        }
        Ok(None)
    }

    /// Whether a prime from elsewhere is one that this search could have found. `false`: it never could, or it leaves
    /// the exponent no inverse. Takes one exponentiation.
    ///
    /// [`CryptoError::Corruption`]: it is not prime.
    pub(super) fn accepts(&mut self, number: &Uint<HALF>) -> Result<bool, CryptoError> {
        let start_like = number.bitor(&top_two_bits()).bitor(&Uint::ONE);
        if start_like != *number || !passes_miller_rabin(number, &self.base()) {
            return Err(CryptoError::Corruption);
        }
        Ok(self.leaves_an_inverse(number))
    }

    fn draw(&mut self) {
        let number = self.random(START, self.starts);
        self.starts = self.starts.wrapping_add(1);
        self.start = number.bitor(&top_two_bits()).bitor(&Uint::ONE);
        self.composite = sieve(&self.start);
        self.place = 0;
        self.find_candidate();
    }

    /// Moves on to the first place, from the present one, that may hold a prime.
    fn find_candidate(&mut self) {
        let found = (self.place..WINDOW).find(|place| self.is_candidate(*place));
        self.place = found.unwrap_or(WINDOW);
        self.phase = found.map_or(Phase::Draw, |_| Phase::Fermat);
    }

    fn is_candidate(&self, place: u32) -> bool {
        !self.composite.contains(place)
            && self
                .number(place)
                .is_some_and(|number| self.leaves_an_inverse(&number))
    }

    /// The exponent has an inverse modulo number − 1 if they have no common divisor.
    fn leaves_an_inverse(&self, number: &Uint<HALF>) -> bool {
        let rest = remainder(number, self.exponent).wrapping_sub(1);
        no_common_divisor(self.exponent, rest)
    }

    /// The number at a place; `None` when the window leaves the range, with a chance of 2^-500.
    fn number(&self, place: u32) -> Option<Zeroizing<Uint<HALF>>> {
        let offset = Uint::from_u32(place.wrapping_mul(2));
        self.start
            .checked_add(&offset)
            .into_option()
            .map(Zeroizing::new)
    }

    fn next_candidate(&mut self) {
        self.place = self.place.wrapping_add(1);
        self.find_candidate();
    }

    fn fermat(&mut self) {
        match self.number(self.place) {
            Some(number) if passes_fermat(&number) => {
                self.phase = Phase::MillerRabin { passed: 0 };
            }
            _ => self.next_candidate(),
        }
    }

    fn miller_rabin(&mut self, passed: u32) -> Result<Option<Zeroizing<Uint<HALF>>>, CryptoError> {
        let number = self.number(self.place).ok_or(CryptoError::Corruption)?;
        if !passes_miller_rabin(&number, &self.base()) {
            self.next_candidate();
            return Ok(None);
        }
        let passed = passed.wrapping_add(1);
        if passed < rounds(self.size) {
            self.phase = Phase::MillerRabin { passed };
            return Ok(None);
        }
        self.phase = Phase::Draw;
        Ok(Some(number))
    }

    /// A random base. Clearing the top bit leaves a number below any candidate. That it is 0 or 1 never happens, and
    /// would only refuse a prime.
    fn base(&mut self) -> Zeroizing<Uint<HALF>> {
        let base = Zeroizing::new(self.random(BASE, self.bases).shr(1));
        self.bases = self.bases.wrapping_add(1);
        base
    }

    fn random(&self, label: &[u8], index: u32) -> Uint<HALF> {
        let mut bytes = Secret::<MAX_PRIME_LEN>::zeroed();
        bytes.expose_mut(|bytes| {
            let bytes = bytes.get_mut(..self.size.prime_len()).unwrap_or(&mut []);
            self.source.draw(label, index, bytes);
            read(bytes)
        })
    }
}

fn top_two_bits<const HALF: usize>() -> Uint<HALF> {
    Uint::<HALF>::MAX.wrapping_sub(&Uint::MAX.shr(2))
}

impl<const HALF: usize> Drop for Primes<HALF> {
    fn drop(&mut self) {
        // The source wipes itself.
        self.start.zeroize();
        self.composite.zeroize();
        self.place.zeroize();
    }
}
