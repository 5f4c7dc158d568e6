//! RSA-2048 OAEP with SHA-256 of the content key.

use ironroot_crypto::CryptoError;
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::rsa::RsaPrivateKey;

pub(super) fn open(private: &[u8], data: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
    RsaPrivateKey::from_pkcs1_der(private)?.decrypt_oaep(HashAlgorithm::Sha256, data, out)
}
