//! Random commands on NV, PCRs, hierarchies, lockout and capabilities, answered as Debian's swtpm answered them.
//! `vectors/state.py` made the commands and asked swtpm; nothing of ours was asked.
#![cfg(feature = "full")]

mod common;

use common::Machine;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

#[test]
fn every_answer_is_the_one_that_swtpm_gave() {
    let mut machine = Machine::new();
    machine.shutdown(0).unwrap();
    machine.power_cycle();
    machine.platform.advance(5_000);
    let mut wrong = Vec::new();
    let mut locality = 0;
    for (number, line) in (1..).zip(include_str!("vectors/state.txt").lines()) {
        let (command, expected) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "reset" => {
                machine.power_cycle();
                machine.platform.advance(5_000);
                continue;
            }
            "locality" => {
                locality = expected.parse().unwrap();
                continue;
            }
            "measure" => {
                machine.tpm().hash_start();
                machine.tpm().hash_data(&hex(expected));
                machine.tpm().hash_end();
                continue;
            }
            _ => {}
        }
        let answer = machine.raw(locality, &hex(command));
        if answer != hex(expected) {
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
