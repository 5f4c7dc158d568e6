//! Sets of commands.

use crate::rc::{Rc, Result};
use crate::table::{self, COMMANDS};
use crate::wire::{Input, Marshal, Output, Unmarshal};

/// The least command code (`TPM_CC_FIRST`).
const FIRST: u32 = 0x11f;
/// As many codes as there is room for: up to 0x1de.
const WORDS: usize = 3;
/// `MAX_CAP_CC`: codes in a list at most.
const MOST: u32 = 254;

/// A set of commands that there are. A code that names none is never in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Codes([u64; WORDS]);

impl Codes {
    /// None.
    pub(crate) const EMPTY: Self = Self([0; WORDS]);

    /// Just this one.
    pub(crate) const fn only(code: u32) -> Self {
        let mut words = [0; WORDS];
        let place = code.saturating_sub(FIRST) as usize;
        if place / 64 < WORDS {
            words[place / 64] = 1 << (place % 64);
        }
        Self(words)
    }

    /// Whether it is in the set.
    pub(crate) fn contains(&self, code: u32) -> bool {
        place(code)
            .and_then(|(word, bit)| self.0.get(word).map(|bits| bits & bit != 0))
            .unwrap_or(false)
    }

    /// The commands in the set from `from` on, in ascending order.
    pub(crate) fn from(self, from: u32) -> impl Iterator<Item = u32> {
        COMMANDS
            .iter()
            .map(|command| command.code())
            .filter(move |code| *code >= from && self.contains(*code))
    }

    /// With those of `other` that `allowed` allows.
    #[must_use]
    pub(crate) fn with(self, other: Self, allowed: impl Fn(u32) -> bool) -> Self {
        other
            .from(0)
            .filter(|code| allowed(*code))
            .fold(self, |set, code| set.changed(code, true))
    }

    /// Without those of `other` that `allowed` allows.
    #[must_use]
    pub(crate) fn without(self, other: Self, allowed: impl Fn(u32) -> bool) -> Self {
        other
            .from(0)
            .filter(|code| allowed(*code))
            .fold(self, |set, code| set.changed(code, false))
    }

    fn changed(mut self, code: u32, inside: bool) -> Self {
        let word = place(code).and_then(|(word, bit)| Some((self.0.get_mut(word)?, bit)));
        match word {
            Some((word, bit)) if inside => *word |= bit,
            Some((word, bit)) => *word &= !bit,
            None => {}
        }
        self
    }
}

fn place(code: u32) -> Option<(usize, u64)> {
    let place = code.checked_sub(FIRST)?;
    let word = usize::try_from(place / 64).ok()?;
    (word < WORDS).then_some((word, 1 << (place % 64)))
}

impl Marshal for Codes {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        self.0.iter().try_for_each(|word| out.put(word))
    }
}

impl Unmarshal for Codes {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let mut words = [0; WORDS];
        for word in &mut words {
            *word = input.get()?;
        }
        Ok(Self(words))
    }
}

/// `TPML_CC` as a command sends it.
pub(crate) struct CodeList {
    /// How many stood there, those that name no command among them.
    pub(crate) count: u32,
    /// Those that do.
    pub(crate) codes: Codes,
}

/// More than [`MOST`] is `SIZE`.
impl Unmarshal for CodeList {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let count: u32 = input.get()?;
        if count > MOST {
            return Err(Rc::SIZE);
        }
        let mut codes = Codes::EMPTY;
        for _ in 0..count {
            let code: u32 = input.get()?;
            if table::find(code).is_some() {
                codes = codes.changed(code, true);
            }
        }
        Ok(Self { count, codes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn list(codes: &[u32]) -> Vec<u8> {
        let mut bytes = (codes.len() as u32).to_be_bytes().to_vec();
        codes
            .iter()
            .for_each(|code| bytes.extend(code.to_be_bytes()));
        bytes
    }

    #[test]
    fn every_command_has_a_place_of_its_own() {
        for command in &COMMANDS {
            let only = Codes::only(command.code());
            assert_eq!(only.from(0).collect::<Vec<_>>(), [command.code()]);
        }
        assert!(!Codes::EMPTY.contains(0x140));
        assert!(!Codes::only(0x140).contains(0x11e));
        assert!(!Codes::only(0x140).contains(u32::MAX));
    }

    #[test]
    fn a_list_keeps_what_is_a_command_and_counts_the_rest() {
        let bytes = list(&[0x17b, 0x140, 0x123, 0, 0x2000_0000, 0x17b]);
        let read: CodeList = Input::new(&bytes).get().unwrap();
        assert_eq!(read.count, 6);
        assert_eq!(read.codes.from(0).collect::<Vec<_>>(), [0x140, 0x17b]);
        for len in 0..bytes.len() {
            assert!(Input::new(&bytes[..len]).get::<CodeList>().is_err());
        }
        let long = list(&[0x140; 255]);
        assert_eq!(
            Input::new(&long).get::<CodeList>().map(|_| ()).unwrap_err(),
            Rc::SIZE
        );
    }

    #[test]
    fn only_what_is_allowed_comes_in_or_goes_out() {
        let all = Codes::only(0x140).with(Codes::only(0x145), |_| true);
        assert_eq!(all.without(all, |code| code != 0x140), Codes::only(0x140));
        assert_eq!(
            Codes::EMPTY.with(all, |code| code != 0x145),
            Codes::only(0x140)
        );
    }
}
