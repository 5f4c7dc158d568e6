//! Multiples of points and sums of them, by AWS-LC (feature `aws-lc`), on the curves that it has.
//!
//! On the others, and should AWS-LC refuse for want of memory, [`super::products`] does it. Either way the point is the
//! same. A signature is the exception: one that AWS-LC refuses counts as wrong, even if it was for want of memory.
//! Decision 0018 says what is known of the time that AWS-LC takes.

use ironroot_port_aws_lc::{Curve, MAX_POINT_LEN, Refused};
use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{AffinePoint, FieldBytes, NonZeroScalar, Scalar};
use zeroize::Zeroizing;

use super::arithmetic::Arithmetic;
use super::products;
use crate::CryptoError;
use crate::bytes::copy_prefix;

/// The first byte of a point that is not compressed (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// As [`products::of_base`].
pub(super) fn of_base<C: Arithmetic>(k: &NonZeroScalar<C>) -> Result<AffinePoint<C>, CryptoError> {
    let product = result::<C>(|curve, out| curve.multiply_base(&number::<C>(k), out));
    product.map_or_else(|| products::of_base::<C>(k), Ok)
}

/// As [`products::of_point`].
pub(super) fn of_point<C: Arithmetic>(
    k: &NonZeroScalar<C>,
    q: &AffinePoint<C>,
) -> Result<AffinePoint<C>, CryptoError> {
    let product = result::<C>(|curve, out| {
        curve.multiply(&number::<C>(k), whole(curve, &encoded::<C>(q)), out)
    });
    product.map_or_else(|| products::of_point::<C>(k, q), Ok)
}

/// As [`products::sum`].
pub(super) fn sum<C: Arithmetic>(
    [u, v]: [&Scalar<C>; 2],
    q: &AffinePoint<C>,
) -> Result<AffinePoint<C>, CryptoError> {
    let sum = result::<C>(|curve, out| {
        let [u, v] = [u, v].map(number::<C>);
        curve.sum(&u, &v, whole(curve, &encoded::<C>(q)), out)
    });
    sum.map_or_else(|| products::sum::<C>([u, v], q), Ok)
}

/// As [`products::is_signature`].
pub(super) fn is_signature<C: Arithmetic>(
    q: &AffinePoint<C>,
    z: &Scalar<C>,
    [r, s]: [&NonZeroScalar<C>; 2],
) -> bool {
    let Some(curve) = C::AWS_LC else {
        return products::is_signature::<C>(q, z, [r, s]);
    };
    let q = encoded::<C>(q);
    let [z, r, s] = [z, r, s].map(number::<C>);
    curve.verify(whole(curve, &q), &z, &r, &s).is_ok()
}

/// What `work` writes, as a point of the libraries, which look again whether it is on the curve.
fn result<C: Arithmetic>(
    work: impl FnOnce(Curve, &mut [u8]) -> Result<(), Refused>,
) -> Option<AffinePoint<C>> {
    let curve = C::AWS_LC?;
    let mut buffer = Zeroizing::new([0; MAX_POINT_LEN]);
    let out = buffer.get_mut(..curve.point_len())?;
    work(curve, out).ok()?;
    let (_, coordinates) = out.split_first()?;
    let (x, y) = coordinates.split_at_checked(curve.coordinate_len())?;
    let x = FieldBytes::<C>::try_from(x).ok()?;
    let y = FieldBytes::<C>::try_from(y).ok()?;
    AffinePoint::<C>::from_coordinates(&x, &y).into_option()
}

fn number<C: Arithmetic>(scalar: &Scalar<C>) -> Zeroizing<FieldBytes<C>> {
    Zeroizing::new(scalar.to_repr())
}

/// A point's bytes, and zeros. The point at infinity has coordinates of zero in the libraries, which AWS-LC refuses.
fn encoded<C: Arithmetic>(point: &AffinePoint<C>) -> [u8; MAX_POINT_LEN] {
    let mut bytes = [0; MAX_POINT_LEN];
    let (x, y) = (point.x(), point.y());
    if let Some((first, rest)) = bytes.split_first_mut() {
        *first = UNCOMPRESSED;
        if let Some((x_out, y_out)) = rest.split_at_mut_checked(x.len()) {
            copy_prefix(x_out, &x);
            copy_prefix(y_out, &y);
        }
    }
    bytes
}

