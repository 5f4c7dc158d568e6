//! Attacks 120 to 129: letting a DMA controller do it. The four PL080 stay secure; their registers read as
//! zero and ignore writes, and nothing is copied.
//!
//! That a controller is dead for us proves little if it is dead for everybody, so the secure side is the
//! witness: the test-only service of the PSA Root of Trust programs the same controller in the same way, for
//! the same source, and says how many bytes that are not zero it copied. After our attempt it says what
//! the controllers' registers hold and what it sees in the memory that we wanted filled.
//!
//! PL080 registers: Arm PrimeCell DMA Controller (PL080) Technical Reference Manual, 3.4.

use ironroot_port_armv8m::nonsecure::probe::{Foreign, Scratch};
use ironroot_port_armv8m::nonsecure::veneers::{InVec, OutVec, call};
use ironroot_port_armv8m::say;
use ironroot_psa_api::StatelessHandle;

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
    attack(122, "dma-from-secure-data", || copy(0x3000_0000)),
    attack(123, "dma-from-secure-code", || copy(0x1001_0400)),
    attack(124, "dma-from-secure-alias", || copy(0x3820_0000)),
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
    for controller in 0..CONTROLLERS.len() as u32 {
        let copied = secure_side_copies(controller, source);
        if !(1..=32).contains(&copied) {
            say!("no witness: controller {controller} copied {copied} for the secure side");
            return NO_WITNESS | controller;
        }
    }
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
    changed.fold(kept, |all, word| all | word) | secure_side_sees()
}

/// The secure side's own attempt with the same programming: bytes that are not zero, copied and compared.
fn secure_side_copies(controller: u32, source: u32) -> u32 {
    let mut input = [0; 8];
    input[..4].copy_from_slice(&controller.to_le_bytes());
    input[4..].copy_from_slice(&source.to_le_bytes());
    ask_secure_side(1, &[InVec::new(&input)])
}

/// What the secure side finds changed: registers of the controllers, or bytes of the loot.
fn secure_side_sees() -> u32 {
    let mut loot = [0; 32];
    for (place, word) in (LOOT..).zip(loot.chunks_exact_mut(4)) {
        word.copy_from_slice(&(Scratch.get(place) ^ UNTOUCHED).to_le_bytes());
    }
    ask_secure_side(2, &[InVec::new(&loot)])
}

fn ask_secure_side(kind: i32, inputs: &[InVec<'_>]) -> u32 {
    let handle = StatelessHandle::new(8, 1).map_or(0, |parts| parts.handle().0);
    let mut answer = [0; 4];
    let mut outputs = [OutVec::new(&mut answer)];
    match call(handle.cast_signed(), kind, inputs, &mut outputs) {
        0 => u32::from_le_bytes(answer),
        status => status.cast_unsigned(),
    }
}

/// The secure side could not do what we tried: that we could not proves nothing.
const NO_WITNESS: u32 = 0xBAD0_0000;

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
