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
    /// Whether the target holds; `None` if nothing was measured or there is no target.
    #[must_use]
    pub fn met(&self) -> Option<bool> {
        Some(self.value? <= self.row.target?)
    }

    fn verdict(&self) -> &'static str {
        match (self.value, self.row.target, self.row.goal) {
            (None, _, _) => "not measured",
            (_, None, _) => "",
            (Some(value), _, Some(goal)) if value <= goal => "met, goal too",
            (Some(value), Some(target), _) if value <= target => "met",
            _ => "MISSED",
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
    peer_value: Option<u64>,
    target: Option<u64>,
    met: Option<bool>,
    goal: Option<u64>,
}

/// A list of objects {name, value, unit, peer, peer_value, target, met, goal}; what there is not is null.
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
            peer: one.row.peer,
            peer_value: one.row.peer_value,
            target: one.row.target,
            met: one.met(),
            goal: one.row.goal,
        })
        .collect();
    serde_json::to_string_pretty(&entries)
}

/// Peers of the rows of services and of the secure image.
pub const TFM_PROFILES: [&str; 2] = ["TF-M medium", "TF-M large"];
/// Peers of the bootloader's rows.
pub const MCUBOOT_AND_BL2: [&str; 2] = ["MCUboot alone", "TF-M's BL2"];

/// The same as a table in Markdown, so that it can be pasted into a page.
#[must_use]
pub fn table(peers: [&str; 2], measured: &[Measured]) -> String {
    let [first, second] = peers;
    let head = ["", "Ironroot", first, second, "target", "", "goal"];
    let number = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), grouped);
    let limit = |value: Option<u64>| {
        value.map_or_else(String::new, |value| format!("≤ {}", grouped(value)))
    };
    let mut lines = vec![head.map(str::to_owned)];
    for one in measured {
        lines.push([
            one.row.name.to_owned(),
            number(one.value),
            number(one.row.peer_value),
            number(one.row.second_value),
            limit(one.row.target),
            one.verdict().to_owned(),
            limit(one.row.goal),
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
    fn a_row_without_target_is_neither_met_nor_missed() {
        let mut free = measured(Some(u64::MAX));
        free.row = crate::SECURE_SIZES[2];
        assert_eq!(free.met(), None);
        assert_eq!(free.verdict(), "");
        let list: serde_json::Value = serde_json::from_str(&json(&[free]).unwrap()).unwrap();
        assert_eq!(list[0]["target"], serde_json::Value::Null);
        assert_eq!(list[0]["peer_value"], 70_992);
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
