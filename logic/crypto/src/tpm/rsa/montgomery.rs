//! Powers with a secret exponent, in constant time: the library's numbers, with a product of our own that takes
//! two thirds of the time on 64-bit hosts. All that RSA's private side and its search do is this.
//!
//! P. L. Montgomery, "Modular multiplication without trial division", Mathematics of Computation 44 (1985); the
//! interleaved form of Koç, Acar and Kaliski, IEEE Micro 16 (1996), there called CIOS.

use crypto_bigint::modular::FixedMontyForm;
use crypto_bigint::{Uint, Word};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// Bits of the exponent taken at once.
const WINDOW_BITS: u32 = 4;
const WINDOW: usize = 1 << WINDOW_BITS;

/// `base` to the power of `exponent`; all bits of it are looked at, and all powers for each window.
pub(super) fn power<const LIMBS: usize>(
    base: &FixedMontyForm<LIMBS>,
    exponent: &Uint<LIMBS>,
) -> FixedMontyForm<LIMBS> {
    let params = base.params();
    let field = Field {
        n: params.modulus().as_ref().to_words(),
        negative_inverse: params.mod_neg_inv().0,
    };
    let one = params.one().to_words();
    let base = Zeroizing::new(base.as_montgomery().to_words());
    let mut powers = Zeroizing::new([one; WINDOW]);
    let mut last = Zeroizing::new(one);
    for power in powers.iter_mut().skip(1) {
        *last = field.multiply(&last, &base);
        *power = *last;
    }
    let mut result = Zeroizing::new(one);
    let mut factor = Zeroizing::new([0; LIMBS]);
    for word in Zeroizing::new(exponent.to_words()).iter().rev() {
        for place in (0..Word::BITS / WINDOW_BITS).rev() {
            for _ in 0..WINDOW_BITS {
                *result = field.multiply(&result, &result);
            }
            let digit = (word >> (place * WINDOW_BITS)) & (WINDOW as Word - 1);
            for (power, index) in powers.iter().zip(0..) {
                let wanted = digit.ct_eq(&index);
                for (to, from) in factor.iter_mut().zip(power) {
                    to.conditional_assign(from, wanted);
                }
            }
            *result = field.multiply(&result, &factor);
        }
    }
    FixedMontyForm::from_montgomery(Uint::from_words(*result), params)
}

struct Field<const LIMBS: usize> {
    n: [Word; LIMBS],
    /// −1/n modulo 2 to the power of a word's bits.
    negative_inverse: Word,
}

impl<const LIMBS: usize> Field<LIMBS> {
    /// a·b/R mod n, for a and b below n.
    #[inline(never)]
    fn multiply(&self, a: &[Word; LIMBS], b: &[Word; LIMBS]) -> [Word; LIMBS] {
        let mut sum = [0; LIMBS];
        let mut top = 0;
        let Some((n_0, n)) = self.n.split_first() else {
            return sum;
        };
        for &digit in a {
            let mut carry = 0;
            for (to, b) in sum.iter_mut().zip(b) {
                (*to, carry) = step(*to, digit, *b, carry);
            }
            let (high, over) = carry.overflowing_add(top);
            // A multiple of n that makes the lowest word vanish, and one word down.
            let Some((mut to, rest)) = sum.split_first_mut() else {
                return sum;
            };
            let m = to.wrapping_mul(self.negative_inverse);
            let (_, mut carry) = step(*to, m, *n_0, 0);
            for (from, n) in rest.iter_mut().zip(n) {
                (*to, carry) = step(*from, m, *n, carry);
                to = from;
            }
            let (highest, more) = high.overflowing_add(carry);
            *to = highest;
            // The sum stays below 2n, so this is 0 or 1.
            top = Word::from(over | more);
        }
        self.reduced(&sum, top)
    }

    /// `sum`, or `sum` − n if that is not negative; `top` is the word above `sum`.
    fn reduced(&self, sum: &[Word; LIMBS], top: Word) -> [Word; LIMBS] {
        let mut less = [0; LIMBS];
        let mut borrow = false;
        for ((to, a), b) in less.iter_mut().zip(sum).zip(&self.n) {
            let (difference, first) = a.overflowing_sub(*b);
            let (difference, second) = difference.overflowing_sub(Word::from(borrow));
            (*to, borrow) = (difference, first | second);
        }
        // Nothing above, and a borrow: the sum was below n.
        let keep = (Word::from(borrow) & !top & 1).ct_eq(&1);
        for (to, from) in less.iter_mut().zip(sum) {
            to.conditional_assign(from, keep);
        }
        less
    }
}

/// `a` + `b`·`c` + `carry`, which always fits two words: the lower and the higher one.
#[inline(always)]
fn step(a: Word, b: Word, c: Word, carry: Word) -> (Word, Word) {
    b.carrying_mul_add(c, a, carry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_bigint::modular::FixedMontyParams;
    use crypto_bigint::{Odd, U512, U1024, U2048};

    /// Numbers that look random, the same each time.
    fn noise<const LIMBS: usize>(seed: u64) -> Uint<LIMBS> {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(99);
            (state ^ (state >> 29)) as Word
        };
        Uint::from_words([0; LIMBS].map(|_| next()))
    }

    fn agrees<const LIMBS: usize>(n: Uint<LIMBS>, base: Uint<LIMBS>, exponent: Uint<LIMBS>) {
        let n = Odd::new(n.bitor(&Uint::ONE)).unwrap();
        let params = FixedMontyParams::new_vartime(n);
        let base = FixedMontyForm::new(&base.rem(n.as_nz_ref()), &params);
        assert_eq!(power(&base, &exponent), base.pow(&exponent));
    }

    fn sweep<const LIMBS: usize>() {
        let top = Uint::<LIMBS>::ONE.shl(Uint::<LIMBS>::BITS - 1);
        for seed in 0..8 {
            let n = noise::<LIMBS>(seed).bitor(&top);
            agrees(n, noise(seed + 100), noise(seed + 200));
        }
        // Carries at their longest: a modulus of ones, one just above half; numbers at the ends.
        for n in [Uint::MAX, top] {
            let less_one = n.bitor(&Uint::ONE).wrapping_sub(&Uint::ONE);
            for base in [Uint::ZERO, Uint::ONE, less_one, Uint::MAX, noise(7)] {
                for exponent in [Uint::ZERO, Uint::ONE, Uint::MAX, less_one] {
                    agrees(n, base, exponent);
                }
            }
        }
    }

    #[test]
    fn powers_of_512_bits_are_the_librarys() {
        sweep::<{ U512::LIMBS }>();
    }

    #[test]
    fn powers_of_1024_bits_are_the_librarys() {
        sweep::<{ U1024::LIMBS }>();
    }

    #[test]
    fn powers_of_2048_bits_are_the_librarys() {
        sweep::<{ U2048::LIMBS }>();
    }
}
