//! The operations, written once for all curves over the library's arithmetic.
//!
//! Bytes go in and out; those of a secret are wiped here. Slices have the curve's length, else
//! [`CryptoError::InvalidKey`].

#[cfg(not(feature = "tpm-tables"))]
use crypto_bigint::Limb;
use crypto_bigint::{NonZero, U320, Uint};
use p256::elliptic_curve::ff::{Field, PrimeField};
use p256::elliptic_curve::group::{Curve as _, Group};
use p256::elliptic_curve::ops::{Invert, MulByGeneratorVartime, Reduce};
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, NonZeroScalar, ProjectivePoint, Scalar,
};
use zeroize::{Zeroize, Zeroizing};

use super::MAX_COORDINATE_LEN;
#[cfg(feature = "aws-lc")]
use super::accelerated as products;
#[cfg(not(feature = "aws-lc"))]
use super::products;
#[cfg(feature = "tpm-tables")]
use super::public_sum;
use crate::CryptoError;
use crate::bytes::copy_prefix;

/// Where the two numbers of a point or a signature go.
type Pair<'a> = (
    &'a mut [u8; MAX_COORDINATE_LEN],
    &'a mut [u8; MAX_COORDINATE_LEN],
);

/// A curve of the library, with the multiplication of its base point.
pub(super) trait Arithmetic: CurveArithmetic {
    /// What AWS-LC calls the curve, if it has it.
    #[cfg(feature = "aws-lc")]
    const AWS_LC: Option<ironroot_port_aws_lc::Curve> = None;

    /// `k` times the base point, in constant time.
    fn multiply_base(k: &NonZeroScalar<Self>) -> ProjectivePoint<Self> {
        ProjectivePoint::<Self>::mul_by_generator(k)
    }

    /// Whether u·G + v·Q has an x-coordinate that is `expected` modulo n. All are public.
    fn sum_has_x(
        [u, v]: [&Scalar<Self>; 2],
        q: &AffinePoint<Self>,
        expected: &Scalar<Self>,
    ) -> bool {
        let q = ProjectivePoint::<Self>::from(*q);
        let sum = ProjectivePoint::<Self>::mul_by_generator_and_mul_add_vartime(u, v, &q);
        has_x::<Self>(&sum, expected)
    }
}

/// Whether the point's x-coordinate is `expected` modulo n.
fn has_x<C: Arithmetic>(point: &ProjectivePoint<C>, expected: &Scalar<C>) -> bool {
    let x = Scalar::<C>::reduce(&point.to_affine().x());
    // The point at infinity has x = 0 in the library.
    !bool::from(point.is_identity()) && x == *expected
}

/// Says that AWS-LC has a curve.
macro_rules! in_aws_lc {
    ($name:ident) => {
        #[cfg(feature = "aws-lc")]
        const AWS_LC: Option<ironroot_port_aws_lc::Curve> =
            Some(ironroot_port_aws_lc::Curve::$name);
    };
}

/// Overrides `sum_has_x` for a curve with a = −3.
macro_rules! quick_sum {
    ($curve:ty) => {
        #[cfg(feature = "tpm-tables")]
        fn sum_has_x(
            [u, v]: [&Scalar<Self>; 2],
            q: &AffinePoint<Self>,
            expected: &Scalar<Self>,
        ) -> bool {
            static MULTIPLES: public_sum::Kept<$curve> =
                std::sync::LazyLock::new(public_sum::work_out::<$curve>);
            public_sum::has_x::<$curve>(&MULTIPLES, [u, v], q, expected)
        }
    };
}

impl Arithmetic for p256::NistP256 {
    in_aws_lc!(P256);
    #[cfg(not(feature = "tpm-tables"))]
    fn multiply_base(k: &p256::NonZeroScalar) -> p256::ProjectivePoint {
        crate::ecdsa::generator::multiply_generator(k)
    }

