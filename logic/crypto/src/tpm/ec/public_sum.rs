//! u·G + v·Q for numbers that are no secrets: what checking a signature takes its time with.
//!
//! The library's addition holds for every pair of points and takes the same time for all of them, which a check of
//! public numbers has no need of. In Jacobian coordinates, with a branch for the rare cases, a doubling takes
//! eight multiplications instead of thirteen. The multiples of G are worked out once, by the library. Numbers and
//! reason: `docs/decisions/0014-speed-of-the-tpm.md`.
//!
//! D. Hankerson, A. Menezes, S. Vanstone, "Guide to Elliptic Curve Cryptography" (2004), sections 3.2.2 (Jacobian
//! coordinates for a = −3) and 3.3 (interleaving of non-adjacent forms).

use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::group::{Curve as _, Group};
use p256::elliptic_curve::hazmat::FieldArithmetic;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{AffinePoint, Field, ProjectivePoint, Scalar};
use std::sync::LazyLock;

/// Bits of a window of u. Its odd multiples of G are in a table that stays.
const WIDTH_G: u32 = 8;
/// Bits of a window of v. Its odd multiples of Q are worked out for each sum.
const WIDTH_Q: u32 = 5;

/// Odd multiples of G: 1, 3, … 127.
const MULTIPLES: usize = 1 << (WIDTH_G - 2);
const MULTIPLES_OF_Q: usize = 1 << (WIDTH_Q - 2);

/// One digit for each bit of the longest scalar, and one more.
const DIGITS: usize = 8 * super::MAX_COORDINATE_LEN + 1;

/// x and y.
type Affine<F> = (F, F);

type Element<C> = <C as FieldArithmetic>::FieldElement;
type Multiples<C> = [Affine<Element<C>>; MULTIPLES];

/// A curve's table, worked out when it is first asked for.
pub(super) type Kept<C> = LazyLock<Multiples<C>>;

/// G, 3·G, 5·G, …
pub(super) fn work_out<C: FieldArithmetic>() -> Multiples<C> {
    let twice = ProjectivePoint::<C>::generator().double();
    let mut next = ProjectivePoint::<C>::generator();
    core::array::from_fn(|_| {
        let affine = next.to_affine();
        next += twice;
        // What the library gives is below the prime, so there is always a number.
        coordinates::<C>(&affine).unwrap_or((Element::<C>::ZERO, Element::<C>::ZERO))
    })
}

/// Whether u·G + v·Q has an x-coordinate that is `expected` modulo n.
pub(super) fn has_x<C: FieldArithmetic>(
    multiples: &Multiples<C>,
    [u, v]: [&Scalar<C>; 2],
    q: &AffinePoint<C>,
    expected: &Scalar<C>,
) -> bool {
    let sum = coordinates::<C>(q).and_then(|q| sum(multiples, &u.to_repr(), &v.to_repr(), q));
    let Some(sum) = sum else {
        return false;
    };
    // Orders are hardly shorter than their field's prime: nearly always x is that number itself, which shows without
    // an inversion.
    let candidate = Element::<C>::from_repr(expected.to_repr()).into_option();
    if candidate.is_some_and(|x| sum.has_x(x)) {
        return true;
    }
    let x = sum.x().map(|x| Scalar::<C>::reduce(&x.to_repr()));
    x.is_some_and(|x| x == *expected)
}

fn coordinates<C: FieldArithmetic>(point: &AffinePoint<C>) -> Option<Affine<Element<C>>> {
    let number = |bytes| Element::<C>::from_repr(bytes).into_option();
    Some((number(point.x())?, number(point.y())?))
}

/// The point (x/z², y/z³); z is not zero. `None` where one is optional: the point at infinity.
#[derive(Clone, Copy)]
struct Jacobian<F> {
    x: F,
    y: F,
    z: F,
}

impl<F: PrimeField> Jacobian<F> {
    /// Whether this is the point's x-coordinate.
    fn has_x(&self, x: F) -> bool {
        self.x == x * self.z.square()
    }

    /// The x-coordinate.
    fn x(&self) -> Option<F> {
        let inverse = self.z.square().invert().into_option()?;
        Some(self.x * inverse)
    }

    fn from_affine((x, y): Affine<F>) -> Self {
        Self { x, y, z: F::ONE }
    }

