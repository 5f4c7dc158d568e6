//! ECDSA on P-384 (FIPS 186-5), for images of devices that demand it.
//!
//! As [`crate::ecdsa`] does for P-256: digests in, signatures r ‖ s out; [`parse_der`] and [`encode_der`]
//! convert. Nonces are those of RFC 6979 with SHA-384.

use p384::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p384::ecdsa::{Signature, SigningKey, VerifyingKey};
use p384::elliptic_curve::sec1::{FromSec1Point, ToSec1Point};
use p384::{AffinePoint, Sec1Point};

use crate::bytes::copy_prefix;
use crate::der::write_integers;
use crate::drbg::Drbg;
use crate::ecdsa::der::read_integers;
use crate::{CryptoError, Secret};

/// Length of r, of s, and of a private key, in bytes.
pub const SCALAR_LEN: usize = 48;
/// Length of a signature r ‖ s in bytes.
pub const SIGNATURE_LEN: usize = 96;
/// Length of an uncompressed public key (SEC 1, section 2.3.3) in bytes.
pub const PUBLIC_KEY_LEN: usize = 97;
/// The longest DER signature: two 49-byte integers with their headers, and the sequence's.
pub const MAX_DER_LEN: usize = 104;

/// A private key: a number from 1 to n − 1. Wiped when dropped.
pub struct P384PrivateKey {
    key: SigningKey,
}

impl P384PrivateKey {
    /// Takes a key of 48 bytes, big-endian. [`CryptoError::InvalidKey`] for zero and for n and above.
    pub fn from_bytes(bytes: &Secret<SCALAR_LEN>) -> Result<Self, CryptoError> {
        let key = bytes.expose(|bytes| SigningKey::from_slice(bytes));
        Ok(Self {
            key: key.map_err(|_| CryptoError::InvalidKey)?,
        })
    }

    /// Draws a key uniformly, by rejection.
    pub fn generate(drbg: &mut Drbg) -> Self {
        loop {
            if let Ok(key) = Self::from_bytes(&drbg.secret()) {
                return key;
            }
        }
    }

    /// The key as 48 bytes, big-endian, for storing.
    pub fn to_bytes(&self) -> Secret<SCALAR_LEN> {
        Secret::new(self.key.to_bytes().into())
    }

    /// The public key.
    pub fn public(&self) -> P384PublicKey {
        P384PublicKey {
            key: *self.key.verifying_key(),
        }
    }

    /// Signs a SHA-384 digest with the nonce of RFC 6979.
    ///
    /// [`CryptoError::DataLength`] for digests under 24 bytes; [`CryptoError::Corruption`] should the
    /// library find no signature.
    pub fn sign_prehash(&self, digest: &[u8]) -> Result<[u8; SIGNATURE_LEN], CryptoError> {
        if digest.len() < SCALAR_LEN / 2 {
            return Err(CryptoError::DataLength);
        }
        let signature: Signature = self
            .key
            .sign_prehash(digest)
            .map_err(|_| CryptoError::Corruption)?;
        Ok(signature.to_bytes().into())
    }
}

/// A public key: a point on the curve that is not the point at infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct P384PublicKey {
    key: VerifyingKey,
}

impl P384PublicKey {
    /// Takes an uncompressed point: 4, x, y (SEC 1, section 2.3.4).
    ///
    /// [`CryptoError::Encoding`] for any other form; [`CryptoError::InvalidKey`] when it is not on the
    /// curve.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, CryptoError> {
        let ([4, ..], PUBLIC_KEY_LEN) = (bytes, bytes.len()) else {
            return Err(CryptoError::Encoding);
        };
        let point = Sec1Point::from_bytes(bytes).map_err(|_| CryptoError::Encoding)?;
        let point = AffinePoint::from_sec1_point(&point)
            .into_option()
            .ok_or(CryptoError::InvalidKey)?;
        VerifyingKey::from_affine(point)
            .map(|key| Self { key })
            .map_err(|_| CryptoError::InvalidKey)
    }

    /// The key as an uncompressed point.
    pub fn to_sec1(&self) -> [u8; PUBLIC_KEY_LEN] {
        let mut bytes = [0; PUBLIC_KEY_LEN];
        copy_prefix(
            &mut bytes,
            self.key.as_affine().to_sec1_point(false).as_bytes(),
        );
        bytes
    }

    /// Checks the signature r ‖ s of a digest.
    ///
    /// [`CryptoError::Verification`] when it is wrong, and when r or s is zero, n or more.
    pub fn verify_prehash(
        &self,
        digest: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), CryptoError> {
        Signature::from_slice(signature)
            .and_then(|signature| self.key.verify_prehash(digest, &signature))
            .map_err(|_| CryptoError::Verification)
    }
}

/// Reads a DER signature into r ‖ s, as strictly as [`crate::ecdsa::der::parse`].
pub fn parse_der(bytes: &[u8]) -> Result<[u8; SIGNATURE_LEN], CryptoError> {
    let mut signature = [0; SIGNATURE_LEN];
    let (r_out, s_out) = signature.split_at_mut(SCALAR_LEN);
    read_integers(bytes, r_out, s_out)?;
    Ok(signature)
}

/// Writes r ‖ s as DER and gives the length used.
pub fn encode_der(signature: &[u8; SIGNATURE_LEN], out: &mut [u8; MAX_DER_LEN]) -> usize {
    let (r, s) = signature.split_at(SCALAR_LEN);
    // The buffer holds the longest signature, so there is always a length.
    write_integers(&[r, s], out).unwrap_or(0)
}
