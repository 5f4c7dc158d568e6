//! "Yes" as a number that needs many flipped bits.
//!
//! A glitched processor skips instructions and flips bits. So the outcome of a check in the boot
//! decision is one of two complementary words, success is never all zeros or all ones, and what
//! matters is asked twice in different forms. This does not stop a determined laboratory; it stops
//! a single skipped branch.

use core::hint::black_box;

/// The outcome of one check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision(u32);

impl Decision {
    const YES: u32 = 0x3ca5_965a;
    const NO: u32 = !Self::YES;
    const HALF: u32 = 0x5b1d_c2e7;

    /// The word for `holds`.
    pub(crate) fn of(holds: bool) -> Self {
        Self(if black_box(holds) {
            Self::YES
        } else {
            Self::NO
        })
    }

    /// The word for a check that is made twice: each time gives half of the word, so that no single
    /// instruction decides.
    #[inline(never)]
    pub(crate) fn twice(check: impl Fn() -> bool) -> Self {
        let first = if black_box(check()) { Self::HALF } else { 0 };
        let second = if black_box(black_box(&check)()) {
            Self::YES.wrapping_sub(Self::HALF)
        } else {
            0
        };
        Self(black_box(first).wrapping_add(black_box(second)))
    }

    /// The word for two decisions: "yes" only if both words are.
    pub(crate) fn both(one: Self, other: Self) -> Self {
        Self(black_box(one.0) & black_box(other.0))
    }

    /// Whether the word is exactly "yes", compared in both polarities.
    pub(crate) fn is_yes(self) -> bool {
        black_box(self.0) == Self::YES && !black_box(self.0) == Self::NO
    }

    /// Compares all bytes, without an early end, in both polarities.
    pub(crate) fn equal(left: &[u8], right: &[u8]) -> Self {
        let mut difference = 0u8;
        let mut agreement = 0xffu8;
        for (a, b) in left.iter().zip(right) {
            difference |= black_box(*a) ^ *b;
            agreement &= !(black_box(*b) ^ *a);
        }
        let same_length = left.len() == right.len() && !left.is_empty();
        Self::of(same_length && difference == 0 && black_box(agreement) == 0xff)
    }
}

/// Which of the device's keys signed: a bit for each, and the sum of their decisions. A bit that no decision
/// stands behind leaves the wrong sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    keys: u32,
    sum: u32,
}

impl Tally {
    pub(crate) const fn new() -> Self {
        Self { keys: 0, sum: 0 }
    }

    /// Enters that key `key` (below 32) signed. It counts once.
    pub(crate) fn enter(&mut self, key: u32, decision: Decision) {
        let bit = 1_u32.wrapping_shl(key);
        if decision.is_yes() && self.keys & bit == 0 {
            self.keys |= bit;
            self.sum = black_box(self.sum).wrapping_add(black_box(decision.0).rotate_left(key));
        }
    }

    /// The keys, bit by bit; none if they are not what the sum says.
    pub(crate) fn keys(&self) -> u32 {
        let (mut left, mut sum, mut word) = (black_box(self.keys), 0_u32, Decision::YES);
        while left != 0 {
            if left & 1 == 1 {
                sum = sum.wrapping_add(word);
            }
            left >>= 1;
            word = word.rotate_left(1);
        }
        if sum == black_box(self.sum) {
            self.keys
        } else {
            0
        }
    }
}

/// Counts what was proven on the way to a verdict: a skipped step leaves the wrong sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger(u32);

/// The steps that every image must have passed. Their sum is what [`Ledger::is_complete`] expects.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(crate) enum Step {
    Hash = 0x1b87_93d5,
    Signature = 0x2d4e_6c39,
    Counter = 0x1793_a58e,
    Rules = 0x0e6c_5b27,
}

impl Ledger {
    const COMPLETE: u32 = (Step::Hash as u32)
        .wrapping_add(Step::Signature as u32)
        .wrapping_add(Step::Counter as u32)
        .wrapping_add(Step::Rules as u32);