fn whole(curve: Curve, bytes: &[u8; MAX_POINT_LEN]) -> &[u8] {
    bytes.get(..curve.point_len()).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::elliptic_curve::ff::Field;
    use p256::elliptic_curve::group::Curve as _;
    use p256::elliptic_curve::ops::Reduce;
    use p256::elliptic_curve::{Group, ProjectivePoint};
    use std::vec::Vec;

    /// Numbers at both ends of the range and at the windows' edges, then some without pattern.
    fn scalars<C: Arithmetic>() -> Vec<NonZeroScalar<C>> {
        let small = [1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255];
        let mut all: Vec<_> = small.map(Scalar::<C>::from).to_vec();
        // Long runs of ones or zeros, halves, and powers of two up to the top.
        all.extend([2, 3, 5, 15, 65_535].map(|d| Scalar::<C>::from(d).invert().unwrap()));
        all.extend((0..9).map(|power| Scalar::<C>::from(2).pow([64 * power])));
        all.extend((1..20).map(|power| Scalar::<C>::from(7_777_777).pow([power])));
        let opposites: Vec<_> = all.iter().map(|scalar| -*scalar).collect();
        let all = all.into_iter().chain(opposites);
        all.filter_map(|scalar| NonZeroScalar::<C>::new(scalar).into_option())
            .collect()
    }

    fn agrees<C: Arithmetic>() {
        let scalars = scalars::<C>();
        let few: Vec<_> = scalars.iter().step_by(16).collect();
        for k in &scalars {
            let product = of_base::<C>(k).unwrap();
            assert!(product == products::of_base::<C>(k).unwrap());
            assert!(product == (ProjectivePoint::<C>::generator() * **k).to_affine());
        }
        for d in &few {
            let q = products::of_base::<C>(d).unwrap();
            for k in &few {
                let product = of_point::<C>(k, &q).unwrap();
                assert!(product == products::of_point::<C>(k, &q).unwrap());
                // Besides sums of any two: equal ones, opposite ones, and one of them missing.
                for u in [Scalar::<C>::ZERO, ***k, ***k * ***d, -(***k * ***d)] {
                    for v in [Scalar::<C>::ZERO, ***k] {
                        let expected = products::sum::<C>([&u, &v], &q);
                        assert_eq!(expected.is_err(), bool::from((u + v * ***d).is_zero()));
                        let sum = sum::<C>([&u, &v], &q);
                        assert!(sum == expected, "sums differ");
                    }
                }
            }
        }
    }

    fn x_of<C: Arithmetic>(k: &Scalar<C>) -> Option<Scalar<C>> {
        let k = NonZeroScalar::<C>::new(*k).into_option()?;
        Some(Scalar::<C>::reduce(
            &products::of_base::<C>(&k).unwrap().x(),
        ))
    }

    fn judges_alike<C: Arithmetic>() {
        let scalars = scalars::<C>();
        let mut accepted = 0;
        for (d, k) in scalars.iter().step_by(7).zip(scalars.iter().step_by(5)) {
            let q = products::of_base::<C>(d).unwrap();
            let r = x_of::<C>(k).unwrap();
            // The third: u·G and v·Q are equal. The fourth has no s: with others the sum is the point at infinity.
            for z in [Scalar::<C>::ZERO, Scalar::<C>::ONE, r * **d, -(r * **d)] {
                let s = k.invert().unwrap() * (z + r * **d);
                for (z, r, s) in [
                    (z, r, s),
                    (z + Scalar::<C>::ONE, r, s),
                    (z, s, r),
                    (z, Scalar::<C>::ONE, s),
                    (z, r, Scalar::<C>::ONE),
                ] {
                    let number = |number| NonZeroScalar::<C>::new(number).into_option();
                    let (Some(r), Some(s)) = (number(r), number(s)) else {
                        continue;
                    };
                    let sum = (z + *r * **d) * s.invert().unwrap();
                    let expected = x_of::<C>(&sum) == Some(*r);
                    assert_eq!(is_signature::<C>(&q, &z, [&r, &s]), expected);
                    assert_eq!(products::is_signature::<C>(&q, &z, [&r, &s]), expected);
                    accepted += u32::from(expected);
                }
            }
        }
        assert!(accepted >= 20);
    }

    #[test]
    fn points_and_judgements_on_p256_are_the_librarys() {
        agrees::<p256::NistP256>();
        judges_alike::<p256::NistP256>();
    }

    #[cfg(feature = "tpm-p224")]
    #[test]
    fn points_and_judgements_on_p224_are_the_librarys() {
        agrees::<p224::NistP224>();
        judges_alike::<p224::NistP224>();
    }

    #[cfg(feature = "tpm-p384")]
    #[test]
    fn points_and_judgements_on_p384_are_the_librarys() {
        agrees::<p384::NistP384>();
        judges_alike::<p384::NistP384>();
    }

    #[cfg(feature = "tpm-p521")]
    #[test]
    fn points_and_judgements_on_p521_are_the_librarys() {
        agrees::<p521::NistP521>();
        judges_alike::<p521::NistP521>();
    }

    #[cfg(feature = "tpm-sm")]
    #[test]
    fn a_curve_that_aws_lc_lacks_is_the_librarys() {
        assert!(<sm2::Sm2 as Arithmetic>::AWS_LC.is_none());
        agrees::<sm2::Sm2>();
        judges_alike::<sm2::Sm2>();
    }

    #[test]
    fn the_point_at_infinity_is_no_operand() {
        let infinity = ProjectivePoint::<p256::NistP256>::IDENTITY.to_affine();
        let one = NonZeroScalar::<p256::NistP256>::new(Scalar::<p256::NistP256>::ONE).unwrap();
        assert!(of_point::<p256::NistP256>(&one, &infinity).is_err());
        assert!(!is_signature::<p256::NistP256>(
            &infinity,
            &one,
            [&one, &one]
        ));
    }
}
