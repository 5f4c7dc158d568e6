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

    /// The word for `holds`.
    pub(crate) fn of(holds: bool) -> Self {
        Self(if black_box(holds) {
            Self::YES
        } else {
            Self::NO
        })
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
