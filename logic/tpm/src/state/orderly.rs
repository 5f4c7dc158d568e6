//! How the last shutdown was: what the next start may count on (Part 1, section 12.2.3).

/// What was said before power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orderly {
    /// Nothing: what lived in memory is lost, and guesses may have been cut short.
    No,
    /// Shutdown(CLEAR).
    Clear,
    /// Shutdown(STATE); a resume must find the same root of measurement.
    State {
        /// The firmware was measured by signals before Startup.
        measured: bool,
        /// Startup came from locality 3.
        locality_three: bool,
    },
}

impl Orderly {
    /// Its number in the record.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::No => 0,
            Self::Clear => 1,
            Self::State {
                measured,
                locality_three,
            } => 4 | measured as u8 | (locality_three as u8) << 1,
        }
    }

    /// The value of that number.
    pub(super) const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::No),
            1 => Some(Self::Clear),
            4..=7 => Some(Self::State {
                measured: number & 1 != 0,
                locality_three: number & 2 != 0,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Orderly;

    #[test]
    fn every_number_is_one_state_or_none() {
        let known: std::vec::Vec<_> = (0..=255)
            .filter_map(|number| Orderly::of(number).map(|it| (number, it)))
            .collect();
        assert_eq!(known.len(), 6);
        for (number, orderly) in known {
            assert_eq!(orderly.number(), number);
        }
    }
}
