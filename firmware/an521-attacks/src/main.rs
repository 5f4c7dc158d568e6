//! Attacks on the secure world, from the non-secure one. The README has the table.
//!
//! Mailbox word 0 is the number of the attack; 0 runs, in order, every one that a sound device survives.
//! Mailbox word 1 is the isolation level, for the attacks that a partition carries out; bit 8 asks for the
//! long sweeps. Number 65535 lists all attacks and runs none.
//!
//! An attack that must be stopped resets the device. The program then starts again, finds the mark it left,
//! says so and ends well. Exit code 0: every attack ended as expected.
#![no_std]
#![no_main]

use attack::Attack;
use ironroot_port_armv8m::nonsecure::mailbox;
use ironroot_port_armv8m::say;

mod attack;
mod dma;
mod entry;
mod handles;
mod identity;
mod memory;
mod partition;
mod pointers;
mod preempt;
mod psa;
mod request;
mod rights;
mod sweep;

ironroot_port_armv8m::entry!(main);

/// All attacks, by number.
const ATTACKS: [&[Attack]; 10] = [
    memory::ATTACKS,
    pointers::ATTACKS,
    handles::ATTACKS,
    entry::ATTACKS,
    identity::ATTACKS,
    preempt::ATTACKS,
    sweep::ATTACKS,
    dma::ATTACKS,
    rights::ATTACKS,
    partition::ATTACKS,
];

/// Number in the mailbox that asks for the names of all attacks instead.
const LIST: u32 = 0xFFFF;

/// Every attack ended as expected.
const HELD: u32 = 0;
/// One did not.
const BROKEN: u32 = 1;
/// The mailbox names no attack.
const NO_SUCH_ATTACK: u32 = 2;

fn main() -> u32 {
    let all = || ATTACKS.iter().copied().flatten();
    if let Some(number) = attack::interrupted() {
        let fatal = |attack: &Attack| attack.number == number && attack.is_fatal();
        let verdict = if all().any(fatal) { "" } else { " (BROKEN)" };
        say!("attack {number} was stopped: the device restarted{verdict}");
        return if verdict.is_empty() { HELD } else { BROKEN };
    }
    let number = mailbox::command();
    if number == LIST {
        for attack in all() {
            let stopped = if attack.is_fatal() {
                "stopped"
            } else {
                "answered"
            };
            say!("listed {} {} {stopped}", attack.number, attack.name);
        }
        return HELD;
    }
    if number == 0 {
        let broken = all()
            .filter(|attack| !attack.is_fatal() && !attack.run())
            .count();
        say!("attacks broken: {broken}");
        return if broken == 0 { HELD } else { BROKEN };
    }
    match all().find(|attack| attack.number == number) {
        Some(attack) if attack.run() => HELD,
        Some(_) => BROKEN,
        None => {
            say!("no attack has number {number}");
            NO_SUCH_ATTACK
        }
    }
}
