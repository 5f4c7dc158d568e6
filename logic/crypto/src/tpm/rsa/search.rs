//! The search for an RSA key, in steps of one modular exponentiation.
//!
//! ```text
//! Draw ──► Fermat ──► MillerRabin (rounds) ──► first prime kept, Draw ──► … ──► Done
//!   ▲        │ fails: next candidate   │ fails: next candidate
//!   └────────┴ window at its end       └ second prime too close to the first: Draw
//! ```
//!
//! A start is drawn, its two top bits and its lowest bit are set, and of the 4096 odd numbers from there on the
//! first that is prime and leaves the exponent an inverse is taken. So which prime comes out depends on the
//! source alone: sieve, tests and their order only find it sooner. That is what a derivation for ever stands
//! on: `docs/decisions/0012-keys-from-seeds.md`.
//!
//! The time that a search takes tells something about the primes, as everywhere.

use crypto_bigint::{CheckedAdd, U512, U1024, U1536, U2048, Uint};
use zeroize::{Zeroize, Zeroizing};

use super::super::source::KeySource;
use super::power::{read, write};
use super::primality::{
    Composite, WINDOW, no_common_divisor, passes_fermat, passes_miller_rabin, remainder, rounds,
    sieve,
};
use super::{DEFAULT_EXPONENT, MAX_PRIME_LEN, RsaPublicKey, RsaSize};
use crate::{CryptoError, Secret};

/// The primes of a key differ in one of their first 100 bits (FIPS 186-5, appendix A.1.3, step 5.4).
const DISTANCE_BITS: u32 = 100;

const START: &[u8] = b"RSA PRIME";
const BASE: &[u8] = b"RSA BASE";

/// How far a search is.
// The key is moved out at once; a box would need a heap.
#[expect(clippy::large_enum_variant)]
pub enum Step {
    /// Not there yet.
    Pending,
    /// The key.
    Done(RsaKey),
}

/// A key that was found.
pub struct RsaKey {
    public: RsaPublicKey,
    prime: Secret<MAX_PRIME_LEN>,
}

impl RsaKey {
    /// The public key.
    pub fn public(&self) -> &RsaPublicKey {
        &self.public
    }

    /// Lets `f` read the prime that was found first, as a TPM's sensitive area holds it.
    pub fn expose_prime<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        let len = self.public.size().prime_len();
        self.prime
            .expose(|prime| f(prime.get(..len).unwrap_or(prime)))
    }
}

/// A search for an RSA key. Wiped when dropped.
pub struct RsaSearch {
    numbers: Numbers,
}

enum Numbers {
    Rsa1024(Search<{ U512::LIMBS }>),
    Rsa2048(Search<{ U1024::LIMBS }>),
    Rsa3072(Search<{ U1536::LIMBS }>),
    Rsa4096(Search<{ U2048::LIMBS }>),
}

impl RsaSearch {
    pub(in crate::tpm) fn new(
        source: &KeySource,
        size: RsaSize,
        exponent: u32,
    ) -> Result<Self, CryptoError> {
        let exponent = match exponent {
            0 => DEFAULT_EXPONENT,
            exponent if exponent & 1 == 1 && exponent > 1 << 16 => exponent,
            _ => return Err(CryptoError::InvalidKey),
        };
        let numbers = match size {
            RsaSize::Rsa1024 => Numbers::Rsa1024(Search::new(source, size, exponent)),
            RsaSize::Rsa2048 => Numbers::Rsa2048(Search::new(source, size, exponent)),
            RsaSize::Rsa3072 => Numbers::Rsa3072(Search::new(source, size, exponent)),
            RsaSize::Rsa4096 => Numbers::Rsa4096(Search::new(source, size, exponent)),
        };
        Ok(Self { numbers })
    }

    /// Goes on for at most `budget` exponentiations modulo a number of half the key's size. Drawing a start and
    /// sieving behind it counts as one.
    ///
    /// [`CryptoError::Corruption`] after the key was given.
    pub fn step(&mut self, budget: u32) -> Result<Step, CryptoError> {
        match &mut self.numbers {
            Numbers::Rsa1024(search) => search.step(budget),
            Numbers::Rsa2048(search) => search.step(budget),
            Numbers::Rsa3072(search) => search.step(budget),
            Numbers::Rsa4096(search) => search.step(budget),
        }
    }
}

