//! What `ironroot device` shares with these commands: keys and files.

use super::{arguments, dump, encryption, files, key, key_file};
use anyhow::Context;
use ironroot_boot::Image;
use ironroot_boot::otp::DecryptionKey;
use ironroot_host_device::ALL_ENCRYPTION;
use ironroot_image::encryption::EncryptionScheme;
use ironroot_image::{Required, Suite, tlv};
use std::path::Path;

/// A public key that can be a device's root key.
pub(crate) struct RootKey {
    /// What kind of key it is, for people.
    pub(crate) name: &'static str,
    /// SubjectPublicKeyInfo, for RSA PKCS#1.
    pub(crate) der: Vec<u8>,
    /// The suites it signs with, the usual one first.
    pub(crate) suites: Vec<&'static Suite>,
}

/// Reads the public half of a key file.
pub(crate) fn root_key(path: &Path) -> anyhow::Result<RootKey> {
    let key = key_file::load_public(path)?;
    key.kind.must_sign()?;
    let suites = key.kind.suites.iter().copied().chain(key.kind.pure);
    Ok(RootKey {
        name: key.kind.name,
        der: key.der,
        suites: suites.collect(),
    })
}

/// How many of several keys must have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requirement {
    All,
    Keys(u8),
    EachType,
}

impl Requirement {
    /// Of so many keys.
    pub(crate) fn of(self, keys: usize) -> Required {
        match self {
            Self::All => Required::Keys(keys.try_into().unwrap_or(u8::MAX)),
            Self::Keys(count) => Required::Keys(count),
            Self::EachType => Required::EachType,
        }
    }
}

/// For the command line: `any`, `all`, a number, `each-type`.
pub(crate) fn requirement(text: &str) -> Result<Requirement, String> {
    Ok(match text {
        "any" => Requirement::Keys(1),
        "all" => Requirement::All,
        "each-type" => Requirement::EachType,
        count => match count.parse() {
            Ok(count @ 1..) => Requirement::Keys(count),
            _ => return Err("not any, all, each-type or a number from 1".to_owned()),
        },
    })
}

/// What a device opens encrypted images with, from a key file or hexadecimal digits.
pub(crate) fn decryption_key(
    argument: &str,
    bits: u16,
    sha512: bool,
) -> anyhow::Result<DecryptionKey> {
    let key = encryption::DeviceKey::read(argument)?;
    // A shared key says its length itself.
    let fits = |scheme: &EncryptionScheme| match scheme.tlv() {
        tlv::ENC_KW => true,
        kind => {
            scheme.key_len() == usize::from(bits) / 8
                && (kind != tlv::ENC_X25519 || !sha512)
                && (kind != tlv::ENC_X25519_SHA512 || sha512)
        }
    };
    let scheme = key.schemes.iter().find(|scheme| fits(scheme));
    let wrapping = ALL_ENCRYPTION
        .iter()
        .find(|(_, known)| scheme.is_some_and(|scheme| std::ptr::eq(*known, *scheme)));
    wrapping
        .and_then(|(wrapping, _)| DecryptionKey::new(*wrapping, &key.bytes.0))
        .with_context(|| {
            format!(
                "{argument}: devices keep P-256 and X25519 keys, and AES keys of 128 or 256 bits"
            )
        })
}

/// A P-256 public key (an uncompressed point) as PEM.
pub(crate) fn p256_pem(point: &[u8; 65]) -> String {
    let der = [key_file::P256_PREFIX, point].concat();
    let kind = &key::P256;
    key_file::public_pem(&key::PublicKey { kind, der })
}

/// Which image of a device the boot record in an image says it is. Nobody has verified it.
pub(crate) fn component(bytes: &[u8]) -> Option<Image> {
    match dump::component(bytes)?.as_str() {
        "SPE" => Some(Image::Secure),
        "NSPE" => Some(Image::NonSecure),
        _ => None,
    }
}

/// The contents of a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    files::read(path)
}

/// Writes a file that anybody may read, whole or not at all.
pub(crate) fn write(path: &Path, data: &[u8]) -> anyhow::Result<()> {
    files::write(path, data, files::Readers::Everyone)
}

/// Bytes of hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    arguments::from_hex(text)
}

/// Hexadecimal digits of bytes.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    arguments::to_hex(bytes)
}
