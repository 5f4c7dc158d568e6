//! The self tests of what only the full build has.

mod vectors;

use super::{curve_is_right, hash_is_right};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::cipher::{BLOCK_LEN, Cipher, CipherAlgorithm, Mode};
use ironroot_crypto::tpm::cmac::cmac;
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_crypto::tpm::kdf::kdf2_xor;
use ironroot_crypto::tpm::rsa::{RsaPrivateKey, RsaPublicKey, SignatureScheme};

pub(super) fn more_hashes_are_right() -> bool {
    vectors::HASHES.iter().all(hash_is_right)
}

pub(super) fn kdf2_is_right() -> bool {
    let mut made = [0; vectors::KDF2.len()];
    kdf2_xor(HashAlgorithm::Sha256, &[b"shared secret"], &mut made);
    made == vectors::KDF2
}

/// Blocks of AES and SM4 both ways, and CMAC.
pub(super) fn more_ciphers_are_right() -> bool {
    let block_is_right = |algorithm, key: &[u8; BLOCK_LEN], plain, cipher| {
        Cipher::new(algorithm, key).is_ok_and(|key| goes_both_ways(&key, plain, cipher))
    };
    let (aes, sm4) = (CipherAlgorithm::Aes, CipherAlgorithm::Sm4);
    let mac = cmac(aes, &vectors::CMAC_KEY, &[&vectors::CMAC_MESSAGE]);
    block_is_right(
        aes,
        &vectors::AES_KEY,
        vectors::AES_PLAIN,
        vectors::AES_CIPHER,
    ) && block_is_right(
        sm4,
        &vectors::SM4_KEY,
        vectors::SM4_KEY,
        vectors::SM4_CIPHER,
    ) && mac.is_ok_and(|mac| mac.as_slice() == vectors::CMAC)
}

fn goes_both_ways(key: &Cipher, plain: [u8; BLOCK_LEN], cipher: [u8; BLOCK_LEN]) -> bool {
    let mut block = plain;
    let encrypted = key.encrypt(Mode::Ecb, &mut [0; BLOCK_LEN], &mut block);
    if encrypted.is_err() || block != cipher {
        return false;
    }
    let decrypted = key.decrypt(Mode::Ecb, &mut [0; BLOCK_LEN], &mut block);
    decrypted.is_ok() && block == plain
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

/// A published key pair: signing gives the known signature (PKCS #1 has no random part), and it verifies.
pub(super) fn rsa_is_right() -> bool {
    let scheme = SignatureScheme::Pkcs1 {
        hash: HashAlgorithm::Sha256,
    };
    let Ok(public) = RsaPublicKey::new(&vectors::RSA_MODULUS, 65537) else {
        return false;
    };
    let hash = digest(HashAlgorithm::Sha256, b"sample");
    if public
        .verify(scheme, hash.as_slice(), &vectors::RSA_SIGNATURE)
        .is_err()
    {
        return false;
    }
    let mut drbg = Drbg::new(&Secret::new([7; 32]), b"self test");
    let mut signature = [0; 256];
    let signed = RsaPrivateKey::from_prime(&public, &vectors::RSA_PRIME)
        .and_then(|key| key.sign(scheme, hash.as_slice(), &mut drbg, &mut signature));
    signed.is_ok() && signature == vectors::RSA_SIGNATURE
}
