//! Powers with a secret exponent, in constant time: the library's numbers, with a product of our own that takes
//! two thirds of the time on 64-bit hosts. All that RSA's private side and its search do is this.
//!
//! P. L. Montgomery, "Modular multiplication without trial division", Mathematics of Computation 44 (1985). The whole
//! product comes first, then the reduction (Koç, Acar and Kaliski, IEEE Micro 16, 1996, there called SOS), each by two rows
//! at once. Lengths are even numbers of words.

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

/// One of two powers that are worked out together.
pub(super) struct Power<'a, const LIMBS: usize> {
    /// Below the modulus.
    pub(super) base: &'a Uint<LIMBS>,
    pub(super) exponent: &'a Uint<LIMBS>,
    /// May be a secret, too.
    pub(super) modulus: &'a Odd<Uint<LIMBS>>,
}

/// Both powers, as [`power`] has them.
pub(super) fn both<const LIMBS: usize>(
    powers: [Power<'_, LIMBS>; 2],
) -> [Zeroizing<Uint<LIMBS>>; 2] {
    powers.map(|one| {
        let params = Zeroizing::new(FixedMontyParams::new(*one.modulus));
        let base = Zeroizing::new(FixedMontyForm::new(one.base, &params));
        Zeroizing::new(Zeroizing::new(power(&base, one.exponent)).retrieve())
    })
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

/// `base` to the power of a small public exponent modulo a public number, left to right: those in use have few bits set.
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
        let mut product = [[0; LIMBS]; 2];
        let mut row = product.as_flattened_mut();
        for &[x, y] in a.as_chunks::<2>().0 {
            add_two_rows(row, x, y, b, 0);
            row = row.get_mut(2..).unwrap_or_default();
        }
        self.divided(product)
    }

    /// a·a/R mod n: as the product, but what two words of `a` give in both orders is worked out once.
    #[inline(never)]
    fn square(&self, a: &[Word; LIMBS]) -> [Word; LIMBS] {
        let mut product = [[0; LIMBS]; 2];
        let mut row = product.as_flattened_mut().get_mut(1..).unwrap_or_default();
        let mut rest = a.as_slice();
        while let Some((&[x, y], above)) = rest.split_first_chunk::<2>()
            && let Some((first, next)) = row.split_first_mut()
        {
            let carry;
            (*first, carry) = step(*first, x, y, 0);
            add_two_rows(next, x, y, above, carry);
            row = next.get_mut(3..).unwrap_or_default();
            rest = above;
        }
        // Twice that, and the squares of the words.
        let (mut bit, mut carry) = (0, 0);
        let (pairs, _) = product.as_flattened_mut().as_chunks_mut::<2>();
        for ([low, high], &word) in pairs.iter_mut().zip(a) {
            let twice = [*low << 1 | bit, *high << 1 | *low >> (Word::BITS - 1)];
            bit = *high >> (Word::BITS - 1);
            let more;
            (*low, more) = step(twice[0], word, word, carry);
            let over;
            (*high, over) = twice[1].overflowing_add(more);
            carry = Word::from(over);
        }
        self.divided(product)
    }

    /// `product`/R mod n, for a product below n·R: adds the multiple of n that makes the lower half vanish, two words of
    /// that multiple at once.
    #[inline(always)]
    fn divided(&self, [mut sum, mut above]: [[Word; LIMBS]; 2]) -> [Word; LIMBS] {
        let mut top = 0;
        for pair in above.as_chunks_mut::<2>().0 {
            top = self.two_words_down(&mut sum, pair, top);
        }
        self.reduced(&sum, top)
    }

    /// Adds the multiple of n that makes the two lowest words of `sum` vanish, and drops them; `next` are the two words
    /// above `sum`, `top` is to be added to the first of them. Gives what is above them then.
    #[inline(always)]
    fn two_words_down(&self, sum: &mut [Word; LIMBS], next: &[Word; 2], top: Word) -> Word {
        let (Some((&[n_0, n_1], n)), Some(([first, second], rest))) =
            (self.n.split_first_chunk(), sum.split_first_chunk_mut())
        else {
            return 0;
        };
        let (mut to, mut following) = (first, second);
        let m_0 = to.wrapping_mul(self.negative_inverse);
        let (_, carry) = step(*to, m_0, n_0, 0);
        let (word, mut carry_0) = step(*following, m_0, n_1, carry);
        let m_1 = word.wrapping_mul(self.negative_inverse);
        let (_, mut carry_1) = step(word, m_1, n_0, 0);
        let mut before = n_1;
        for (from, &n) in rest.iter_mut().zip(n) {
            let word;
            (word, carry_0) = step(*from, m_0, n, carry_0);
            (*to, carry_1) = step(word, m_1, before, carry_1);
            before = n;
            to = core::mem::replace(&mut following, from);
        }
        let (word, one) = next[0].overflowing_add(top);
        let (word, two) = word.overflowing_add(carry_0);
        (*to, carry_1) = step(word, m_1, before, carry_1);
        let over = Word::from(one).wrapping_add(Word::from(two));
        let (word, one) = next[1].overflowing_add(over);
        let (word, two) = word.overflowing_add(carry_1);
        *following = word;
        Word::from(one).wrapping_add(Word::from(two))
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

/// Adds (x + y·2^w)·b + `carry` to `row`, w being a word's bits. `row` has zeros above the length of `b`: what stands
/// in two words there afterwards. Two rows at once load and store each word once.
#[inline(always)]
fn add_two_rows(row: &mut [Word], x: Word, y: Word, b: &[Word], carry: Word) {
    let Some((row, above)) = row.split_at_mut_checked(b.len()) else {
        return;
    };
    let (mut carry_x, mut carry_y, mut before) = (carry, 0, 0);
    for (to, &b) in row.iter_mut().zip(b) {
        let word;
        (word, carry_x) = step(*to, x, b, carry_x);
        (*to, carry_y) = step(word, y, before, carry_y);
        before = b;
    }
    if let Some([first, second]) = above.first_chunk_mut() {
        (*first, *second) = step(carry_x, y, before, carry_y);
    }
}

/// `a` + `b`·`c` + `carry`, which always fits two words: the lower and the higher one.
#[inline(always)]
fn step(a: Word, b: Word, c: Word, carry: Word) -> (Word, Word) {
    b.carrying_mul_add(c, a, carry)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crypto_bigint::{U512, U1024, U2048};

    /// Numbers that look random, the same each time.
    pub(in super::super) fn noise<const LIMBS: usize>(seed: u64) -> Uint<LIMBS> {
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

    /// Calls `check` with moduli, bases and exponents, of which some are at the ends of their range. A modulus may be even, a
    /// base above it.
    pub(in super::super) fn sweep<const LIMBS: usize>(
        check: impl Fn(Uint<LIMBS>, Uint<LIMBS>, Uint<LIMBS>),
    ) {
        let top = Uint::<LIMBS>::ONE.shl(Uint::<LIMBS>::BITS - 1);
        for seed in 0..8 {
            let n = noise::<LIMBS>(seed).bitor(&top);
            check(n, noise(seed + 100), noise(seed + 200));
        }
        // Carries at their longest: a modulus of ones, one just above half; numbers at the ends.
        for n in [Uint::MAX, top] {
            let less_one = n.bitor(&Uint::ONE).wrapping_sub(&Uint::ONE);
            for base in [Uint::ZERO, Uint::ONE, less_one, Uint::MAX, noise(7)] {
                for exponent in [Uint::ZERO, Uint::ONE, Uint::MAX, less_one] {
                    check(n, base, exponent);
                }
            }
        }
    }

    #[test]
    fn powers_of_512_bits_are_the_librarys() {
        sweep::<{ U512::LIMBS }>(agrees);
    }

    #[test]
    fn powers_of_1024_bits_are_the_librarys() {
        sweep::<{ U1024::LIMBS }>(agrees);
    }

    #[test]
    fn powers_of_2048_bits_are_the_librarys() {
        sweep::<{ U2048::LIMBS }>(agrees);
    }
}
