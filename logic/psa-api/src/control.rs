//! The control word of `psa_call`: message type and numbers of vectors in one register.
//!
//! Layout of TF-M (`tfm_psa_call_pack.h`):
//!
//! | bits | meaning |
//! |---|---|
//! | 0-15 | message type, signed |
//! | 16-18 | number of output vectors |
//! | 19 | outputs are in non-secure memory (mailbox agents only) |
//! | 24-26 | number of input vectors |
//! | 27 | inputs are in non-secure memory (mailbox agents only) |
//! | 31 | the vector arrays are in non-secure memory (mailbox agents only) |
//!
//! The three flags let a trusted agent in TF-M's secure world pass on a foreign request. We have no
//! such agent: whose memory is meant follows from who calls, never from what the caller says, so a
//! word with a flag or a reserved bit set is refused.

use crate::vector::MAX_VECTORS;

/// A valid control word: type not negative, at most [`MAX_VECTORS`] vectors in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    kind: u16,
    inputs: u8,
    outputs: u8,
}

const OUT_SHIFT: u32 = 16;
const IN_SHIFT: u32 = 24;
const COUNT_MASK: u32 = 0x7;

/// Set when the vector arrays lie in non-secure memory; refused here.
pub const NS_VECTOR_ARRAYS: u32 = 1 << 31;
/// Set when the inputs lie in non-secure memory; refused here.
pub const NS_INPUTS: u32 = 1 << 27;
/// Set when the outputs lie in non-secure memory; refused here.
pub const NS_OUTPUTS: u32 = 1 << 19;

const USED: u32 = 0xffff | COUNT_MASK << OUT_SHIFT | COUNT_MASK << IN_SHIFT;

impl Control {
    /// From its parts; nothing when the type is negative or does not fit 16 bits, or when there are
    /// more than [`MAX_VECTORS`] vectors.
    #[must_use]
    pub const fn new(kind: i32, inputs: usize, outputs: usize) -> Option<Self> {
        let fits = kind >= 0 && kind <= i16::MAX as i32;
        if !fits || inputs > MAX_VECTORS || outputs > MAX_VECTORS.saturating_sub(inputs) {
            return None;
        }
        Some(Self {
            kind: kind as u16,
            inputs: inputs as u8,
            outputs: outputs as u8,
        })
    }

    /// Takes a register apart; nothing when it breaks a rule of [`Control::new`] or has a bit set
    /// that must be zero.
    #[must_use]
    pub const fn parse(word: u32) -> Option<Self> {
        if word & !USED != 0 {
            return None;
        }
        let inputs = (word >> IN_SHIFT) & COUNT_MASK;
        let outputs = (word >> OUT_SHIFT) & COUNT_MASK;
        let kind = word as u16 as i16;
        Self::new(kind as i32, inputs as usize, outputs as usize)
    }

    /// The register.
    #[must_use]
    pub const fn word(self) -> u32 {
        (self.inputs as u32) << IN_SHIFT | (self.outputs as u32) << OUT_SHIFT | self.kind as u32
    }

    /// Message type, 0 to 32767.
    #[must_use]
    pub const fn kind(self) -> i32 {
        self.kind as i32
    }

    /// How many input vectors.
    #[must_use]
    pub const fn inputs(self) -> usize {
        self.inputs as usize
    }

    /// How many output vectors.
    #[must_use]
    pub const fn outputs(self) -> usize {
        self.outputs as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_words_survive_the_trip_over_all_values() {
        for kind in 0..=i32::from(i16::MAX) {
            for inputs in 0..=4usize {
                for outputs in 0..=4usize {
                    match Control::new(kind, inputs, outputs) {
                        Some(control) => {
                            assert_eq!(Control::parse(control.word()), Some(control));
                            assert_eq!(control.kind(), kind);
                            assert_eq!((control.inputs(), control.outputs()), (inputs, outputs));
                        }
                        None => assert!(inputs + outputs > 4),
                    }
                }
            }
        }
    }

    #[test]
    fn what_parses_is_what_was_written() {
        for word in (0..=u32::MAX).step_by(977) {
            if let Some(control) = Control::parse(word) {
                assert_eq!(control.word(), word);
            }
        }
    }

    #[test]
    fn negative_types_flags_and_too_many_vectors_are_refused() {
        let good = Control::new(1001, 2, 1).unwrap().word();
        assert_eq!(good, 0x0201_03e9);
        for flag in [
            NS_VECTOR_ARRAYS,
            NS_INPUTS,
            NS_OUTPUTS,
            1 << 20,
            1 << 23,
            1 << 28,
            1 << 30,
        ] {
            assert_eq!(Control::parse(good | flag), None);
        }
        assert_eq!(Control::parse(0x8000), None); // type -32768
        assert_eq!(Control::parse(0xffff), None); // type -1: PSA_IPC_CONNECT
        assert_eq!(Control::parse(0x0500_0000), None); // five inputs
        assert_eq!(Control::parse(0x0203_0000), None); // two and three
        assert_eq!(Control::new(-1, 0, 0), None);
        assert_eq!(Control::new(0x8000, 0, 0), None);
        assert_eq!(Control::new(0, usize::MAX, 1), None);
    }
}
