//! `psa_key_type_t`: what a key is made of.

/// A key type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct KeyType(pub u16);

/// `psa_ecc_family_t`: a family of elliptic curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct EccFamily(pub u8);

impl EccFamily {
    /// SEC random curves over prime fields; 256 bits is P-256.
    pub const SECP_R1: Self = Self(0x12);
    /// SEC Koblitz curves over prime fields.
    pub const SECP_K1: Self = Self(0x17);
    /// Brainpool random curves.
    pub const BRAINPOOL_P_R1: Self = Self(0x30);
    /// Curve25519 and Curve448.
    pub const MONTGOMERY: Self = Self(0x41);
    /// Edwards25519 (255 bits) and Edwards448.
    pub const TWISTED_EDWARDS: Self = Self(0x42);
}

const CATEGORY_MASK: u16 = 0x7000;
const CATEGORY_RAW: u16 = 0x1000;
const CATEGORY_SYMMETRIC: u16 = 0x2000;
const CATEGORY_PUBLIC_KEY: u16 = 0x4000;
const CATEGORY_KEY_PAIR: u16 = 0x7000;
const PAIR_FLAG: u16 = 0x3000;
const ECC_PUBLIC_BASE: u16 = 0x4100;
const ECC_PAIR_BASE: u16 = 0x7100;

impl KeyType {
    /// Not a key.
    pub const NONE: Self = Self(0);
    /// Bytes without a use of their own.
    pub const RAW_DATA: Self = Self(0x1001);
    /// HMAC key.
    pub const HMAC: Self = Self(0x1100);
    /// Secret to derive from.
    pub const DERIVE: Self = Self(0x1200);
    /// Password.
    pub const PASSWORD: Self = Self(0x1203);
    /// AES key: 128, 192 or 256 bits.
    pub const AES: Self = Self(0x2400);
    /// ChaCha20 key: 256 bits.
    pub const CHACHA20: Self = Self(0x2004);
    /// RSA public key.
    pub const RSA_PUBLIC_KEY: Self = Self(0x4001);
    /// RSA key pair.
    pub const RSA_KEY_PAIR: Self = Self(0x7001);

    /// Key pair of a curve of `family`; the size tells the curve.
    #[must_use]
    pub const fn ecc_key_pair(family: EccFamily) -> Self {
        Self(ECC_PAIR_BASE | family.0 as u16)
    }

    /// Public key of a curve of `family`.
    #[must_use]
    pub const fn ecc_public_key(family: EccFamily) -> Self {
        Self(ECC_PUBLIC_BASE | family.0 as u16)
    }

    /// The family, if this is an elliptic-curve key of either kind.
    #[must_use]
    pub const fn ecc_family(self) -> Option<EccFamily> {
        let public = self.0 & !PAIR_FLAG & 0xff00;
        if public == ECC_PUBLIC_BASE {
            Some(EccFamily((self.0 & 0xff) as u8))
        } else {
            None
        }
    }

    /// Bytes without inner structure: raw data, secrets, symmetric keys.
    #[must_use]
    pub const fn is_unstructured(self) -> bool {
        matches!(self.0 & CATEGORY_MASK, CATEGORY_RAW | CATEGORY_SYMMETRIC)
    }

    /// Public key.
    #[must_use]
    pub const fn is_public_key(self) -> bool {
        self.0 & CATEGORY_MASK == CATEGORY_PUBLIC_KEY
    }

    /// Key pair.
    #[must_use]
    pub const fn is_key_pair(self) -> bool {
        self.0 & CATEGORY_MASK == CATEGORY_KEY_PAIR
    }

    /// The type of the public part of a key pair; a public key's own type.
    #[must_use]
    pub const fn public_key(self) -> Self {
        Self(self.0 & !PAIR_FLAG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curve_types_are_the_published_numbers() {
        // PSA Crypto API 1.1, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1) and relatives.
        assert_eq!(KeyType::ecc_key_pair(EccFamily::SECP_R1), KeyType(0x7112));
        assert_eq!(
            KeyType::ecc_public_key(EccFamily::TWISTED_EDWARDS),
            KeyType(0x4142)
        );
    }

    #[test]
    fn a_pair_knows_its_public_type_and_family() {
        for family in [
            EccFamily::SECP_R1,
            EccFamily::MONTGOMERY,
            EccFamily::TWISTED_EDWARDS,
        ] {
            let pair = KeyType::ecc_key_pair(family);
            assert!(pair.is_key_pair() && !pair.is_public_key());
            assert_eq!(pair.public_key(), KeyType::ecc_public_key(family));
            assert_eq!(pair.ecc_family(), Some(family));
            assert_eq!(pair.public_key().ecc_family(), Some(family));
        }
        assert_eq!(KeyType::RSA_KEY_PAIR.public_key(), KeyType::RSA_PUBLIC_KEY);
        assert_eq!(KeyType::RSA_KEY_PAIR.ecc_family(), None);
        assert_eq!(KeyType::AES.ecc_family(), None);
    }

    #[test]
    fn categories_do_not_overlap() {
        for number in 0..=u16::MAX {
            let key = KeyType(number);
            let kinds = [
                key.is_unstructured(),
                key.is_public_key(),
                key.is_key_pair(),
            ];
            assert!(kinds.iter().filter(|&&k| k).count() <= 1, "{number:#x}");
        }
    }
}
