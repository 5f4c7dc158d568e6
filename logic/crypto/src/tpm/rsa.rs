//! RSA of a TPM: 1024 to 4096 bits, every padding, private keys from one prime (RFC 8017).
//!
//! Apart from [`crate::rsa`], which checks the signatures of images and stays small for it. Keys are kept as
//! bytes: a TPM's sensitive area holds one prime, and [`RsaPrivateKey::from_prime`] works the rest out again, in a
//! small part of the time of the operation that follows.

#[cfg(feature = "aws-lc")]
mod accelerated;
mod crt;
mod montgomery;
mod oaep;
mod pkcs1;
mod power;
mod primality;
mod primes;
mod pss;
mod schemes;
mod search;
mod spare;

use crypto_bigint::{U512, U1024, U1536, U2048, U3072, U4096};
use zeroize::Zeroizing;

#[cfg(feature = "aws-lc")]
use accelerated as powers;
#[cfg(not(feature = "aws-lc"))]
use montgomery as powers;

use crate::bytes::copy_prefix;
use crate::der::minimal;
use crate::drbg::Drbg;
use crate::{CryptoError, Secret};
use crt::Crt;

pub use schemes::{Encryption, SaltLength, SignatureScheme};
pub use search::{RsaKey, RsaSearch, Step};
pub use spare::{SPARE_PRIME_LEN, SparePrime, SpareSearch};

/// The longest modulus, in bytes.
pub const MAX_MODULUS_LEN: usize = 512;

/// The longest prime, in bytes.
pub const MAX_PRIME_LEN: usize = MAX_MODULUS_LEN / 2;

/// The exponent of keys that name none.
pub const DEFAULT_EXPONENT: u32 = 65537;

/// The size of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RsaSize {
    /// A modulus of 1024 bits. Too short for anything new.
    Rsa1024,
    /// A modulus of 2048 bits.
    Rsa2048,
    /// A modulus of 3072 bits.
    Rsa3072,
    /// A modulus of 4096 bits.
    Rsa4096,
}

impl RsaSize {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rsa1024, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// The size with that many bits.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        match bits {
            1024 => Some(Self::Rsa1024),
            2048 => Some(Self::Rsa2048),
            3072 => Some(Self::Rsa3072),
            4096 => Some(Self::Rsa4096),
            _ => None,
        }
    }

    /// Bits of the modulus.
    pub const fn bits(self) -> u16 {
        match self {
            Self::Rsa1024 => 1024,
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
        }
    }

    /// Length of modulus, ciphertext and signature in bytes.
    pub const fn modulus_len(self) -> usize {
        self.bits() as usize / 8
    }

    /// Length of a prime in bytes.
    pub const fn prime_len(self) -> usize {
        self.modulus_len() / 2
    }
}

/// A public key: an odd modulus with its top bit set, and an odd exponent of at least 3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    size: RsaSize,
    /// Zeros behind the modulus.
    modulus: [u8; MAX_MODULUS_LEN],
    exponent: u32,
}

impl RsaPublicKey {
    /// Takes modulus and exponent; exponent 0 stands for 65537, as in a TPM's public area.
    ///
    /// [`CryptoError::InvalidKey`] for a modulus that is even or not of 1024, 2048, 3072 or 4096 bits, and for an
    /// exponent that is even or 1. Whether an exponent under 2^16 is welcome is for the caller to say.
    pub fn new(modulus: &[u8], exponent: u32) -> Result<Self, CryptoError> {
        let modulus = minimal(modulus);
        let size = RsaSize::ALL
            .into_iter()
            .find(|size| size.modulus_len() == modulus.len())
            .ok_or(CryptoError::InvalidKey)?;
        let exponent = if exponent == 0 {
            DEFAULT_EXPONENT
        } else {
            exponent
        };
        let top_bit_set = modulus.first().is_some_and(|byte| byte & 0x80 != 0);
        let is_odd = modulus.last().is_some_and(|byte| byte & 1 != 0);
        if !top_bit_set || !is_odd || exponent < 3 || exponent & 1 == 0 {
            return Err(CryptoError::InvalidKey);
        }
        let mut key = Self {
            size,
            modulus: [0; MAX_MODULUS_LEN],
            exponent,
        };
        copy_prefix(&mut key.modulus, modulus);
        Ok(key)
    }

    /// The key's size.
    pub fn size(&self) -> RsaSize {
        self.size
    }

    /// The modulus, big-endian.
    pub fn modulus(&self) -> &[u8] {
        let len = self.size.modulus_len();
        self.modulus.get(..len).unwrap_or(&self.modulus)
    }

    /// The public exponent.
    pub fn exponent(&self) -> u32 {
        self.exponent
    }