    pub(crate) const fn new() -> Self {
        Self(0)
    }

    /// Enters a step that was decided.
    pub(crate) fn enter(&mut self, step: Step, decision: Decision) {
        if decision.is_yes() {
            self.0 = black_box(self.0).wrapping_add(step as u32);
        }
    }

    /// Whether every step was entered, each once.
    pub(crate) fn is_complete(&self) -> bool {
        black_box(self.0) == Self::COMPLETE && black_box(!self.0) == !Self::COMPLETE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_differ_in_every_bit_and_neither_is_trivial() {
        assert_eq!(Decision::YES ^ Decision::NO, u32::MAX);
        assert_eq!(Decision::YES.count_ones(), 16);
        assert!(Decision::of(true).is_yes());
        assert!(!Decision::of(false).is_yes());
        for bit in 0..32 {
            assert!(!Decision(Decision::YES ^ (1 << bit)).is_yes());
            assert!(!Decision(Decision::NO ^ (1 << bit)).is_yes());
        }
        assert!(!Decision(0).is_yes() && !Decision(u32::MAX).is_yes());
    }

    #[test]
    fn both_is_yes_only_of_two() {
        for (one, other) in [(false, false), (false, true), (true, false), (true, true)] {
            let both = Decision::both(Decision::of(one), Decision::of(other));
            assert_eq!(both.is_yes(), one && other);
        }
    }

    #[test]
    fn a_check_made_twice_must_hold_twice() {
        use core::cell::Cell;
        for answers in 0..4u8 {
            let asked = Cell::new(0);
            let decision = Decision::twice(|| {
                let answer = answers >> asked.get() & 1 == 1;
                asked.set(asked.get() + 1);
                answer
            });
            assert_eq!(asked.get(), 2);
            assert_eq!(decision.is_yes(), answers == 3, "{answers:02b}");
        }
    }

    #[test]
    fn equality_needs_the_same_length_and_bytes() {
        assert!(Decision::equal(b"abc", b"abc").is_yes());
        assert!(!Decision::equal(b"abc", b"abd").is_yes());
        assert!(!Decision::equal(b"abc", b"ab").is_yes());
        assert!(!Decision::equal(b"ab", b"abc").is_yes());
        assert!(
            !Decision::equal(b"", b"").is_yes(),
            "nothing compared is not a proof"
        );
    }

    #[test]
    fn a_tally_has_each_key_once_and_none_without_its_decision() {
        let mut tally = Tally::new();
        assert_eq!(tally.keys(), 0);
        for key in [0, 3, 31, 3] {
            tally.enter(key, Decision::of(true));
            tally.enter(key + 1, Decision::of(false));
        }
        let keys = 1 | 1 << 3 | 1 << 31;
        assert_eq!(tally.keys(), keys);
        for bit in 0..32 {
            let (keys, sum) = (tally.keys ^ 1 << bit, tally.sum ^ 1 << bit);
            assert_eq!(Tally { keys, ..tally }.keys(), 0);
            assert_eq!(Tally { sum, ..tally }.keys(), 0);
        }
    }

    #[test]
    fn a_ledger_is_complete_only_with_each_step_once() {
        let steps = [Step::Hash, Step::Signature, Step::Counter, Step::Rules];
        for mask in 0..16u32 {
            let mut ledger = Ledger::new();
            for (index, step) in steps.iter().enumerate() {
                ledger.enter(*step, Decision::of(mask >> index & 1 == 1));
            }
            assert_eq!(ledger.is_complete(), mask == 15);
        }
        let mut twice = Ledger::new();
        for step in [
            Step::Hash,
            Step::Hash,
            Step::Signature,
            Step::Counter,
            Step::Rules,
        ] {
            twice.enter(step, Decision::of(true));
        }
        assert!(!twice.is_complete());
    }
}
