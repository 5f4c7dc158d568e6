//! Keys: types, algorithms, usage, lifetimes, ids and the attributes that hold them together.
//!
//! Values of PSA Crypto API 1.1 to 1.4, which do not change between versions. Each kind of number is
//! its own type; a number this code does not know stays representable, because a policy may name
//! an algorithm that only a later version offers, and is answered `NOT_SUPPORTED` where it is used.

mod algorithm;
mod attributes;
mod key_type;

pub use algorithm::{Algorithm, AlgorithmClass};
pub use attributes::KeyAttributes;
pub use key_type::{EccFamily, KeyType};

/// `psa_key_id_t`. Zero is the null id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct KeyId(pub u32);

impl KeyId {
    /// `PSA_KEY_ID_NULL`.
    pub const NULL: Self = Self(0);
    /// First id an application may choose.
    pub const USER_MIN: Self = Self(0x0000_0001);
    /// Last id an application may choose.
    pub const USER_MAX: Self = Self(0x3fff_ffff);
    /// First id that is ours: volatile and built-in keys.
    pub const VENDOR_MIN: Self = Self(0x4000_0000);
    /// Last id that is ours.
    pub const VENDOR_MAX: Self = Self(0x7fff_ffff);

    /// TF-M's built-in key: derived per client from the hardware unique key (`TFM_BUILTIN_KEY_ID_HUK`).
    pub const BUILTIN_HUK: Self = Self(0x7fff_815c);
    /// TF-M's built-in key: the initial attestation key (`TFM_BUILTIN_KEY_ID_IAK`).
    pub const BUILTIN_IAK: Self = Self(0x7fff_815d);

    /// Whether an application may give this id to a persistent key.
    #[must_use]
    pub const fn is_user(self) -> bool {
        self.0 >= Self::USER_MIN.0 && self.0 <= Self::USER_MAX.0
    }
}

/// `psa_key_lifetime_t`: persistence in bits 0 to 7, location in bits 8 to 31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Lifetime(pub u32);

impl Lifetime {
    /// Gone at reset.
    pub const VOLATILE: Self = Self(0);
    /// Kept in this implementation's own storage.
    pub const PERSISTENT: Self = Self(1);
    /// Persistence of a key that can never be destroyed.
    pub const PERSISTENCE_READ_ONLY: u8 = 0xff;
    /// Location of built-in keys (TF-M's `TFM_BUILTIN_KEY_LOADER_KEY_LOCATION`).
    pub const LOCATION_BUILTIN: u32 = 0x80_0001;

    /// From persistence and location (24 bits).
    #[must_use]
    pub const fn new(persistence: u8, location: u32) -> Self {
        Self(location << 8 | persistence as u32)
    }

    /// Bits 0 to 7.
    #[must_use]
    pub const fn persistence(self) -> u8 {
        (self.0 & 0xff) as u8
    }

    /// Bits 8 to 31.
    #[must_use]
    pub const fn location(self) -> u32 {
        self.0 >> 8
    }

    /// Whether the key is gone at reset.
    #[must_use]
    pub const fn is_volatile(self) -> bool {
        self.persistence() == 0
    }
}

/// `psa_key_usage_t`: what the key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Usage(pub u32);

impl Usage {
    /// Nothing (public parts can still be exported).
    pub const NONE: Self = Self(0);
    /// The key material may leave.
    pub const EXPORT: Self = Self(0x0001);
    /// The key may be copied.
    pub const COPY: Self = Self(0x0002);
    /// A copy may stay in faster memory.
    pub const CACHE: Self = Self(0x0004);
    /// Encryption.
    pub const ENCRYPT: Self = Self(0x0100);
    /// Decryption.
    pub const DECRYPT: Self = Self(0x0200);
    /// Signing a message.
    pub const SIGN_MESSAGE: Self = Self(0x0400);
    /// Verifying a message.
    pub const VERIFY_MESSAGE: Self = Self(0x0800);
    /// Signing a hash; implies [`Usage::SIGN_MESSAGE`].
    pub const SIGN_HASH: Self = Self(0x1000);
    /// Verifying a hash; implies [`Usage::VERIFY_MESSAGE`].
    pub const VERIFY_HASH: Self = Self(0x2000);
    /// Key derivation and agreement.
    pub const DERIVE: Self = Self(0x4000);
    /// Verification by derivation.
    pub const VERIFY_DERIVATION: Self = Self(0x8000);

    /// Every flag the specification defines.
    pub const ALL: Self = Self(0xff07);

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both sets have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// With the flags that others imply (PSA Crypto API, key usage flags: the hash flags allow the
    /// message functions too). Reading the attributes back shows them.
    #[must_use]
    pub const fn extended(self) -> Self {
        let mut flags = self;
        if flags.contains(Self::SIGN_HASH) {
            flags = flags.union(Self::SIGN_MESSAGE);
        }
        if flags.contains(Self::VERIFY_HASH) {
            flags = flags.union(Self::VERIFY_MESSAGE);
        }
        flags
    }
}

/// `psa_key_derivation_step_t`: what an input of a derivation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct DerivationStep(pub u16);

impl DerivationStep {
    /// The secret.
    pub const SECRET: Self = Self(0x0101);
    /// A password.
    pub const PASSWORD: Self = Self(0x0102);
    /// A second secret.
    pub const OTHER_SECRET: Self = Self(0x0103);
    /// A label.
    pub const LABEL: Self = Self(0x0201);
    /// A salt.
    pub const SALT: Self = Self(0x0202);
    /// Information that binds the result to its purpose.
    pub const INFO: Self = Self(0x0203);
    /// A seed.
    pub const SEED: Self = Self(0x0204);
    /// The cost of a password hash.
    pub const COST: Self = Self(0x0205);
    /// A context string.
    pub const CONTEXT: Self = Self(0x0206);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_come_apart_into_what_they_were_made_of() {
        for persistence in 0..=255 {
            for location in [0, 1, 0x80_0001, 0xff_ffff] {
                let lifetime = Lifetime::new(persistence, location);
                assert_eq!(lifetime.persistence(), persistence);
                assert_eq!(lifetime.location(), location);
                assert_eq!(lifetime.is_volatile(), persistence == 0);
            }
        }
    }

    #[test]
    fn hash_usage_implies_message_usage_and_not_the_other_way() {
        assert!(Usage::SIGN_HASH.extended().contains(Usage::SIGN_MESSAGE));
        assert!(
            Usage::VERIFY_HASH
                .extended()
                .contains(Usage::VERIFY_MESSAGE)
        );
        assert!(!Usage::SIGN_MESSAGE.extended().contains(Usage::SIGN_HASH));
        assert_eq!(Usage::CACHE.extended(), Usage::CACHE);
    }

    #[test]
    fn user_ids_end_where_ours_begin() {
        assert!(!KeyId::NULL.is_user());
        assert!(KeyId::USER_MIN.is_user() && KeyId::USER_MAX.is_user());
        assert!(!KeyId::VENDOR_MIN.is_user() && !KeyId::BUILTIN_HUK.is_user());
        assert!(!KeyId(0x8000_0000).is_user());
    }
}
