//! Commands with keys from outside, answered as Debian's swtpm answered them: agreements, MACs, ciphers, signatures of
//! PKCS #1, certificates; and what is refused. `vectors/commands.py` made the commands and asked swtpm; nothing of ours
//! was asked.
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
    let (mut wrong, mut right) = (Vec::new(), 0);
    for (number, line) in (1..).zip(include_str!("vectors/commands.txt").lines()) {
        let (command, expected) = line.split_once(' ').unwrap();
        let answer = machine.raw(0, &hex(command));
        if answer == hex(expected) {
            right += 1;
            continue;
        }
        let answer: String = answer.iter().map(|byte| format!("{byte:02x}")).collect();
        wrong.push(format!(
            "line {number}: {command}\n  swtpm {expected}\n  ours  {answer}"
        ));
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} differ:\n{}", wrong.join("\n"));
    assert!(right > 900, "{right}");
}