    /// `bytes` to the power of e, in place (RFC 8017, sections 5.1.1 and 5.2.2).
    ///
    /// [`CryptoError::DataLength`] unless there are as many bytes as the modulus has, and a number below it.
    pub fn apply(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        if bytes.len() != self.size.modulus_len() {
            return Err(CryptoError::DataLength);
        }
        let (n, e) = (self.modulus(), self.exponent);
        match self.size {
            RsaSize::Rsa1024 => power::public::<{ U1024::LIMBS }>(n, e, bytes),
            RsaSize::Rsa2048 => power::public::<{ U2048::LIMBS }>(n, e, bytes),
            RsaSize::Rsa3072 => power::public::<{ U3072::LIMBS }>(n, e, bytes),
            RsaSize::Rsa4096 => power::public::<{ U4096::LIMBS }>(n, e, bytes),
        }
    }
}

/// A private key with what the Chinese remainder theorem wants, wiped when dropped.
pub struct RsaPrivateKey {
    size: RsaSize,
    numbers: Numbers,
}

// Made for one operation and dropped behind it; a box would need a heap.
#[expect(clippy::large_enum_variant)]
enum Numbers {
    Rsa1024(Crt<{ U1024::LIMBS }, { U512::LIMBS }>),
    Rsa2048(Crt<{ U2048::LIMBS }, { U1024::LIMBS }>),
    Rsa3072(Crt<{ U3072::LIMBS }, { U1536::LIMBS }>),
    Rsa4096(Crt<{ U4096::LIMBS }, { U2048::LIMBS }>),
}

impl RsaPrivateKey {
    /// Works the private key out from one of the modulus's two primes.
    ///
    /// [`CryptoError::InvalidKey`] unless the number divides the modulus, both factors have half its bits, they
    /// differ, and the exponent has an inverse. That the factors are prime is not tested: with others no
    /// operation passes its check.
    pub fn from_prime(public: &RsaPublicKey, prime: &[u8]) -> Result<Self, CryptoError> {
        let (n, e) = (public.modulus(), public.exponent());
        let numbers = match public.size() {
            RsaSize::Rsa1024 => Numbers::Rsa1024(Crt::new(n, e, prime)?),
            RsaSize::Rsa2048 => Numbers::Rsa2048(Crt::new(n, e, prime)?),
            RsaSize::Rsa3072 => Numbers::Rsa3072(Crt::new(n, e, prime)?),
            RsaSize::Rsa4096 => Numbers::Rsa4096(Crt::new(n, e, prime)?),
        };
        let size = public.size();
        Ok(Self { size, numbers })
    }

    /// The checks of [`from_prime`](Self::from_prime) but the last two, in a few microseconds: for loading a key.
    pub fn check_prime(public: &RsaPublicKey, prime: &[u8]) -> Result<(), CryptoError> {
        let n = public.modulus();
        match public.size() {
            RsaSize::Rsa1024 => {
                Crt::<{ U1024::LIMBS }, { U512::LIMBS }>::other_prime(n, prime).map(|_| ())
            }
            RsaSize::Rsa2048 => {
                Crt::<{ U2048::LIMBS }, { U1024::LIMBS }>::other_prime(n, prime).map(|_| ())
            }
            RsaSize::Rsa3072 => {
                Crt::<{ U3072::LIMBS }, { U1536::LIMBS }>::other_prime(n, prime).map(|_| ())
            }
            RsaSize::Rsa4096 => {
                Crt::<{ U4096::LIMBS }, { U2048::LIMBS }>::other_prime(n, prime).map(|_| ())
            }
        }
    }

    /// The key's size.
    pub fn size(&self) -> RsaSize {
        self.size
    }

    /// `bytes` to the power of d, in place (RFC 8017, sections 5.1.2 and 5.2.1), blinded, in constant time.
    ///
    /// [`CryptoError::DataLength`] unless there are as many bytes as the modulus has, and a number below it.
    /// [`CryptoError::Corruption`] when the result does not go back to the input: one wrong half would give the
    /// factors away (Boneh, DeMillo, Lipton, 1997). `bytes` are zeros then.
    pub fn apply(&self, bytes: &mut [u8], drbg: &mut Drbg) -> Result<(), CryptoError> {
        if bytes.len() != self.size.modulus_len() {
            return Err(CryptoError::DataLength);
        }
        match &self.numbers {
            Numbers::Rsa1024(numbers) => numbers.apply(bytes, drbg),
            Numbers::Rsa2048(numbers) => numbers.apply(bytes, drbg),
            Numbers::Rsa3072(numbers) => numbers.apply(bytes, drbg),
            Numbers::Rsa4096(numbers) => numbers.apply(bytes, drbg),
        }
    }
}

/// As many random bytes as fill a number.
fn random_bytes(drbg: &mut Drbg, len: usize) -> Zeroizing<[u8; MAX_MODULUS_LEN]> {
    let mut bytes = Zeroizing::new([0; MAX_MODULUS_LEN]);
    drbg.fill(bytes.get_mut(..len).unwrap_or(&mut []));
    bytes
}

/// A buffer for an encoded message.
fn with_buffer<R>(f: impl FnOnce(&mut [u8; MAX_MODULUS_LEN]) -> R) -> R {
    Secret::zeroed().expose_mut(f)
}
