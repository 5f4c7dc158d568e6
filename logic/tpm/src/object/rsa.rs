//! RSA keys as objects: made, checked, and used to agree on a secret.

use super::exchange::{EncryptedSecret, LABEL_LEN};
use super::protect::Seed;
use super::{Object, Origin, Search};
use crate::core::Core;
use crate::profile::{MAX_DIGEST, MAX_RSA};
use crate::rc::{Rc, Result};
use crate::structures::{MAX_SENSITIVE, Parameters, Public, RsaBits, Sensitive, Unique};
use crate::wire::{Bytes, SecretBytes};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::hash::HashAlgorithm;
use ironroot_crypto::tpm::rsa::{
    DEFAULT_EXPONENT, Encryption, RsaPrivateKey, RsaPublicKey, RsaSize,
};
use ironroot_crypto::tpm::source::KeySource;
use ironroot_crypto::{Secret, wipe};

impl Public {
    /// The key as RSA's arithmetic wants it.
    ///
    /// # Errors
    /// `KEY`: it is no RSA key, or its modulus is none.
    pub(crate) fn rsa_public(&self) -> Result<RsaPublicKey> {
        match (&self.parameters, &self.unique) {
            (Parameters::Rsa { exponent, .. }, Unique::Rsa(modulus)) => {
                RsaPublicKey::new(modulus.as_slice(), *exponent).map_err(|_| Rc::KEY)
            }
            _ => Err(Rc::KEY),
        }
    }
}

impl Object {
    /// The private key; made anew for each use from the prime in the sensitive area.
    ///
    /// # Errors
    /// `KEY`: it is no RSA key, or only its public part is loaded.
    pub(crate) fn rsa_private(&self) -> Result<RsaPrivateKey> {
        let public = self.public.rsa_public()?;
        let key = self
            .sensitive()?
            .data
            .expose(|prime| RsaPrivateKey::from_prime(&public, prime));
        key.map_err(|_| Rc::KEY)
    }
}

/// Whether the prime is one of two that make the modulus.
///
/// # Errors
/// `KEY_SIZE`: it has another length; `KEY`: that modulus is none; `BINDING`: it does not make the modulus.
pub(super) fn check_prime(public: &Public, bits: RsaBits, sensitive: &Sensitive) -> Result<()> {
    let top_bit = sensitive
        .data
        .expose(|prime| prime.first().is_some_and(|first| *first >= 0x80));
    if sensitive.data.len() != bits.modulus_len() / 2 || !top_bit {
        return Err(Rc::KEY_SIZE);
    }
    let key = public.rsa_public()?;
    let fits = sensitive
        .data
        .expose(|prime| RsaPrivateKey::check_prime(&key, prime));
    fits.map_err(|_| Rc::BINDING)
}

/// Modulus and prime of a new key. Suspends the command, unless there are spare primes for it.
///
/// # Errors
/// `RANGE`: no new key has that exponent; `TYPE`: it would be a derived one; `PENDING`.
pub(super) fn make(
    core: &mut Core<'_>,
    bits: RsaBits,
    exponent: u32,
    origin: &Origin,
) -> Result<(Unique, SecretBytes<MAX_SENSITIVE>)> {
    if exponent != 0 && exponent != DEFAULT_EXPONENT && !is_prime_above_2_16(exponent) {
        return Err(Rc::RANGE);
    }
    let size = RsaSize::from_bits(bits.bits()).ok_or(Rc::VALUE)?;
    let search = |source: &KeySource| source.rsa_search(size, exponent).map_err(|_| Rc::RANGE);
    let key = core.rsa_key(|core| match origin {
        Origin::Drawn(source) if size == RsaSize::Rsa2048 => {
            core.with_spare_primes(|| search(source))
        }
        // What follows from a seed takes no prime from elsewhere: it must come out the same again.
        Origin::Drawn(source) | Origin::Seed(source) => search(source).map(Search::Running),
        Origin::Parent(_) => Err(Rc::TYPE),
    })?;
    let modulus = Bytes::new(key.public().modulus()).ok_or(Rc::FAILURE)?;
    let prime = key.expose_prime(SecretBytes::new).ok_or(Rc::FAILURE)?;
    Ok((Unique::Rsa(modulus), prime))
}

fn is_prime_above_2_16(number: u32) -> bool {
    let mut divisors = (3u32..=0xffff).step_by(2);
    number > 0x1_0000
        && number % 2 == 1
        && divisors.all(|divisor| number.checked_rem(divisor) != Some(0))
}

/// A random seed, encrypted with OAEP (Part 1, annex B.10).
///
/// # Errors
/// `KEY`
pub(super) fn encrypt_secret(
    public: &Public,
    hash: HashAlgorithm,
    label: &Bytes<LABEL_LEN>,
    drbg: &mut Drbg,
) -> Result<(Seed, EncryptedSecret)> {
    let key = public.rsa_public()?;
    let seed = Seed::filled(hash.digest_len(), |seed| drbg.fill(seed)).ok_or(Rc::FAILURE)?;
    let scheme = Encryption::Oaep {
        hash,
        label: label.as_slice(),
    };
    let mut encrypted = [0; MAX_RSA];
    let out = encrypted
        .get_mut(..key.size().modulus_len())
        .ok_or(Rc::FAILURE)?;
    seed.expose(|seed| key.encrypt(scheme, seed, drbg, out))
        .map_err(|_| Rc::KEY)?;
    let encrypted = EncryptedSecret::new(out).ok_or(Rc::FAILURE)?;
    Ok((seed, encrypted))
}

/// The seed that [`encrypt_secret`] encrypted; no longer than a digest.
///
/// # Errors
/// `VALUE`: it is none; `KEY`.
pub(super) fn decrypt_secret(
    object: &Object,
    hash: HashAlgorithm,
    label: &Bytes<LABEL_LEN>,
    encrypted: &[u8],
    drbg: &mut Drbg,
) -> Result<Seed> {
    let key = object.rsa_private()?;
    let scheme = Encryption::Oaep {
        hash,
        label: label.as_slice(),
    };
    let mut plain = Secret::<MAX_RSA>::zeroed();
    plain.expose_mut(|plain| {
        let len = key
            .decrypt(scheme, encrypted, drbg, plain)
            .map_err(|_| Rc::VALUE)?;
        let seed = plain
            .get(..len)
            .filter(|seed| seed.len() <= hash.digest_len().min(MAX_DIGEST));
        let seed = seed.and_then(Seed::new).ok_or(Rc::VALUE);
        wipe(plain);
        seed
    })
}
