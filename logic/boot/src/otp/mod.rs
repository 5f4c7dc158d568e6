//! What provisioning writes once: identity, secrets, root keys and lifecycle.
//!
//! The area behaves like one-time-programmable memory: nothing here erases it. Provisioning that loses
//! power leaves the device *blank* or *provisioned*, because a record counts only with its commit
//! word, which is written last, and the next attempt uses the next place. A commit word that was cut off
//! may read as whole today and torn tomorrow, so a second copy follows, and provisioning is done only
//! when both are complete. Layout of the 4 KiB, little
//! endian; every part is a whole number of program units of up to 32 bytes:
//!
//! | offset | size | use |
//! |---|---|---|
//! | 0 | 4 × 896 | four places for the record (see `record.rs`); provisioning writes two copies |
//! | 3584 | 16 × 32 | lifecycle changes (the highest state counts) and revoked root keys (the last word counts) |
//!
//! The area is trusted (on-chip on real parts, written in the factory); its checksums are against
//! accidents. Whatever reads it reads it once, at boot.

mod changes;
mod decryption;
mod lifecycle;
mod provision;
mod record;
mod revocation;
mod root_keys;

pub use decryption::{DecryptionKey, Wrapping};
pub use lifecycle::{Lifecycle, advance};
pub use provision::{Provisioned, provision};
pub use revocation::revoke;
pub use root_keys::{HeldKey, HeldKeys, MAX_ROOT_KEYS, RootKey, RootKeys};

use core::fmt;
use ironroot_crypto::Secret;
use ironroot_platform::{Flash, FlashError};

use crate::flash_map::PerImage;

/// Bytes of the area that are used.
pub const AREA_SIZE: u32 = 4096;

/// Size of an instance id in bytes (RFC 9783, "Instance ID": a UEID of type RAND).
pub const INSTANCE_ID_SIZE: usize = 33;

/// Why the area cannot be used as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtpError {
    /// The device was never provisioned, or provisioning was cut off and must be repeated.
    Blank,
    /// A committed record is damaged and no copy is whole. Not blank: new secrets would make it
    /// another device.
    Damaged,
    /// The record has a format that this firmware does not know.
    UnknownFormat,
    /// The device is provisioned already.
    AlreadyProvisioned,
    /// No place is left: provisioning was cut off too often, or the lifecycle changed too often.
    Exhausted,
    /// The lifecycle goes one way only.
    Backwards,
    /// What is to be provisioned does not fit the record, or what is to be revoked is not there.
    Invalid,
    /// Too few root keys would be left to sign any image.
    LastKeys,
    /// What is installed is not signed by the root keys that would be left.
    NothingWouldBoot,
    /// The flash failed.
    Flash(FlashError),
}

impl From<FlashError> for OtpError {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}

/// A short text: at most `N` bytes of UTF-8.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self {
        bytes: [0; N],
        len: 0,
    };

    /// `text`, if it is not longer than `N` (or 255) bytes.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut out = Self {
            len: u8::try_from(text.len()).ok()?,
            ..Self::EMPTY
        };
        out.bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Some(out)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // `new` took whole UTF-8, so neither default can occur.
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// A signature scheme with its image hash, as the record names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Scheme {
    /// ECDSA P-256 over SHA-256.
    P256Sha256 = 1,
    /// Ed25519 over the SHA-256 of the image.
    Ed25519Sha256 = 2,
    /// Ed25519 over the SHA-512 of the image.
    Ed25519Sha512 = 3,
    /// Ed25519 over the image itself; hashes are SHA-512.
    Ed25519Pure = 4,
    /// RSA-2048 PSS over SHA-256.
    Rsa2048Sha256 = 5,
    /// RSA-3072 PSS over SHA-256.
    Rsa3072Sha256 = 6,
    /// HSS/LMS over the SHA-256 of the image.
    LmsSha256 = 8,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 7] = [
        Self::P256Sha256,
        Self::Ed25519Sha256,
        Self::Ed25519Sha512,
        Self::Ed25519Pure,
        Self::Rsa2048Sha256,
        Self::Rsa3072Sha256,
        Self::LmsSha256,
    ];

    /// The scheme with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| *scheme as u8 == number)
    }

    /// Length in bytes of the scheme's hash, which is also that of a stored key hash.
    #[must_use]
    pub const fn hash_len(self) -> usize {
        match self {
            Self::P256Sha256
            | Self::Ed25519Sha256
            | Self::Rsa2048Sha256
            | Self::Rsa3072Sha256
            | Self::LmsSha256 => 32,
            Self::Ed25519Sha512 | Self::Ed25519Pure => 64,
        }
    }

    /// What an image must have to be signed that way: a hash of this length, and whether it is what is signed.
    /// Keys of one image share it.
    const fn image_kind(self) -> (usize, bool) {
        (self.hash_len(), !matches!(self, Self::Ed25519Pure))
    }
}

/// How a device was provisioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProvisioningFlags(pub u32);

