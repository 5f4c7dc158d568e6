//! The public operation: small powers modulo the key's modulus, in variable time.
//!
//! Everything here is public, so this is plain schoolbook arithmetic over slices: one copy of the code
//! for all lengths, and a few numbers of stack. `crypto-bigint`'s constant-time forms, which private keys
//! keep to, take eight times the code and four times the stack for the same result; the tests hold one
//! against the other.
//!
//! P. L. Montgomery, "Modular multiplication without trial division", Mathematics of Computation 44
//! (1985); the interleaved form of Koç, Acar and Kaliski, IEEE Micro 16 (1996), there called FIOS.

use super::MAX_MODULUS_LEN;
use crate::CryptoError;
use core::cmp::Ordering;

/// 32-bit digits of the longest number.
const DIGITS: usize = MAX_MODULUS_LEN / 4;

/// A number of at most [`DIGITS`] digits, the lowest first.
type Number = [u32; DIGITS];

/// `output` = `base`^`exponent` mod `modulus`, all big-endian, all of one length.
///
/// The modulus must be odd with its highest bit set, and its length a multiple of 4.
/// [`CryptoError::Verification`] when `base` is not below it.
#[inline(never)]
pub(super) fn power(
    modulus: &[u8],
    exponent: u32,
    base: &[u8],
    output: &mut [u8],
) -> Result<(), CryptoError> {
    let [mut n, mut s, mut x, mut t] = [[0; DIGITS]; 4];
    let n = &*read(modulus, &mut n)?;
    let s = read(base, &mut s)?;
    let length = n.len();
    let (Some(mut x), Some(mut t)) = (x.get_mut(..length), t.get_mut(..length)) else {
        return Err(CryptoError::DataLength);
    };
    if compare(s, n).is_ge() || s.len() != length {
        return Err(CryptoError::Verification);
    }
    let field = Montgomery {
        n,
        negative_inverse: negative_inverse(n.first().copied().unwrap_or(1)),
    };

    // The Montgomery form of v is v·R, where R is 2 to the power of all bits. R mod n is R - n. From it
    // that of 2, and from that by square and multiply that of R itself, which takes others into the form.
    subtract(x, n);
    let bits = (length as u32).wrapping_mul(u32::BITS);
    for place in (0..u32::BITS.saturating_sub(bits.leading_zeros())).rev() {
        field.multiply(x, x, t);
        (x, t) = (t, x);
        if (bits >> place) & 1 == 1 {
            field.double(x);
        }
    }
    field.multiply(s, x, t);
    copy(s, t);

    // Left to right: the exponents in use have two bits set.
    copy(x, s);
    for place in (0..exponent.checked_ilog2().unwrap_or(0)).rev() {
        field.multiply(x, x, t);
        (x, t) = (t, x);
        if (exponent >> place) & 1 == 1 {
            field.multiply(x, s, t);
            (x, t) = (t, x);
        }
    }

    // Out of the form: times 1.
    s.fill(0);
    if let Some(lowest) = s.first_mut() {
        *lowest = 1;
    }
    field.multiply(x, s, t);
    write(t, output)
}

struct Montgomery<'n> {
    n: &'n [u32],
    /// -1/n modulo 2^32.
    negative_inverse: u32,
}

impl Montgomery<'_> {
    /// `product` = a·b/R mod n, for a and b below n; all as long as n.
    fn multiply(&self, a: &[u32], b: &[u32], product: &mut [u32]) {
        product.fill(0);
        let (Some((n_0, n)), Some((b_0, b))) = (self.n.split_first(), b.split_first()) else {
            return;
        };
        let mut top = 0;
        for &digit in a {
            // One pass: product = (product + digit·b + m·n) / 2^32, m such that the lowest digit vanishes.
            let Some((mut to, rest)) = product.split_first_mut() else {
                return;
            };
            let (low, mut carry) = step(*to, digit, *b_0, 0);
            let m = low.wrapping_mul(self.negative_inverse);
            let (_, mut reduced_carry) = step(low, m, *n_0, 0);
            for ((from, b), n) in rest.iter_mut().zip(b).zip(n) {
                let sum;
                (sum, carry) = step(*from, digit, *b, carry);
                (*to, reduced_carry) = step(sum, m, *n, reduced_carry);
                to = from;
            }
            // `top` is 0 or 1: product stays below 2n.
            let sum = u64::from(carry)
                .wrapping_add(u64::from(reduced_carry))
                .wrapping_add(top);
            *to = sum as u32;
            top = sum >> 32;
        }
        if top != 0 || compare(product, self.n).is_ge() {
            subtract(product, self.n);
        }
    }

    /// 2·`number` mod n, in place.
    fn double(&self, number: &mut [u32]) {
        let mut out = 0;
        for digit in number.iter_mut() {
            let shifted = (*digit << 1) | out;
            out = *digit >> 31;
            *digit = shifted;
        }
        if out != 0 || compare(number, self.n).is_ge() {
            subtract(number, self.n);
        }
    }
}

/// `a` + `b`·`c` + `carry`, which always fits two digits: the lower and the higher one.
#[inline(always)]
fn step(a: u32, b: u32, c: u32, carry: u32) -> (u32, u32) {
    let sum = u64::from(b)
        .wrapping_mul(u64::from(c))
        .wrapping_add(u64::from(a))
        .wrapping_add(u64::from(carry));
    (sum as u32, (sum >> 32) as u32)
}

