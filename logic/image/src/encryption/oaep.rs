//! RSA-2048 OAEP with SHA-256 of the content key.

use ironroot_crypto::CryptoError;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::rsa::{RsaPrivateKey, RsaPublicKey, RsaSize};

pub(super) fn open(private: &[u8], data: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
    RsaPrivateKey::from_pkcs1_der(private)?.decrypt_oaep(HashAlgorithm::Sha256, data, out)
}

pub(super) fn seal(
    recipient: &[u8],
    key: &[u8],
    drbg: &mut Drbg,
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let recipient = RsaPublicKey::from_pkcs1_der(recipient)?;
    if recipient.size() != RsaSize::Rsa2048 {
        return Err(CryptoError::InvalidKey);
    }
    recipient.encrypt_oaep(HashAlgorithm::Sha256, key, drbg, out)
}
