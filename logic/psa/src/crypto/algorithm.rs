//! Algorithm identifiers taken apart into what the cryptography crate can do.
//!
//! Two different refusals, as the Crypto API wants them: `INVALID_ARGUMENT` for an identifier that is
//! never of the asked kind (a hash where a MAC is wanted, a wildcard in a call), `NOT_SUPPORTED` for one
//! that is and that we do not offer.

use ironroot_crypto::aead::AeadAlgorithm;
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{Algorithm, AlgorithmClass};

/// Shortest truncated MAC in bytes, as in Mbed TLS: shorter ones are too easy to guess.
const MIN_MAC_LENGTH: usize = 4;

fn expect_class(algorithm: Algorithm, class: AlgorithmClass) -> Result<(), Error> {
    if algorithm.class() == Some(class) {
        Ok(())
    } else {
        Err(Error::InvalidArgument)
    }
}

/// A hash.
pub(crate) fn hash(algorithm: Algorithm) -> Result<HashAlgorithm, Error> {
    expect_class(algorithm, AlgorithmClass::Hash)?;
    match algorithm {
        Algorithm::SHA_256 => Ok(HashAlgorithm::Sha256),
        Algorithm::SHA_384 => Ok(HashAlgorithm::Sha384),
        Algorithm::SHA_512 => Ok(HashAlgorithm::Sha512),
        Algorithm::ANY_HASH => Err(Error::InvalidArgument),
        _ => Err(Error::NotSupported),
    }
}

/// The hash inside another algorithm, for instance HMAC's.
fn inner_hash(algorithm: Algorithm) -> Result<HashAlgorithm, Error> {
    hash(algorithm.hash().ok_or(Error::InvalidArgument)?)
}

/// HMAC with its hash and the length of the result in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mac {
    pub(crate) hash: HashAlgorithm,
    pub(crate) length: usize,
}

/// A MAC.
pub(crate) fn mac(algorithm: Algorithm) -> Result<Mac, Error> {
    expect_class(algorithm, AlgorithmClass::Mac)?;
    if algorithm.is_length_at_least() {
        return Err(Error::InvalidArgument);
    }
    if !algorithm.is_hmac() {
        return Err(Error::NotSupported);
    }
    let hash = inner_hash(algorithm)?;
    let full = hash.digest_len();
    match usize::from(algorithm.length()) {
        0 => Ok(Mac { hash, length: full }),
        length if length > full => Err(Error::InvalidArgument),
        length if length < MIN_MAC_LENGTH => Err(Error::NotSupported),
        length => Ok(Mac { hash, length }),
    }
}

/// An AEAD with its tag length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aead {
    pub(crate) algorithm: AeadAlgorithm,
    pub(crate) tag_length: usize,
}

/// An AEAD.
pub(crate) fn aead(algorithm: Algorithm) -> Result<Aead, Error> {
    expect_class(algorithm, AlgorithmClass::Aead)?;
    if algorithm.is_length_at_least() {
        return Err(Error::InvalidArgument);
    }
    let family = match algorithm.with_length(16) {
        Algorithm::CCM => AeadAlgorithm::AesCcm,
        Algorithm::GCM if cfg!(feature = "gcm") => AeadAlgorithm::AesGcm,
        Algorithm::CHACHA20_POLY1305 => AeadAlgorithm::ChaCha20Poly1305,
        _ => return Err(Error::NotSupported),
    };
    let tag_length = usize::from(algorithm.length());
    if !family.allows_tag_len(tag_length) {
        return Err(Error::InvalidArgument);
    }
    Ok(Aead {
        algorithm: family,
        tag_length,
    })
}

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// ECDSA, over this hash if one is named (`ECDSA_ANY` names none).
    Ecdsa {
        hash: Option<HashAlgorithm>,
        deterministic: bool,
    },
    /// Ed25519 of a whole message.
    PureEddsa,
}

/// A signature algorithm.
pub(crate) fn signature(algorithm: Algorithm) -> Result<Signature, Error> {
    expect_class(algorithm, AlgorithmClass::Signature)?;
    if algorithm == Algorithm::PURE_EDDSA {
        return Ok(Signature::PureEddsa);
    }
    if !algorithm.is_ecdsa() {
        return Err(Error::NotSupported);
    }
    let deterministic = algorithm.is_deterministic_ecdsa();
    match algorithm.hash() {
        // Nothing says which hash RFC 6979 should use then.
        None if deterministic => Err(Error::InvalidArgument),
        None => Ok(Signature::Ecdsa {
            hash: None,
            deterministic,
        }),
        Some(inner) => Ok(Signature::Ecdsa {
            hash: Some(hash(inner)?),
            deterministic,
        }),
    }
}

