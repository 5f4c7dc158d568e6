//! A measured value beside its row, for people and for scripts.

use crate::rows::Row;
use serde::Serialize;

/// One row and what was measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What it is held against.
    pub row: Row,
    /// `None`: not measured, which never counts as met.
    pub value: Option<u64>,
    /// What a reader should know of this value: worst case, flash operations, feature set.
    pub note: String,
}

impl Measured {
    /// Whether the target holds; `None` if nothing was measured.
    #[must_use]
    pub fn met(&self) -> Option<bool> {
        self.value.map(|value| value <= self.row.target)
    }

    fn verdict(&self) -> &'static str {
        match self.value {
            None => "not measured",
            Some(value) if value <= self.row.goal => "met, goal too",
            Some(value) if value <= self.row.target => "met",
            Some(_) => "MISSED",
        }
    }
}

/// One object of the list that every bench prints for scripts.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    value: Option<u64>,
    unit: &'a str,
    peer: &'a str,
    peer_value: u64,
    target: u64,
    met: Option<bool>,
    goal: u64,
}

/// A list of objects {name, value, unit, peer, peer_value, target, met, goal}; the peer is TF-M's
/// profile_medium.
///
/// # Errors
/// None in practice: every field can be written.
pub fn json(measured: &[Measured]) -> serde_json::Result<String> {
    let entries: Vec<_> = measured
        .iter()
        .map(|one| Entry {
            name: one.row.name,
            value: one.value,
            unit: one.row.unit.name(),
            peer: "TF-M 2.2.2 profile_medium",
            peer_value: one.row.medium,
            target: one.row.target,
            met: one.met(),
            goal: one.row.goal,
        })
        .collect();
    serde_json::to_string_pretty(&entries)
}

/// The same as a table in Markdown, so that it can be pasted into a page.
#[must_use]
pub fn table(measured: &[Measured]) -> String {
    let head = [
        "",
        "Ironroot",
        "TF-M medium",
        "TF-M large",
        "target",
        "",
        "goal",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    for one in measured {
        lines.push([
            one.row.name.to_owned(),
            one.value.map_or_else(|| "–".to_owned(), grouped),
            grouped(one.row.medium),
            grouped(one.row.large),
            format!("≤ {}", grouped(one.row.target)),
            one.verdict().to_owned(),
            format!("≤ {}", grouped(one.row.goal)),
        ]);
    }
    let mut text = aligned(&lines);
    for one in measured.iter().filter(|one| !one.note.is_empty()) {
        text.push_str(&format!("{}: {}\n", one.row.name, one.note));
    }
    text
}

fn aligned(lines: &[[String; 7]]) -> String {
    let mut widths = [0; 7];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let is_text = |column: usize| column == 0 || column == 5;
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            let cell = if is_text(column) {
                format!("| {cell:<width$} ")
            } else {
                format!("| {cell:>width$} ")
            };
            text.push_str(&cell);
        }
        text.push_str("|\n");
        if number == 0 {
            for (column, width) in widths.iter().enumerate() {
                let end = if is_text(column) { "-" } else { ":" };
                text.push_str(&format!("|{}{end}", "-".repeat(width + 1)));
            }
            text.push_str("|\n");
        }
    }
    text
}

/// 1234567 as 1,234,567.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::INSTRUCTIONS;

    fn measured(value: Option<u64>) -> Measured {
        Measured {
            row: INSTRUCTIONS[2],
            value,
            note: String::new(),
        }
    }

    #[test]
    fn a_value_is_held_against_target_and_goal() {
        assert_eq!(measured(Some(1_200)).verdict(), "met");
        assert_eq!(measured(Some(1_201)).verdict(), "MISSED");
        assert_eq!(measured(Some(700)).verdict(), "met, goal too");
        assert_eq!(measured(None).verdict(), "not measured");
        assert_eq!(measured(None).met(), None);
    }

    #[test]
    fn the_list_for_scripts_has_exactly_the_promised_fields() {
        let text = json(&[measured(Some(5)), measured(None)]).unwrap();
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut keys: Vec<_> = list[0].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        let promised = [
            "goal",
            "met",
            "name",
            "peer",
            "peer_value",
            "target",
            "unit",
            "value",
        ];
        assert_eq!(keys, promised);
        assert_eq!(list[1]["met"], serde_json::Value::Null);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let texts = [0, 999, 1_000, 118_821_033].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "118,821,033"]);
    }
}
