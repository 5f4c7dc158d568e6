//! Key policies: may this key do that, with this algorithm (PSA Crypto API, key policies).

use ironroot_psa_api::Error;
use ironroot_psa_api::key::{Algorithm, AlgorithmClass, KeyAttributes, Usage};

/// Refuses unless the key's policy has all of `usage` and permits `algorithm`.
///
/// # Errors
/// `NOT_PERMITTED` for a missing flag or another algorithm; `INVALID_ARGUMENT` when what is asked for is
/// no algorithm at all or a wildcard, which only a policy may hold.
pub(crate) fn check(
    attributes: &KeyAttributes,
    usage: Usage,
    algorithm: Algorithm,
) -> Result<(), Error> {
    check_usage(attributes, usage)?;
    if algorithm == Algorithm::NONE || is_wildcard(algorithm) {
        return Err(Error::InvalidArgument);
    }
    let policies = [attributes.algorithm, attributes.second_algorithm];
    let verifies = usage == Usage::VERIFY_HASH || usage == Usage::VERIFY_MESSAGE;
    if policies
        .into_iter()
        .any(|policy| permits(policy, algorithm, verifies))
    {
        Ok(())
    } else {
        Err(Error::NotPermitted)
    }
}

/// Refuses unless the key's policy has all of `usage`.
pub(crate) fn check_usage(attributes: &KeyAttributes, usage: Usage) -> Result<(), Error> {
    if attributes.usage.contains(usage) {
        Ok(())
    } else {
        Err(Error::NotPermitted)
    }
}

/// An identifier that stands for several algorithms: it may stand in a policy, not in a call.
fn is_wildcard(algorithm: Algorithm) -> bool {
    match algorithm.class() {
        Some(AlgorithmClass::Mac | AlgorithmClass::Aead) => algorithm.is_length_at_least(),
        _ => algorithm.hash() == Some(Algorithm::ANY_HASH),
    }
}

fn permits(policy: Algorithm, wanted: Algorithm, verifies: bool) -> bool {
    if policy == Algorithm::NONE {
        return false;
    }
    if policy == wanted {
        return true;
    }
    match policy.class() {
        Some(AlgorithmClass::Signature) => permits_signature(policy, wanted, verifies),
        Some(AlgorithmClass::Aead) => {
            policy.is_length_at_least()
                && policy.without_length() == wanted.without_length()
                && wanted.length() >= policy.length()
        }
        Some(AlgorithmClass::Mac) => permits_mac(policy, wanted),
        // A bare agreement in the policy grants the combined forms too.
        Some(AlgorithmClass::KeyAgreement) => {
            policy == wanted.agreement_base() && wanted.class() == policy.class()
        }
        _ => false,
    }
}

/// Any hash stands for each of them; and who verifies cannot tell a deterministic ECDSA signature from a
/// randomised one.
fn permits_signature(policy: Algorithm, wanted: Algorithm, verifies: bool) -> bool {
    let either = |algorithm: Algorithm| match algorithm.hash() {
        Some(hash) if verifies && algorithm.is_ecdsa() => Algorithm::ecdsa(hash),
        _ => algorithm,
    };
    let (policy, wanted) = (either(policy), either(wanted));
    if policy == wanted {
        return true;
    }
    let same_family = policy.0 & !HASH_BITS == wanted.0 & !HASH_BITS;
    let any = policy.hash() == Some(Algorithm::ANY_HASH);
    any && same_family && wanted.is_sign_hash() && wanted.hash().is_some()
}

const HASH_BITS: u32 = 0xff;

/// Zero stands for the full length.
fn permits_mac(policy: Algorithm, wanted: Algorithm) -> bool {
    if policy.without_length() != wanted.without_length() {
        return false;
    }
    let full = match wanted.hash() {
        Some(hash) if wanted.is_hmac() => hash.hash_length().unwrap_or(0),
        // Every other MAC we could name is made of AES blocks.
        _ => 16,
    };
    let length = |algorithm: Algorithm| match usize::from(algorithm.length()) {
        0 => full,
        length => length,
    };
    if policy.is_length_at_least() {
        length(wanted) >= length(policy)
    } else {
        length(wanted) == length(policy)
    }
}

