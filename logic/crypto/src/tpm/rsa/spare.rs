//! Primes found before anybody asks for a key: half of an ordinary RSA-2048 key each.
//!
//! Only for keys that follow from nothing. A key from a seed must come out the same every time, so its search takes
//! none ([`RsaSearch::offer`](super::RsaSearch::offer) is for its caller to leave alone there).

use crypto_bigint::U1024;

use super::super::source::KeySource;
use super::power::write;
use super::primes::Primes;
use super::{DEFAULT_EXPONENT, RsaSize};
use crate::drbg::Drbg;
use crate::{CryptoError, Secret};

/// The length of a spare prime, in bytes.
pub const SPARE_PRIME_LEN: usize = RsaSize::Rsa2048.prime_len();

/// A prime of 1,024 bits, its two top bits set, that leaves the exponent 65537 an inverse. Wiped when dropped.
pub struct SparePrime {
    bytes: Secret<SPARE_PRIME_LEN>,
}

impl SparePrime {
    /// From bytes that [`expose`](Self::expose) gave. Nothing is believed of them:
    /// [`RsaSearch::offer`](super::RsaSearch::offer) looks at them again.
    pub fn from_bytes(bytes: &[u8; SPARE_PRIME_LEN]) -> Self {
        Self {
            bytes: Secret::new(*bytes),
        }
    }

    /// Lets `f` read the prime, big-endian.
    pub fn expose<R>(&self, f: impl FnOnce(&[u8; SPARE_PRIME_LEN]) -> R) -> R {
        self.bytes.expose(f)
    }
}

/// A search for one spare prime. Wiped when dropped.
pub struct SpareSearch {
    primes: Primes<{ U1024::LIMBS }>,
}

impl SpareSearch {
    /// A search from fresh numbers of that generator.
    pub fn new(drbg: &mut Drbg) -> Self {
        let source = KeySource::random(drbg);
        Self {
            primes: Primes::new(&source, RsaSize::Rsa2048, DEFAULT_EXPONENT),
        }
    }

    /// Goes on for at most one exponentiation; gives the prime when it is found. The next step would begin another.
    ///
    /// [`CryptoError::Corruption`]: what must never be.
    pub fn step(&mut self) -> Result<Option<SparePrime>, CryptoError> {
        let found = self.primes.step()?;
        Ok(found.map(|number| {
            let mut bytes = Secret::zeroed();
            bytes.expose_mut(|bytes: &mut [u8; SPARE_PRIME_LEN]| write(&number, bytes));
            SparePrime { bytes }
        }))
    }
}
