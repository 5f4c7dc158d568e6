//! What the benchmark application says of each row: `row 11 its-set-64 mean 3000 …`.

/// One row, as reported after it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowReport {
    pub(super) name: String,
    /// Windows of this row.
    pub(super) repetitions: usize,
    /// The mean counts, not the median.
    pub(super) mean: bool,
    /// Anything more, in the application's words: flash operations, a status.
    pub(super) note: String,
}

impl RowReport {
    /// `None`: not such a line.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("row ")?;
        let mut words = rest.split([' ', ':', ',']).filter(|word| !word.is_empty());
        let _number: u32 = words.next()?.parse().ok()?;
        let name = words.next()?.to_owned();
        let words: Vec<_> = words.collect();
        let repetitions = words.iter().find_map(|word| word.parse().ok())?;
        let more = words
            .iter()
            .skip_while(|word| word.parse::<usize>().is_err())
            .skip(1);
        let note: Vec<_> = more
            .filter(|word| !["times", "repetitions"].contains(*word))
            .copied()
            .collect();
        Some(Self {
            name,
            repetitions,
            mean: words.contains(&"mean"),
            note: note.join(" "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_line_is_read_and_others_are_not() {
        let report = RowReport::of_line("row 11 its-set-64 mean 3000 erases 62").unwrap();
        assert_eq!(
            (&*report.name, report.repetitions, report.mean),
            ("its-set-64", 3000, true)
        );
        assert_eq!(report.note, "erases 62");
        assert!(!RowReport::of_line("row 1 empty median 5").unwrap().mean);
        assert_eq!(RowReport::of_line("rows failed: 0"), None);
        assert_eq!(RowReport::of_line("app: row"), None);
    }
}