/// -1/n modulo 2^32 for an odd n, by Newton's iteration: each step doubles the right bits, of which n
/// itself has three.
fn negative_inverse(n: u32) -> u32 {
    let mut inverse = n;
    for _ in 0..4 {
        inverse = inverse.wrapping_mul(2u32.wrapping_sub(n.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg()
}

/// `number` -= `other`, modulo 2 to the power of all bits.
fn subtract(number: &mut [u32], other: &[u32]) {
    let mut borrow = false;
    for (digit, other) in number.iter_mut().zip(other) {
        let (less, first) = digit.overflowing_sub(*other);
        let (less, second) = less.overflowing_sub(u32::from(borrow));
        borrow = first | second;
        *digit = less;
    }
}

fn compare(a: &[u32], b: &[u32]) -> Ordering {
    a.iter().rev().cmp(b.iter().rev())
}

/// The digits of a big-endian number, in the first places of `into`.
fn read<'n>(bytes: &[u8], into: &'n mut Number) -> Result<&'n mut [u32], CryptoError> {
    let (digits, []) = bytes.as_chunks::<4>() else {
        return Err(CryptoError::DataLength);
    };
    let into = into
        .get_mut(..digits.len())
        .ok_or(CryptoError::DataLength)?;
    for (to, from) in into.iter_mut().zip(digits.iter().rev()) {
        *to = u32::from_be_bytes(*from);
    }
    Ok(into)
}

fn write(number: &[u32], output: &mut [u8]) -> Result<(), CryptoError> {
    let (digits, []) = output.as_chunks_mut::<4>() else {
        return Err(CryptoError::DataLength);
    };
    if digits.len() != number.len() {
        return Err(CryptoError::DataLength);
    }
    for (to, from) in digits.iter_mut().zip(number.iter().rev()) {
        *to = from.to_be_bytes();
    }
    Ok(())
}

/// Copies as many limbs as the shorter of the two has; there is no length to get wrong.
fn copy(to: &mut [u32], from: &[u32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
    use crypto_bigint::{Odd, U2048, U3072, Uint};
    use sha2::{Digest as _, Sha256};

    /// `N` bytes that look random, the same each time.
    fn noise<const N: usize>(seed: u32) -> [u8; N] {
        let mut bytes = [0; N];
        for (chunk, place) in bytes.chunks_mut(32).zip(0u32..) {
            let mut hash = Sha256::new();
            hash.update(seed.to_be_bytes());
            hash.update(place.to_be_bytes());
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
        }
        bytes
    }

    fn agrees_with_the_library<const LIMBS: usize, const N: usize>(
        modulus: &[u8; N],
        base: &[u8; N],
        exponent: u32,
    ) {
        let n = Odd::new(Uint::<LIMBS>::from_be_slice(modulus)).unwrap();
        let params = FixedMontyParams::new_vartime(n);
        let form = FixedMontyForm::new(&Uint::from_be_slice(base), &params);
        let expected = form.pow(&Uint::<1>::from(exponent)).retrieve();
        let mut ours = [0; N];
        power(modulus, exponent, base, &mut ours).unwrap();
        assert_eq!(Uint::<LIMBS>::from_be_slice(&ours), expected);
    }

    fn sweep<const LIMBS: usize, const N: usize>() {
        for seed in 0..12 {
            let (mut modulus, mut base) = (noise::<N>(seed), noise::<N>(seed + 1000));
            modulus[0] |= 0x80;
            modulus[N - 1] |= 1;
            base[0] &= 0x7f;
            for exponent in [1, 2, 3, 17, 65_537, u32::MAX] {
                agrees_with_the_library::<LIMBS, N>(&modulus, &base, exponent);
            }
        }
        // Carries at their longest: a modulus of ones, one just above half, bases at the ends.
        let mut half = [0; N];
        half[0] = 0x80;
        half[N - 1] = 1;
        for modulus in [[0xff; N], half] {
            let mut largest = modulus;
            largest[N - 1] -= 1;
            let mut one = [0; N];
            one[N - 1] = 1;
            for base in [largest, one, [0; N]] {
                agrees_with_the_library::<LIMBS, N>(&modulus, &base, 65_537);
            }
        }
    }

    #[test]
    fn powers_of_2048_bits_are_the_librarys() {
        sweep::<{ U2048::LIMBS }, 256>();
    }

    #[test]
    fn powers_of_3072_bits_are_the_librarys() {
        sweep::<{ U3072::LIMBS }, 384>();
    }

    #[test]
    fn a_base_that_is_not_below_the_modulus_and_odd_lengths_are_refused() {
        let mut modulus = noise::<256>(1);
        modulus[0] |= 0x80;
        modulus[255] |= 1;
        let mut out = [0; 256];
        let mut above = modulus;
        above[0] = 0xff;
        for base in [modulus, above] {
            let refused = power(&modulus, 3, &base, &mut out);
            assert_eq!(refused, Err(CryptoError::Verification));
        }
        assert!(power(&modulus, 3, &[0; 252], &mut out).is_err());
        assert!(power(&modulus[..255], 3, &[0; 255], &mut out[..255]).is_err());
        assert!(power(&modulus, 3, &[0; 256], &mut out[..252]).is_err());
        assert!(power(&[0xff; 512], 3, &[0; 512], &mut [0; 512]).is_err());
    }
}
