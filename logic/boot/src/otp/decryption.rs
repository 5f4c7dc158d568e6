//! The key that opens encrypted images, as the record keeps it.

use super::OtpError;
use ironroot_crypto::Secret;
use ironroot_image::encryption::{Decryption, Scheme};

/// How content keys are wrapped and how long they are, as the record names it. RSA keys do not fit the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Wrapping {
    /// ECIES on P-256, AES-128.
    EciesP256Aes128 = 1,
    /// ECIES on P-256, AES-256.
    EciesP256Aes256 = 2,
    /// ECIES on X25519, AES-128.
    EciesX25519Aes128 = 3,
    /// ECIES on X25519, AES-256.
    EciesX25519Aes256 = 4,
    /// ECIES on X25519 with SHA-512, AES-128.
    EciesX25519Sha512Aes128 = 5,
    /// ECIES on X25519 with SHA-512, AES-256.
    EciesX25519Sha512Aes256 = 6,
    /// AES key wrap, AES-128 both.
    KeyWrapAes128 = 7,
    /// AES key wrap, AES-256 both.
    KeyWrapAes256 = 8,
}

impl Wrapping {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::EciesP256Aes128,
        Self::EciesP256Aes256,
        Self::EciesX25519Aes128,
        Self::EciesX25519Aes256,
        Self::EciesX25519Sha512Aes128,
        Self::EciesX25519Sha512Aes256,
        Self::KeyWrapAes128,
        Self::KeyWrapAes256,
    ];

    /// The one with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| *one as u8 == number)
    }

    /// Length in bytes of the device's private key: a scalar, or the key-encryption key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::KeyWrapAes128 => 16,
            _ => 32,
        }
    }
}

/// The device's private key for encrypted images.
pub struct DecryptionKey {
    wrapping: Wrapping,
    // A shorter key has zeros behind it.
    key: Secret<32>,
}

impl DecryptionKey {
    /// Length of the item that keeps a key: the wrapping's number, and 32 bytes.
    pub(super) const ITEM_SIZE: usize = 33;

    /// The key, if it has its wrapping's length.
    #[must_use]
    pub fn new(wrapping: Wrapping, key: &[u8]) -> Option<Self> {
        if key.len() != wrapping.key_len() {
            return None;
        }
        let mut secret = Secret::zeroed();
        secret.expose_mut(|bytes| {
            for (to, from) in bytes.iter_mut().zip(key) {
                *to = *from;
            }
        });
        Some(Self {
            wrapping,
            key: secret,
        })
    }

    /// How content keys are wrapped.
    #[must_use]
    pub const fn wrapping(&self) -> Wrapping {
        self.wrapping
    }

    /// Lets `f` read the key, [`Wrapping::key_len`] bytes.
    pub fn expose<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.key
            .expose(|key| f(key.get(..self.wrapping.key_len()).unwrap_or(key)))
    }

    /// Lets `f` open encrypted images, as far as `schemes` (what this program can do) has the key's; `f` gets
    /// nothing if it has not.
    pub fn using<R>(
        &self,
        schemes: &[(Wrapping, Scheme)],
        f: impl FnOnce(Option<Decryption<'_>>) -> R,
    ) -> R {
        let scheme = schemes
            .iter()
            .find(|(offered, _)| *offered == self.wrapping);
        self.expose(|key| f(scheme.map(|&(_, scheme)| Decryption::new(scheme, key))))
    }

    pub(super) fn encode<R>(&self, put: impl FnOnce(&[u8]) -> R) -> R {
        let mut item = Secret::<{ Self::ITEM_SIZE }>::zeroed();
        item.expose_mut(|item| {
            if let Some((number, place)) = item.split_first_mut() {
                *number = self.wrapping as u8;
                self.key.expose(|key| {
                    for (to, from) in place.iter_mut().zip(key) {
                        *to = *from;
                    }
                });
            }
        });
        item.expose(|item| put(item))
    }

    pub(super) fn decode(item: &[u8; Self::ITEM_SIZE]) -> Result<Self, OtpError> {
        let [number, key @ ..] = item;
        let wrapping = Wrapping::from_number(*number).ok_or(OtpError::Damaged)?;
        let key = key.get(..wrapping.key_len()).ok_or(OtpError::Damaged)?;
        Self::new(wrapping, key).ok_or(OtpError::Damaged)
    }
}
