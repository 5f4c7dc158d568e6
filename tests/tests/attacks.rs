//! What the non-secure world and a taken-over partition try, at each isolation level.
//!
//! The attack program says what must stop each attempt and what did; this file checks the faults against
//! the secure world's own record, and the whole against the transcript. The program's own list of attacks
//! decides what must have run: none can be left out.
//!
//! `IRONROOT_LONG_SWEEPS=1` lets the attacks that move a tick through a call move it through a long one, too.

use ironroot_qemu::Run;
use ironroot_tests::{Device, Firmware, compare};
use std::collections::BTreeSet;

/// Attacks that the hardware must stop with a fault: the secure world records it and resets.
const FATAL: [(u32, &str); 30] = [
    (1, AUVIOL),
    (2, AUVIOL),
    (3, AUVIOL),
    (4, AUVIOL),
    (5, INVEP),
    (6, AUVIOL),
    (7, AUVIOL),
    (8, AUVIOL),
    (9, AUVIOL),
    (10, AUVIOL),
    (11, AUVIOL),
    (12, AUVIOL),
    (13, AUVIOL),
    (14, AUVIOL),
    (15, AUVIOL),
    (16, AUVIOL),
    (17, AUVIOL),
    (18, AUVIOL),
    (19, AUVIOL),
    (20, AUVIOL),
    (24, AUVIOL),
    (26, INVEP),
    (92, INVEP),
    (93, INVEP),
    (94, INVEP),
    (95, INVER),
    (96, FORCED),
    (97, INVEP),
    (98, INVIS),
    (99, INVPC),
];

/// The fault record's words for each: cause, and the status registers (CFSR/SFSR) that name the reason.
const AUVIOL: &str = "secure fault of the non-secure world, status 0x0/0x8";
const INVEP: &str = "secure fault of the non-secure world, status 0x0/0x1";
/// Its frame is taken for a secure thread's, so the record says so.
const INVER: &str = "secure fault of the PSA root of trust, status 0x0/0x4";
/// A gate's own return, told to be one to the secure world.
const INVIS: &str = "secure fault of the PSA root of trust, status 0x0/0x2";
const INVPC: &str = "usage fault of the PSA root of trust, status 0x40000/0x0";
const FORCED: &str = "hard fault of the non-secure world, status 0x0/0x0";

#[test]
fn attacks_at_isolation_level_3_end_as_the_level_promises() {
    attack(3);
}

#[test]
fn attacks_at_isolation_level_2_end_as_the_level_promises() {
    attack(2);
}

#[test]
fn attacks_at_isolation_level_1_end_as_the_level_promises() {
    attack(1);
}

fn attack(level: u8) {
    let Some(firmware) = Firmware::with_test_partitions(level) else {
        return;
    };
    let device = Device::with(&firmware, "attacks");
    let listed = listed(&device);
    let mut lines = survived(&device, level);
    assert_eq!(
        numbers(&lines),
        numbers_of(&listed, "answered"),
        "attacks that ran"
    );
    // The border between the worlds is the same at each level; its faults are shown once.
    let fatal: BTreeSet<_> = FATAL.iter().map(|(number, _)| *number).collect();
    assert_eq!(
        fatal,
        numbers_of(&listed, "stopped"),
        "attacks that this file expects to be stopped"
    );
    if level == 3 {
        for (number, expected) in FATAL {
            lines.push(stopped(&firmware, number, expected));
        }
        assert_eq!(lines.len(), listed.len());
    }
    println!("level {level}: {} attacks", lines.len());
    compare(&format!("attacks-level-{level}"), &lines);
}

/// Asks the program for its list instead of an attack.
const LIST: u32 = 0xFFFF;
/// In the second word, beside the level: the long sweeps.
const LONG_SWEEPS: u32 = 0x100;

/// One run of the attack program. Time is tied to instructions, 64 ns each, so that ticks strike where they did
/// before and the timer's cycles of 50 ns can tell every instruction from the next.
fn run(device: &Device, number: u32, level: u8) -> Run {
    let long = std::env::var_os("IRONROOT_LONG_SWEEPS").map_or(0, |_| LONG_SWEEPS);
    let machine = device.machine(number, u32::from(level) | long);
    let machine = machine.arg("-icount").arg("shift=6");
    machine.run().expect("QEMU starts")
}