/// Which parts of HKDF (RFC 5869).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hkdf {
    Whole,
    Extract,
    Expand,
}

/// A key derivation.
pub(crate) fn derivation(algorithm: Algorithm) -> Result<(Hkdf, HashAlgorithm), Error> {
    expect_class(algorithm, AlgorithmClass::KeyDerivation)?;
    let inner = algorithm.hash().ok_or(Error::InvalidArgument)?;
    let part = if algorithm == Algorithm::hkdf(inner) {
        Hkdf::Whole
    } else if algorithm == Algorithm::hkdf_extract(inner) {
        Hkdf::Extract
    } else if algorithm == Algorithm::hkdf_expand(inner) {
        Hkdf::Expand
    } else {
        return Err(Error::NotSupported);
    };
    Ok((part, hash(inner)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_taken_by_its_own_kind_only() {
        let all = [
            (Algorithm::SHA_256, AlgorithmClass::Hash),
            (Algorithm::hmac(Algorithm::SHA_256), AlgorithmClass::Mac),
            (Algorithm::GCM, AlgorithmClass::Aead),
            (
                Algorithm::ecdsa(Algorithm::SHA_256),
                AlgorithmClass::Signature,
            ),
            (Algorithm::PURE_EDDSA, AlgorithmClass::Signature),
            (
                Algorithm::hkdf(Algorithm::SHA_512),
                AlgorithmClass::KeyDerivation,
            ),
        ];
        for (algorithm, class) in all {
            assert_eq!(hash(algorithm).is_ok(), class == AlgorithmClass::Hash);
            assert_eq!(mac(algorithm).is_ok(), class == AlgorithmClass::Mac);
            assert_eq!(aead(algorithm).is_ok(), class == AlgorithmClass::Aead);
            assert_eq!(
                signature(algorithm).is_ok(),
                class == AlgorithmClass::Signature
            );
            assert_eq!(
                derivation(algorithm).is_ok(),
                class == AlgorithmClass::KeyDerivation
            );
        }
    }

    #[test]
    fn algorithms_we_do_not_offer_are_not_supported_and_nonsense_is_invalid() {
        assert_eq!(hash(Algorithm::SHA_1), Err(Error::NotSupported));
        assert_eq!(hash(Algorithm::ANY_HASH), Err(Error::InvalidArgument));
        assert_eq!(hash(Algorithm::NONE), Err(Error::InvalidArgument));
        assert_eq!(mac(Algorithm::CMAC), Err(Error::NotSupported));
        assert_eq!(
            mac(Algorithm::hmac(Algorithm::SHA_1)),
            Err(Error::NotSupported)
        );
        assert_eq!(signature(Algorithm::ED25519PH), Err(Error::NotSupported));
        assert_eq!(
            signature(Algorithm::rsa_pss(Algorithm::SHA_256)),
            Err(Error::NotSupported)
        );
        let undefined = Algorithm(Algorithm::ECDSA_ANY.0 | 0x100);
        assert_eq!(signature(undefined), Err(Error::InvalidArgument));
        assert_eq!(
            signature(Algorithm::ecdsa(Algorithm::ANY_HASH)),
            Err(Error::InvalidArgument)
        );
        let counter = Algorithm::sp800_108_counter_hmac(Algorithm::SHA_256);
        assert_eq!(derivation(counter).map(|_| ()), Err(Error::NotSupported));
    }

    #[test]
    fn truncated_macs_and_tags_have_the_lengths_of_the_standard() {
        for length in 0..64u8 {
            let hmac = Algorithm::hmac(Algorithm::SHA_256).with_length(length);
            let expected = match length {
                0 => Ok(32),
                1..=3 => Err(Error::NotSupported),
                4..=32 => Ok(usize::from(length)),
                _ => Err(Error::InvalidArgument),
            };
            assert_eq!(mac(hmac).map(|mac| mac.length), expected, "{length}");
            let gcm = aead(Algorithm::GCM.with_length(length)).is_ok();
            assert_eq!(gcm, matches!(length, 4 | 8 | 12..=16), "{length}");
            let ccm = aead(Algorithm::CCM.with_length(length)).is_ok();
            assert_eq!(
                ccm,
                matches!(length, 4 | 6 | 8 | 10 | 12 | 14 | 16),
                "{length}"
            );
            let chacha = aead(Algorithm::CHACHA20_POLY1305.with_length(length)).is_ok();
            assert_eq!(chacha, length == 16, "{length}");
        }
        let at_least = Algorithm::hmac(Algorithm::SHA_256).with_length_at_least(8);
        assert_eq!(mac(at_least).map(|_| ()), Err(Error::InvalidArgument));
        assert_eq!(
            aead(Algorithm::GCM.with_length_at_least(8)),
            Err(Error::InvalidArgument)
        );
    }
}
