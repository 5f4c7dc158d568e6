//! Signatures other than ECDSA: ECDAA, EC-Schnorr and SM2 (TPM 2.0 Part 1, annex C).
//!
//! Each works on every curve. Digests are signed, not messages: what SM2 hashes before the message (its Z) is for the caller.

use super::Curve;
use super::{ATTEMPTS, EcPoint, EcScalar, EcSignature, MAX_COORDINATE_LEN, Number};
use super::{aligned, arithmetic, on_curve, reduced, whole};
use crate::CryptoError;
use crate::drbg::Drbg;
use crate::tpm::hash::{HashAlgorithm, digest_parts};

/// How often a nonce is drawn whose first byte must not be zero: that of P-521 has one bit.
const NONCE_ATTEMPTS: usize = 64;

impl EcScalar {
    /// Signs with ECDAA (TPM 2.0 Part 1, "ECDAA"): s = `commitment` + H(nonce ‖ digest)·d mod n.
    ///
    /// `commitment` is the secret r of TPM2_Commit: used a second time, it gives the key away. The signature's r is the nonce,
    /// whose first byte is never zero, so that it reads the same with and without leading zeros.
    /// [`CryptoError::InvalidKey`] when the curves differ or the curve is not built, [`CryptoError::Corruption`] should
    /// there be no signature.
    pub fn sign_ecdaa(
        &self,
        hash: HashAlgorithm,
        commitment: &Self,
        digest: &[u8],
        drbg: &mut Drbg,
    ) -> Result<EcSignature, CryptoError> {
        for _ in 0..NONCE_ATTEMPTS {
            let nonce = Self::random(self.curve, drbg)?;
            let r = nonce.number.expose(|number| *number);
            if r.first() == Some(&0) {
                continue;
            }
            let challenge = digest_parts(hash, &[whole(self.curve, &r), digest]);
            let challenge = Self::reduced(self.curve, challenge.as_slice())?;
            let s = commitment.multiply_add(&challenge, self)?;
            let s = s.number.expose(|number| *number);
            return Ok(EcSignature {
                curve: self.curve,
                r,
                s,
            });
        }
        Err(CryptoError::Corruption)
    }

    /// Signs with EC-Schnorr (TPM 2.0 Part 1, "EC Schnorr"): r = H(x(k·G) ‖ digest), cut to the order's bytes, s = k + r·d mod n.
    ///
    /// Errors and nonce as [`sign`](Self::sign).
    pub fn sign_schnorr(
        &self,
        hash: HashAlgorithm,
        digest: &[u8],
        drbg: &mut Drbg,
    ) -> Result<EcSignature, CryptoError> {
        let curve = self.curve;
        for _ in 0..ATTEMPTS {
            let nonce = self.nonce(b"ironroot Schnorr nonce", digest, drbg)?;
            let r = schnorr_challenge(hash, &nonce.public()?, digest)?;
            let signed = Self::new(curve, whole(curve, &r))
                .and_then(|challenge| nonce.multiply_add(&challenge, self));
            if let Ok(s) = signed {
                let s = s.number.expose(|number| *number);
                return Ok(EcSignature { curve, r, s });
            }
        }
        Err(CryptoError::Corruption)
    }

    /// Signs with SM2 (GM/T 0003.2). Of a digest longer than the order all bits count, modulo n.
    ///
    /// Errors and nonce as [`sign`](Self::sign).
    pub fn sign_sm2(&self, digest: &[u8], drbg: &mut Drbg) -> Result<EcSignature, CryptoError> {
        for _ in 0..ATTEMPTS {
            let nonce = self.nonce(b"ironroot SM2 nonce", digest, drbg)?;
            match self.sign_sm2_with(digest, &nonce) {
                Err(CryptoError::Corruption) => {}
                signed => return signed,
            }
        }
        Err(CryptoError::Corruption)
    }

    /// The same with a given nonce. For tests: a nonce used twice gives the key away.
    #[doc(hidden)]
    pub fn sign_sm2_with(&self, digest: &[u8], nonce: &Self) -> Result<EcSignature, CryptoError> {
        let curve = self.curve;
        let e = reduced(curve.parameters().n, digest)?;
        let (mut r, mut s) = ([0; MAX_COORDINATE_LEN], [0; MAX_COORDINATE_LEN]);
        self.expose(|d| {
            nonce.expose(|k| on_curve!(curve, sign_sm2(d, k, whole(curve, &e), (&mut r, &mut s))))
        })?;
        Ok(EcSignature { curve, r, s })
    }
}

impl EcPoint {
    /// Checks an EC-Schnorr signature of a digest. [`CryptoError::Verification`] when it is wrong, and when r or s is
    /// zero, n or more.
    pub fn verify_schnorr(
        &self,
        hash: HashAlgorithm,
        digest: &[u8],
        r: &[u8],
        s: &[u8],
    ) -> Result<(), CryptoError> {
        let curve = self.curve;
        let (r, s) = aligned(curve, r)
            .zip(aligned(curve, s))
            .ok_or(CryptoError::Verification)?;
        let (mut x, mut y) = ([0; MAX_COORDINATE_LEN], [0; MAX_COORDINATE_LEN]);
        let (r_bytes, s_bytes) = (whole(curve, &r), whole(curve, &s));
        on_curve!(
            curve,
            schnorr_point(self.x(), self.y(), r_bytes, s_bytes, (&mut x, &mut y))
        )
        .map_err(|_| CryptoError::Verification)?;
        match schnorr_challenge(hash, &Self { curve, x, y }, digest)? == r {
            true => Ok(()),
            false => Err(CryptoError::Verification),
        }
    }

    /// Checks an SM2 signature of a digest. Errors as [`verify_schnorr`](Self::verify_schnorr).
    pub fn verify_sm2(&self, digest: &[u8], r: &[u8], s: &[u8]) -> Result<(), CryptoError> {
        let curve = self.curve;
        let (r, s) = aligned(curve, r)
            .zip(aligned(curve, s))
            .ok_or(CryptoError::Verification)?;
        let e = reduced(curve.parameters().n, digest).map_err(|_| CryptoError::Verification)?;
        let part = |number| whole(curve, number);
        on_curve!(
            curve,
            verify_sm2(self.x(), self.y(), part(&e), part(&r), part(&s))
        )
    }
}

/// H(x ‖ digest), its first bytes if it is longer than the order, modulo the order.
fn schnorr_challenge(
    hash: HashAlgorithm,
    point: &EcPoint,
    digest: &[u8],
) -> Result<Number, CryptoError> {
    let curve: Curve = point.curve;
    let challenge = digest_parts(hash, &[point.x(), digest]);
    let challenge = challenge.as_slice();
    let challenge = challenge.get(..curve.coordinate_len()).unwrap_or(challenge);
    reduced(curve.parameters().n, challenge)
}