    /// Algorithm 3.21. No point of these curves is its own opposite, so there is always a double.
    fn double(&self) -> Self {
        let zz = self.z.square();
        let yy = self.y.square();
        let xyy = (self.x * yy).double().double();
        let slope = (self.x - zz) * (self.x + zz);
        let slope = slope.double() + slope;
        let x = slope.square() - xyy.double();
        Self {
            x,
            y: slope * (xyy - x) - yy.square().double().double().double(),
            z: (self.y * self.z).double(),
        }
    }

    /// Algorithm 3.22, for a point with z = 1.
    fn add_affine(&self, (x, y): Affine<F>) -> Option<Self> {
        let zz = self.z.square();
        let other = (x * zz, y * zz * self.z);
        self.add_scaled((self.x, self.y), other, self.z)
    }

    fn add(&self, other: &Self) -> Option<Self> {
        let (zz, other_zz) = (self.z.square(), other.z.square());
        let own = (self.x * other_zz, self.y * other_zz * other.z);
        let other_scaled = (other.x * zz, other.y * zz * self.z);
        self.add_scaled(own, other_scaled, self.z * other.z)
    }

    /// Both summands, brought to the same z.
    fn add_scaled(&self, (x_1, y_1): Affine<F>, (x_2, y_2): Affine<F>, z: F) -> Option<Self> {
        let (across, up) = (x_2 - x_1, y_2 - y_1);
        if across.is_zero_vartime() {
            return up.is_zero_vartime().then(|| self.double());
        }
        let square = across.square();
        let cube = square * across;
        let middle = x_1 * square;
        let x = up.square() - cube - middle.double();
        Some(Self {
            x,
            y: up * (middle - x) - y_1 * cube,
            z: z * across,
        })
    }

    fn signed(&self, negative: bool) -> Self {
        let y = if negative { -self.y } else { self.y };
        Self { y, ..*self }
    }
}

/// u·G + v·Q; `None`: the point at infinity. `multiples` are G, 3·G, 5·G, …; u and v are big-endian.
fn sum<F: PrimeField>(
    multiples: &[Affine<F>; MULTIPLES],
    u: &[u8],
    v: &[u8],
    q: Affine<F>,
) -> Option<Jacobian<F>> {
    let (u, v) = (Digits::new(u, WIDTH_G), Digits::new(v, WIDTH_Q));
    let q = odd_multiples(q);
    let mut sum: Option<Jacobian<F>> = None;
    for (of_g, of_q) in u.digits.iter().zip(&v.digits).rev() {
        sum = sum.map(|sum| sum.double());
        if let Some((x, y)) = multiple(multiples, *of_g) {
            let y = if *of_g < 0 { -*y } else { *y };
            sum = match sum {
                None => Some(Jacobian::from_affine((*x, y))),
                Some(sum) => sum.add_affine((*x, y)),
            };
        }
        if let Some(point) = multiple(&q, *of_q) {
            let point = point.signed(*of_q < 0);
            sum = match sum {
                None => Some(point),
                Some(sum) => sum.add(&point),
            };
        }
    }
    sum
}

/// The entry for a digit; `None` for zero.
fn multiple<T>(odd_multiples: &[T], digit: i8) -> Option<&T> {
    let index = usize::from(digit.unsigned_abs()) / 2;
    odd_multiples.get(index).filter(|_| digit != 0)
}

/// Q, 3·Q, 5·Q, …
fn odd_multiples<F: PrimeField>(q: Affine<F>) -> [Jacobian<F>; MULTIPLES_OF_Q] {
    let mut last = Jacobian::from_affine(q);
    let twice = last.double();
    let mut multiples = [last; MULTIPLES_OF_Q];
    for multiple in multiples.iter_mut().skip(1) {
        // Q's order is a long prime, so none of these is the point at infinity.
        last = last.add(&twice).unwrap_or(last);
        *multiple = last;
    }
    multiples
}

/// A number in signed digits, of which none is even but zero; of any `width` in a row at most one is not zero.
struct Digits {
    /// The lowest first.
    digits: [i8; DIGITS],
}

