//! Provisioning: what the factory does to a blank device, once.

use crate::slots::inspect;
use crate::{Board, DeviceError};
use ironroot_boot::otp::{
    self, DecryptionKey, Facts, Lifecycle, OtpError, Provisioning, ProvisioningFlags, RootKeys,
    Secrets, Text,
};
use ironroot_boot::{FlashMap, Image, PerImage, Slot, Standing, UpdateLayout};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ecdsa::P256PrivateKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_platform::Flash;
use ironroot_port_host::{FileFlash, OsEntropy};

/// What is chosen for a device; the rest is drawn at random.
#[allow(missing_debug_implementations)] // it may hold a secret
pub struct Choices {
    /// Who may sign each image.
    pub root_keys: PerImage<RootKeys>,
    /// Opens encrypted images; without it the device takes none.
    pub decryption_key: Option<DecryptionKey>,
    /// The state the device starts its life in.
    pub lifecycle: Lifecycle,
    /// Name of the immutable part; `None` takes the board's own.
    pub implementation_id: Option<[u8; 32]>,
    /// Certification reference for attestation tokens, empty for none.
    pub certification_reference: Text<24>,
    /// Verification service for attestation tokens, empty for none.
    pub verification_service: Text<96>,
    /// Its images are one set: installed, confirmed and taken back together.
    pub together: bool,
    /// Derives every secret from this instead of drawing it: for tests only, and the device says so.
    pub seed: Option<[u8; 32]>,
}

/// Who a device is, without its secrets.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// Key that its attestation tokens verify under: an uncompressed point.
    pub attestation_public_key: [u8; 65],
    /// What is provisioned and no secret.
    pub facts: Facts,
}

/// The board's own implementation id: it names the bootloader that is built for it.
#[must_use]
pub fn implementation_id(board: Board) -> [u8; 32] {
    let name = format!(
        "ironroot {} bootloader {}",
        board.name(),
        env!("CARGO_PKG_VERSION")
    );
    digest(HashAlgorithm::Sha256, name.as_bytes())
        .to_array()
        .unwrap_or_default()
}

/// Provisions a blank device, or finishes an attempt that was cut off.
///
/// # Errors
/// [`DeviceError::Otp`], [`DeviceError::Crypto`].
pub fn provision<F: Flash>(
    flash: &mut F,
    board: Board,
    choices: Choices,
) -> Result<Identity, DeviceError> {
    let (mut drbg, flags) = match choices.seed {
        None => {
            let drbg = Drbg::from_entropy(&mut OsEntropy, b"provisioning")?;
            (drbg, ProvisioningFlags::default())
        }
        Some(seed) => {
            let drbg = Drbg::new(&Secret::new(seed), b"ironroot test provisioning 1");
            (drbg, ProvisioningFlags::TEST_SECRETS)
        }
    };
    let flags = match choices.together {
        true => flags.and(ProvisioningFlags::IMAGES_TOGETHER),
        false => flags,
    };
    let attestation_key = P256PrivateKey::generate(&mut drbg);
    let what = Provisioning {
        attestation_public_key: attestation_key.public().to_sec1(),
        secrets: Secrets {
            hardware_unique_key: drbg.secret(),
            attestation_key: attestation_key.to_bytes(),
            entropy_seed: drbg.secret(),
            decryption_key: choices.decryption_key,
        },
        implementation_id: choices
            .implementation_id
            .unwrap_or_else(|| implementation_id(board)),
        root_keys: choices.root_keys,
        lifecycle: choices.lifecycle,
        certification_reference: choices.certification_reference,
        verification_service: choices.verification_service,
        flags,
    };
    otp::provision(&mut board.map().otp.of(&mut *flash)?, &what)?;
    identity(flash, board.map())
}

/// What is provisioned and no secret.
///
/// # Errors
/// [`DeviceError::Otp`], among others for a blank device.
pub fn facts<F: Flash>(flash: F, map: &FlashMap) -> Result<Facts, DeviceError> {
    Ok(otp::read_facts(&map.otp.of(flash)?)?)
}

/// Revokes root keys, bit n for key n of each image, unless an image would be left without a confirmed slot
/// that the others accept.
///
/// # Errors
/// [`DeviceError::Otp`], [`DeviceError::Counter`], [`DeviceError::Flash`].
pub fn revoke_keys(
    flash: &FileFlash,
    layout: &UpdateLayout<'_>,
    keys: PerImage<u8>,
) -> Result<(), DeviceError> {
    let slots: &[Slot] = match layout.mode.moves_sectors() {
        true => &[Slot::A],
        false => &Slot::ALL,
    };
    let mut failed = None;
    let still_boots = |keys: &PerImage<RootKeys>| {
        let boots = |image, slot| -> Result<bool, DeviceError> {
            let report = inspect(flash, layout, keys, image, slot)?;
            Ok(report.verdict.is_ok() && report.standing == Standing::Confirmed)
        };
        Image::ALL.into_iter().all(|image| {
            slots.iter().any(|slot| {
                boots(image, *slot).unwrap_or_else(|error| {
                    failed = Some(error);
                    false
                })
            })
        })
    };
    let revoked = otp::revoke(&mut layout.map.otp.of(flash.clone())?, keys, still_boots);
    match failed {
        Some(error) => Err(error),
        None => Ok(revoked?),
    }
}

/// Takes the device to a later state of its life.
///
/// # Errors
/// [`DeviceError::Otp`].
pub fn advance_lifecycle<F: Flash>(
    flash: F,
    map: &FlashMap,
    to: Lifecycle,
) -> Result<(), DeviceError> {
    Ok(otp::advance(&mut map.otp.of(flash)?, to)?)
}

/// Who the device is.
///
/// # Errors
/// [`DeviceError::Otp`].
pub fn identity<F: Flash>(flash: &mut F, map: &FlashMap) -> Result<Identity, DeviceError> {
    let otp = otp::read(&map.otp.of(flash)?)?;
    let key =
        P256PrivateKey::from_bytes(&otp.secrets.attestation_key).map_err(|_| OtpError::Damaged)?;
    Ok(Identity {
        attestation_public_key: key.public().to_sec1(),
        facts: otp.facts,
    })
}
