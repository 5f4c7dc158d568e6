//! Powers with a secret exponent, in constant time: the library's numbers, with a product of our own that takes
//! two thirds of the time on 64-bit hosts. All that RSA's private side and its search do is this.
//!
//! P. L. Montgomery, "Modular multiplication without trial division", Mathematics of Computation 44 (1985); the
//! interleaved form of Koç, Acar and Kaliski, IEEE Micro 16 (1996), there called CIOS.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Limb, Odd, Uint, Word};
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
    let field = Field::new(params);
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
                *result = field.square(&result);
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

/// 2 to the power of `exponent`, likewise: what finding primes takes its time with. A multiplication by a power of two
/// costs next to nothing.
///
/// It is one step of Montgomery's product, by which a number is divided by 2^w too, w being a word's bits. So a digit d
/// of the exponent stands for d − w. The number Σ w·16^i is added to the exponent to make up for that. With w = 64 it is
/// 4·16^k + 44…40 for k hexadecimal digits, with w = 32 it is 2·16^k + 22…20: the part above k digits goes into the start.
pub(super) fn power_of_two<const LIMBS: usize>(
    exponent: &Uint<LIMBS>,
    params: &FixedMontyParams<LIMBS>,
) -> FixedMontyForm<LIMBS> {
    let field = Field::new(params);
    let above = Word::BITS / 16;
    let makes_up = Uint::<LIMBS>::from_words([Word::MAX / 15 * Word::from(above as u8); LIMBS])
        .wrapping_sub(&Uint::from(above));
    let (digits, carry) = exponent.carrying_add(&makes_up, Limb::ZERO);
    let digits = Zeroizing::new(digits.to_words());
    let mut result = Zeroizing::new(params.one().to_words());
    for _ in 0..above {
        *result = field.double(&result);
    }
    let doubled = Zeroizing::new(field.double(&result));
    let wanted = carry.0.ct_eq(&1);
    for (to, from) in result.iter_mut().zip(doubled.iter()) {
        to.conditional_assign(from, wanted);
    }
    for word in digits.iter().rev() {
        for place in (0..Word::BITS / WINDOW_BITS).rev() {
            for _ in 0..WINDOW_BITS {
                *result = field.square(&result);
            }
            let digit = (word >> (place * WINDOW_BITS)) & (WINDOW as Word - 1);
            *result = field.shift(&result, digit);
        }
    }
    FixedMontyForm::from_montgomery(Uint::from_words(*result), params)
}

/// `base` to the power of a small public exponent, left to right: those in use have two bits set.
pub(super) fn small_power<const LIMBS: usize>(
    base: &FixedMontyForm<LIMBS>,
    exponent: u32,
) -> FixedMontyForm<LIMBS> {
    let params = base.params();
    let field = Field::new(params);
    let base = Zeroizing::new(base.as_montgomery().to_words());
    let mut power = Zeroizing::new(*base);
    for bit in (0..exponent.checked_ilog2().unwrap_or(0)).rev() {
        *power = field.square(&power);
        if (exponent >> bit) & 1 == 1 {
            *power = field.multiply(&power, &base);
        }
    }
    FixedMontyForm::from_montgomery(Uint::from_words(*power), params)
}

/// `base` to the power of a small exponent modulo `n`, where all are public and `base` is below `n`. Less is worked out
/// beforehand than the library's form wants.
pub(super) fn public_power<const LIMBS: usize>(
    base: &Uint<LIMBS>,
    exponent: u32,
    n: &Odd<Uint<LIMBS>>,
) -> Uint<LIMBS> {
    let field = Field {
        n: n.as_ref().to_words(),
        negative_inverse: negative_inverse(n.as_ref().to_words().first().copied().unwrap_or(1)),
    };
    let base_form = Uint::rem_wide_vartime((Uint::ZERO, *base), n.as_nz_ref()).to_words();
    let mut power = base_form;
    // The last product, by the base as it is, is out of Montgomery's form; exponents are odd.
    for bit in (1..exponent.checked_ilog2().unwrap_or(0)).rev() {
        power = field.square(&power);
        if (exponent >> bit) & 1 == 1 {
            power = field.multiply(&power, &base_form);
        }
    }
    power = field.square(&power);
    Uint::from_words(field.multiply(&power, &base.to_words()))
}

