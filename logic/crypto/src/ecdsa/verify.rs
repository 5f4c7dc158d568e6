//! Checking a signature without the library's modular inversion, whose code is as long as all the rest:
//! a bootloader that only checks is 4 KB smaller and takes as long.
//!
//! FIPS 186-5, section 6.4.2. All values are public; the time depends on them.

use p256::elliptic_curve::array::typenum::U4;
use p256::elliptic_curve::hazmat::FieldArithmetic;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{Field, PrimeField};
use p256::{AffinePoint, NistP256, NonZeroScalar, ProjectivePoint, Scalar};

use wnaf::{WnafBase, WnafScalar};

use super::{SIGNATURE_LEN, halves};

type Coordinate = <NistP256 as FieldArithmetic>::FieldElement;

/// (p + 1) / 4, for p = 2^256 - 2^224 + 2^192 + 2^96 - 1.
const QUARTER: [u8; 32] = [
    0x3f, 0xff, 0xff, 0xff, 0xc0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0,
];

/// A signature worked out, up to the question whether it is good. The question can be asked again at no cost:
/// for boot decisions that must survive a skipped instruction.
pub struct Opened {
    point: ProjectivePoint,
    /// A point with the x-coordinate r, and one with r + n, if there are such.
    candidates: [Option<AffinePoint>; 2],
}

impl Opened {
    /// Works out the signature `r ‖ s` of the number `z` for the key `q`; nothing if r or s is zero, n or more.
    #[inline(never)]
    pub(super) fn new(
        q: &AffinePoint,
        z: &Scalar,
        signature: &[u8; SIGNATURE_LEN],
    ) -> Option<Self> {
        let (r_bytes, s_bytes) = halves(signature);
        let number = |bytes: [u8; 32]| NonZeroScalar::from_repr(bytes.into()).into_option();
        let (r, s) = (number(r_bytes)?, number(s_bytes)?);
        let inverse = inverse(&s);
        // "x(point) mod n is r" means that x is r, or r + n if the field has that number. Instead of dividing
        // to get x, find the points that have it.
        let beyond = plus_order(&r_bytes).and_then(|x| point_with_x(&x));
        let candidates = [point_with_x(&r_bytes), beyond];
        Some(Self {
            point: combine(q, &(*z * inverse), &(*r * inverse)),
            candidates,
        })
    }

    /// Whether the signature is good.
    #[inline(never)]
    pub fn holds(&self) -> bool {
        self.candidates.iter().flatten().any(|candidate| {
            let candidate = ProjectivePoint::from(*candidate);
            // One of the two and not both: what is no point at all, all coordinates zero, equals everything. A
            // skipped instruction can make it out of a key that was not copied.
            (self.point == candidate) ^ (self.point == -candidate)
        })
    }
}

/// u·G + v·Q, by Straus's method. The library's own function for it has the same sum with tables twice as
/// long, in two copies: 2.3 KB more stack for no fewer steps.
///
/// This and the functions that it follows stay apart, so that their frames are not all live at once.
#[inline(never)]
fn combine(q: &AffinePoint, u: &Scalar, v: &Scalar) -> ProjectivePoint {
    let (u, v) = (WnafScalar::<_, U4>::new(u), WnafScalar::new(v));
    let generator = WnafBase::new(&ProjectivePoint::GENERATOR);
    let q = WnafBase::new(&ProjectivePoint::from(*q));
    WnafBase::multiscalar_mul([(&generator, &u), (&q, &v)].into_iter())
}

/// One of the two points with this x-coordinate, if the curve has them.
fn point_with_x(x: &[u8; 32]) -> Option<AffinePoint> {
    let number = |bytes: &[u8; 32]| Coordinate::from_repr((*bytes).into()).into_option();
    let less_b = |x: &Coordinate| (x.square() - Coordinate::from(3u64)) * x;
    let generator = AffinePoint::GENERATOR;
    let (x_g, y_g) = (
        number(&generator.x().into())?,
        number(&generator.y().into())?,
    );
    // y² = x³ - 3x + b, of which the generator tells b. p leaves 3 modulo 4, so a root, if there is one,
    // is the power of (p + 1)/4; if there is none, the point is not on the curve and is refused.
    let square = less_b(&number(x)?) + y_g.square() - less_b(&x_g);
    let y = power(&square, &QUARTER);
    AffinePoint::from_coordinates(&(*x).into(), &y.to_repr()).into_option()
}

