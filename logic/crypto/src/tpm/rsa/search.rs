//! The search for an RSA key, in steps of one modular exponentiation.
//!
//! ```text
//! a prime, kept ──► another ──► Done
//!                     └ too close to the first: another
//! ```
//!
//! Both primes follow from one source: [`Primes`]. A key that nobody will ever derive again may take primes that were
//! found before instead ([`RsaSearch::offer`]).

use crypto_bigint::{U512, U1024, U1536, U2048, Uint};
use zeroize::{Zeroize, Zeroizing};

use super::super::source::KeySource;
use super::power::{read, write};
use super::primes::Primes;
use super::spare::SparePrime;
use super::{DEFAULT_EXPONENT, MAX_PRIME_LEN, RsaPublicKey, RsaSize};
use crate::{CryptoError, Secret};

/// The primes of a key differ in one of their first 100 bits (FIPS 186-5, appendix A.1.3, step 5.4).
const DISTANCE_BITS: u32 = 100;

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

    /// Takes a prime that was found before, after one more look at it: bits, exponent, distance from the first prime,
    /// one more round of Miller-Rabin with a base of this search's own. One that a key of this size and exponent cannot
    /// use is passed over. Takes one exponentiation.
    ///
    /// [`CryptoError::Corruption`]: it is no such prime at all, so whatever held it since it was found is not to be
    /// trusted. The search goes on without it.
    pub fn offer(&mut self, prime: &SparePrime) -> Result<Step, CryptoError> {
        match &mut self.numbers {
            Numbers::Rsa2048(search) => {
                prime.expose(|prime| search.offer(&Zeroizing::new(read(prime))))
            }
            Numbers::Rsa1024(_) | Numbers::Rsa3072(_) | Numbers::Rsa4096(_) => Ok(Step::Pending),
        }
    }
}

struct Search<const HALF: usize> {
    primes: Primes<HALF>,
    first: Option<Uint<HALF>>,
    over: bool,
}

impl<const HALF: usize> Search<HALF> {
    fn new(source: &KeySource, size: RsaSize, exponent: u32) -> Self {
        Self {
            primes: Primes::new(source, size, exponent),
            first: None,
            over: false,
        }
    }

    fn step(&mut self, budget: u32) -> Result<Step, CryptoError> {
        for _ in 0..budget {
            if self.over {
                return Err(CryptoError::Corruption);
            }
            if let Some(prime) = self.primes.step()?
                && let Step::Done(key) = self.found(&prime)?
            {
                return Ok(Step::Done(key));
            }
        }
        Ok(Step::Pending)
    }

    fn offer(&mut self, prime: &Uint<HALF>) -> Result<Step, CryptoError> {
        match !self.over && self.primes.accepts(prime)? {
            true => self.found(prime),
            false => Ok(Step::Pending),
        }
    }

    fn found(&mut self, prime: &Uint<HALF>) -> Result<Step, CryptoError> {
        let Some(first) = &self.first else {
            self.first = Some(*prime);
            return Ok(Step::Pending);
        };
        let (larger, smaller) = if first > prime {
            (first, prime)
        } else {
            (prime, first)
        };
        let distance = Zeroizing::new(larger.wrapping_sub(smaller));
        if distance.bits() <= Uint::<HALF>::BITS.saturating_sub(DISTANCE_BITS) {
            return Ok(Step::Pending);
        }
        let key = self.key(first, prime)?;
        self.over = true;
        Ok(Step::Done(key))
    }

    fn key(&self, p: &Uint<HALF>, q: &Uint<HALF>) -> Result<RsaKey, CryptoError> {
        let (low, high) = p.widening_mul(q);
        let mut modulus = [0; 2 * MAX_PRIME_LEN];
        let len = self.primes.size().prime_len();
        let (high_out, low_out) = modulus
            .get_mut(..self.primes.size().modulus_len())
            .and_then(|modulus| modulus.split_at_mut_checked(len))
            .ok_or(CryptoError::Corruption)?;
        write(&high, high_out);
        write(&low, low_out);
        let public = RsaPublicKey::new(
            modulus
                .get(..self.primes.size().modulus_len())
                .unwrap_or(&[]),
            self.primes.exponent(),
        )
        .map_err(|_| CryptoError::Corruption)?;
        let mut prime = Secret::zeroed();
        prime.expose_mut(|prime: &mut [u8; MAX_PRIME_LEN]| {
            write(p, prime.get_mut(..len).unwrap_or(&mut []));
        });
        Ok(RsaKey { public, prime })
    }
}

impl<const HALF: usize> Drop for Search<HALF> {
    fn drop(&mut self) {
        self.first.zeroize();
    }
}