/// −1/n modulo 2 to the power of a word's bits, for n odd: each round doubles the bits that are right, which are three
/// at first.
fn negative_inverse(n: Word) -> Word {
    let mut inverse = n;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul((2 as Word).wrapping_sub(n.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg()
}

struct Field<const LIMBS: usize> {
    n: [Word; LIMBS],
    /// −1/n modulo 2 to the power of a word's bits.
    negative_inverse: Word,
}

impl<const LIMBS: usize> Field<LIMBS> {
    fn new(params: &FixedMontyParams<LIMBS>) -> Self {
        Self {
            n: params.modulus().as_ref().to_words(),
            negative_inverse: params.mod_neg_inv().0,
        }
    }

    /// a·b/R mod n, for a and b below n.
    #[inline(never)]
    fn multiply(&self, a: &[Word; LIMBS], b: &[Word; LIMBS]) -> [Word; LIMBS] {
        let mut sum = [0; LIMBS];
        let mut top: Word = 0;
        for &digit in a {
            let mut carry = 0;
            for (to, b) in sum.iter_mut().zip(b) {
                (*to, carry) = step(*to, digit, *b, carry);
            }
            let (high, over) = carry.overflowing_add(top);
            // The sum stays below 2n, so what is above is 0 or 1.
            top = Word::from(over).wrapping_add(self.one_word_down(&mut sum, high));
        }
        self.reduced(&sum, top)
    }

    /// a·a/R mod n: as the product, but what two words of `a` give in both orders is worked out once.
    #[inline(never)]
    fn square(&self, a: &[Word; LIMBS]) -> [Word; LIMBS] {
        let mut twice = [0; LIMBS];
        let mut bit = 0;
        for (to, from) in twice.iter_mut().zip(a) {
            (*to, bit) = (from << 1 | bit, from >> (Word::BITS - 1));
        }
        let all_if_set = (0 as Word).wrapping_sub(bit);
        let mut sum = [0; LIMBS];
        let mut top: Word = 0;
        let mut twice = twice.as_slice();
        // What word i of `a` gives begins at word 2i, and stands i words down when it is its turn.
        for (place, &digit) in a.iter().enumerate() {
            let here = sum.get_mut(place..).and_then(<[Word]>::split_first_mut);
            let (Some((own, above)), Some((_, rest))) = (here, twice.split_first()) else {
                break;
            };
            twice = rest;
            let mut carry;
            (*own, carry) = step(*own, digit, digit, 0);
            let mut over = 0;
            if let Some(((first, above), (lowest, rest))) =
                above.split_first_mut().zip(twice.split_first())
            {
                // Without the bit from the word below: that is `digit` itself.
                (*first, carry) = step(*first, digit, lowest & !1, carry);
                carry = add_product(above, digit, rest, carry);
                over = digit & all_if_set;
            }
            let (high, one) = carry.overflowing_add(top);
            let (high, two) = high.overflowing_add(over);
            // The sum stays below 3n.
            top = Word::from(one)
                .wrapping_add(Word::from(two))
                .wrapping_add(self.one_word_down(&mut sum, high));
        }
        self.reduced(&sum, top)
    }

    /// a·2^digit/2^w mod n, for a below n, a digit of the window and w bits in a word.
    fn shift(&self, a: &[Word; LIMBS], digit: Word) -> [Word; LIMBS] {
        let factor = 1 << digit;
        let mut sum = *a;
        let mut carry = 0;
        for to in &mut sum {
            (*to, carry) = step(0, factor, *to, carry);
        }
        let top = self.one_word_down(&mut sum, carry);
        self.reduced(&sum, top)
    }

    /// 2·a mod n.
    fn double(&self, a: &[Word; LIMBS]) -> [Word; LIMBS] {
        let mut sum = *a;
        let mut bit = 0;
        for to in &mut sum {
            (*to, bit) = (*to << 1 | bit, *to >> (Word::BITS - 1));
        }
        self.reduced(&sum, bit)
    }

    /// Adds the multiple of n that makes the lowest word vanish, and drops that word; `high` is the word above `sum`.
    /// Gives what is above the highest word then, 0 or 1.
    #[inline(always)]
    fn one_word_down(&self, sum: &mut [Word; LIMBS], high: Word) -> Word {
        let Some(((mut to, rest), (n_0, n))) = sum.split_first_mut().zip(self.n.split_first())
        else {
            return 0;
        };
        let m = to.wrapping_mul(self.negative_inverse);
        let (_, mut carry) = step(*to, m, *n_0, 0);
        for (from, n) in rest.iter_mut().zip(n) {
            (*to, carry) = step(*from, m, *n, carry);
            to = from;
        }
        let (highest, more) = high.overflowing_add(carry);
        *to = highest;
        Word::from(more)
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

/// Adds `digit`·`b` to `to`, which is as long; gives what is above. Short loops of known length take less than one of
/// unknown length.
#[inline(always)]
fn add_product(to: &mut [Word], digit: Word, b: &[Word], mut carry: Word) -> Word {
    let (to_eights, to) = to.as_chunks_mut::<8>();
    let (b_eights, b) = b.as_chunks::<8>();
    for (to, b) in to_eights.iter_mut().zip(b_eights) {
        carry = add_chunk(to, digit, b, carry);
    }
    let (to_fours, to) = to.as_chunks_mut::<4>();
    let (b_fours, b) = b.as_chunks::<4>();
    if let Some((to, b)) = to_fours.first_mut().zip(b_fours.first()) {
        carry = add_chunk(to, digit, b, carry);
    }
    let (to_twos, to) = to.as_chunks_mut::<2>();
    let (b_twos, b) = b.as_chunks::<2>();
    if let Some((to, b)) = to_twos.first_mut().zip(b_twos.first()) {
        carry = add_chunk(to, digit, b, carry);
    }
    if let Some((to, b)) = to.first_mut().zip(b.first()) {
        (*to, carry) = step(*to, digit, *b, carry);
    }
    carry
}

#[inline(always)]
fn add_chunk<const N: usize>(
    to: &mut [Word; N],
    digit: Word,
    b: &[Word; N],
    mut carry: Word,
) -> Word {
    for (to, b) in to.iter_mut().zip(b) {
        (*to, carry) = step(*to, digit, *b, carry);
    }
    carry
}

/// `a` + `b`·`c` + `carry`, which always fits two words: the lower and the higher one.
#[inline(always)]
fn step(a: Word, b: Word, c: Word, carry: Word) -> (Word, Word) {
    b.carrying_mul_add(c, a, carry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_bigint::{U512, U1024, U2048};

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
        let two = FixedMontyForm::one(&params).double();
        assert_eq!(power_of_two(&exponent, &params), two.pow(&exponent));
        for exponent in [3, 65_537, u32::MAX] {
            let expected = base.pow(&Uint::<1>::from_u32(exponent));
            assert_eq!(small_power(&base, exponent), expected);
            let public = public_power(&base.retrieve(), exponent, &n);
            assert_eq!(public, expected.retrieve());
        }
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
