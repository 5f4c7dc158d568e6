//! Runs `cargo test` and adds up what its runners say.

use crate::shell::{lines, say};
use anyhow::Result;
use std::fmt;
use std::process::Command;

/// Tests counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// Adds another's counts.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// `test result: ok. 7 passed; 0 failed; 1 ignored; …`
    fn of_line(line: &str) -> Option<Self> {
        let counts = line.strip_prefix("test result: ")?;
        let count = |word: &str| {
            let words: Vec<_> = counts
                .split([' ', ';', '.'])
                .filter(|w| !w.is_empty())
                .collect();
            let at = words.iter().position(|candidate| *candidate == word)?;
            words.get(at.checked_sub(1)?)?.parse().ok()
        };
        Some(Self {
            passed: count("passed")?,
            failed: count("failed")?,
            skipped: count("ignored")?,
        })
    }
}

/// The closing line.
impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// Runs, shows what is not just "ok", counts. A runner that dies without a result counts as a failure.
pub(super) fn cargo_test(name: &str, command: &mut Command, filter: Option<&str>) -> Result<Tally> {
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    say!("{name} tests");
    let mut tally = Tally::default();
    let succeeded = lines(command, |line| {
        if let Some(counts) = Tally::of_line(line) {
            tally.add(counts);
        }
        if is_worth_showing(line) {
            println!("{line}");
        }
    })?;
    if !succeeded && tally.failed == 0 {
        say!("a test program did not finish, or did not compile");
        tally.failed += 1;
    }
    say!("{name}: {tally}");
    Ok(tally)
}

fn is_worth_showing(line: &str) -> bool {
    let passed = line.starts_with("test ") && line.ends_with(" ... ok");
    let empty = line.is_empty() || line == "running 0 tests";
    let nothing = line.starts_with("test result: ok. 0 passed; 0 failed; 0 ignored");
    !passed && !empty && !nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runners_last_line_is_counted() {
        let line = "test result: FAILED. 7 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out";
        let tally = Tally {
            passed: 7,
            failed: 2,
            skipped: 1,
        };
        assert_eq!(Tally::of_line(line), Some(tally));
        assert_eq!(Tally::of_line("test a_thing ... ok"), None);
        assert_eq!(tally.to_string(), "7 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn a_program_that_dies_without_a_result_is_a_failure() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo 'test result: ok. 1 passed; 0 failed; 0 ignored'; exit 101",
        ]);
        let tally = cargo_test("x", &mut command, None).unwrap();
        assert_eq!(
            tally,
            Tally {
                passed: 1,
                failed: 1,
                skipped: 0
            }
        );
    }

    #[test]
    fn passed_tests_are_counted_but_not_shown() {
        assert!(!is_worth_showing("test a ... ok"));
        assert!(is_worth_showing("test a ... FAILED"));
        assert!(is_worth_showing("thread 'a' panicked at src/lib.rs:1:1:"));
    }
}
