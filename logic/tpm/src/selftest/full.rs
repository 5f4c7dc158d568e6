//! The self tests of what only the full build has.

mod vectors;

use super::{curve_is_right, hash_is_right};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::cipher::{BLOCK_LEN, Cipher, CipherAlgorithm, Mode};
use ironroot_crypto::tpm::cmac::cmac;
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use ironroot_crypto::tpm::hash::HashAlgorithm;
use ironroot_crypto::tpm::kdf::kdf2_xor;

pub(super) fn more_hashes_are_right() -> bool {
    vectors::HASHES.iter().all(hash_is_right)
}

pub(super) fn kdf2_is_right() -> bool {
    let mut made = [0; vectors::KDF2.len()];
    kdf2_xor(HashAlgorithm::Sha256, &[b"shared secret"], &mut made);
    made == vectors::KDF2
}

/// SM4 both ways, and CMAC.
pub(super) fn more_ciphers_are_right() -> bool {
    let Ok(sm4) = Cipher::new(CipherAlgorithm::Sm4, &vectors::SM4_KEY) else {
        return false;
    };
    let mut block = vectors::SM4_KEY;
    let encrypted = sm4.encrypt(Mode::Ecb, &mut [0; BLOCK_LEN], &mut block);
    if encrypted.is_err() || block != vectors::SM4_CIPHER {
        return false;
    }
    let decrypted = sm4.decrypt(Mode::Ecb, &mut [0; BLOCK_LEN], &mut block);
    let mac = cmac(
        CipherAlgorithm::Aes,
        &vectors::CMAC_KEY,
        &[&vectors::CMAC_MESSAGE],
    );
    decrypted.is_ok()
        && block == vectors::SM4_KEY
        && mac.is_ok_and(|mac| mac.as_slice() == vectors::CMAC)
}

/// The other curves; and the schemes that are not ECDSA.
pub(super) fn more_curves_are_right() -> bool {
    let schemes = || {
        let key = EcScalar::new(Curve::Sm2P256, &vectors::SM2_KEY)?;
        schemes_are_right(&key, &key.public()?)
    };
    vectors::CURVES.iter().all(curve_is_right) && schemes().is_ok()
}

fn schemes_are_right(key: &EcScalar, point: &EcPoint) -> Result<(), ironroot_crypto::CryptoError> {
    let digest = &vectors::SM2_DIGEST;
    point.verify_sm2(digest, &vectors::SM2_R, &vectors::SM2_S)?;
    let mut drbg = Drbg::new(&Secret::new([7; 32]), b"self test");
    let signature = key.sign_sm2(digest, &mut drbg)?;
    point.verify_sm2(digest, signature.r(), signature.s())?;
    let hash = HashAlgorithm::Sm3;
    let signature = key.sign_schnorr(hash, digest, &mut drbg)?;
    point.verify_schnorr(hash, digest, signature.r(), signature.s())
}