/// What both policies permit, for a copy.
///
/// # Errors
/// `INVALID_ARGUMENT` when two algorithms have nothing in common.
pub(crate) fn intersection(left: Algorithm, right: Algorithm) -> Result<Algorithm, Error> {
    if left == Algorithm::NONE || right == Algorithm::NONE {
        return Ok(Algorithm::NONE);
    }
    if left == right {
        return Ok(left);
    }
    let common = match (left.class(), right.class()) {
        (Some(AlgorithmClass::Signature), Some(AlgorithmClass::Signature)) => {
            narrower_hash(left, right)
        }
        (Some(AlgorithmClass::Mac), Some(AlgorithmClass::Mac))
        | (Some(AlgorithmClass::Aead), Some(AlgorithmClass::Aead)) => narrower_length(left, right),
        _ => None,
    };
    common.ok_or(Error::InvalidArgument)
}

fn narrower_hash(left: Algorithm, right: Algorithm) -> Option<Algorithm> {
    if left.0 & !HASH_BITS != right.0 & !HASH_BITS {
        return None;
    }
    match (left.hash()?, right.hash()?) {
        (Algorithm::ANY_HASH, _) => Some(right),
        (_, Algorithm::ANY_HASH) => Some(left),
        _ => None,
    }
}

fn narrower_length(left: Algorithm, right: Algorithm) -> Option<Algorithm> {
    if left.without_length() != right.without_length() {
        return None;
    }
    let full = left.hash().and_then(Algorithm::hash_length).unwrap_or(16);
    let length = |algorithm: Algorithm| match usize::from(algorithm.length()) {
        0 => full,
        length => length,
    };
    match (left.is_length_at_least(), right.is_length_at_least()) {
        (true, true) if length(left) >= length(right) => Some(left),
        (true, true) => Some(right),
        (true, false) if length(right) >= length(left) => Some(right),
        (false, true) if length(left) >= length(right) => Some(left),
        (false, false) if length(left) == length(right) => Some(left),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_psa_api::key::KeyType;

    const ALL: Usage = Usage::ALL;

    fn key(algorithm: Algorithm) -> KeyAttributes {
        KeyAttributes::volatile(KeyType::RAW_DATA, 256, ALL, algorithm)
    }

    fn permitted(policy: Algorithm, wanted: Algorithm) -> bool {
        check(&key(policy), Usage::SIGN_MESSAGE, wanted).is_ok()
    }

    #[test]
    fn each_missing_flag_is_not_permitted() {
        let flags = (0..16)
            .map(|bit| Usage(1 << bit))
            .filter(|flag| ALL.contains(*flag));
        for flag in flags {
            let mut attributes = key(Algorithm::SHA_256);
            assert_eq!(check(&attributes, flag, Algorithm::SHA_256), Ok(()));
            attributes.usage = Usage(ALL.0 & !flag.0);
            let refused = Err(Error::NotPermitted);
            assert_eq!(
                check(&attributes, flag, Algorithm::SHA_256),
                refused,
                "{flag:?}"
            );
        }
    }

    #[test]
    fn the_policy_none_permits_nothing() {
        for wanted in [
            Algorithm::GCM,
            Algorithm::SHA_256,
            Algorithm::ecdsa(Algorithm::SHA_256),
        ] {
            assert!(!permitted(Algorithm::NONE, wanted));
        }
    }

    #[test]
    fn a_call_with_no_algorithm_or_a_wildcard_is_invalid_even_if_the_policy_is_the_same() {
        for wanted in [
            Algorithm::NONE,
            Algorithm::ecdsa(Algorithm::ANY_HASH),
            Algorithm::hmac(Algorithm::SHA_256).with_length_at_least(8),
            Algorithm::GCM.with_length_at_least(8),
        ] {
            let refused = check(&key(wanted), Usage::SIGN_MESSAGE, wanted);
            assert_eq!(refused, Err(Error::InvalidArgument), "{wanted:?}");
        }
    }

    #[test]
    fn any_hash_permits_each_hash_of_its_family_and_no_other_family() {
        let any = Algorithm::ecdsa(Algorithm::ANY_HASH);
        assert!(permitted(any, Algorithm::ecdsa(Algorithm::SHA_256)));
        assert!(permitted(any, Algorithm::ecdsa(Algorithm::SHA_512)));
        assert!(!permitted(
            any,
            Algorithm::deterministic_ecdsa(Algorithm::SHA_256)
        ));
        assert!(!permitted(any, Algorithm::rsa_pss(Algorithm::SHA_256)));
        assert!(!permitted(any, Algorithm::PURE_EDDSA));
        let fixed = Algorithm::ecdsa(Algorithm::SHA_256);
        assert!(!permitted(fixed, Algorithm::ecdsa(Algorithm::SHA_384)));
    }

    #[test]
    fn for_verifying_deterministic_and_randomised_ecdsa_are_the_same() {
        let randomised = Algorithm::ecdsa(Algorithm::SHA_256);
        let deterministic = Algorithm::deterministic_ecdsa(Algorithm::SHA_256);
        for (policy, wanted) in [(randomised, deterministic), (deterministic, randomised)] {
            for (usage, expected) in [
                (Usage::VERIFY_HASH, Ok(())),
                (Usage::VERIFY_MESSAGE, Ok(())),
                (Usage::SIGN_HASH, Err(Error::NotPermitted)),
                (Usage::SIGN_MESSAGE, Err(Error::NotPermitted)),
            ] {
                assert_eq!(check(&key(policy), usage, wanted), expected, "{usage:?}");
            }
        }
    }

    #[test]
    fn lengths_are_exact_or_at_least_what_the_policy_says() {
        let hmac = Algorithm::hmac(Algorithm::SHA_256);
        assert!(permitted(hmac, hmac.with_length(32)) && permitted(hmac.with_length(32), hmac));
        assert!(!permitted(hmac, hmac.with_length(16)) && !permitted(hmac.with_length(16), hmac));
        let least = hmac.with_length_at_least(16);
        for length in 4..=32 {
            assert_eq!(
                permitted(least, hmac.with_length(length)),
                length >= 16,
                "{length}"
            );
        }
        assert!(permitted(least, hmac));
        assert!(!permitted(least, Algorithm::hmac(Algorithm::SHA_384)));
        let least = Algorithm::CCM.with_length_at_least(8);
        for length in [4, 6, 8, 10, 16] {
            assert_eq!(
                permitted(least, Algorithm::CCM.with_length(length)),
                length >= 8
            );
        }
        assert!(!permitted(least, Algorithm::GCM));
        assert!(!permitted(Algorithm::CCM, Algorithm::CCM.with_length(8)));
    }

    #[test]
    fn a_bare_agreement_grants_the_combined_one_and_not_the_other_way() {
        let combined =
            Algorithm::key_agreement(Algorithm::ECDH, Algorithm::hkdf(Algorithm::SHA_256));
        assert!(permitted(Algorithm::ECDH, combined));
        assert!(!permitted(combined, Algorithm::ECDH));
        assert!(!permitted(
            Algorithm::ECDH,
            Algorithm::hkdf(Algorithm::SHA_256)
        ));
    }

    #[test]
    fn the_second_algorithm_counts_too() {
        let mut attributes = key(Algorithm::GCM);
        attributes.second_algorithm = Algorithm::CCM;
        assert_eq!(check(&attributes, Usage::ENCRYPT, Algorithm::CCM), Ok(()));
        let other = Algorithm::CHACHA20_POLY1305;
        assert_eq!(
            check(&attributes, Usage::ENCRYPT, other),
            Err(Error::NotPermitted)
        );
    }

    #[test]
    fn policies_intersect_to_the_narrower_one() {
        let any = Algorithm::ecdsa(Algorithm::ANY_HASH);
        let one = Algorithm::ecdsa(Algorithm::SHA_256);
        assert_eq!(intersection(any, one), Ok(one));
        assert_eq!(intersection(one, any), Ok(one));
        assert_eq!(intersection(one, one), Ok(one));
        assert_eq!(intersection(one, Algorithm::NONE), Ok(Algorithm::NONE));
        let other = Algorithm::ecdsa(Algorithm::SHA_512);
        assert_eq!(intersection(one, other), Err(Error::InvalidArgument));
        assert_eq!(
            intersection(Algorithm::GCM, Algorithm::CCM),
            Err(Error::InvalidArgument)
        );
        let least = Algorithm::GCM.with_length_at_least(8);
        assert_eq!(intersection(least, Algorithm::GCM), Ok(Algorithm::GCM));
        let longer = Algorithm::GCM.with_length_at_least(12);
        assert_eq!(intersection(least, longer), Ok(longer));
        let short = Algorithm::GCM.with_length(4);
        assert_eq!(intersection(least, short), Err(Error::InvalidArgument));
    }
}
