//! `psa_algorithm_t`: algorithm identifiers and how they are built.
//!
//! Bits 24 to 30 are the category, bits 0 to 7 of most categories the hash. MAC and AEAD identifiers
//! carry a length in bits 16 to 21 and, in policies, "at least this length" in bit 15
//! (PSA Crypto API 1.1, appendix on algorithm encoding).

/// An algorithm identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Algorithm(pub u32);

/// What an algorithm is for: its category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AlgorithmClass {
    /// Hash.
    Hash = 0x02,
    /// Message authentication code.
    Mac = 0x03,
    /// Unauthenticated cipher.
    Cipher = 0x04,
    /// Authenticated encryption.
    Aead = 0x05,
    /// Signature.
    Signature = 0x06,
    /// Public-key encryption.
    AsymmetricEncryption = 0x07,
    /// Key derivation.
    KeyDerivation = 0x08,
    /// Key agreement.
    KeyAgreement = 0x09,
}

const HASH_MASK: u32 = 0xff;
const HASH_BASE: u32 = 0x0200_0000;
const LENGTH_SHIFT: u32 = 16;
const LENGTH_MASK: u32 = 0x3f << LENGTH_SHIFT;
const AT_LEAST: u32 = 0x8000;
const MAC_SUBCATEGORY: u32 = 0x00c0_0000;
const HMAC_BASE: u32 = 0x0380_0000;
const ECDSA_BASE: u32 = 0x0600_0600;
const ECDSA_DETERMINISTIC: u32 = 0x0000_0100;
const RSA_PKCS1V15_SIGN_BASE: u32 = 0x0600_0200;
const RSA_PSS_BASE: u32 = 0x0600_0300;
const HASH_EDDSA_BASE: u32 = 0x0600_0900;
const HKDF_BASE: u32 = 0x0800_0100;
const HKDF_EXTRACT_BASE: u32 = 0x0800_0400;
const HKDF_EXPAND_BASE: u32 = 0x0800_0500;
const SP800_108_COUNTER_HMAC_BASE: u32 = 0x0800_0700;
const KEY_AGREEMENT_KDF: u32 = 0xfe00_ffff;
const KEY_AGREEMENT_BASE: u32 = 0xffff_0000;

impl Algorithm {
    /// Permits nothing.
    pub const NONE: Self = Self(0);
    /// SHA-1.
    pub const SHA_1: Self = Self(0x0200_0005);
    /// SHA-224.
    pub const SHA_224: Self = Self(0x0200_0008);
    /// SHA-256.
    pub const SHA_256: Self = Self(0x0200_0009);
    /// SHA-384.
    pub const SHA_384: Self = Self(0x0200_000a);
    /// SHA-512.
    pub const SHA_512: Self = Self(0x0200_000b);
    /// Any hash; in the policy of a signature key only.
    pub const ANY_HASH: Self = Self(0x0200_00ff);
    /// CMAC.
    pub const CMAC: Self = Self(0x03c0_0200);
    /// Counter mode.
    pub const CTR: Self = Self(0x04c0_1000);
    /// Cipher block chaining without padding.
    pub const CBC_NO_PADDING: Self = Self(0x0440_4000);
    /// Cipher block chaining with PKCS#7 padding.
    pub const CBC_PKCS7: Self = Self(0x0440_4100);
    /// Electronic code book.
    pub const ECB_NO_PADDING: Self = Self(0x0440_4400);
    /// CCM with a 16-byte tag.
    pub const CCM: Self = Self(0x0550_0100);
    /// GCM with a 16-byte tag.
    pub const GCM: Self = Self(0x0550_0200);
    /// ChaCha20-Poly1305.
    pub const CHACHA20_POLY1305: Self = Self(0x0510_0500);
    /// Randomised ECDSA of a hash that the caller vouches for.
    pub const ECDSA_ANY: Self = Self(ECDSA_BASE);
    /// Ed25519 and Ed448 of a whole message.
    pub const PURE_EDDSA: Self = Self(0x0600_0800);
    /// Ed25519 of a SHA-512 hash.
    pub const ED25519PH: Self = Self(0x0600_090b);
    /// RSA PKCS#1 v1.5 encryption.
    pub const RSA_PKCS1V15_CRYPT: Self = Self(0x0700_0200);
    /// Elliptic-curve Diffie-Hellman, bare.
    pub const ECDH: Self = Self(0x0902_0000);

    /// HMAC over `hash`.
    #[must_use]
    pub const fn hmac(hash: Self) -> Self {
        Self(HMAC_BASE | hash.0 & HASH_MASK)
    }

    /// Randomised ECDSA over `hash`.
    #[must_use]
    pub const fn ecdsa(hash: Self) -> Self {
        Self(ECDSA_BASE | hash.0 & HASH_MASK)
    }