impl ProvisioningFlags {
    /// The secrets come from a published seed: never trust this device.
    pub const TEST_SECRETS: Self = Self(1);
    /// The device's images are one set: installed, confirmed and taken back together
    /// ([`install::set`](crate::install::set)).
    pub const IMAGES_TOGETHER: Self = Self(2);

    /// Whether all of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and `other`.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What is provisioned and no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Present state.
    pub lifecycle: Lifecycle,
    /// Hash that names the immutable part of the device (RFC 9783, "Implementation ID").
    pub implementation_id: [u8; 32],
    /// Name of this one device (RFC 9783, "Instance ID"): 0x01 and the SHA-256 of the attestation public key.
    pub instance_id: [u8; INSTANCE_ID_SIZE],
    /// Who may sign each image.
    pub root_keys: PerImage<RootKeys>,
    /// Certification reference (RFC 9783), empty if none.
    pub certification_reference: Text<24>,
    /// Where to find a verifier (RFC 9783, "Verification Service Indicator"), empty if none.
    pub verification_service: Text<96>,
    /// How the device was provisioned.
    pub flags: ProvisioningFlags,
}

/// The provisioned secrets.
pub struct Secrets {
    /// Hardware unique key: root of every derived key.
    pub hardware_unique_key: Secret<32>,
    /// P-256 private key that signs attestation tokens.
    pub attestation_key: Secret<32>,
    /// Entropy for parts without a generator; useless without something that never repeats beside it.
    pub entropy_seed: Secret<32>,
    /// Opens encrypted images; `None` on a device that takes none.
    pub decryption_key: Option<DecryptionKey>,
}

/// All that is provisioned.
pub struct Otp {
    /// What is no secret.
    pub facts: Facts,
    /// What is.
    pub secrets: Secrets,
}

/// What provisioning writes.
pub struct Provisioning {
    /// The secrets, random.
    pub secrets: Secrets,
    /// Public key of [`Secrets::attestation_key`]: an uncompressed point (SEC 1, section 2.3.3).
    pub attestation_public_key: [u8; 65],
    /// See [`Facts::implementation_id`].
    pub implementation_id: [u8; 32],
    /// See [`Facts::root_keys`].
    pub root_keys: PerImage<RootKeys>,
    /// The state the device starts its life in.
    pub lifecycle: Lifecycle,
    /// See [`Facts::certification_reference`].
    pub certification_reference: Text<24>,
    /// See [`Facts::verification_service`].
    pub verification_service: Text<96>,
    /// See [`Facts::flags`].
    pub flags: ProvisioningFlags,
}

/// What a bootloader needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootFacts {
    /// Present state.
    pub lifecycle: Lifecycle,
    /// Who may sign each image.
    pub root_keys: PerImage<RootKeys>,
}

/// Reads what a bootloader needs, and looks at nothing else.
///
/// # Errors
/// As [`read_facts`].
pub fn read_boot_facts<F: Flash>(flash: &F) -> Result<BootFacts, OtpError> {
    let body = record::find(flash)?;
    let first = body.lifecycle(flash)?;
    Ok(BootFacts {
        lifecycle: lifecycle::current(flash, first)?,
        root_keys: revocation::apply(flash, body.root_keys(flash)?)?,
    })
}

/// Reads the key that opens encrypted images, for a bootloader that takes such.
///
/// # Errors
/// As [`read_facts`].
pub fn read_decryption_key<F: Flash>(flash: &F) -> Result<Option<DecryptionKey>, OtpError> {
    record::find(flash)?.decryption_key(flash)
}

/// Reads how the device was provisioned, for a bootloader that can keep images together.
///
/// # Errors
/// As [`read_facts`].
pub fn read_flags<F: Flash>(flash: &F) -> Result<ProvisioningFlags, OtpError> {
    record::find(flash)?.flags(flash)
}

/// Reads what is no secret.
///
/// # Errors
/// [`OtpError::Blank`], [`OtpError::Damaged`], [`OtpError::UnknownFormat`], [`OtpError::Flash`].
pub fn read_facts<F: Flash>(flash: &F) -> Result<Facts, OtpError> {
    read_record(flash).map(|(facts, _)| facts)
}

/// Reads everything. Once per boot: the secrets then live in [`Secret`]s only.
///
/// # Errors
/// As [`read_facts`].
pub fn read<F: Flash>(flash: &F) -> Result<Otp, OtpError> {
    let (facts, body) = read_record(flash)?;
    Ok(Otp {
        facts,
        secrets: body.secrets(flash)?,
    })
}

fn read_record<F: Flash>(flash: &F) -> Result<(Facts, record::Body), OtpError> {
    let body = record::find(flash)?;
    let mut facts = body.facts(flash)?;
    facts.lifecycle = lifecycle::current(flash, facts.lifecycle)?;
    facts.root_keys = revocation::apply(flash, facts.root_keys)?;
    Ok((facts, body))
}

#[cfg(test)]
mod tests;