/// The number plus n, if that is not too long.
fn plus_order(number: &[u8; 32]) -> Option<[u8; 32]> {
    let order_less_one: [u8; 32] = (-Scalar::ONE).to_repr().into();
    let mut sum = [0; 32];
    let mut carry = 1;
    let digits = number.iter().zip(&order_less_one);
    for (to, (a, b)) in sum.iter_mut().zip(digits).rev() {
        let digit = u16::from(*a) + u16::from(*b) + carry;
        *to = digit as u8;
        carry = digit >> 8;
    }
    (carry == 0).then_some(sum)
}

/// 1/s modulo n (Fermat).
fn inverse(s: &Scalar) -> Scalar {
    power(s, &(-Scalar::from(2u64)).to_repr().into())
}

/// A power, four bits of the exponent at a time.
#[inline(never)]
fn power<F: Field>(base: &F, exponent: &[u8; 32]) -> F {
    let mut powers = [F::ONE; 16];
    let mut last = F::ONE;
    for power in powers.iter_mut().skip(1) {
        last *= base;
        *power = last;
    }
    // The exponents in use have long runs of zeros.
    let mut result: Option<F> = None;
    for digit in exponent.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        if let Some(so_far) = &mut result {
            for _ in 0..4 {
                *so_far = so_far.square();
            }
        }
        if let Some(power) = powers.get(usize::from(digit)).filter(|_| digit != 0) {
            result = Some(result.map_or(*power, |so_far| so_far * power));
        }
    }
    result.unwrap_or(F::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_is_the_librarys() {
        for s in [1, 2, 3, 0xffff_ffff, u64::MAX].map(Scalar::from) {
            assert_eq!(inverse(&s), s.invert().unwrap());
            assert_eq!(inverse(&-s), (-s).invert().unwrap());
        }
        assert_eq!(inverse(&Scalar::ONE), Scalar::ONE);
    }

    fn has_x(point: &ProjectivePoint, x: &[u8; 32]) -> bool {
        let opened = Opened {
            point: *point,
            candidates: [None, point_with_x(x)],
        };
        opened.holds()
    }

    #[test]
    fn half_of_all_x_have_points() {
        let with = (0..64)
            .filter(|last| {
                let mut x = [7; 32];
                x[31] = *last;
                let point = point_with_x(&x);
                assert!(point.is_none_or(|point| <[u8; 32]>::from(point.x()) == x));
                point.is_some()
            })
            .count();
        assert!((16..48).contains(&with), "{with}");
        assert!(point_with_x(&[0xff; 32]).is_none(), "not below p");
    }

    #[test]
    fn the_order_is_added_only_where_the_sum_still_fits() {
        let less_one: [u8; 32] = (-Scalar::ONE).to_repr().into();
        assert_eq!(plus_order(&less_one), None);
        let mut one = [0; 32];
        one[31] = 1;
        let mut order_and_one = less_one;
        // n ends in 0x51, so no digit is carried.
        order_and_one[31] += 2;
        assert_eq!(plus_order(&one), Some(order_and_one));
    }

    #[test]
    fn the_point_at_infinity_has_no_x() {
        assert!(!has_x(&ProjectivePoint::IDENTITY, &[0; 32]));
    }

    #[test]
    fn both_points_with_an_x_have_it_and_others_have_not() {
        use p256::elliptic_curve::Group;
        let point = ProjectivePoint::GENERATOR.double();
        let x: [u8; 32] = point.to_affine().x().into();
        assert!(has_x(&point, &x));
        assert!(has_x(&-point, &x));
        assert!(!has_x(&ProjectivePoint::GENERATOR, &x));
    }
}
