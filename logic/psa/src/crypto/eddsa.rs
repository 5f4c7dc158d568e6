//! Ed25519, whole messages (RFC 8032). Without the feature `ed25519`, [`super::no_eddsa`] stands here.

use super::key::Material;
use super::sign::SIGNATURE_LEN;
use crate::error::from_crypto;
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ed25519::{Ed25519PrivateKey, Ed25519PublicKey};
use ironroot_psa_api::Error;

/// Whether keys of this kind exist.
pub(crate) const OFFERED: bool = true;

fn public_key(point: &Material) -> Result<Ed25519PublicKey, Error> {
    point.expose(|bytes| {
        let bytes = bytes.try_into().map_err(|_| Error::InvalidArgument)?;
        Ed25519PublicKey::from_bytes(bytes).map_err(from_crypto)
    })
}

/// A fresh key.
pub(crate) fn generate(drbg: &mut Drbg) -> Result<Material, Error> {
    Ok(Material::of_secret(
        &Ed25519PrivateKey::generate(drbg).to_seed(),
    ))
}

/// Whether this is a point that signatures can be checked with.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub(crate) fn check_public(point: &Material) -> Result<(), Error> {
    public_key(point).map(|_| ())
}

/// The public part of a key.
pub(crate) fn public_part(seed: &Secret<32>) -> Result<Material, Error> {
    Material::new(&Ed25519PrivateKey::from_seed(seed).public().to_bytes())
}

/// Signs a message.
pub(crate) fn sign(seed: &Secret<32>, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], Error> {
    Ok(Ed25519PrivateKey::from_seed(seed).sign(message))
}

/// Checks a signature, strictly.
///
/// # Errors
/// `INVALID_SIGNATURE`.
pub(crate) fn verify(
    point: &Material,
    message: &[u8],
    signature: &[u8; SIGNATURE_LEN],
) -> Result<(), Error> {
    public_key(point)?
        .verify_strict(message, signature)
        .map_err(from_crypto)
}
