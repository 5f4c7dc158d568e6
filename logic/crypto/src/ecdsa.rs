//! ECDSA on NIST P-256 (FIPS 186-5), with deterministic nonces (RFC 6979), and ECDH.
//!
//! Digests go in, not messages: hashing is the caller's, who knows where the bytes are. A digest
//! longer than 32 bytes is cut to its first 32 (FIPS 186-5, section 6.4.1). Signatures are r ‖ s, 64
//! bytes, as PSA and COSE have them; [`der`] converts from and to the form of X.509 and MCUboot.
//! A signature with a high s is as good as its twin with a low one, as FIPS 186-5 has it.

pub mod der;
pub(crate) mod generator;
mod verify;

pub use verify::Opened;

use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{Field, PrimeField};
use p256::{AffinePoint, FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};
use zeroize::{Zeroize, Zeroizing};

use crate::bytes::copy_prefix;
use crate::drbg::{Drbg, HmacDrbg};
use crate::hash::HashAlgorithm;
use crate::{CryptoError, Secret};
use generator::multiply_generator;

/// Length of r, of s, and of a private key, in bytes.
pub const SCALAR_LEN: usize = 32;
/// Length of a signature r ‖ s in bytes.
pub const SIGNATURE_LEN: usize = 64;
/// Length of an uncompressed public key (SEC 1, section 2.3.3) in bytes.
pub const PUBLIC_KEY_LEN: usize = 65;

const UNCOMPRESSED: u8 = 4;

/// A private key: a number from 1 to n − 1. Wiped when dropped.
pub struct P256PrivateKey {
    scalar: Zeroizing<NonZeroScalar>,
}

impl P256PrivateKey {
    /// Takes a key of 32 bytes, big-endian.
    ///
    /// [`CryptoError::InvalidKey`] for zero and for n and above.
    pub fn from_bytes(bytes: &Secret<SCALAR_LEN>) -> Result<Self, CryptoError> {
        let scalar = bytes.expose(|bytes| NonZeroScalar::from_repr((*bytes).into()));
        let scalar = scalar.into_option().ok_or(CryptoError::InvalidKey)?;
        Ok(Self {
            scalar: Zeroizing::new(scalar),
        })
    }

    /// Draws a key uniformly (FIPS 186-5, appendix A.2.2, by rejection).
    pub fn generate(drbg: &mut Drbg) -> Self {
        loop {
            // One draw in 2^32 is refused.
            if let Ok(key) = Self::from_bytes(&drbg.secret()) {
                return key;
            }
        }
    }

    /// The key as 32 bytes, big-endian, for storing.
    pub fn to_bytes(&self) -> Secret<SCALAR_LEN> {
        let mut repr = self.scalar.to_repr();
        let bytes = Secret::new(repr.into());
        repr.zeroize();
        bytes
    }

    /// Computes the public key.
    pub fn public(&self) -> P256PublicKey {
        P256PublicKey {
            point: multiply_generator(&self.scalar).to_affine(),
        }
    }

    /// Signs a digest with the nonce of RFC 6979.
    ///
    /// The nonce's HMAC uses the hash whose digest has that length (SHA-384 for 48 bytes, SHA-512
    /// for 64, else SHA-256), as PSA's deterministic ECDSA demands.
    pub fn sign_prehash(&self, digest: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.sign_with_extra(digest, &[])
    }

    /// Signs a digest with a nonce that depends on fresh randomness too (RFC 6979, section 3.6).
    ///
    /// A glitch in the middle of a signature is then no use to an attacker who repeats it, and bad
    /// randomness does no harm.
    pub fn sign_prehash_hedged(&self, digest: &[u8], drbg: &mut Drbg) -> [u8; SIGNATURE_LEN] {
        drbg.secret::<32>()
            .expose(|extra| self.sign_with_extra(digest, extra))
    }

    /// The x-coordinate of this key times `peer` (SP 800-56A, section 5.7.1.2).
    ///
    /// Not a key yet: feed it to a key derivation function.
    pub fn diffie_hellman(&self, peer: &P256PublicKey) -> Secret<SCALAR_LEN> {
        let mut shared = (ProjectivePoint::from(peer.point) * **self.scalar).to_affine();
        let mut x = shared.x();
        let secret = Secret::new(x.into());
        x.zeroize();
        shared.zeroize();
        secret
    }

    fn sign_with_extra(&self, digest: &[u8], extra: &[u8]) -> [u8; SIGNATURE_LEN] {
        let z = digest_to_scalar(digest);
        let mut nonces = Nonces::new(&self.scalar, &z, digest.len(), extra);
        loop {
            // Refused with a chance of 2^-32 (nonce out of range) or far less (r or s is zero).
            if let Some(signature) = nonces.next().and_then(|k| sign(&self.scalar, &k, &z)) {
                return signature;
            }
        }
    }
}

