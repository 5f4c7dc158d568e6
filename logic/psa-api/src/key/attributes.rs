//! Key attributes and how they cross the boundary.
//!
//! On the wire they are the client's `psa_key_attributes_t` of TF-M 2.2 (Mbed TLS 3.6), 24 bytes:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 2 | key type |
//! | 2 | 2 | size in bits; 0xffff when it does not fit |
//! | 4 | 4 | lifetime |
//! | 8 | 4 | usage flags |
//! | 12 | 4 | permitted algorithm |
//! | 16 | 4 | second permitted algorithm (Mbed TLS's extension; zero) |
//! | 20 | 4 | key id |

use super::{Algorithm, KeyId, KeyType, Lifetime, Usage};
use crate::wire;

/// What there is to know about a key but its material (`psa_key_attributes_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyAttributes {
    /// What the key is made of.
    pub kind: KeyType,
    /// Size in bits; zero lets an import find it out.
    pub bits: u16,
    /// How long it lives and where.
    pub lifetime: Lifetime,
    /// What it may be used for.
    pub usage: Usage,
    /// The algorithm it may be used with.
    pub algorithm: Algorithm,
    /// A second algorithm (Mbed TLS's extension). [`Algorithm::NONE`] for everyone else.
    pub second_algorithm: Algorithm,
    /// Its id; [`KeyId::NULL`] for a volatile key that is to be made.
    pub id: KeyId,
}

impl KeyAttributes {
    /// Bytes on the wire.
    pub const SIZE: usize = 24;

    /// Most bits a key can have (`PSA_MAX_KEY_BITS`); [`KeyAttributes::BITS_TOO_LARGE`] stands for more.
    pub const MAX_BITS: u16 = 0xfff8;
    /// Stands for a size that does not fit.
    pub const BITS_TOO_LARGE: u16 = 0xffff;

    /// Attributes of a volatile key, with the usage flags that others imply.
    #[must_use]
    pub const fn volatile(kind: KeyType, bits: u16, usage: Usage, algorithm: Algorithm) -> Self {
        Self {
            kind,
            bits,
            lifetime: Lifetime::VOLATILE,
            usage: usage.extended(),
            algorithm,
            second_algorithm: Algorithm::NONE,
            id: KeyId::NULL,
        }
    }

    /// The same for a persistent key of that id.
    #[must_use]
    pub const fn persistent(self, id: KeyId) -> Self {
        Self {
            lifetime: Lifetime::PERSISTENT,
            id,
            ..self
        }
    }

    /// As they cross the boundary.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        wire::put(&mut bytes, 0, &self.kind.0.to_le_bytes());
        wire::put(&mut bytes, 2, &self.bits.to_le_bytes());
        wire::put(&mut bytes, 4, &self.lifetime.0.to_le_bytes());
        wire::put(&mut bytes, 8, &self.usage.0.to_le_bytes());
        wire::put(&mut bytes, 12, &self.algorithm.0.to_le_bytes());
        wire::put(&mut bytes, 16, &self.second_algorithm.0.to_le_bytes());
        wire::put(&mut bytes, 20, &self.id.0.to_le_bytes());
        bytes
    }

    /// From the wire. Every bit pattern is representable; the service judges the values.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let half = |at| wire::u16_at(bytes, at).unwrap_or(0);
        let word = |at| wire::u32_at(bytes, at).unwrap_or(0);
        Self {
            kind: KeyType(half(0)),
            bits: half(2),
            lifetime: Lifetime(word(4)),
            usage: Usage(word(8)),
            algorithm: Algorithm(word(12)),
            second_algorithm: Algorithm(word(16)),
            id: KeyId(word(20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_survive_the_trip_and_every_field_has_its_place() {
        let bytes: [u8; KeyAttributes::SIZE] = core::array::from_fn(|n| n as u8 + 1);
        let attributes = KeyAttributes::from_bytes(&bytes);
        assert_eq!(attributes.kind, KeyType(0x0201));
        assert_eq!(attributes.bits, 0x0403);
        assert_eq!(attributes.lifetime, Lifetime(0x0807_0605));
        assert_eq!(attributes.usage, Usage(0x0c0b_0a09));
        assert_eq!(attributes.algorithm, Algorithm(0x100f_0e0d));
        assert_eq!(attributes.second_algorithm, Algorithm(0x1413_1211));
        assert_eq!(attributes.id, KeyId(0x1817_1615));
        assert_eq!(attributes.to_bytes(), bytes);
    }

    #[test]
    fn a_persistent_key_keeps_everything_but_lifetime_and_id() {
        let volatile = KeyAttributes::volatile(KeyType::AES, 128, Usage::ENCRYPT, Algorithm::GCM);
        let kept = volatile.persistent(KeyId(7));
        assert_eq!((kept.lifetime, kept.id), (Lifetime::PERSISTENT, KeyId(7)));
        assert_eq!(
            (kept.kind, kept.bits, kept.usage),
            (volatile.kind, 128, Usage::ENCRYPT)
        );
    }
}
