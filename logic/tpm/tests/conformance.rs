//! docs/tpm-conformance.md says what there is: the same commands as the engine's own list, and tests that there are.
#![cfg(feature = "full")]

mod common;
mod state_common;

use common::{Machine, rc};
use state_common::capability;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One line of the table.
struct Line {
    implemented: bool,
    tests: String,
    deviation: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Lines of the table by command code.
fn table() -> BTreeMap<u32, Line> {
    let path = folder().join("../../docs/tpm-conformance.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| 0x")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, code, _, implemented, tests, deviation, _] = cells[..] else {
            panic!("not five cells: {line}");
        };
        let code = u32::from_str_radix(&code[2..], 16).unwrap();
        let line = Line {
            implemented: match implemented {
                "yes" => true,
                "no" => false,
                other => panic!("{other}"),
            },
            tests: tests.to_owned(),
            deviation: deviation.to_owned(),
        };
        assert!(lines.insert(code, line).is_none(), "{code:x} stands twice");
    }
    lines
}

#[test]
fn the_table_and_the_engines_own_list_are_the_same() {
    let mut machine = Machine::new();
    let (more, list) = capability(&mut machine, 2, 0, 254);
    assert!(!more);
    let listed: Vec<u32> = list[4..]
        .chunks(4)
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()) & 0xffff)
        .collect();
    let table = table();
    let said: Vec<u32> = table
        .iter()
        .filter(|(_, line)| line.implemented)
        .map(|(code, _)| *code)
        .collect();
    assert_eq!(listed, said);
    assert_eq!(said.len(), 120);
    let missing: Vec<u32> = table
        .iter()
        .filter(|(_, line)| !line.implemented)
        .map(|(code, _)| *code)
        .collect();
    assert_eq!(missing, [0x12f, 0x141, 0x179, 0x194, 0x195, 0x19f]);
    for code in missing {
        let command = [&[0x80, 1, 0, 0, 0, 10][..], &code.to_be_bytes()].concat();
        assert_eq!(machine.code(&command), rc::COMMAND_CODE, "{code:x}");
        assert!(!table[&code].deviation.is_empty(), "{code:x}");
    }
}

#[test]
fn every_command_has_a_test_that_there_is() {
    for (code, line) in table().iter().filter(|(_, line)| line.implemented) {
        let names = line.tests.split('`').skip(1).step_by(2);
        let mut count = 0;
        for (file, test) in names.filter_map(|name| name.split_once("::")) {
            let path = folder().join("tests").join(file).with_extension("rs");
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{code:x}: {}: {error}", path.display()));
            let wanted = format!("#[test]\nfn {test}()");
            assert!(
                text.contains(&wanted),
                "{code:x}: {file} has no test {test}"
            );
            count += 1;
        }
        assert!(count > 0, "{code:x} names no test");
    }
}
