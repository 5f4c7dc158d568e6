//! Attacks 1 to 29: touching memory and devices that are not ours.

use ironroot_port_armv8m::nonsecure::probe::Foreign;
use ironroot_port_armv8m::say;

use crate::attack::{Attack, Attempt, Expect, Fault};

const AUVIOL: Expect = Expect::Fault(Fault::Attribution);

const fn attack(number: u32, name: &'static str, expect: Expect, run: fn() -> u32) -> Attack {
    Attack {
        number,
        name,
        expect,
        attempt: Attempt::Do(run),
    }
}

/// In the order of their numbers.
#[rustfmt::skip] // one line per attack
pub(crate) const ATTACKS: &[Attack] = &[
    attack(1, "read-secure-data", AUVIOL, || read(0x3000_0800)),
    attack(2, "write-secure-data", AUVIOL, || write(0x3000_0800)),
    attack(3, "read-secure-code", AUVIOL, || read(0x1001_0400)),
    attack(4, "write-secure-code", AUVIOL, || write(0x1001_0400)),
    attack(5, "execute-secure-code", Expect::Fault(Fault::EntryPoint), || execute(0x1001_0800)),
    attack(6, "read-bootloader", AUVIOL, || read(0x1000_0000)),
    attack(7, "read-bootloader-non-secure-alias", AUVIOL, || read(0x0000_0000)),
    attack(8, "write-bootloader-non-secure-alias", AUVIOL, || write(0x0000_0000)),
    attack(9, "read-secure-code-non-secure-alias", AUVIOL, || read(0x0001_0400)),
    attack(10, "read-secure-data-non-secure-alias", AUVIOL, || read(0x2000_0800)),
    attack(11, "read-partition-data", AUVIOL, || read(0x3001_4000)),
    attack(12, "read-flash", AUVIOL, || read(0x8000_0000)),
    attack(13, "write-vault", AUVIOL, || write(0x8030_0000)),
    attack(14, "read-otp", AUVIOL, || read(0x80FF_0000)),
    attack(15, "write-otp", AUVIOL, || write(0x80FF_0000)),
    attack(16, "write-counter", AUVIOL, || write(0x80FF_1000)),
    attack(17, "read-fault-record", AUVIOL, || read(0x3000_0400)),
    attack(18, "read-security-control-block", AUVIOL, || read(0x5008_0014)),
    attack(19, "write-memory-gate", AUVIOL, || write(0x5800_7000)),
    attack(20, "read-device-secure-alias", AUVIOL, || read(UART1 | SECURE_ALIAS)),
    attack(21, "read-private-device", Expect::Word(0), read_private_device),
    attack(22, "write-private-device", Expect::Word(0), write_private_device),
    attack(23, "read-attribution-unit", Expect::Word(0), read_attribution_unit),
    attack(24, "disable-attribution-unit", AUVIOL, disable_attribution_unit),
    attack(25, "reset-the-system", Expect::Word(0), reset_the_system),
    attack(26, "execute-flash", Expect::Fault(Fault::EntryPoint), || execute(0x8000_0400)),
];

const SECURE_ALIAS: u32 = 0x1000_0000;
/// The console, ours.
const UART0: u32 = 0x4020_0000;
/// The next UART, which stays with the secure world.
const UART1: u32 = 0x4020_1000;
/// Offset of a UART's first identification register, which reads 0x21 (CMSDK UART, PID0).
const IDENTIFICATION: u32 = 0xFE0;

/// Reads a word of somebody else's memory.
pub(crate) fn read(address: u32) -> u32 {
    Foreign::new(address).map_or(0, Foreign::read)
}

/// Writes a word there, and reads it back.
pub(crate) fn write(address: u32) -> u32 {
    match Foreign::new(address) {
        Some(place) => {
            place.write(0xBAD0_BAD0);
            place.read()
        }
        None => 0,
    }
}

fn execute(address: u32) -> u32 {
    Foreign::new(address).map_or(0, |place| place.execute([0; 4]))
}

/// Shows that the same register of the same kind of device answers where it is ours.
fn witness() {
    say!(
        "witness: {:#010x} reads {:#04x}",
        UART0 | IDENTIFICATION,
        read(UART0 | IDENTIFICATION)
    );
}

fn read_private_device() -> u32 {
    witness();
    read(UART1 | IDENTIFICATION)
}

/// Its baud rate divider keeps what is written, where it is ours.
fn write_private_device() -> u32 {
    witness();
    let Some(divider) = Foreign::new(UART1 + 0x10) else {
        return 1;
    };
    divider.write(0x0000_1234);
    divider.read()
}

/// The vector table offset is the witness: this world's copy answers.
fn read_attribution_unit() -> u32 {
    say!("witness: VTOR reads {:#010x}", read(0xE000_ED08));
    read(0xE000_EDD0) | read(0xE000_EDD4)
}

/// Asks for an attribution unit that calls everything non-secure, then reads what only it protects.
fn disable_attribution_unit() -> u32 {
    if let Some(control) = Foreign::new(0xE000_EDD0) {
        control.write(2);
    }
    read(0x8000_0000)
}

/// AIRCR.SYSRESETREQ, which SYSRESETREQS keeps for the secure world. Coming back at all is the answer.
fn reset_the_system() -> u32 {
    if let Some(control) = Foreign::new(0xE000_ED0C) {
        control.write(0x05FA_0004);
    }
    // Time for a reset to happen, if it does.
    (0..1000).fold(0, |sum: u32, _| core::hint::black_box(sum))
}