/// A public key: a point on the curve that is not the point at infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct P256PublicKey {
    point: AffinePoint,
}

impl P256PublicKey {
    /// Takes an uncompressed point: 4, x, y (SEC 1, section 2.3.4).
    ///
    /// [`CryptoError::Encoding`] for any other form; [`CryptoError::InvalidKey`] when a coordinate
    /// is not below the field's prime or the point is not on the curve.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, CryptoError> {
        let bytes: &[u8; PUBLIC_KEY_LEN] = bytes.try_into().map_err(|_| CryptoError::Encoding)?;
        let [UNCOMPRESSED, coordinates @ ..] = bytes else {
            return Err(CryptoError::Encoding);
        };
        let (x, y) = halves(coordinates);
        // The point at infinity has no such encoding, so it needs no check.
        let point = AffinePoint::from_coordinates(&x.into(), &y.into());
        Ok(Self {
            point: point.into_option().ok_or(CryptoError::InvalidKey)?,
        })
    }

    /// The key as an uncompressed point.
    pub fn to_sec1(&self) -> [u8; PUBLIC_KEY_LEN] {
        let mut bytes = [0; PUBLIC_KEY_LEN];
        let coordinates = self.point.x().into_iter().chain(self.point.y());
        let all = core::iter::once(UNCOMPRESSED).chain(coordinates);
        for (to, from) in bytes.iter_mut().zip(all) {
            *to = from;
        }
        bytes
    }

    /// Checks the signature r ‖ s of a digest.
    ///
    /// [`CryptoError::Verification`] when it is wrong, and when r or s is zero, n or more.
    // A function of its own in every image: the benchmarks count between its first instruction and its last.
    #[inline(never)]
    pub fn verify_prehash(
        &self,
        digest: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), CryptoError> {
        match self.open(digest, signature) {
            Some(opened) if opened.holds() => Ok(()),
            _ => Err(CryptoError::Verification),
        }
    }

    /// Works out the signature r ‖ s of a digest, for a caller that asks more than once whether it is good.
    /// Nothing when r or s is zero, n or more.
    pub fn open(&self, digest: &[u8], signature: &[u8; SIGNATURE_LEN]) -> Option<Opened> {
        Opened::new(&self.point, &digest_to_scalar(digest), signature)
    }
}

/// ECDSA's equations: r = x(k·G) mod n, s = (z + r·d)/k mod n. `None` if either is zero.
fn sign(d: &NonZeroScalar, k: &NonZeroScalar, z: &Scalar) -> Option<[u8; SIGNATURE_LEN]> {
    let k_inverse = Zeroizing::new(k.invert().into_option()?);
    let point = multiply_generator(k).to_affine();
    let r = <Scalar as Reduce<FieldBytes>>::reduce(&point.x());
    let s = *k_inverse * (*z + r * **d);
    if bool::from(r.is_zero() | s.is_zero()) {
        return None;
    }
    let mut signature = [0; SIGNATURE_LEN];
    for (to, from) in signature
        .iter_mut()
        .zip(r.to_repr().into_iter().chain(s.to_repr()))
    {
        *to = from;
    }
    Some(signature)
}

/// bits2int modulo n (RFC 6979, section 2.3.2; FIPS 186-5, section 6.4.1).
fn digest_to_scalar(digest: &[u8]) -> Scalar {
    let digest = digest.get(..SCALAR_LEN).unwrap_or(digest);
    let mut padded = FieldBytes::default();
    for (to, from) in padded.iter_mut().rev().zip(digest.iter().rev()) {
        *to = *from;
    }
    <Scalar as Reduce<FieldBytes>>::reduce(&padded)
}

/// The nonces of RFC 6979, section 3.2, which are HMAC_DRBG's output (section 3.3).
struct Nonces {
    drbg: HmacDrbg,
}

impl Nonces {
    fn new(d: &NonZeroScalar, z: &Scalar, digest_len: usize, extra: &[u8]) -> Self {
        let algorithm = match digest_len {
            48 => HashAlgorithm::Sha384,
            64 => HashAlgorithm::Sha512,
            _ => HashAlgorithm::Sha256,
        };
        let key = Zeroizing::new(<[u8; SCALAR_LEN]>::from(d.to_repr()));
        Self {
            drbg: HmacDrbg::new(algorithm, key.as_slice(), &z.to_repr(), extra),
        }
    }

    fn next(&mut self) -> Option<Zeroizing<NonZeroScalar>> {
        let mut bytes = Zeroizing::new([0; SCALAR_LEN]);
        self.drbg.generate(&[], bytes.as_mut_slice()).ok()?;
        NonZeroScalar::from_repr((*bytes).into())
            .into_option()
            .map(Zeroizing::new)
    }
}

fn halves(whole: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    copy_prefix(&mut first, whole);
    for (to, from) in second.iter_mut().zip(whole.iter().skip(32)) {
        *to = *from;
    }
    (first, second)
}
