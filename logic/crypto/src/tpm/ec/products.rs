//! Multiples of points and sums of them, by the libraries in Rust.
//!
//! [`super::accelerated`] has the same functions by AWS-LC; which of the two the operations call is the build's choice.

use p256::elliptic_curve::group::Curve as _;
use p256::elliptic_curve::ops::{Invert, MulByGeneratorVartime};
use p256::elliptic_curve::{AffinePoint, Group, NonZeroScalar, ProjectivePoint, Scalar};
use zeroize::Zeroize;

use super::arithmetic::Arithmetic;
use crate::CryptoError;

/// k·G, in constant time.
pub(super) fn of_base<C: Arithmetic>(k: &NonZeroScalar<C>) -> Result<AffinePoint<C>, CryptoError> {
    affine::<C>(C::multiply_base(k))
}

/// k·Q, in constant time.
pub(super) fn of_point<C: Arithmetic>(
    k: &NonZeroScalar<C>,
    q: &AffinePoint<C>,
) -> Result<AffinePoint<C>, CryptoError> {
    affine::<C>(ProjectivePoint::<C>::from(*q) * **k)
}

/// u·G + v·Q; all are public. [`CryptoError::InvalidKey`] for the point at infinity.
pub(super) fn sum<C: Arithmetic>(
    [u, v]: [&Scalar<C>; 2],
    q: &AffinePoint<C>,
) -> Result<AffinePoint<C>, CryptoError> {
    let q = ProjectivePoint::<C>::from(*q);
    affine::<C>(ProjectivePoint::<C>::mul_by_generator_and_mul_add_vartime(
        u, v, &q,
    ))
}

/// Whether (r, s) is q's ECDSA signature of z; all are public.
pub(super) fn is_signature<C: Arithmetic>(
    q: &AffinePoint<C>,
    z: &Scalar<C>,
    [r, s]: [&NonZeroScalar<C>; 2],
) -> bool {
    let s_inverse = inverse::<C>(s);
    C::sum_has_x([&(*z * *s_inverse), &(**r * *s_inverse)], q, r)
}

/// Of a public number.
#[cfg(feature = "tpm-tables")]
fn inverse<C: Arithmetic>(number: &NonZeroScalar<C>) -> NonZeroScalar<C> {
    number.invert_vartime()
}

/// Of a public number, in the way that is there for secret ones: one algorithm less in the image.
#[cfg(not(feature = "tpm-tables"))]
fn inverse<C: Arithmetic>(number: &NonZeroScalar<C>) -> NonZeroScalar<C> {
    number.invert()
}

fn affine<C: Arithmetic>(mut point: ProjectivePoint<C>) -> Result<AffinePoint<C>, CryptoError> {
    let affine = if bool::from(point.is_identity()) {
        Err(CryptoError::InvalidKey)
    } else {
        Ok(point.to_affine())
    };
    point.zeroize();
    affine
}
