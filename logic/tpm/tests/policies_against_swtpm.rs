//! Random commands on sessions and policies, answered as Debian's swtpm answered them. `vectors/policy.py` made the
//! commands and asked swtpm; nothing of ours was asked.

#![cfg(feature = "full")]

mod common;

use common::{Machine, MemoryStore, TestPlatform};
use ironroot_tpm::Profile;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// What of a good answer has no nonce in it: of StartAuthSession up to the nonce, else up to the session area.
fn comparable(answer: &[u8]) -> (usize, &[u8]) {
    let end = match answer[..2] {
        [0x80, 0x02] => 14 + u32::from_be_bytes(answer[10..14].try_into().unwrap()) as usize,
        _ => answer.len().min(16),
    };
    (answer.len(), &answer[..end])
}

#[test]
fn every_answer_is_the_one_that_swtpm_gave() {
    let (store, platform) = (MemoryStore::default(), TestPlatform::new(1));
    let mut machine = Machine::off(&Profile::PC_CLIENT, store, platform);
    machine.tpm().power_on().unwrap();
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(include_str!("vectors/policy.txt").lines()) {
        let partly = line.starts_with('~');
        let (command, expected) = line.trim_start_matches('~').split_once(' ').unwrap();
        let (answer, wanted) = (machine.raw(0, &hex(command)), hex(expected));
        let same = match partly && answer.len() > 10 && wanted.len() > 10 {
            true => comparable(&answer) == comparable(&wanted),
            false => answer == wanted,
        };
        if !same {
            let answer: String = answer.iter().map(|byte| format!("{byte:02x}")).collect();
            wrong.push(format!(
                "line {number}: {command}\n  swtpm {expected}\n  ours  {answer}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