    // The products that signing and ECDH have anyway, instead of one loop over both: 2 KB less, and slower by what was not measured.
    #[cfg(not(feature = "tpm-tables"))]
    fn sum_has_x(
        [u, v]: [&p256::Scalar; 2],
        q: &p256::AffinePoint,
        expected: &p256::Scalar,
    ) -> bool {
        let of_base = p256::NonZeroScalar::new(*u)
            .into_option()
            .map_or(p256::ProjectivePoint::IDENTITY, |u| Self::multiply_base(&u));
        let sum = of_base + p256::ProjectivePoint::from(*q) * *v;
        has_x::<Self>(&sum, expected)
    }

    quick_sum!(p256::NistP256);
}

#[cfg(feature = "tpm-p224")]
impl Arithmetic for p224::NistP224 {
    in_aws_lc!(P224);
    quick_sum!(p224::NistP224);
}

#[cfg(feature = "tpm-p384")]
impl Arithmetic for p384::NistP384 {
    in_aws_lc!(P384);
    quick_sum!(p384::NistP384);
}

#[cfg(feature = "tpm-p521")]
impl Arithmetic for p521::NistP521 {
    in_aws_lc!(P521);
    quick_sum!(p521::NistP521);
}

#[cfg(feature = "tpm-bn")]
impl Arithmetic for super::bn::BnP256 {}

#[cfg(feature = "tpm-sm")]
impl Arithmetic for sm2::Sm2 {
    quick_sum!(sm2::Sm2);
}

pub(super) fn check_point<C: Arithmetic>(x: &[u8], y: &[u8]) -> Result<(), CryptoError> {
    point::<C>(x, y).map(|_| ())
}

pub(super) fn check_scalar<C: Arithmetic>(bytes: &[u8]) -> Result<(), CryptoError> {
    scalar::<C>(bytes).map(|_| ())
}

pub(super) fn multiply_base<C: Arithmetic>(k: &[u8], out: Pair) -> Result<(), CryptoError> {
    let k = scalar::<C>(k)?;
    write_point::<C>(products::of_base::<C>(&k)?, out)
}

pub(super) fn multiply<C: Arithmetic>(
    k: &[u8],
    x: &[u8],
    y: &[u8],
    out: Pair,
) -> Result<(), CryptoError> {
    let (k, point) = (scalar::<C>(k)?, point::<C>(x, y)?);
    write_point::<C>(products::of_point::<C>(&k, &point)?, out)
}

pub(super) fn add<C: Arithmetic>(
    [(x_1, y_1), (x_2, y_2)]: [(&[u8], &[u8]); 2],
    out: Pair,
) -> Result<(), CryptoError> {
    let first = ProjectivePoint::<C>::from(point::<C>(x_1, y_1)?);
    let second = ProjectivePoint::<C>::from(point::<C>(x_2, y_2)?);
    let sum = first + second;
    if bool::from(sum.is_identity()) {
        return Err(CryptoError::InvalidKey);
    }
    write_point::<C>(sum.to_affine(), out)
}

pub(super) fn negate<C: Arithmetic>(x: &[u8], y: &[u8], out: Pair) -> Result<(), CryptoError> {
    let opposite = -ProjectivePoint::<C>::from(point::<C>(x, y)?);
    write_point::<C>(opposite.to_affine(), out)
}

/// ECDSA's equations: r = x(k·G) mod n, s = (z + r·d)/k mod n. [`CryptoError::Corruption`] if either is zero.
pub(super) fn sign<C: Arithmetic>(
    d: &[u8],
    k: &[u8],
    z: &[u8],
    (r_out, s_out): Pair,
) -> Result<(), CryptoError> {
    let (d, k, z) = (scalar::<C>(d)?, scalar::<C>(k)?, reduced::<C>(z)?);
    let k_inverse = Zeroizing::new(k.invert());
    let r = Scalar::<C>::reduce(&products::of_base::<C>(&k)?.x());
    let product = Zeroizing::new(r * **d);
    let s = **k_inverse * (z + *product);
    if bool::from(r.is_zero() | s.is_zero()) {
        return Err(CryptoError::Corruption);
    }
    copy_prefix(r_out, &r.to_repr());
    copy_prefix(s_out, &s.to_repr());
    Ok(())
}

