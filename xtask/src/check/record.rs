//! The tests that a table of `docs/` names exist, so that the table cannot promise what nobody runs.

use crate::place::Place;
use crate::shell::output;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::process::Command;

/// Tables whose tests are checked. A test is written `crate: name`, in one pair of backquotes.
const TABLES: [&str; 1] = ["docs/tpm-security-record.md"];

/// Folders where each crate's tests are; `fuzz` stands for its targets.
const CRATES: [(&str, &str); 9] = [
    ("crypto", "logic/crypto"),
    ("tpm", "logic/tpm"),
    ("journal", "logic/journal"),
    ("codec", "logic/codec"),
    ("tpmd", "frontends/tpmd"),
    ("cli", "frontends/cli"),
    ("tpm-client", "tools/tpm-client"),
    ("tests", "tests"),
    ("fuzz", "fuzz/fuzz_targets"),
];

/// Each test that a table names and no source has, and each line of a table that names none and does not say why.
pub(super) fn check(place: &Place) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let sources = sources(place)?;
    for table in TABLES {
        let text = std::fs::read_to_string(place.root.join(table)).context(table)?;
        for finding in faults(&text, &sources) {
            findings.push(format!("{table}: {finding}"));
        }
    }
    Ok(findings)
}

/// Text of all Rust sources of each crate, and file names of the fuzz targets.
fn sources(place: &Place) -> Result<BTreeMap<&'static str, String>> {
    let mut sources = BTreeMap::new();
    for (name, folder) in CRATES {
        let mut git = Command::new("git");
        git.current_dir(&place.root)
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .args(["--", &format!("{folder}/*.rs")]);
        let mut all = String::new();
        for file in output(&mut git)?.lines() {
            let path = place.root.join(file);
            if name == "fuzz" {
                let target = path.file_stem().unwrap_or_default().to_string_lossy();
                all.push_str(&format!("#[test]\nfn {target}() {{}}\n"));
            } else {
                all.push_str(&std::fs::read_to_string(path).unwrap_or_default());
            }
        }
        sources.insert(name, all);
    }
    Ok(sources)
}

fn faults(table: &str, sources: &BTreeMap<&'static str, String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut is_record = false;
    for line in table.lines() {
        // Other tables of the page have other heads.
        is_record = line.starts_with("| Id |") || (is_record && line.starts_with('|'));
        if !is_record {
            continue;
        }
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, id, _, _, tests, _] = cells[..] else {
            faults.push(format!("not four columns: {line}"));
            continue;
        };
        if id == "Id" || id.starts_with("---") {
            continue;
        }
        let named: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        if named.is_empty() && !tests.starts_with("none:") {
            faults.push(format!("{id}: no test, and not \"none: why\""));
        }
        for test in named {
            if !exists(test, sources) {
                faults.push(format!("{id}: there is no test {test}"));
            }
        }
    }
    faults
}

/// `crate: name` is a function without parameters behind `#[test]`, or in a list of trials by its own name.
fn exists(test: &str, sources: &BTreeMap<&'static str, String>) -> bool {
    let Some((name, function)) = test.split_once(": ") else {
        return false;
    };
    let Some(source) = sources.get(name) else {
        return false;
    };
    let head = format!("fn {function}()");
    let words: String = source.split_whitespace().collect();
    let trial = format!("(\"{function}\",{function}");
    let is_trial = [")", ",)"].map(|end| words.contains(&format!("{trial}{end}")));
    if source.contains(&head) && is_trial.contains(&true) {
        return true;
    }
    source.match_indices(&head).any(|(at, _)| {
        let before = source.get(..at).unwrap_or_default();
        // The text between the line's start and the name is the first of them.
        let above = before.lines().rev().map(str::trim);
        above
            .take_while(|line| line.is_empty() || line.starts_with("#[") || line.starts_with("//"))
            .any(|line| line == "#[test]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(row: &str) -> Vec<String> {
        let source = "#[test]\nfn first() {}\n/// Why.\n#[test]\n#[cfg(unix)]\n    fn second() {}\nfn third() {}\n\
             const TRIALS: [(&str, fn()); 1] = [\n(\n\"fifth\",\nfifth,\n)];\nfn fifth() {}\n";
        let table = format!(
            "| Id | Where | Here | Tests |\n|---|---|---|---|\n{row}\n\n| other | table |\n"
        );
        faults(&table, &BTreeMap::from([("tpm", source.to_owned())]))
    }

    #[test]
    fn tests_that_a_table_names_are_looked_for() {
        assert_eq!(
            faults_of("| CVE-1 | class | what | `tpm: first`, `tpm: second`, `tpm: fifth` |").len(),
            0
        );
        assert_eq!(
            faults_of("| CVE-1 | class | what | none: it cannot happen |").len(),
            0
        );
        for missing in [
            "`tpm: fourth`",
            "`tpm: third`",
            "`tpm: firs`",
            "`other: first`",
            "`first`",
            "soon",
            "",
        ] {
            let row = format!("| CVE-1 | class | what | {missing} |");
            assert_eq!(faults_of(&row).len(), 1, "{missing}");
        }
        assert_eq!(faults_of("| CVE-1 | class | `tpm: first` |").len(), 1);
    }
}
