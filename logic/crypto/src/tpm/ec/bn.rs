//! The Barreto-Naehrig curve of 256 bits (`TPM_ECC_BN_P256`), for which there is no crate of its own.
//!
//! Only its numbers are written here. Arithmetic of the field and of scalars is `primefield`'s over `crypto-bigint` (Montgomery's
//! form, constant time), that of points `primeorder`'s complete formulas for any equation; the other curves of this
//! crate stand on the same two. `docs/decisions/` says why. No pairing is needed: a TPM only multiplies in the first group.

use p256::elliptic_curve::bigint::{Odd, U256};
use p256::elliptic_curve::consts::U32;
use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::hazmat::FieldArithmetic;
use p256::elliptic_curve::ops::BatchInvert;
use p256::elliptic_curve::point::PointCompression;
use p256::elliptic_curve::scalar::{FromUintUnchecked, IsHigh};
use p256::elliptic_curve::subtle::{Choice, ConstantTimeEq, ConstantTimeGreater, CtOption};
use p256::elliptic_curve::{Curve, CurveArithmetic, PrimeCurve, PrimeCurveArithmetic};
use primeorder::{PrimeCurveParams, mul_backend, point_arithmetic, wnaf};

const PRIME_HEX: &str = "fffffffffffcf0cd46e5f25eee71a49f0cdc65fb12980a82d3292ddbaed33013";
const ORDER_HEX: &str = "fffffffffffcf0cd46e5f25eee71a49e0cdc65fb1299921af62d536cd10b500d";

/// The curve y² = x³ + 3.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, PartialOrd, Ord)]
pub struct BnP256;

impl Curve for BnP256 {
    type FieldBytesSize = U32;
    type Uint = U256;
    const ORDER: Odd<U256> = Odd::<U256>::from_be_hex(ORDER_HEX);
}

impl PrimeCurve for BnP256 {}

impl PointCompression for BnP256 {
    const COMPRESS_POINTS: bool = false;
}

impl CurveArithmetic for BnP256 {
    type AffinePoint = primeorder::AffinePoint<Self>;
    type ProjectivePoint = primeorder::ProjectivePoint<Self>;
    type Scalar = Scalar;
}

impl FieldArithmetic for BnP256 {
    type FieldElement = FieldElement;
}

impl PrimeCurveArithmetic for BnP256 {
    type CurveGroup = primeorder::ProjectivePoint<Self>;
}

impl PrimeCurveParams for BnP256 {
    type PointArithmetic = point_arithmetic::EquationAIsGeneric;
    type Backend = mul_backend::VariableOnly;
    const EQUATION_A: FieldElement = FieldElement::ZERO;
    const EQUATION_B: FieldElement = FieldElement::from_u64(3);
    const GENERATOR: (FieldElement, FieldElement) = (FieldElement::ONE, FieldElement::from_u64(2));
}

// The generators are numbers that are no squares, which is what square roots need of them; nothing here takes one.
primefield::monty_field_params! {
    name: FieldParams,
    modulus: PRIME_HEX,
    uint: U256,
    byte_order: primefield::ByteOrder::BigEndian,
    multiplicative_generator: 2,
    doc: "The field's prime."
}

primefield::monty_field_element! {
    name: FieldElement,
    params: FieldParams,
    uint: U256,
    doc: "An element of the field."
}

primefield::monty_field_arithmetic! {
    name: FieldElement,
    params: FieldParams,
    uint: U256
}

impl BatchInvert for FieldElement {}

/// Arithmetic modulo the order; in a module of its own, for the macros name their parts.
mod order {
    use super::*;

    primefield::monty_field_params! {
        name: ScalarParams,
        modulus: ORDER_HEX,
        uint: U256,
        byte_order: primefield::ByteOrder::BigEndian,
        multiplicative_generator: 2,
        doc: "The order."
    }

    primefield::monty_field_element! {
        name: Scalar,
        params: ScalarParams,
        uint: U256,
        doc: "A number modulo the order."
    }

    primefield::monty_field_arithmetic! {
        name: Scalar,
        params: ScalarParams,
        uint: U256
    }

    primefield::monty_field_reduce! {
        name: Scalar,
        params: ScalarParams,
        uint: U256,
    }
}

pub(super) use order::Scalar;

p256::elliptic_curve::scalar_impls!(BnP256, Scalar);
wnaf::impl_wnaf_size_for_scalar!(Scalar);

impl AsRef<Scalar> for Scalar {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl FromUintUnchecked for Scalar {
    type Uint = U256;

    fn from_uint_unchecked(uint: U256) -> Self {
        Self::from_uint_unchecked(uint)
    }
}

impl IsHigh for Scalar {
    fn is_high(&self) -> Choice {
        self.to_canonical()
            .ct_gt(&BnP256::ORDER.as_ref().shr_vartime(1))
    }
}
