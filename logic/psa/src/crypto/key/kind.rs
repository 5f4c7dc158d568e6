//! Key types with their sizes: which there are, how long their material is, and whether it is valid.

use super::material::{MAX_KEY_LEN, Material};
use crate::crypto::eddsa;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey};
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{EccFamily, KeyType};

/// A key type that this service offers, the curve included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Raw,
    Hmac,
    Derive,
    Aes,
    ChaCha20,
    P256Pair,
    P256Public,
    Ed25519Pair,
    Ed25519Public,
}

const P256_BITS: u16 = 256;
const ED25519_BITS: u16 = 255;

impl KeyKind {
    /// The kind that attributes name; zero bits leave the size open.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` for types and curves we do not have, `INVALID_ARGUMENT` for no type at all.
    pub(crate) fn of(kind: KeyType, bits: u16) -> Result<Self, Error> {
        match kind {
            KeyType::NONE => Err(Error::InvalidArgument),
            KeyType::RAW_DATA => Ok(Self::Raw),
            KeyType::HMAC => Ok(Self::Hmac),
            KeyType::DERIVE => Ok(Self::Derive),
            KeyType::AES => Ok(Self::Aes),
            KeyType::CHACHA20 => Ok(Self::ChaCha20),
            _ => Self::of_curve(kind, bits),
        }
    }

    fn of_curve(kind: KeyType, bits: u16) -> Result<Self, Error> {
        let (pair, public, own_bits) = match kind.ecc_family() {
            Some(EccFamily::SECP_R1) => (Self::P256Pair, Self::P256Public, P256_BITS),
            Some(EccFamily::TWISTED_EDWARDS) if eddsa::OFFERED => {
                (Self::Ed25519Pair, Self::Ed25519Public, ED25519_BITS)
            }
            _ => return Err(Error::NotSupported),
        };
        if bits != 0 && bits != own_bits {
            return Err(Error::NotSupported);
        }
        if kind.is_key_pair() {
            Ok(pair)
        } else if kind.is_public_key() {
            Ok(public)
        } else {
            Err(Error::NotSupported)
        }
    }

    /// Size in bits of a key whose material has `len` bytes.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a length that the type does not have, `NOT_SUPPORTED` for one that is too
    /// long for us.
    pub(crate) fn bits_of(self, len: usize) -> Result<u16, Error> {
        let whole =
            |len: usize| u16::try_from(len.saturating_mul(8)).map_err(|_| Error::NotSupported);
        match (self, len) {
            (_, 0) => Err(Error::InvalidArgument),
            (Self::Raw | Self::Hmac | Self::Derive, MAX_LEN_PLUS_ONE..) => Err(Error::NotSupported),
            (Self::Raw | Self::Hmac | Self::Derive, _)
            | (Self::Aes, 16 | 24 | 32)
            | (Self::ChaCha20, 32) => whole(len),
            (Self::P256Pair, 32) | (Self::P256Public, 65) => Ok(P256_BITS),
            (Self::Ed25519Pair | Self::Ed25519Public, 32) => Ok(ED25519_BITS),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Length of the material of a new key of `bits` bits.
    ///
    /// # Errors
    /// As [`bits_of`](Self::bits_of); public keys cannot be made from nothing.
    pub(crate) fn len_for(self, bits: u16) -> Result<usize, Error> {
        let len = match (self, bits) {
            (Self::P256Public | Self::Ed25519Public, _) => return Err(Error::InvalidArgument),
            (Self::P256Pair, P256_BITS) | (Self::Ed25519Pair, ED25519_BITS) => 32,
            (Self::P256Pair | Self::Ed25519Pair, _) => return Err(Error::InvalidArgument),
            _ if bits & 7 != 0 => return Err(Error::InvalidArgument),
            _ => usize::from(bits >> 3),
        };
        self.bits_of(len)?;
        Ok(len)
    }

    /// Whether the material is a valid key of this kind.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub(crate) fn check(self, material: &Material) -> Result<(), Error> {
        self.bits_of(material.len())?;
        let valid = match self {
            Self::Raw | Self::Hmac | Self::Derive | Self::Aes | Self::ChaCha20 => true,
            // Every 32 bytes are a seed (RFC 8032).
            Self::Ed25519Pair => true,
            Self::P256Pair => material
                .secret()
                .is_some_and(|key| P256PrivateKey::from_bytes(&key).is_ok()),
            Self::P256Public => material.expose(|point| P256PublicKey::from_sec1(point).is_ok()),
            Self::Ed25519Public => eddsa::check_public(material).is_ok(),
        };
        if valid {
            Ok(())
        } else {
            Err(Error::InvalidArgument)
        }
    }

    /// A fresh key of `len` bytes, as [`len_for`](Self::len_for) gave them.
    pub(crate) fn generate(self, len: usize, drbg: &mut Drbg) -> Result<Material, Error> {
        match self {
            Self::P256Pair => Ok(Material::of_secret(
                &P256PrivateKey::generate(drbg).to_bytes(),
            )),
            Self::Ed25519Pair => eddsa::generate(drbg),
            _ => Material::fill(len, |bytes| {
                drbg.fill(bytes);
                Ok(())
            }),
        }
    }

    /// Length of the public part of a key pair in bytes; zero for all other kinds.
    pub(crate) const fn public_len(self) -> usize {
        match self {
            Self::P256Pair => 65,
            Self::Ed25519Pair => 32,
            _ => 0,
        }
    }

    /// The public part, in the format of `psa_export_public_key`: kept with the key, or computed.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a symmetric key.
    pub(crate) fn public_part(self, material: &Material) -> Result<Material, Error> {
        if self.is_public() {
            return Ok(material.duplicate());
        }
        if self.public_len() == 0 {
            return Err(Error::InvalidArgument);
        }
        let known = material.expose_public(Material::new)?;
        if known.len() == self.public_len() {
            return Ok(known);
        }
        let secret = material.secret().ok_or(Error::CorruptionDetected)?;
        if self == Self::Ed25519Pair {
            return eddsa::public_part(&secret);
        }
        let key = P256PrivateKey::from_bytes(&secret).map_err(|_| Error::InvalidArgument)?;
        Material::new(&key.public().to_sec1())
    }

    /// A new key's material, checked, with its public part.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when it is no valid key.
    pub(crate) fn complete(self, material: Material) -> Result<Material, Error> {
        self.check(&material)?;
        if self.public_len() == 0 {
            return Ok(material);
        }
        let public = self.public_part(&material)?;
        public.expose(|public| material.with_public(public))
    }

    /// Whether the whole key is public, so that everyone may have it.
    pub(crate) const fn is_public(self) -> bool {
        matches!(self, Self::P256Public | Self::Ed25519Public)
    }
}

const MAX_LEN_PLUS_ONE: usize = MAX_KEY_LEN + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_each_kind_are_those_of_the_standard() {
        for len in 0..200 {
            let bits = u16::try_from(len * 8).unwrap();
            let free = if len == 0 {
                Err(Error::InvalidArgument)
            } else if len > MAX_KEY_LEN {
                Err(Error::NotSupported)
            } else {
                Ok(bits)
            };
            assert_eq!(KeyKind::Raw.bits_of(len), free, "{len}");
            assert_eq!(KeyKind::Hmac.bits_of(len), free, "{len}");
            assert_eq!(
                KeyKind::Aes.bits_of(len).is_ok(),
                matches!(len, 16 | 24 | 32),
                "{len}"
            );
            assert_eq!(KeyKind::ChaCha20.bits_of(len).is_ok(), len == 32, "{len}");
            assert_eq!(KeyKind::P256Pair.bits_of(len).is_ok(), len == 32, "{len}");
            assert_eq!(KeyKind::P256Public.bits_of(len).is_ok(), len == 65, "{len}");
            assert_eq!(
                KeyKind::Ed25519Public.bits_of(len).is_ok(),
                len == 32,
                "{len}"
            );
        }
    }

