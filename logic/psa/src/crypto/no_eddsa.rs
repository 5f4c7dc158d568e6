//! Stands for [`super::eddsa`] in a build without Ed25519: the same functions, none offered.

use super::key::Material;
use super::sign::SIGNATURE_LEN;
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_psa_api::Error;

/// Whether keys of this kind exist.
pub(crate) const OFFERED: bool = false;

/// Not offered.
pub(crate) fn generate(_drbg: &mut Drbg) -> Result<Material, Error> {
    Err(Error::NotSupported)
}

/// Not offered.
pub(crate) fn check_public(_point: &Material) -> Result<(), Error> {
    Err(Error::NotSupported)
}

/// Not offered.
pub(crate) fn public_part(_seed: &Secret<32>) -> Result<Material, Error> {
    Err(Error::NotSupported)
}

/// Not offered.
pub(crate) fn sign(_seed: &Secret<32>, _message: &[u8]) -> Result<[u8; SIGNATURE_LEN], Error> {
    Err(Error::NotSupported)
}

/// Not offered.
pub(crate) fn verify(
    _point: &Material,
    _message: &[u8],
    _signature: &[u8; SIGNATURE_LEN],
) -> Result<(), Error> {
    Err(Error::NotSupported)
}
