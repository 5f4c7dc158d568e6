//! What the non-secure world and a taken-over partition try, at each isolation level.
//!
//! The attack program says what must stop each attempt and what did; this file checks the faults against
//! the secure world's own record, and the whole against the transcript.

use ironroot_qemu::Run;
use ironroot_tests::{Device, Firmware, compare};

/// Attacks that the hardware must stop with a fault: the secure world records it and resets.
const FATAL: [(u32, &str); 28] = [
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
];

/// The fault record's words for each: cause, and the status bits that name the reason.
const AUVIOL: &str = "secure fault of the non-secure world / secure status 0x8";
const INVEP: &str = "secure fault of the non-secure world / secure status 0x1";
/// Its frame is taken for a secure thread's, so the record says so.
const INVER: &str = "secure fault of the PSA root of trust / secure status 0x4";
const FORCED: &str = "hard fault of the non-secure world / secure status 0x0";

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
    let mut lines = survived(&firmware, level);
    // The border between the worlds is the same at each level; its faults are shown once.
    if level == 3 {
        for (number, expected) in FATAL {
            lines.push(stopped(&firmware, number, expected));
        }
    }
    compare(&format!("attacks-level-{level}"), &lines);
}

/// One run of the attack program; time is tied to instructions, so that ticks strike where they did before.
fn run(firmware: &Firmware, number: u32, level: u8) -> Run {
    let device = Device::with(firmware, "attacks");
    let machine = device.machine(number, level.into()).counted_time();
    machine.run().expect("QEMU starts")
}

/// All attacks that end with an answer, in one run.
fn survived(firmware: &Firmware, level: u8) -> Vec<String> {
    let run = run(firmware, 0, level);
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
    assert!(lines.len() > 80, "only {} attacks ran", lines.len());
    lines
}

/// One attack that must not come back.
fn stopped(firmware: &Firmware, number: u32, expected: &str) -> String {
    let run = run(firmware, number, 3);
    let was_stopped = format!("attack {number} was stopped: the device restarted");
    assert!(run.succeeded() && run.has(&was_stopped), "{run}");
    let announced = run
        .lines
        .iter()
        .find(|line| line.starts_with(&format!("attack {number} ")));
    let fault = run.after("fault: ").expect("a fault was recorded");
    let cause = fault.split(" at ").next().unwrap_or_default();
    let status = fault
        .split("status ")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .and_then(|both| both.split('/').nth(1))
        .unwrap_or_default();
    let seen = format!("{cause} / secure status {status}");
    assert_eq!(seen, expected, "{run}");
    format!(
        "{}; stopped: {seen}",
        announced.map_or("attack", String::as_str)
    )
}
