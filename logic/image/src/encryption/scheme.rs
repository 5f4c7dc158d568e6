//! The table of ways to bring a content key: each ties a TLV type to an AES key length.

use crate::tlv::{self, TlvEntry};
use crate::{Flags, Header, Refusal};
use ironroot_crypto::{CryptoError, Secret, aes_ctr};

/// A scheme as devices name it.
pub type Scheme = &'static EncryptionScheme;

/// One way to wrap the content key of an image, and the content key's length.
pub struct EncryptionScheme {
    name: &'static str,
    tlv: u16,
    tlv_len: u16,
    cipher: &'static Cipher,
    unwrap: Unwrap,
}

/// From the device's private key and the TLV's data to the content key, which fills the output.
type Unwrap = fn(&[u8], &[u8], &mut [u8]) -> Result<(), CryptoError>;

/// AES-CTR with one key length.
struct Cipher {
    key_len: usize,
    flag: Flags,
    keystream: fn(&Secret<32>, u32, &mut [u8]),
}

static AES128: Cipher = Cipher {
    key_len: 16,
    flag: Flags::ENCRYPTED_AES128,
    keystream: |key, offset, data| {
        let short = key.expose(|bytes| bytes.first_chunk().map(|half| Secret::new(*half)));
        if let Some(key) = short {
            aes_ctr::aes128(&key, offset, data);
        }
    },
};
static AES256: Cipher = Cipher {
    key_len: 32,
    flag: Flags::ENCRYPTED_AES256,
    keystream: aes_ctr::aes256,
};

impl EncryptionScheme {
    /// How tools write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Type of the TLV.
    #[must_use]
    pub const fn tlv(&self) -> u16 {
        self.tlv
    }

    /// Length of the TLV's data, always this.
    #[must_use]
    pub const fn tlv_len(&self) -> u16 {
        self.tlv_len
    }

    /// Length of the content key in bytes: 16 or 32.
    #[must_use]
    pub const fn key_len(&self) -> usize {
        self.cipher.key_len
    }

    /// The header flag of its images.
    #[must_use]
    pub const fn flag(&self) -> Flags {
        self.cipher.flag
    }

    /// Whether both are one.
    pub(crate) fn is(&self, other: Scheme) -> bool {
        core::ptr::eq(self, other)
    }

    /// Whether an encrypted image's flag and content key are of this scheme.
    pub(crate) fn check(&self, header: &Header, entry: &TlvEntry) -> Result<(), Refusal> {
        if entry.kind != self.tlv || !header.flags.has(self.cipher.flag) {
            return Err(Refusal::EncryptionScheme);
        }
        if entry.len != self.tlv_len {
            return Err(Refusal::TlvLength);
        }
        Ok(())
    }

    /// Opens a wrapped content key; which fills `out`.
    pub(super) fn unwrap(
        &self,
        private_key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        (self.unwrap)(private_key, data, out)
    }

    pub(super) fn keystream(&self, key: &Secret<32>, offset: u32, data: &mut [u8]) {
        (self.cipher.keystream)(key, offset, data);
    }
}

impl core::fmt::Debug for EncryptionScheme {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

/// Every scheme, one line each.
pub mod schemes {
    #[cfg(feature = "rsa-decryption")]
    use super::super::oaep;
    use super::super::{ecies, key_wrap};
    use super::{AES128, AES256, EncryptionScheme, tlv};

    macro_rules! scheme {
        ($name:literal, $tlv:ident, $len:expr, $cipher:ident, $unwrap:expr) => {
            EncryptionScheme {
                name: $name,
                tlv: tlv::$tlv,
                tlv_len: $len,
                cipher: &$cipher,
                unwrap: $unwrap,
            }
        };
    }

    /// ECIES on P-256, AES-128.
    pub static ECIES_P256_AES128: EncryptionScheme = scheme!(
        "ECIES-P256/AES-128",
        ENC_EC256,
        65 + 32 + 16,
        AES128,
        ecies::open_p256::<16>
    );
    /// ECIES on P-256, AES-256.
    pub static ECIES_P256_AES256: EncryptionScheme = scheme!(
        "ECIES-P256/AES-256",
        ENC_EC256,
        65 + 32 + 32,
        AES256,
        ecies::open_p256::<32>
    );
    /// ECIES on X25519, AES-128.
    pub static ECIES_X25519_AES128: EncryptionScheme = scheme!(
        "ECIES-X25519/AES-128",
        ENC_X25519,
        32 + 32 + 16,
        AES128,
        ecies::open_x25519::<16>
    );
    /// ECIES on X25519, AES-256.
    pub static ECIES_X25519_AES256: EncryptionScheme = scheme!(
        "ECIES-X25519/AES-256",
        ENC_X25519,
        32 + 32 + 32,
        AES256,
        ecies::open_x25519::<32>
    );
    /// ECIES on X25519 with SHA-512, AES-128.
    pub static ECIES_X25519_SHA512_AES128: EncryptionScheme = scheme!(
        "ECIES-X25519-SHA512/AES-128",
        ENC_X25519_SHA512,
        32 + 64 + 16,
        AES128,
        ecies::open_x25519_sha512::<16>
    );
    /// ECIES on X25519 with SHA-512, AES-256.
    pub static ECIES_X25519_SHA512_AES256: EncryptionScheme = scheme!(
        "ECIES-X25519-SHA512/AES-256",
        ENC_X25519_SHA512,
        32 + 64 + 32,
        AES256,
        ecies::open_x25519_sha512::<32>
    );
    /// AES key wrap, AES-128 both.
    pub static KEY_WRAP_AES128: EncryptionScheme =
        scheme!("AES-KW/AES-128", ENC_KW, 8 + 16, AES128, key_wrap::open_128);
    /// AES key wrap, AES-256 both.
    pub static KEY_WRAP_AES256: EncryptionScheme =
        scheme!("AES-KW/AES-256", ENC_KW, 8 + 32, AES256, key_wrap::open_256);
    /// RSA-2048 OAEP, AES-128.
    #[cfg(feature = "rsa-decryption")]
    pub static RSA2048_AES128: EncryptionScheme = scheme!(
        "RSA-2048-OAEP/AES-128",
        ENC_RSA2048,
        256,
        AES128,
        oaep::open
    );
    /// RSA-2048 OAEP, AES-256.
    #[cfg(feature = "rsa-decryption")]
    pub static RSA2048_AES256: EncryptionScheme = scheme!(
        "RSA-2048-OAEP/AES-256",
        ENC_RSA2048,
        256,
        AES256,
        oaep::open
    );

    /// All of them. Naming this keeps the code of every algorithm: for tools, not for bootloaders.
    pub const ALL: &[&EncryptionScheme] = &[
        &ECIES_P256_AES128,
        &ECIES_P256_AES256,
        &ECIES_X25519_AES128,
        &ECIES_X25519_AES256,
        &ECIES_X25519_SHA512_AES128,
        &ECIES_X25519_SHA512_AES256,
        &KEY_WRAP_AES128,
        &KEY_WRAP_AES256,
        #[cfg(feature = "rsa-decryption")]
        &RSA2048_AES128,
        #[cfg(feature = "rsa-decryption")]
        &RSA2048_AES256,
    ];
}