/// What comes next.
#[derive(Clone, Copy)]
enum Phase {
    Draw,
    Fermat,
    MillerRabin { passed: u32 },
    Over,
}

struct Search<const HALF: usize> {
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
    first: Option<Uint<HALF>>,
}

impl<const HALF: usize> Search<HALF> {
    fn new(source: &KeySource, size: RsaSize, exponent: u32) -> Self {
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
            first: None,
        }
    }

    fn step(&mut self, budget: u32) -> Result<Step, CryptoError> {
        for _ in 0..budget {
            match self.phase {
                Phase::Draw => self.draw(),
                Phase::Fermat => self.fermat(),
                Phase::MillerRabin { passed } => {
                    if let Some(key) = self.miller_rabin(passed)? {
                        return Ok(Step::Done(key));
                    }
                }
                Phase::Over => return Err(CryptoError::Corruption),
            }
        }
        Ok(Step::Pending)
    }

    fn draw(&mut self) {
        let number = self.random(START, self.starts);
        self.starts = self.starts.wrapping_add(1);
        let top_two_bits = Uint::<HALF>::MAX.wrapping_sub(&Uint::MAX.shr(2));
        self.start = number.bitor(&top_two_bits).bitor(&Uint::ONE);
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
            && self.number(place).is_some_and(|number| {
                // The exponent has an inverse modulo number − 1 if they have no common divisor.
                let rest = remainder(&number, self.exponent).wrapping_sub(1);
                no_common_divisor(self.exponent, rest)
            })
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

    fn miller_rabin(&mut self, passed: u32) -> Result<Option<RsaKey>, CryptoError> {
        let number = self.number(self.place).ok_or(CryptoError::Corruption)?;
        // Clearing the top bit leaves a number below any candidate. That it is 0 or 1 never happens, and would
        // only refuse a prime.
        let base = Zeroizing::new(self.random(BASE, self.bases).shr(1));
        self.bases = self.bases.wrapping_add(1);
        if !passes_miller_rabin(&number, &base) {
            self.next_candidate();
            return Ok(None);
        }
        let passed = passed.wrapping_add(1);
        if passed < rounds(self.size) {
            self.phase = Phase::MillerRabin { passed };
            return Ok(None);
        }
        self.found(&number)
    }

    fn found(&mut self, prime: &Uint<HALF>) -> Result<Option<RsaKey>, CryptoError> {
        self.phase = Phase::Draw;
        let Some(first) = &self.first else {
            self.first = Some(*prime);
            return Ok(None);
        };
        let (larger, smaller) = if first > prime {
            (first, prime)
        } else {
            (prime, first)
        };
        let distance = Zeroizing::new(larger.wrapping_sub(smaller));
        if distance.bits() <= Uint::<HALF>::BITS.saturating_sub(DISTANCE_BITS) {
            return Ok(None);
        }
        let key = self.key(first, prime)?;
        self.phase = Phase::Over;
        Ok(Some(key))
    }

    fn key(&self, p: &Uint<HALF>, q: &Uint<HALF>) -> Result<RsaKey, CryptoError> {
        let (low, high) = p.widening_mul(q);
        let mut modulus = [0; 2 * MAX_PRIME_LEN];
        let len = self.size.prime_len();
        let (high_out, low_out) = modulus
            .get_mut(..self.size.modulus_len())
            .and_then(|modulus| modulus.split_at_mut_checked(len))
            .ok_or(CryptoError::Corruption)?;
        write(&high, high_out);
        write(&low, low_out);
        let public = RsaPublicKey::new(
            modulus.get(..self.size.modulus_len()).unwrap_or(&[]),
            self.exponent,
        )
        .map_err(|_| CryptoError::Corruption)?;
        let mut prime = Secret::zeroed();
        prime.expose_mut(|prime: &mut [u8; MAX_PRIME_LEN]| {
            write(p, prime.get_mut(..len).unwrap_or(&mut []));
        });
        Ok(RsaKey { public, prime })
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

impl<const HALF: usize> Drop for Search<HALF> {
    fn drop(&mut self) {
        // The source wipes itself.
        self.start.zeroize();
        self.first.zeroize();
        self.composite.zeroize();
        self.place.zeroize();
    }
}
