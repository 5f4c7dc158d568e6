//! The table of ways to bring a content key: each ties a TLV type to an AES key length.

use super::ContentKey;
use crate::tlv::{self, TlvEntry};
use crate::{Flags, Header, Refusal};
use ironroot_crypto::{CryptoError, Secret, aes_ctr};

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

    pub(super) fn keystream(&self, key: &Secret<32>, offset: u32, data: &mut [u8]) {
        (self.cipher.keystream)(key, offset, data);
    }
}

impl core::fmt::Debug for EncryptionScheme {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

/// What a device needs to open encrypted images: the scheme, and its private key, borrowed from where the
/// device keeps it. It cannot be printed.
#[derive(Clone, Copy)]
pub struct Decryption<'k> {
    scheme: &'static EncryptionScheme,
    private_key: &'k [u8],
}

impl<'k> Decryption<'k> {
    /// The private key is, for
    ///
    /// - ECIES: the 32 bytes of the scalar (P-256 big-endian, X25519 as RFC 7748 has it);
    /// - AES-KW: the key-encryption key, as long as the content key;
    /// - RSA: the DER of PKCS#1 `RSAPrivateKey`.
    ///
    /// A key that is none of its scheme is found out when it is used.
    #[must_use]
    pub const fn new(scheme: &'static EncryptionScheme, private_key: &'k [u8]) -> Self {
        Self {
            scheme,
            private_key,
        }
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> &'static EncryptionScheme {
        self.scheme
    }

    /// Unwraps the content key from the data of its TLV: out of an image, or out of a trailer that keeps
    /// the wrapped form.
    ///
    /// # Errors
    /// [`Refusal::TlvLength`]; [`Refusal::ContentKey`] for everything else, which one is not said and takes
    /// no different time: altered, for another device, or the device's own key is bad.
    pub fn unwrap_key(&self, data: &[u8]) -> Result<ContentKey, Refusal> {
        if data.len() != usize::from(self.scheme.tlv_len) {
            return Err(Refusal::TlvLength);
        }
        let mut key = Secret::<32>::zeroed();
        let opened = key.expose_mut(|out| {
            let out = out
                .get_mut(..self.scheme.key_len())
                .ok_or(CryptoError::KeyLength)?;
            (self.scheme.unwrap)(self.private_key, data, out)
        });
        opened.map_err(|_| Refusal::ContentKey)?;
        key.expose(|key| {
            let key = key.get(..self.scheme.key_len()).unwrap_or(key);
            ContentKey::new(self.scheme, key).ok_or(Refusal::ContentKey)
        })
    }
}

/// Every scheme, one line each.
pub mod schemes {
    #[cfg(feature = "rsa-decryption")]
    use super::super::oaep;
    use super::super::{ecies, key_wrap};
    use super::{AES128, AES256, EncryptionScheme, tlv};

    macro_rules! scheme {
        ($name:literal, $tlv:ident, $len:expr, $cipher:ident, $unwrap:path) => {
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
        ecies::open_p256
    );
    /// ECIES on P-256, AES-256.
    pub static ECIES_P256_AES256: EncryptionScheme = scheme!(
        "ECIES-P256/AES-256",
        ENC_EC256,
        65 + 32 + 32,
        AES256,
        ecies::open_p256
    );
    /// ECIES on X25519, AES-128.
    pub static ECIES_X25519_AES128: EncryptionScheme = scheme!(
        "ECIES-X25519/AES-128",
        ENC_X25519,
        32 + 32 + 16,
        AES128,
        ecies::open_x25519
    );
    /// ECIES on X25519, AES-256.
    pub static ECIES_X25519_AES256: EncryptionScheme = scheme!(
        "ECIES-X25519/AES-256",
        ENC_X25519,
        32 + 32 + 32,
        AES256,
        ecies::open_x25519
    );
    /// ECIES on X25519 with SHA-512, AES-128.
    pub static ECIES_X25519_SHA512_AES128: EncryptionScheme = scheme!(
        "ECIES-X25519-SHA512/AES-128",
        ENC_X25519_SHA512,
        32 + 64 + 16,
        AES128,
        ecies::open_x25519_sha512
    );
    /// ECIES on X25519 with SHA-512, AES-256.
    pub static ECIES_X25519_SHA512_AES256: EncryptionScheme = scheme!(
        "ECIES-X25519-SHA512/AES-256",
        ENC_X25519_SHA512,
        32 + 64 + 32,
        AES256,
        ecies::open_x25519_sha512
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