    /// Deterministic ECDSA (RFC 6979) over `hash`.
    #[must_use]
    pub const fn deterministic_ecdsa(hash: Self) -> Self {
        Self(ECDSA_BASE | ECDSA_DETERMINISTIC | hash.0 & HASH_MASK)
    }

    /// RSA PKCS#1 v1.5 signature over `hash`.
    #[must_use]
    pub const fn rsa_pkcs1v15_sign(hash: Self) -> Self {
        Self(RSA_PKCS1V15_SIGN_BASE | hash.0 & HASH_MASK)
    }

    /// RSA-PSS over `hash`.
    #[must_use]
    pub const fn rsa_pss(hash: Self) -> Self {
        Self(RSA_PSS_BASE | hash.0 & HASH_MASK)
    }

    /// HKDF over `hash`.
    #[must_use]
    pub const fn hkdf(hash: Self) -> Self {
        Self(HKDF_BASE | hash.0 & HASH_MASK)
    }

    /// The extract half of HKDF over `hash`.
    #[must_use]
    pub const fn hkdf_extract(hash: Self) -> Self {
        Self(HKDF_EXTRACT_BASE | hash.0 & HASH_MASK)
    }

    /// The expand half of HKDF over `hash`.
    #[must_use]
    pub const fn hkdf_expand(hash: Self) -> Self {
        Self(HKDF_EXPAND_BASE | hash.0 & HASH_MASK)
    }

    /// SP 800-108 in counter mode with HMAC over `hash`.
    #[must_use]
    pub const fn sp800_108_counter_hmac(hash: Self) -> Self {
        Self(SP800_108_COUNTER_HMAC_BASE | hash.0 & HASH_MASK)
    }

    /// Agreement followed by a derivation.
    #[must_use]
    pub const fn key_agreement(agreement: Self, derivation: Self) -> Self {
        Self(agreement.0 | derivation.0)
    }

    /// The same MAC or AEAD with another tag length in bytes.
    #[must_use]
    pub const fn with_length(self, bytes: u8) -> Self {
        Self(self.0 & !(LENGTH_MASK | AT_LEAST) | (bytes as u32) << LENGTH_SHIFT & LENGTH_MASK)
    }

    /// For a policy: the same MAC or AEAD with tags of at least `bytes` bytes.
    #[must_use]
    pub const fn with_length_at_least(self, bytes: u8) -> Self {
        Self(self.with_length(bytes).0 | AT_LEAST)
    }

    /// Tag length in bytes as written: zero is the full length of a MAC.
    #[must_use]
    pub const fn length(self) -> u8 {
        ((self.0 & LENGTH_MASK) >> LENGTH_SHIFT) as u8
    }

    /// Whether the length is a least one, as in a policy.
    #[must_use]
    pub const fn is_length_at_least(self) -> bool {
        self.0 & AT_LEAST != 0
    }

    /// Its category; nothing for [`Algorithm::NONE`], vendor algorithms and unknown categories.
    #[must_use]
    pub const fn class(self) -> Option<AlgorithmClass> {
        match self.0 >> 24 {
            0x02 => Some(AlgorithmClass::Hash),
            0x03 => Some(AlgorithmClass::Mac),
            0x04 => Some(AlgorithmClass::Cipher),
            0x05 => Some(AlgorithmClass::Aead),
            0x06 => Some(AlgorithmClass::Signature),
            0x07 => Some(AlgorithmClass::AsymmetricEncryption),
            0x08 => Some(AlgorithmClass::KeyDerivation),
            0x09 => Some(AlgorithmClass::KeyAgreement),
            _ => None,
        }
    }

    /// The hash in its low byte; nothing if that is zero.
    #[must_use]
    pub const fn hash(self) -> Option<Self> {
        if self.0 & HASH_MASK == 0 {
            None
        } else {
            Some(Self(HASH_BASE | self.0 & HASH_MASK))
        }
    }

    /// HMAC of any hash and length.
    #[must_use]
    pub const fn is_hmac(self) -> bool {
        matches!(self.class(), Some(AlgorithmClass::Mac))
            && self.0 & MAC_SUBCATEGORY == HMAC_BASE & MAC_SUBCATEGORY
    }

    /// ECDSA, randomised or deterministic.
    #[must_use]
    pub const fn is_ecdsa(self) -> bool {
        self.0 & !HASH_MASK & !ECDSA_DETERMINISTIC == ECDSA_BASE
    }

    /// Deterministic ECDSA.
    #[must_use]
    pub const fn is_deterministic_ecdsa(self) -> bool {
        self.is_ecdsa() && self.0 & ECDSA_DETERMINISTIC != 0
    }

    /// HKDF, both halves together.
    #[must_use]
    pub const fn is_hkdf(self) -> bool {
        self.0 & !HASH_MASK == HKDF_BASE
    }

