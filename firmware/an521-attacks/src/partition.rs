//! Attacks 200 and up: an Application RoT partition that was taken over.
//!
//! The test-only hostile partition does the deed; its README lists the attempts by request type. Its input
//! is an address, its output the word it got away with. What must be refused depends on the isolation
//! level, which the harness puts into the mailbox as the argument. A partition that faults, or breaks the
//! framework's rules, has failed its caller: `PSA_ERROR_SERVICE_FAILURE`.

use ironroot_port_armv8m::nonsecure::veneers::{InVec, OutVec, call};
use ironroot_port_armv8m::say;
use ironroot_psa_api::{Error, StatelessHandle};

use crate::attack::{Attack, Attempt, Expect};

/// Refused at the levels whose bits are set.
const fn refused(levels: u8) -> Expect {
    Expect::StatusAtLevels {
        levels,
        status: Error::ServiceFailure as i32,
    }
}

/// Partitions are kept from it at every level.
const ALWAYS: Expect = refused(0b1110);
/// Partitions are kept from it where they are unprivileged.
const FROM_2: Expect = refused(0b1100);
/// Partitions are kept from each other.
const AT_3: Expect = refused(0b1000);

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
    attack(200, "partition-answers", Expect::Status(0), || ask(0, 0)),
    attack(201, "partition-reads-root-data", FROM_2, || ask(1, ROOT_DATA)),
    attack(202, "partition-reads-root-code", FROM_2, || ask(1, ROOT_CODE)),
    attack(203, "partition-reads-other-partition", AT_3, || ask(1, OTHER_PARTITION)),
    attack(204, "partition-reads-device", FROM_2, || ask(1, DEVICE)),
    attack(205, "partition-reads-otp", FROM_2, || ask(1, OTP)),
    attack(206, "partition-reads-non-secure-memory", FROM_2, || ask(1, NON_SECURE_DATA)),
    attack(207, "partition-writes-root-data", FROM_2, || ask(2, ROOT_DATA)),
    attack(208, "partition-writes-other-partition", AT_3, || ask(2, OTHER_PARTITION)),
    attack(209, "partition-reads-memory-protection", FROM_2, || ask(1, MEMORY_PROTECTION)),
    attack(210, "partition-executes-its-stack", ALWAYS, || ask(4, 0)),
    attack(211, "partition-writes-its-code", ALWAYS, || ask(5, 0)),
    attack(212, "partition-overflows-its-stack", ALWAYS, || ask(6, 0)),
    attack(213, "partition-reads-forged-message", ALWAYS, || ask(7, 0)),
    attack(214, "partition-writes-from-root-data", ALWAYS, || ask(8, ROOT_DATA)),
    attack(215, "partition-calls-with-root-vectors", ALWAYS, || ask(9, ROOT_DATA)),
    attack(216, "partition-calls-undeclared-service", Expect::Status(REFUSED), || got(10, 0)),
    attack(217, "partition-makes-unknown-call", ALWAYS, || ask(11, 0)),
    attack(218, "partition-writes-after-its-reply", Expect::Word(1), || ends_after_its_reply(12)),
    attack(219, "partition-borrows-root-stack", ALWAYS, || ask(13, ROOT_DATA_END)),
    attack(220, "partition-undefined-instruction", ALWAYS, || ask(14, 0)),
    attack(221, "partition-breakpoint", ALWAYS, || ask(15, 0)),
    attack(222, "partition-seizes-control", FROM_2, || ask(16, 0)),
    attack(223, "partition-executes-root-code", ALWAYS, || ask(3, ROOT_CODE)),
    attack(224, "partition-replies-twice", Expect::Word(1), || ends_after_its_reply(18)),
    attack(225, "partition-loops", ALWAYS, || lives_again(19, 0)),
    attack(226, "partition-loops-with-supervisor-calls", ALWAYS, || lives_again(20, 0)),
    attack(227, "partition-loops-with-services", ALWAYS, || lives_again(21, 0)),
    attack(228, "partition-loops-without-a-stack", ALWAYS, || lives_again(22, UNUSED_DATA)),
];

/// Stateless handle of the hostile partition: the manifest's number 8, so index 7; version 1.
const HOSTILE: Option<StatelessHandle> = StatelessHandle::new(7, 1);

/// The last words of the boot hand-over area, which nothing uses: writing there harms nobody at level 1.
const ROOT_DATA: u32 = 0x3000_03FC;
const ROOT_DATA_END: u32 = 0x3000_0400;
const ROOT_CODE: u32 = 0x1001_0400;
/// The first partition's memory is the Protected Storage partition's.
const OTHER_PARTITION: u32 = 0x3001_4000;
/// Identification register of a secure UART.
const DEVICE: u32 = 0x5020_1FE0;
const OTP: u32 = 0x80FF_0000;
const NON_SECURE_DATA: u32 = 0x2800_0000;
/// Behind the last partition's memory: nobody's, and above every partition's stack limit.
const UNUSED_DATA: u32 = 0x3001_F000;
/// MPU_CTRL.
const MEMORY_PROTECTION: u32 = 0xE000_ED94;

/// What a partition is told that calls a service it did not declare.
const REFUSED: i32 = Error::ConnectionRefused as i32;

/// Asks for attempt `kind` at `address`: the status, as a word.
fn ask(kind: i32, address: u32) -> u32 {
    let (status, word) = request(kind, address);
    if status == 0 {
        say!("partition got {word:#010x}");
    }
    status.cast_unsigned()
}

/// How many messages the present life of the partition got, this one included. 1: it was restarted.
fn messages_of_this_life() -> u32 {
    got(17, 0)
}

/// The partition answers and then breaks a rule: its caller has the answer (and nothing that came after it),
/// and the partition has lost its life all the same. 1 is what a new life says.
fn ends_after_its_reply(kind: i32) -> u32 {
    // A second message before it, so that an old life would count three.
    if got(0, 0) != WITNESS || request(kind, 0) != (0, 0) {
        return PREPARATION_FAILED;
    }
    messages_of_this_life()
}

/// The partition must lose its life, and its next caller must be served by a new one.
fn lives_again(kind: i32, address: u32) -> u32 {
    let status = ask(kind, address);
    if messages_of_this_life() == 1 {
        status
    } else {
        PREPARATION_FAILED
    }
}

/// What an honest answer of the hostile partition is.
const WITNESS: u32 = 0x600D_F00D;
/// A step around the attack did not do what it should.
const PREPARATION_FAILED: u32 = 0xBAD0_0000;

/// The same for an attempt that the partition survives: what it got, if the call did not fail.
fn got(kind: i32, address: u32) -> u32 {
    match request(kind, address) {
        (0, word) => word,
        (status, _) => status.cast_unsigned(),
    }
}

fn request(kind: i32, address: u32) -> (i32, u32) {
    let handle = HOSTILE.map_or(0, |parts| parts.handle().0).cast_signed();
    let (input, mut output) = (address.to_le_bytes(), [0; 4]);
    let mut outputs = [OutVec::new(&mut output)];
    let status = call(handle, kind, &[InVec::new(&input)], &mut outputs);
    (status, u32::from_le_bytes(output))
}
