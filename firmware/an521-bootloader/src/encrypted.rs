//! Encrypted images: the kinds this bootloader opens, and the device's key.

use crate::{Stop, flash, halt, part};
use ironroot_boot::FlashMap;
use ironroot_boot::otp::{self, DecryptionKey, Wrapping};
use ironroot_image::encryption::{Decryption, Scheme, schemes};

/// What a device uses is in its OTP.
const SCHEMES: &[(Wrapping, Scheme)] = &[
    #[cfg(feature = "encryption-p256")]
    (Wrapping::EciesP256Aes128, &schemes::ECIES_P256_AES128),
    #[cfg(feature = "encryption-x25519")]
    (Wrapping::EciesX25519Aes128, &schemes::ECIES_X25519_AES128),
    #[cfg(feature = "encryption-key-wrap")]
    (Wrapping::KeyWrapAes128, &schemes::KEY_WRAP_AES128),
];

/// Does `work` with the device's key, or with nothing on a device that takes no encrypted images.
pub(crate) fn opening<R>(map: &FlashMap, work: impl FnOnce(Option<Decryption<'_>>) -> R) -> R {
    match key(map) {
        None => work(None),
        Some(key) => key.using(SCHEMES, work),
    }
}

#[inline(never)]
fn key(map: &FlashMap) -> Option<DecryptionKey> {
    let mut otp = flash();
    let area = part(9, map.otp.of(&mut otp));
    otp::read_decryption_key(&area).unwrap_or_else(|error| halt(&Stop::Otp(error)))
}
