//! What the plugin wrote.

use crate::Stack;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Marks in the order in which they executed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// (address, instructions executed before it).
    pub hits: Vec<(u32, u64)>,
    /// First byte and lowest written address of each watched stack.
    pub lowest: Vec<(u32, u32)>,
    /// Instructions of the whole run; 0 if QEMU was killed.
    pub total: u64,
    /// Stores to the counted range; 0 if QEMU was killed, or counted none.
    pub stores: u64,
}

impl Log {
    /// Reads a log file.
    ///
    /// # Errors
    /// When it is missing (QEMU did not load the plugin) or not the plugin's.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Self::parse(&text).ok_or_else(|| {
            io::Error::other(format!("{} is not an instruction log", path.display()))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut log = Self::default();
        for line in text.lines() {
            let (what, rest) = line.split_once(' ')?;
            if what == "lowest" {
                let (stack, lowest) = rest.split_once(' ')?;
                let stack = u32::from_str_radix(stack, 16).ok()?;
                log.lowest.push((stack, lowest.parse().ok()?));
                continue;
            }
            let count = rest.parse().ok()?;
            match what {
                "total" => log.total = count,
                "stores" => log.stores = count,
                address => log
                    .hits
                    .push((u32::from_str_radix(address, 16).ok()?, count)),
            }
        }
        Some(log)
    }

    /// Instructions from each `begin` to the `end` after it, both addresses with or without the Thumb
    /// bit. A `begin` without an `end` is dropped.
    #[must_use]
    pub fn windows(&self, begin: u32, end: u32) -> Vec<u64> {
        let mut open = None;
        let mut windows = Vec::new();
        for &(address, count) in &self.hits {
            if address == begin & !1 {
                open = Some(count);
            } else if address == end & !1
                && let Some(start) = open.take()
            {
                windows.push(count - start);
            }
        }
        windows
    }

    /// How often `address` executed in each of these windows.
    #[must_use]
    pub fn hits_in_windows(&self, begin: u32, end: u32, address: u32) -> Vec<u64> {
        let mut open = None;
        let mut counts = Vec::new();
        for &(hit, _) in &self.hits {
            if hit == begin & !1 {
                open = Some(0);
            } else if hit == end & !1 {
                counts.extend(open.take());
            } else if hit == address & !1
                && let Some(count) = &mut open
            {
                *count += 1;
            }
        }
        counts
    }

    /// Bytes of a watched stack that were used at its deepest; `None` if QEMU was killed before it was
    /// known.
    #[must_use]
    pub fn stack_used(&self, stack: Stack) -> Option<u32> {
        let told = self.lowest.iter().find(|(low, _)| *low == stack.low);
        told.map(|(_, lowest)| stack.high.saturating_sub(*lowest))
    }

    /// Instructions before the first time `address` executed.
    #[must_use]
    pub fn first(&self, address: u32) -> Option<u64> {
        self.hits
            .iter()
            .find(|(hit, _)| *hit == address & !1)
            .map(|(_, count)| *count)
    }
}

/// Reads a profile: executions per address.
///
/// # Errors
/// When it is missing or not the plugin's.
pub fn read_profile(path: &Path) -> io::Result<BTreeMap<u32, u64>> {
    std::fs::read_to_string(path)?
        .lines()
        .map(|line| {
            let (address, count) = line.split_once(' ')?;
            Some((u32::from_str_radix(address, 16).ok()?, count.parse().ok()?))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| io::Error::other(format!("{} is not a profile", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_pair_each_begin_with_the_next_end() {
        let log = Log::parse("10 5\n20 8\n20 9\n10 20\n10 30\n20 37\n10 50\ntotal 60\n").unwrap();
        assert_eq!(log.windows(0x11, 0x21), [3, 7]);
        assert_eq!(log.first(0x21), Some(8));
        assert_eq!(log.first(0x31), None);
        assert_eq!(log.total, 60);
    }

    #[test]
    fn what_executes_outside_windows_is_not_counted_in_them() {
        let log = Log::parse("30 1\n10 5\n30 6\n30 7\n20 8\n30 9\n10 10\n20 11\n").unwrap();
        assert_eq!(log.hits_in_windows(0x10, 0x20, 0x31), [2, 0]);
    }

    #[test]
    fn a_stack_is_as_deep_as_its_lowest_written_address() {
        let stack = Stack {
            low: 0x3000_0000,
            high: 0x3000_1000,
            from: 0,
            until: 0,
        };
        let log = Log::parse("lowest 30000000 805309312\ntotal 1\n").unwrap();
        assert_eq!(log.stack_used(stack), Some(0x480));
        let other = Stack { low: 4, ..stack };
        assert_eq!(log.stack_used(other), None);
    }

    #[test]
    fn a_log_that_was_cut_short_still_counts_but_a_foreign_file_does_not() {
        assert_eq!(Log::parse("10 5\n").unwrap().total, 0);
        assert_eq!(Log::parse("hello\n"), None);
        assert_eq!(Log::parse("10 x\n"), None);
    }
}