/// FIPS 186-5, section 6.4.2. All inputs are public.
pub(super) fn verify<C: Arithmetic>(
    x: &[u8],
    y: &[u8],
    z: &[u8],
    r: &[u8],
    s: &[u8],
) -> Result<(), CryptoError> {
    let q = point::<C>(x, y)?;
    let number = |bytes| scalar::<C>(bytes).map_err(|_| CryptoError::Verification);
    let (r, s, z) = (number(r)?, number(s)?, reduced::<C>(z)?);
    if products::is_signature::<C>(&q, &z, [&r, &s]) {
        Ok(())
    } else {
        Err(CryptoError::Verification)
    }
}

/// SM2's equations (GM/T 0003.2, section 6.1): r = e + x(k·G), s = (k - r·d)/(1 + d), both modulo n.
///
/// [`CryptoError::Corruption`] if r, s or r + k is zero; [`CryptoError::InvalidKey`] for the key n - 1.
pub(super) fn sign_sm2<C: Arithmetic>(
    d: &[u8],
    k: &[u8],
    e: &[u8],
    (r_out, s_out): Pair,
) -> Result<(), CryptoError> {
    let (d, k, e) = (scalar::<C>(d)?, scalar::<C>(k)?, reduced::<C>(e)?);
    let divisor = Zeroizing::new(Scalar::<C>::ONE + **d);
    let divisor = NonZeroScalar::<C>::new(*divisor).into_option();
    let divisor = Zeroizing::new(divisor.ok_or(CryptoError::InvalidKey)?);
    let inverse = Zeroizing::new(divisor.invert());
    let r = e + Scalar::<C>::reduce(&products::of_base::<C>(&k)?.x());
    let product = Zeroizing::new(r * **d);
    let s = **inverse * (**k - *product);
    let sum = Zeroizing::new(r + **k);
    if bool::from(r.is_zero() | s.is_zero() | sum.is_zero()) {
        return Err(CryptoError::Corruption);
    }
    copy_prefix(r_out, &r.to_repr());
    copy_prefix(s_out, &s.to_repr());
    Ok(())
}

/// GM/T 0003.2, section 7.1. All inputs are public.
pub(super) fn verify_sm2<C: Arithmetic>(
    x: &[u8],
    y: &[u8],
    e: &[u8],
    r: &[u8],
    s: &[u8],
) -> Result<(), CryptoError> {
    let q = point::<C>(x, y)?;
    let number = |bytes| scalar::<C>(bytes).map_err(|_| CryptoError::Verification);
    let (r, s, e) = (number(r)?, number(s)?, reduced::<C>(e)?);
    let t = **r + **s;
    if !bool::from(t.is_zero()) && C::sum_has_x([&s, &t], &q, &(**r - e)) {
        Ok(())
    } else {
        Err(CryptoError::Verification)
    }
}

/// s·G - r·Q: the point that a Schnorr signature was made with. All inputs are public.
pub(super) fn schnorr_point<C: Arithmetic>(
    x: &[u8],
    y: &[u8],
    r: &[u8],
    s: &[u8],
    out: Pair,
) -> Result<(), CryptoError> {
    let q = point::<C>(x, y)?;
    let (r, s) = (scalar::<C>(r)?, scalar::<C>(s)?);
    write_point::<C>(products::sum::<C>([&s, &-**r], &q)?, out)
}

/// k + t·d modulo n.
pub(super) fn multiply_add<C: Arithmetic>(
    [k, t, d]: [&[u8]; 3],
    out: &mut [u8; MAX_COORDINATE_LEN],
) -> Result<(), CryptoError> {
    let (k, t, d) = (scalar::<C>(k)?, scalar::<C>(t)?, scalar::<C>(d)?);
    let sum = Zeroizing::new(**k + **t * **d);
    if bool::from(sum.is_zero()) {
        return Err(CryptoError::InvalidKey);
    }
    let mut bytes = sum.to_repr();
    copy_prefix(out, &bytes);
    bytes.as_mut_slice().zeroize();
    Ok(())
}

/// Twice 320 bits, in limbs of any width: more than [`super::MAX_EXTRA_BITS_LEN`] bytes.
const WIDE: usize = 2 * U320::LIMBS;

