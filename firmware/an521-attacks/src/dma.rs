//! Attacks 120 to 129: letting a DMA controller do it. The four PL080 stay secure; their registers read as
//! zero and ignore writes, and nothing is copied.
//!
//! PL080 registers: Arm PrimeCell DMA Controller (PL080) Technical Reference Manual, 3.4.

use ironroot_port_armv8m::nonsecure::probe::{Foreign, Scratch};
use ironroot_port_armv8m::say;

use crate::attack::{Attack, Attempt, Expect};
use crate::memory::read;

const fn attack(number: u32, name: &'static str, run: fn() -> u32) -> Attack {
    Attack {
        number,
        name,
        expect: Expect::Word(0),
        attempt: Attempt::Do(run),
    }
}

/// In the order of their numbers.
#[rustfmt::skip] // one line per attack
pub(crate) const ATTACKS: &[Attack] = &[
    attack(120, "dma-from-otp", || copy(0x80FF_0000)),
    attack(121, "dma-from-flash", || copy(0x8000_0000)),
    attack(122, "dma-from-secure-data", || copy(0x3000_0800)),
    attack(123, "dma-from-secure-code", || copy(0x1001_0400)),
    attack(124, "dma-from-secure-alias", || copy(0x3800_0000)),
    attack(125, "dma-identification", identification),
    attack(126, "dma-master-security", master_security),
];

/// The controllers, at the aliases the non-secure world may name.
const CONTROLLERS: [u32; 4] = [0x4011_0000, 0x4011_1000, 0x4011_2000, 0x4011_3000];
const CONFIGURATION: u32 = 0x030;
const CHANNEL_SOURCE: u32 = 0x100;
const CHANNEL_DESTINATION: u32 = 0x104;
const CHANNEL_CONTROL: u32 = 0x10C;
const CHANNEL_CONFIGURATION: u32 = 0x110;
const IDENTIFICATION: u32 = 0xFE0;

/// Scratch word that would receive the loot.
const LOOT: usize = 128;
const UNTOUCHED: u32 = 0x5A5A_5A5A;

/// Programs every controller to copy eight words of `source` into scratch memory. Answers the first word
/// that changed, or that any of their registers kept.
fn copy(source: u32) -> u32 {
    say!(
        "witness: {:#010x} reads {:#04x}",
        0x4020_0FE0u32,
        read(0x4020_0FE0)
    );
    for place in LOOT..LOOT + 8 {
        Scratch.set(place, UNTOUCHED);
    }
    let mut kept = 0;
    for base in CONTROLLERS {
        let destination = Scratch.address(LOOT as u32 * 4);
        write(base + CONFIGURATION, 1);
        write(base + CHANNEL_SOURCE, source);
        write(base + CHANNEL_DESTINATION, destination);
        // Eight words, word width on both sides, both addresses increment.
        write(
            base + CHANNEL_CONTROL,
            8 | 2 << 18 | 2 << 21 | 1 << 26 | 1 << 27,
        );
        // Memory to memory, enabled.
        write(base + CHANNEL_CONFIGURATION, 1);
        kept |= read(base + CHANNEL_SOURCE) | read(base + CHANNEL_DESTINATION);
    }
    let changed = (LOOT..LOOT + 8).map(|place| Scratch.get(place) ^ UNTOUCHED);
    changed.fold(kept, |all, word| all | word)
}

fn write(address: u32, value: u32) {
    if let Some(register) = Foreign::new(address) {
        register.write(value);
    }
}

/// A controller that answered would say 0x80.
fn identification() -> u32 {
    say!(
        "witness: {:#010x} reads {:#04x}",
        0x4020_0FE0u32,
        read(0x4020_0FE0)
    );
    CONTROLLERS
        .iter()
        .fold(0, |all, base| all | read(base + IDENTIFICATION))
}

/// The registers that say which masters are secure are part of the security control block, which has no
/// non-secure alias: what answers there is the non-secure control block, without them.
fn master_security() -> u32 {
    const NSMSCEXP: u32 = 0x0D0;
    read(0x4008_0000 + NSMSCEXP)
}
