//! Keys of encrypted images: whom an image is encrypted for, and what a device opens it with.
//!
//! Both come as a key file (P-256, X25519, RSA-2048), or as the digits of a key-encryption key for AES key
//! wrap: on the command line, or in a file.

use super::arguments::from_hex;
use super::key::{PrivateKey, PublicKey, generator};
use super::{files, key_file, usage};
use anyhow::{Context, bail};
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::mac::Hmac;
use ironroot_crypto::rsa::{MAX_PRIVATE_DER_LEN, RsaSize};
use ironroot_crypto::{Secret, wipe};
use ironroot_image::encryption::{ContentKey, EncryptionScheme, WrappedKey, schemes};
use ironroot_image::tlv;
use std::path::Path;

/// The HMAC of ECIES.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum HmacHash {
    /// SHA-256
    Auto,
    /// SHA-256
    #[value(name = "256")]
    Sha256,
    /// SHA-512, X25519 only
    #[value(name = "512")]
    Sha512,
}

/// Key bytes, wiped when dropped.
pub(super) struct KeyBytes(pub(super) Vec<u8>);

impl Drop for KeyBytes {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// What the argument was.
enum Source {
    /// A key-encryption key.
    Shared(KeyBytes),
    /// A key file.
    File(Box<key_file::Key>),
}

impl Source {
    fn read(argument: &str) -> anyhow::Result<Self> {
        let path = Path::new(argument);
        if !path.exists()
            && let Some(key) = shared_key(argument)
        {
            return Ok(Self::Shared(key));
        }
        let mut bytes = files::read(path)?;
        let digits = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| shared_key(text.trim()));
        wipe(&mut bytes);
        match digits {
            Some(key) => Ok(Self::Shared(key)),
            None => key_file::load(path).map(Box::new).map(Self::File),
        }
    }
}

fn shared_key(text: &str) -> Option<KeyBytes> {
    let key = KeyBytes(from_hex(text)?);
    matches!(key.0.len(), 16 | 32).then_some(key)
}

/// Whom an image is encrypted for.
pub(super) struct Recipient {
    pub(super) scheme: &'static EncryptionScheme,
    /// In the form [`ContentKey::wrap`] takes it.
    key: KeyBytes,
}

impl Recipient {
    /// From `--encrypt`, `--encrypt-keylen` and `--hmac-sha`.
    pub(super) fn read(argument: &str, bits: Option<u16>, hmac: HmacHash) -> anyhow::Result<Self> {
        let (kind, key, bits) = match Source::read(argument)? {
            Source::Shared(key) => {
                let own = key.0.len() as u16 * 8;
                if bits.is_some_and(|bits| bits != own) {
                    return Err(usage(format!(
                        "AES key wrap uses keys of one length: a key of {own} bits goes with --encrypt-keylen {own}"
                    )));
                }
                (tlv::ENC_KW, key, own)
            }
            Source::File(key) => {
                let public = match *key {
                    key_file::Key::Public(key) => key,
                    key_file::Key::Private(key) => key_file::public(&key)?,
                };
                let (kind, key) = recipient_bytes(&public, hmac)?;
                (kind, KeyBytes(key), bits.unwrap_or(128))
            }
        };
        if hmac == HmacHash::Sha512 && kind != tlv::ENC_X25519_SHA512 {
            return Err(usage("--hmac-sha 512 goes with X25519 keys only"));
        }
        let scheme = scheme(kind, bits).context("no such scheme")?;
        Ok(Self { scheme, key })
    }

    /// A content key for the image with this digest, and its wrapped form.
    ///
    /// For AES key wrap both follow from the shared key and the digest: the same image is then the same file.
    /// The key stream repeats only for the same image, and nobody without the shared key can compute it. The
    /// other schemes draw both.
    pub(super) fn content_key(&self, digest: &[u8]) -> anyhow::Result<(ContentKey, WrappedKey)> {
        let mut drbg = generator()?;
        let key = if self.scheme.tlv() == tlv::ENC_KW {
            let mut mac = Hmac::new(HashAlgorithm::Sha256, &self.key.0);
            mac.update(b"ironroot content key");
            mac.update(digest);
            let mut derived = mac.finish();
            let bytes = derived.as_slice().get(..self.scheme.key_len());
            let key = bytes.and_then(|bytes| ContentKey::new(self.scheme, bytes));
            derived.wipe();
            key
        } else {
            ContentKey::generate(self.scheme, &mut drbg)
        };
        let key = key.context("no content key")?;
        let wrapped = key
            .wrap(&self.key.0, &mut drbg)
            .map_err(|error| anyhow::anyhow!("the content key cannot be wrapped: {error:?}"))?;
        Ok((key, wrapped))
    }
}