    /// Whether a hash may be signed with it (not only a message).
    #[must_use]
    pub const fn is_sign_hash(self) -> bool {
        self.is_ecdsa()
            || matches!(
                self.0 & !HASH_MASK,
                RSA_PKCS1V15_SIGN_BASE | RSA_PSS_BASE | HASH_EDDSA_BASE
            )
    }

    /// The derivation of a combined key agreement.
    #[must_use]
    pub const fn agreement_derivation(self) -> Self {
        Self(self.0 & KEY_AGREEMENT_KDF | 0x0800_0000)
    }

    /// The bare agreement of a combined one.
    #[must_use]
    pub const fn agreement_base(self) -> Self {
        Self(self.0 & KEY_AGREEMENT_BASE | 0x0900_0000)
    }

    /// The AEAD whatever its tag length: the identifier with length zero and no "at least".
    #[must_use]
    pub const fn without_length(self) -> Self {
        self.with_length(0)
    }

    /// Output length in bytes of a hash this code knows.
    #[must_use]
    pub const fn hash_length(self) -> Option<usize> {
        match self {
            Self::SHA_1 => Some(20),
            Self::SHA_224 => Some(28),
            Self::SHA_256 => Some(32),
            Self::SHA_384 => Some(48),
            Self::SHA_512 => Some(64),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_identifiers_are_the_published_numbers() {
        // PSA Crypto API 1.1, values of the macros of the same names.
        assert_eq!(Algorithm::hmac(Algorithm::SHA_256), Algorithm(0x0380_0009));
        assert_eq!(Algorithm::ecdsa(Algorithm::SHA_256), Algorithm(0x0600_0609));
        assert_eq!(
            Algorithm::deterministic_ecdsa(Algorithm::SHA_384),
            Algorithm(0x0600_070a)
        );
        assert_eq!(Algorithm::hkdf(Algorithm::SHA_256), Algorithm(0x0800_0109));
        assert_eq!(
            Algorithm::rsa_pss(Algorithm::ANY_HASH),
            Algorithm(0x0600_03ff)
        );
        assert_eq!(Algorithm::CCM.with_length(8), Algorithm(0x0548_0100));
        let combined =
            Algorithm::key_agreement(Algorithm::ECDH, Algorithm::hkdf(Algorithm::SHA_256));
        assert_eq!(combined, Algorithm(0x0902_0109));
        assert_eq!(combined.agreement_base(), Algorithm::ECDH);
        assert_eq!(
            combined.agreement_derivation(),
            Algorithm::hkdf(Algorithm::SHA_256)
        );
    }

    #[test]
    fn lengths_come_apart_into_what_they_were_made_of() {
        for base in [Algorithm::CCM, Algorithm::GCM, Algorithm::CHACHA20_POLY1305] {
            assert_eq!(base.length(), 16);
            for bytes in 0..64 {
                let shortened = base.with_length(bytes);
                assert_eq!(shortened.length(), bytes);
                assert_eq!(shortened.without_length(), base.without_length());
                assert_eq!(shortened.with_length(16), base);
                let least = base.with_length_at_least(bytes);
                assert!(least.is_length_at_least() && !shortened.is_length_at_least());
                assert_eq!(least.with_length(bytes), shortened);
            }
        }
    }

    #[test]
    fn families_are_recognised_and_neighbours_are_not() {
        assert!(Algorithm::hmac(Algorithm::SHA_512).is_hmac());
        assert!(!Algorithm::CMAC.is_hmac());
        assert!(Algorithm::ECDSA_ANY.is_ecdsa() && Algorithm::ECDSA_ANY.is_sign_hash());
        assert!(!Algorithm::ECDSA_ANY.is_deterministic_ecdsa());
        assert!(!Algorithm::PURE_EDDSA.is_sign_hash() && Algorithm::ED25519PH.is_sign_hash());
        assert!(!Algorithm::PURE_EDDSA.is_ecdsa());
        assert!(Algorithm::hkdf(Algorithm::SHA_256).is_hkdf());
        assert!(!Algorithm::hkdf_expand(Algorithm::SHA_256).is_hkdf());
        assert_eq!(Algorithm::NONE.class(), None);
        assert_eq!(Algorithm(0x8200_0009).class(), None);
    }

    #[test]
    fn the_hash_of_a_composed_algorithm_is_found() {
        for hash in [Algorithm::SHA_256, Algorithm::SHA_384, Algorithm::SHA_512] {
            assert_eq!(Algorithm::ecdsa(hash).hash(), Some(hash));
            assert_eq!(Algorithm::hmac(hash).with_length(10).hash(), Some(hash));
        }
        assert_eq!(Algorithm::ECDSA_ANY.hash(), None);
    }
}