    #[test]
    fn keys_can_be_made_of_whole_bytes_and_of_the_curves_sizes_only() {
        for bits in 0..=600 {
            let whole = bits % 8 == 0 && bits != 0;
            assert_eq!(KeyKind::Derive.len_for(bits).is_ok(), whole, "{bits}");
            assert_eq!(
                KeyKind::Aes.len_for(bits).is_ok(),
                matches!(bits, 128 | 192 | 256)
            );
            assert_eq!(
                KeyKind::P256Pair.len_for(bits).is_ok(),
                bits == 256,
                "{bits}"
            );
            assert_eq!(
                KeyKind::Ed25519Pair.len_for(bits).is_ok(),
                bits == 255,
                "{bits}"
            );
            assert!(KeyKind::P256Public.len_for(bits).is_err());
        }
        assert_eq!(
            KeyKind::Derive.len_for(u16::MAX),
            Err(Error::InvalidArgument)
        );
        assert_eq!(KeyKind::Derive.len_for(0xfff8), Err(Error::NotSupported));
    }

    #[test]
    fn curves_and_types_we_do_not_have_are_not_supported() {
        let pair = KeyType::ecc_key_pair;
        assert_eq!(
            KeyKind::of(pair(EccFamily::SECP_R1), 256),
            Ok(KeyKind::P256Pair)
        );
        assert_eq!(
            KeyKind::of(pair(EccFamily::SECP_R1), 384),
            Err(Error::NotSupported)
        );
        assert_eq!(
            KeyKind::of(pair(EccFamily::TWISTED_EDWARDS), 448),
            Err(Error::NotSupported)
        );
        assert_eq!(
            KeyKind::of(pair(EccFamily::MONTGOMERY), 255),
            Err(Error::NotSupported)
        );
        assert_eq!(
            KeyKind::of(KeyType::RSA_KEY_PAIR, 2048),
            Err(Error::NotSupported)
        );
        assert_eq!(KeyKind::of(KeyType::NONE, 0), Err(Error::InvalidArgument));
    }

    #[test]
    fn private_keys_outside_the_group_and_points_off_the_curve_are_refused() {
        let material = |bytes: &[u8]| Material::new(bytes).unwrap();
        assert!(KeyKind::P256Pair.check(&material(&[0; 32])).is_err());
        assert!(KeyKind::P256Pair.check(&material(&[0xff; 32])).is_err());
        assert!(KeyKind::P256Pair.check(&material(&[1; 32])).is_ok());
        let mut point = [4; 65];
        assert!(KeyKind::P256Public.check(&material(&point)).is_err());
        let public = KeyKind::P256Pair.public_part(&material(&[1; 32])).unwrap();
        assert!(KeyKind::P256Public.check(&public).is_ok());
        public.expose(|bytes| point.copy_from_slice(bytes));
        point[64] ^= 1;
        assert!(KeyKind::P256Public.check(&material(&point)).is_err());
        // The identity: a point of low order.
        let mut low_order = [0; 32];
        low_order[0] = 1;
        assert!(KeyKind::Ed25519Public.check(&material(&low_order)).is_err());
    }
}