impl Digits {
    /// Algorithm 3.35, a window at a time. `width` is at most 8.
    fn new(number: &[u8], width: u32) -> Self {
        let bit = |place: u32| {
            let byte = number.iter().rev().nth((place / 8) as usize);
            byte.map_or(0, |byte| (byte >> (place % 8)) & 1)
        };
        let mut digits = [0; DIGITS];
        let mut carry = 0;
        let bits = number.len().saturating_mul(8).saturating_add(1);
        let mut places = digits.iter_mut().take(bits).zip(0..);
        while let Some((digit, place)) = places.next() {
            if bit(place) == carry {
                continue;
            }
            let window = (0..width).fold(0, |window, higher| {
                window | i32::from(bit(place.saturating_add(higher))) << higher
            });
            let value = window.saturating_add(carry.into());
            carry = u8::from(value >> width.saturating_sub(1) != 0);
            // At most half of 256 above or below zero.
            *digit = value.wrapping_sub(i32::from(carry) << width) as i8;
            if let Some(skipped) = width.checked_sub(2) {
                places.nth(skipped as usize);
            }
        }
        Self { digits }
    }
}

#[cfg(test)]
mod tests {
    use super::super::arithmetic::Arithmetic;
    use super::*;
    use std::vec::Vec;

    /// Scalars at the edges of windows and of the order, and some that look random.
    fn scalars<S: PrimeField>() -> Vec<S> {
        let mut all: Vec<S> = [0, 1, 15, 17, 127, 128].map(S::from).to_vec();
        // Long runs of ones and zeros.
        all.extend([3, 65_535].map(|d| S::from(d).invert().unwrap()));
        let negative: Vec<S> = all.iter().map(|s| -*s).collect();
        all.extend(negative);
        all
    }

    fn agrees_with_the_library<C: Arithmetic + FieldArithmetic>() {
        let multiples = work_out::<C>();
        let generator = ProjectivePoint::<C>::generator();
        // With these, equal and opposite points meet on the way, and sums end at infinity.
        let keys = [1, 2, 12_345].map(Scalar::<C>::from);
        for d in keys.into_iter().flat_map(|d| [d, -d]) {
            let q = generator * d;
            let affine = coordinates::<C>(&q.to_affine()).unwrap();
            for u in scalars::<Scalar<C>>() {
                for v in scalars::<Scalar<C>>() {
                    let expected = generator * (u + v * d);
                    let sum = sum(&multiples, &u.to_repr(), &v.to_repr(), affine);
                    match sum {
                        None => assert!(bool::from(expected.is_identity())),
                        Some(sum) => {
                            let (x, y) = coordinates::<C>(&expected.to_affine()).unwrap();
                            assert!(sum.has_x(x));
                            assert_eq!(sum.x(), Some(x));
                            assert!(!sum.has_x(x + C::FieldElement::ONE));
                            assert_eq!(sum.y, y * sum.z.square() * sum.z);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn sums_on_p256_are_the_librarys() {
        agrees_with_the_library::<p256::NistP256>();
    }

    #[cfg(feature = "tpm-p224")]
    #[test]
    fn sums_on_p224_are_the_librarys() {
        agrees_with_the_library::<p224::NistP224>();
    }

    #[cfg(feature = "tpm-sm")]
    #[test]
    fn sums_on_sm2_are_the_librarys() {
        agrees_with_the_library::<sm2::Sm2>();
    }

    #[cfg(feature = "tpm-p384")]
    #[test]
    fn sums_on_p384_are_the_librarys() {
        agrees_with_the_library::<p384::NistP384>();
    }

    #[cfg(feature = "tpm-p521")]
    #[test]
    fn sums_on_p521_are_the_librarys() {
        agrees_with_the_library::<p521::NistP521>();
    }

    #[test]
    fn digits_make_up_the_number_and_keep_their_distance() {
        for width in [WIDTH_Q, WIDTH_G] {
            for number in (0..=u16::MAX).chain([1, 0xfffe]) {
                let digits = Digits::new(&number.to_be_bytes(), width).digits;
                let value = digits
                    .iter()
                    .take(40)
                    .rev()
                    .fold(0, |value, digit| 2 * value + i64::from(*digit));
                assert_eq!(value, i64::from(number));
                let places: Vec<_> = (0..DIGITS).filter(|place| digits[*place] != 0).collect();
                assert!(places.iter().all(|place| digits[*place] & 1 == 1));
                assert!(
                    places
                        .windows(2)
                        .all(|pair| pair[1] - pair[0] >= width as usize)
                );
                let most = 1 << (width - 1);
                assert!(digits.iter().all(|digit| i32::from(*digit).abs() < most));
            }
        }
    }
}
