//! Devices whose images run from the primary slot: swap by offset, move and scratch, and overwriting.

/// A figure for whoever runs the tests: past the test runner, which would keep it to itself.
macro_rules! tell {
    ($($word:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($word)*);
    }};
}

mod bench;
mod encrypted;
mod field_bugs;
mod hostile;
mod mcuboot;
mod rules;
mod sets;
mod slots;
mod sweep;
mod upgrade;