/// TLV type and key bytes.
fn recipient_bytes(key: &PublicKey, hmac: HmacHash) -> anyhow::Result<(u16, Vec<u8>)> {
    let behind = |prefix: &[u8]| key.der.strip_prefix(prefix).map(<[u8]>::to_vec);
    let found = match (key.kind.type_name, hmac) {
        ("ecdsa-p256", _) => behind(key_file::P256_PREFIX).map(|key| (tlv::ENC_EC256, key)),
        ("x25519", HmacHash::Sha512) => {
            behind(key_file::X25519_PREFIX).map(|key| (tlv::ENC_X25519_SHA512, key))
        }
        ("x25519", _) => behind(key_file::X25519_PREFIX).map(|key| (tlv::ENC_X25519, key)),
        ("rsa-2048", _) => Some((tlv::ENC_RSA2048, key.der.clone())),
        _ => None,
    };
    found.ok_or_else(|| cannot_encrypt(key.kind.name))
}

fn cannot_encrypt(name: &str) -> anyhow::Error {
    usage(format!(
        "{name} keys cannot encrypt images; the format has P-256, X25519, RSA-2048, and AES key wrap"
    ))
}

fn scheme(kind: u16, bits: u16) -> Option<&'static EncryptionScheme> {
    let mut of_kind = schemes::ALL
        .iter()
        .copied()
        .filter(|scheme| scheme.tlv() == kind);
    of_kind.find(|scheme| scheme.key_len() == usize::from(bits) / 8)
}

/// What a device opens encrypted images with.
pub(super) struct DeviceKey {
    /// In the form [`ironroot_image::encryption::Decryption::new`] takes it.
    pub(super) bytes: KeyBytes,
    /// The schemes it can belong to; a device has one of them.
    pub(super) schemes: Vec<&'static EncryptionScheme>,
}

impl DeviceKey {
    /// From `--decryption-key`.
    pub(super) fn read(argument: &str) -> anyhow::Result<Self> {
        let (bytes, kinds, bits): (_, &[u16], _) = match Source::read(argument)? {
            Source::Shared(key) => {
                let bits = key.0.len() as u16 * 8;
                (key, &[tlv::ENC_KW], Some(bits))
            }
            Source::File(key) => match *key {
                key_file::Key::Public(_) => {
                    bail!("{argument}: this is a public key; opening images needs the private one")
                }
                key_file::Key::Private(key) => {
                    let (bytes, kinds) = device_bytes(&key)?;
                    (bytes, kinds, None)
                }
            },
        };
        let fits = |scheme: &&EncryptionScheme| {
            kinds.contains(&scheme.tlv())
                && bits.is_none_or(|bits| scheme.key_len() == usize::from(bits) / 8)
        };
        let schemes = schemes::ALL.iter().copied().filter(fits).collect();
        Ok(Self { bytes, schemes })
    }
}

/// The bytes of a private key that a device keeps, and the TLV types it opens.
pub(super) fn device_bytes(key: &PrivateKey) -> anyhow::Result<(KeyBytes, &'static [u16])> {
    Ok(match key {
        PrivateKey::P256(key) => {
            let bytes = key.to_bytes().expose(|bytes| bytes.to_vec());
            (KeyBytes(bytes), &[tlv::ENC_EC256])
        }
        PrivateKey::X25519(key) => {
            let bytes = key.expose(|bytes| bytes.to_vec());
            (KeyBytes(bytes), &[tlv::ENC_X25519, tlv::ENC_X25519_SHA512])
        }
        PrivateKey::Rsa(key) if key.size() == RsaSize::Rsa2048 => {
            let mut buffer = Secret::<MAX_PRIVATE_DER_LEN>::zeroed();
            let len = key.to_pkcs1_der(&mut buffer);
            let bytes = buffer.expose(|bytes| bytes[..len].to_vec());
            (KeyBytes(bytes), &[tlv::ENC_RSA2048])
        }
        other => return Err(cannot_encrypt(other.kind().name)),
    })
}