/// (bytes mod n − 1) + 1 in constant time, in as many bytes as n has (FIPS 186-5, appendix A.2.1).
pub(super) fn reduce_extra_bits(n: &[u8], bytes: &[u8], out: &mut [u8; MAX_COORDINATE_LEN]) {
    let divisor = wide(n).wrapping_sub(&Uint::ONE);
    let scalar = Zeroizing::new(remainder(bytes, divisor).wrapping_add(&Uint::ONE));
    write_wide(n, &scalar, out);
}

/// bytes mod m in constant time, in as many bytes as m has. No more than 80 bytes.
pub(super) fn reduce_number(modulus: &[u8], bytes: &[u8], out: &mut [u8; MAX_COORDINATE_LEN]) {
    write_wide(modulus, &remainder(bytes, wide(modulus)), out);
}

fn wide(bytes: &[u8]) -> Uint<WIDE> {
    Uint::<WIDE>::from_be_slice_truncated(bytes, Uint::<WIDE>::BITS)
}

fn remainder(bytes: &[u8], divisor: Uint<WIDE>) -> Zeroizing<Uint<WIDE>> {
    let number = Zeroizing::new(wide(bytes));
    // No modulus of a curve is 0 or 1, so there is always a divisor.
    let divisor = NonZero::new(divisor).unwrap_or(NonZero::ONE);
    Zeroizing::new(divide(&number, &divisor))
}

#[cfg(feature = "tpm-tables")]
fn divide(number: &Uint<WIDE>, divisor: &NonZero<Uint<WIDE>>) -> Uint<WIDE> {
    number.rem(divisor)
}

/// Bit by bit: slower than the library's, and 2 KB less.
#[cfg(not(feature = "tpm-tables"))]
fn divide(number: &Uint<WIDE>, divisor: &NonZero<Uint<WIDE>>) -> Uint<WIDE> {
    let mut rest = Zeroizing::new(Uint::ZERO);
    for word in number.as_words().iter().rev() {
        for place in (0..crypto_bigint::Word::BITS).rev() {
            let bit = Uint::from_word(*word >> place & 1);
            let next = rest.wrapping_add(&rest).wrapping_add(&bit);
            let (less, borrow) = next.borrowing_sub(divisor, Limb::ZERO);
            // The borrow has all bits set, or none.
            *rest = less.wrapping_add(&divisor.bitand_limb(borrow));
        }
    }
    *rest
}

/// In as many bytes as the modulus has.
fn write_wide(modulus: &[u8], number: &Uint<WIDE>, out: &mut [u8; MAX_COORDINATE_LEN]) {
    let repr = Zeroizing::new(number.to_be_bytes());
    let repr = repr.as_slice();
    let zeros = repr.len().saturating_sub(modulus.len());
    copy_prefix(out, repr.get(zeros..).unwrap_or(&[]));
}

fn field_bytes<C: Arithmetic>(bytes: &[u8]) -> Result<FieldBytes<C>, CryptoError> {
    FieldBytes::<C>::try_from(bytes).map_err(|_| CryptoError::InvalidKey)
}

fn point<C: Arithmetic>(x: &[u8], y: &[u8]) -> Result<AffinePoint<C>, CryptoError> {
    let (x, y) = (field_bytes::<C>(x)?, field_bytes::<C>(y)?);
    AffinePoint::<C>::from_coordinates(&x, &y)
        .into_option()
        .ok_or(CryptoError::InvalidKey)
}

fn scalar<C: Arithmetic>(bytes: &[u8]) -> Result<Zeroizing<NonZeroScalar<C>>, CryptoError> {
    let mut repr = field_bytes::<C>(bytes)?;
    let scalar = NonZeroScalar::<C>::from_repr(repr).into_option();
    repr.as_mut_slice().zeroize();
    scalar.map(Zeroizing::new).ok_or(CryptoError::InvalidKey)
}

fn reduced<C: Arithmetic>(bytes: &[u8]) -> Result<Scalar<C>, CryptoError> {
    Ok(Scalar::<C>::reduce(&field_bytes::<C>(bytes)?))
}

fn write_point<C: Arithmetic>(mut point: AffinePoint<C>, (x, y): Pair) -> Result<(), CryptoError> {
    copy_prefix(x, point.x().as_ref());
    copy_prefix(y, point.y().as_ref());
    point.zeroize();
    Ok(())
}
