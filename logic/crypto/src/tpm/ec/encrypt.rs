//! Encryption to a point (TPM2_ECC_Encrypt, TPM2_ECC_Decrypt): that of SM2 (GM/T 0003.4) with any hash and curve.
//!
//! A fresh key pair and the recipient's point give a shared point (x, y). C1 is the fresh key's point, C2 the message XORed with
//! KDF2 of x and y, C3 = H(x ‖ message ‖ y). Nothing else says who encrypted.

use super::{EcPoint, EcScalar};
use crate::drbg::Drbg;
use crate::tpm::hash::{Digest, HashAlgorithm, digest_parts};
use crate::tpm::kdf::kdf2_xor;
use crate::{CryptoError, ct_eq};

/// Encrypts in place: `data` becomes C2. Gives C1 and C3.
///
/// [`CryptoError::InvalidKey`] for a curve that is not built.
pub fn encrypt(
    hash: HashAlgorithm,
    recipient: &EcPoint,
    data: &mut [u8],
    drbg: &mut Drbg,
) -> Result<(EcPoint, Digest), CryptoError> {
    let ephemeral = EcScalar::random(recipient.curve(), drbg)?;
    encrypt_with(hash, recipient, data, &ephemeral)
}

/// The same with a given key pair. For tests: a key pair used twice gives both messages away.
#[doc(hidden)]
pub fn encrypt_with(
    hash: HashAlgorithm,
    recipient: &EcPoint,
    data: &mut [u8],
    ephemeral: &EcScalar,
) -> Result<(EcPoint, Digest), CryptoError> {
    let own = ephemeral.public()?;
    let mut shared = ephemeral.multiply(recipient)?;
    let check = digest_parts(hash, &[shared.x(), data, shared.y()]);
    kdf2_xor(hash, &[shared.x(), shared.y()], data);
    shared.wipe();
    Ok((own, check))
}

/// Decrypts in place. [`CryptoError::Verification`] when C3 does not fit; `data` is then zeros.
///
/// [`CryptoError::InvalidKey`] when C1 is on another curve.
pub fn decrypt(
    hash: HashAlgorithm,
    key: &EcScalar,
    c1: &EcPoint,
    data: &mut [u8],
    c3: &[u8],
) -> Result<(), CryptoError> {
    let mut shared = key.multiply(c1)?;
    kdf2_xor(hash, &[shared.x(), shared.y()], data);
    let mut check = digest_parts(hash, &[shared.x(), data, shared.y()]);
    shared.wipe();
    let equal = ct_eq(check.as_slice(), c3);
    check.wipe();
    match equal {
        true => Ok(()),
        false => {
            crate::wipe(data);
            Err(CryptoError::Verification)
        }
    }
}