/// Number, name and end ("answered" or "stopped") of every attack that the program knows.
fn listed(device: &Device) -> Vec<String> {
    let run = run(device, LIST, 3);
    assert!(run.succeeded(), "{run}");
    let of_line = |line: &String| line.strip_prefix("listed ").map(str::to_owned);
    let listed: Vec<_> = run.lines.iter().filter_map(of_line).collect();
    let all: BTreeSet<_> = listed.iter().map(|line| number_of(line)).collect();
    assert_eq!(
        all.len(),
        listed.len(),
        "a number serves two attacks: {run}"
    );
    listed
}

fn numbers_of(listed: &[String], end: &str) -> BTreeSet<u32> {
    let ends_so = |line: &&String| line.ends_with(end);
    listed
        .iter()
        .filter(ends_so)
        .map(|line| number_of(line))
        .collect()
}

/// The attacks of the transcript's lines.
fn numbers(lines: &[String]) -> BTreeSet<u32> {
    let of_line = |line: &String| line.strip_prefix("attack ").map(number_of);
    lines.iter().filter_map(of_line).collect()
}

fn number_of(line: &str) -> u32 {
    let number = line.split(' ').next().and_then(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no number: {line}"))
}

/// All attacks that end with an answer, in one run.
fn survived(device: &Device, level: u8) -> Vec<String> {
    let run = run(device, 0, level);
    assert!(run.succeeded() && run.has("attacks broken: 0"), "{run}");
    let mut lines = Vec::new();
    for line in &run.lines {
        if line.starts_with("attack ") {
            lines.push(line.clone());
        } else if let Some(outcome) = line.strip_prefix("survived: ")
            && let Some(last) = lines.last_mut()
        {
            *last = format!("{last}; {outcome}");
        }
    }
    swept(&run);
    out_of_time(&run, level);
    lines
}

/// Places at least, inside each of the calls that a tick is moved through, in their order: echo of the root of
/// trust, echo partition, hash, storage partition. Fewer would mean that some were left out.
const SWEPT: [u32; 4] = [500, 900, 5000, 100];

fn swept(run: &Run) {
    let sweeps: Vec<_> = run
        .lines
        .iter()
        .filter_map(|line| line.strip_prefix("swept: "))
        .collect();
    assert_eq!(sweeps.len(), SWEPT.len(), "{run}");
    for (sweep, least) in sweeps.iter().zip(SWEPT) {
        println!("{sweep}");
        let inside = sweep.split(", ").nth(1).map_or(0, number_of);
        assert!(inside >= least, "{sweep}: expected {least} inside");
    }
}

/// Each partition that would not end was ended by the clock, and by nothing else. Without a stack a partition
/// is ended by the first interrupt where its stack pointer is not its own (levels 2 and 3).
fn out_of_time(run: &Run, level: u8) {
    let ended = |line: &&String| line.contains("fault: no time left of a partition");
    let expected = if level == 1 { 4 } else { 3 };
    assert_eq!(run.lines.iter().filter(ended).count(), expected, "{run}");
}

/// One attack that must not come back.
fn stopped(firmware: &Firmware, number: u32, expected: &str) -> String {
    let run = run(&Device::with(firmware, "attacks"), number, 3);
    let was_stopped = format!("attack {number} was stopped: the device restarted");
    assert!(run.succeeded() && run.has(&was_stopped), "{run}");
    let announced = run
        .lines
        .iter()
        .find(|line| line.starts_with(&format!("attack {number} ")));
    let fault = run.after("fault: ").expect("a fault was recorded");
    let cause = fault.split(" at ").next().unwrap_or_default();
    let cause = cause.split(", detail").next().unwrap_or_default();
    let status = fault
        .split("status ")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .unwrap_or_default();
    let seen = format!("{cause}, status {status}");
    assert_eq!(seen, expected, "{run}");
    format!(
        "{}; stopped: {seen}",
        announced.map_or("attack", String::as_str)
    )
}
