//! Self tests (Part 1, section 12.3): known answers that other implementations and standards published.
//!
//! What every command needs is tested at power on; keys' algorithms are slower and are tested when SelfTest asks for
//! them, or IncrementalSelfTest names them. A test that fails once puts the TPM into failure mode.

#[cfg(feature = "full")]
mod full;
#[cfg(not(feature = "full"))]
#[path = "selftest/small.rs"]
mod full;
mod vectors;

use crate::structures::Alg;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::cipher::{Cipher, CipherAlgorithm, Mode};
use ironroot_crypto::tpm::ec::{EcPoint, EcScalar};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest, hmac};
use ironroot_crypto::tpm::kdf::kdfa;
use vectors::{EcVector, HashVector};

/// What can be tested on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Family {
    Hash,
    Hmac,
    Kdf,
    Cipher,
    Curves,
    Rsa,
}

const ALL: [Family; 6] = [
    Family::Hash,
    Family::Hmac,
    Family::Kdf,
    Family::Cipher,
    Family::Curves,
    Family::Rsa,
];
const AT_START: [Family; 4] = [Family::Hash, Family::Hmac, Family::Kdf, Family::Cipher];

/// Which tests were done since power on, and whether one failed.
#[derive(Clone, Copy, Default)]
pub(crate) struct SelfTests {
    done: u8,
    failed: bool,
}

impl SelfTests {
    /// What is tested at power on; `false`: something is broken.
    pub(crate) fn at_start(&mut self) -> bool {
        *self = Self::default();
        AT_START.iter().for_each(|family| self.test(*family));
        !self.failed
    }

    /// All tests, or those that were not done yet; `false`: something is broken.
    pub(crate) fn run(&mut self, again: bool) -> bool {
        for family in ALL {
            if again || !self.is_done(family) {
                self.test(family);
            }
        }
        !self.failed
    }

    /// The test of one algorithm, if it was not done yet; `false`: something is broken.
    pub(crate) fn test_algorithm(&mut self, alg: Alg) -> bool {
        if let Some(family) = family_of(alg).filter(|family| !self.is_done(*family)) {
            self.test(family);
        }
        !self.failed
    }

    /// Whether there is a test of the algorithm that was not done yet.
    pub(crate) fn is_open(&self, alg: Alg) -> bool {
        family_of(alg).is_some_and(|family| !self.is_done(family))
    }

    /// Whether a test failed.
    pub(crate) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Which tests were done, as bits.
    pub(crate) const fn done(&self) -> u8 {
        self.done
    }

    fn is_done(&self, family: Family) -> bool {
        self.done & 1 << family as u8 != 0
    }

    fn test(&mut self, family: Family) {
        let passed = match family {
            Family::Hash => {
                vectors::HASHES.iter().all(hash_is_right) && full::more_hashes_are_right()
            }
            Family::Hmac => hmac_is_right(),
            Family::Kdf => kdf_is_right() && full::kdf2_is_right(),
            Family::Cipher => cipher_is_right() && full::more_ciphers_are_right(),
            Family::Curves => {
                vectors::CURVES.iter().all(curve_is_right) && full::more_curves_are_right()
            }
            Family::Rsa => full::rsa_is_right(),
        };
        self.failed |= !passed;
        self.done |= 1 << family as u8;
    }
}

/// The test that covers an algorithm; `None`: there is no such algorithm here.
fn family_of(alg: Alg) -> Option<Family> {
    match alg {
        Alg::SHA1 | Alg::SHA256 | Alg::SHA384 | Alg::SHA512 => Some(Family::Hash),
        Alg::SM3_256 | Alg::SHA3_256 | Alg::SHA3_384 | Alg::SHA3_512 => Some(Family::Hash),
        Alg::HMAC | Alg::KEYEDHASH | Alg::XOR => Some(Family::Hmac),
        Alg::KDF1_SP800_108 | Alg::KDF1_SP800_56A | Alg::MGF1 | Alg::KDF2 => Some(Family::Kdf),
        Alg::SM4 | Alg::CMAC => Some(Family::Cipher),
        Alg::AES | Alg::SYMCIPHER | Alg::CTR | Alg::OFB | Alg::CBC | Alg::CFB | Alg::ECB => {
            Some(Family::Cipher)
        }
        Alg::ECC | Alg::ECDSA | Alg::ECDH => Some(Family::Curves),
        Alg::ECDAA | Alg::SM2 | Alg::ECSCHNORR | Alg::ECMQV => Some(Family::Curves),
        Alg::RSA | Alg::RSASSA | Alg::RSAPSS | Alg::RSAES | Alg::OAEP => Some(Family::Rsa),
        _ => None,
    }
}

fn hash_is_right(vector: &HashVector) -> bool {
    digest(vector.algorithm, b"abc").as_slice() == vector.of_abc
}

/// RFC 4231, test case 2.
fn hmac_is_right() -> bool {
    let mac = hmac(
        HashAlgorithm::Sha256,
        b"Jefe",
        &[b"what do ya want ", b"for nothing?"],
    );
    mac.as_slice() == vectors::HMAC
}

fn kdf_is_right() -> bool {
    let mut key = [0; 32];
    let made = kdfa(
        HashAlgorithm::Sha256,
        &vectors::KDF_KEY,
        b"STORAGE",
        b"first",
        b"second",
        256,
        &mut key,
    );
    made.is_ok() && key == vectors::KDF
}

/// AES-128 in CFB, both ways.
fn cipher_is_right() -> bool {
    let Ok(aes) = Cipher::new(CipherAlgorithm::Aes, &vectors::CFB_KEY) else {
        return false;
    };
    let mut data = vectors::CFB_PLAIN;
    let encrypted = aes.encrypt(Mode::Cfb, &mut vectors::CFB_IV.clone(), &mut data);
    if encrypted.is_err() || data != vectors::CFB_CIPHER {
        return false;
    }
    let decrypted = aes.decrypt(Mode::Cfb, &mut vectors::CFB_IV.clone(), &mut data);
    decrypted.is_ok() && data == vectors::CFB_PLAIN
}

/// The key pair and a published signature; then one of our own.
fn curve_is_right(vector: &EcVector) -> bool {
    let Ok(key) = EcScalar::new(vector.curve, vector.private) else {
        return false;
    };
    let Ok(point) = key.public() else {
        return false;
    };
    let hash = digest(vector.hash, b"sample");
    let known = point.x() == vector.x && point.verify(hash.as_slice(), vector.r, vector.s).is_ok();
    known && signs(&key, &point, hash.as_slice())
}

fn signs(key: &EcScalar, point: &EcPoint, hash: &[u8]) -> bool {
    let mut drbg = Drbg::new(&ironroot_crypto::Secret::new([7; 32]), b"self test");
    key.sign(hash, &mut drbg)
        .is_ok_and(|signature| point.verify(hash, signature.r(), signature.s()).is_ok())
}
