//! Attacks 112 to 119: one tick, at every instruction of a secure call in turn, and a second thread that
//! calls there.
//!
//! Attacks 110 and 111 leave it to chance where a tick strikes. These move it: the timer starts a known number
//! of instructions before the call, and its delay grows by one cycle from attempt to attempt, from before the
//! gateway until the call is back before the tick comes. The harness runs QEMU with counted time (64 ns an
//! instruction, 50 ns a cycle), so that no instruction is left out.
//!
//! At each place the interrupted call must end with the right result, the second thread must be told "busy" if
//! the first was inside and be served rightly if it was not, and no register may hold anything that is not
//! its caller's own: in the tick's handler, and where either call comes back.

use core::sync::atomic::{AtomicU32, Ordering};

use ironroot_port_armv8m::nonsecure::probe::{self, PATTERNS, Place, Registers, Scratch};
use ironroot_port_armv8m::nonsecure::{mailbox, threads};
use ironroot_port_armv8m::say;
use ironroot_psa_api::{Control, Error, StatelessHandle, service, storage};

use crate::attack::{Attack, Attempt, Expect};
use crate::psa;
use crate::request::{DIGEST, INPUTS, OUTPUTS, Request};

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
    attack(112, "tick-at-every-instruction-of-a-root-call", || sweep(Outer::Root, 1)),
    attack(113, "tick-at-every-instruction-of-a-partition-call", || sweep(Outer::Partition, 1)),
    attack(114, "tick-at-every-instruction-of-a-hash", || sweep(Outer::Hash, 1)),
    attack(115, "tick-all-over-a-partition-that-calls-services", || sweep(Outer::Storage, stride())),
    attack(
        116,
        "long-switch-away-from-a-partition",
        long_switch_away,
    ),
];

/// Cycles between two places in the longest call. Bit 8 of the harness's second word asks for every place.
fn stride() -> u32 {
    if mailbox::argument() & 0x100 == 0 {
        STRIDE
    } else {
        1
    }
}

/// A prime: over a few sweeps of changing code every instruction has its turn.
const STRIDE: u32 = 199;

/// The call that is interrupted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outer {
    /// The test-only echo service of the PSA Root of Trust.
    Root = 0,
    /// The test-only echo partition.
    Partition = 1,
    /// The Crypto service.
    Hash = 2,
    /// The Protected Storage partition, which calls Crypto and Internal Trusted Storage.
    Storage = 3,
}

/// The first delay, in cycles: long enough for the second thread to stop the timer, shorter than what the
/// first thread does before its call.
const FIRST_DELAY: u32 = 60;
/// Rounds of an idle loop before the call: about as many instructions as that.
const LEAD: u32 = 30;

/// Which call the first thread makes.
static OUTER: AtomicU32 = AtomicU32::new(0);
/// Faults of the first thread's call and of the second's, a bit each; all ones before they were made.
static FIRST: AtomicU32 = AtomicU32::new(0);
static SECOND: AtomicU32 = AtomicU32::new(0);
/// What the second thread saw: whether the first was in the secure world, and its own status.
static INSIDE: AtomicU32 = AtomicU32::new(0);
static STATUS: AtomicU32 = AtomicU32::new(0);

/// Moves the tick through the call, `step` cycles at a time. Answers 0, or what went wrong at the first place
/// where something did.
fn sweep(outer: Outer, step: u32) -> u32 {
    OUTER.store(outer as u32, Ordering::Relaxed);
    if outer == Outer::Storage && psa::set(service::PROTECTED_STORAGE, OBJECT, &CONTENT) != 0 {
        return NEVER_INSIDE | 1;
    }
    let (mut tried, mut inside, mut outside) = (0u32, 0u32, 0u32);
    let mut delay = FIRST_DELAY;
    let outcome = loop {
        for word in [&FIRST, &SECOND, &INSIDE] {
            word.store(u32::MAX, Ordering::Relaxed);
        }
        let before = threads::switches();
        threads::interrupt_once(first, second, delay);
        if threads::switches() == before {
            break 0;
        }
        tried += 1;
        match INSIDE.load(Ordering::Relaxed) {
            1 => inside += 1,
            _ => outside += 1,
        }
        let wrong = judge();
        if wrong != 0 {
            say!(
                "at delay {delay}: {wrong:#010x}, first {:#x}, second {:#x}, status {}",
                FIRST.load(Ordering::Relaxed),
                SECOND.load(Ordering::Relaxed),
                STATUS.load(Ordering::Relaxed).cast_signed()
            );
            break wrong;
        }
        delay += step;
    };
    if outer == Outer::Storage && psa::remove(service::PROTECTED_STORAGE, OBJECT) != 0 {
        return NEVER_INSIDE | 2;
    }
    say!("swept: {tried} delays, {inside} inside the call, {outside} around it");
    if outcome == 0 && inside == 0 {
        return NEVER_INSIDE;
    }
    outcome
}

/// A kernel that switches away from a partition's service for longer than the partition has takes nothing from
/// it: the time is the other world's. The second thread idles inside the call, at some places of it one after
/// the other, and the call ends well each time.
fn long_switch_away() -> u32 {
    OUTER.store(Outer::Partition as u32, Ordering::Relaxed);
    let mut inside = 0;
    let mut delay = FIRST_DELAY;
    loop {
        for word in [&FIRST, &SECOND] {
            word.store(u32::MAX, Ordering::Relaxed);
        }
        let before = threads::switches();
        threads::interrupt_once(first, idle_inside, delay);
        if threads::switches() == before {
            break;
        }
        let wrong = FIRST.load(Ordering::Relaxed) | SECOND.load(Ordering::Relaxed);
        if wrong != 0 {
            return wrong;
        }
        inside += INSIDE.load(Ordering::Relaxed);
        delay += APART;
    }
    if inside < 3 { NEVER_INSIDE } else { 0 }
}

/// Cycles from place to place.
const APART: u32 = 500;
/// Rounds of an idle loop, three instructions or more each: well over half a second at 64 ns an instruction.
const LONGER_THAN_THE_BUDGET: u32 = 6_000_000;

fn idle_inside() {
    threads::stop_timer();
    let inside = threads::waiting_in_secure_world();
    INSIDE.store(u32::from(inside), Ordering::Relaxed);
    SECOND.store(0, Ordering::Relaxed);
    if inside {
        // The secure clock's ticks strike in this loop, and must leave no trace in it.
        let rounds =
            (0..LONGER_THAN_THE_BUDGET).fold(0u32, |sum, _| core::hint::black_box(sum + 1));
        SECOND.store(
            u32::from(rounds != LONGER_THAN_THE_BUDGET) << 8,
            Ordering::Relaxed,
        );
    }
    threads::give_back();
}

/// No delay brought the tick into the call: nothing was proven.
const NEVER_INSIDE: u32 = 0xBAD0_0000;

/// What is wrong with the outcome of one attempt: bits of the first call, of the second, and of both.
fn judge() -> u32 {
    let status = STATUS.load(Ordering::Relaxed).cast_signed();
    let expected = match INSIDE.load(Ordering::Relaxed) {
        1 => Error::ConnectionBusy as i32,
        _ => 0,
    };
    FIRST.load(Ordering::Relaxed)
        | SECOND.load(Ordering::Relaxed)
        | u32::from(status != expected) << 16
        | u32::from(threads::leaked() != 0) << 17
}

/// The interrupted thread: the idle loop, then the call.
fn first() {
    let call = match OUTER.load(Ordering::Relaxed) {
        0 => Call::echo(8, FIRST_CALL),
        1 => Call::echo(6, FIRST_CALL),
        2 => Call::hash(),
        _ => Call::storage(),
    };
    for round in 0..LEAD {
        core::hint::black_box(round);
    }
    let seen = call.make();
    threads::stop_timer();
    let right = seen.general[0] == 0 && call.result_is_right();
    FIRST.store(
        u32::from(!right) | call.leaks(&seen) << 1,
        Ordering::Relaxed,
    );
}

/// The interrupting thread: one call of its own, to the echo service.
fn second() {
    threads::stop_timer();
    INSIDE.store(
        u32::from(threads::waiting_in_secure_world()),
        Ordering::Relaxed,
    );
    let call = Call::echo(8, SECOND_CALL);
    let seen = call.make();
    let status = seen.general[0];
    STATUS.store(status, Ordering::Relaxed);
    let wrong = status == 0 && !call.result_is_right();
    SECOND.store(
        u32::from(wrong) << 8 | call.leaks(&seen) << 9,
        Ordering::Relaxed,
    );
    threads::give_back();
}

/// A call with everything of it in scratch memory.
struct Call {
    handle: i32,
    control: u32,
    inputs: u32,
    outputs: u32,
    result: Result,
}

/// Where the right result of a call is to be found.
#[derive(Clone, Copy)]
enum Result {
    /// Two words that [`Call::echo`] makes for this scratch word, sixteen words behind it.
    Echo(usize),
    /// The digest of the valid request.
    Digest,
    /// The stored object, sixteen words behind this one.
    Object(usize),
}

/// What is stored, by name and content.
const OBJECT: u64 = 0x7172;
const CONTENT: [u8; 8] = [0x0B; 8];

/// Scratch words of each thread's echo: vectors, eight bytes in, eight bytes out.
const FIRST_CALL: usize = 256;
const SECOND_CALL: usize = 320;

impl Call {
    /// Eight bytes to the service of that stateless index and back.
    fn echo(index: u8, base: usize) -> Self {
        let byte = |word: usize| Place::Scratch((word * 4) as u32);
        probe::put_vector(base, byte(base + 8), 8);
        probe::put_vector(base + 2, byte(base + 16), 8);
        for word in 0..2 {
            Scratch.set(base + 8 + word, 0xEC40_0000 | (base + word) as u32);
            Scratch.set(base + 16 + word, 0);
        }
        Self {
            handle: StatelessHandle::new(index, 1)
                .map_or(0, |parts| parts.handle().0)
                .cast_signed(),
            control: Control::new(0, 1, 1).map_or(0, Control::word),
            inputs: (base * 4) as u32,
            outputs: (base * 4 + 8) as u32,
            result: Result::Echo(base),
        }
    }

    fn hash() -> Self {
        let Request { control, .. } = Request::valid();
        Self {
            handle: service::CRYPTO.handle.0.cast_signed(),
            control,
            inputs: (INPUTS * 4) as u32,
            outputs: (OUTPUTS * 4) as u32,
            result: Result::Digest,
        }
    }

    /// Reads the object that the sweep stored.
    fn storage() -> Self {
        let base = FIRST_CALL;
        let byte = |word: usize| Place::Scratch((word * 4) as u32);
        let [low, high] = [OBJECT as u32, (OBJECT >> 32) as u32];
        for (word, value) in [(8, low), (9, high), (10, 0), (16, 0), (17, 0)] {
            Scratch.set(base + word, value);
        }
        probe::put_vector(base, byte(base + 8), 8);
        probe::put_vector(base + 2, byte(base + 10), 4);
        probe::put_vector(base + 4, byte(base + 16), CONTENT.len() as u32);
        Self {
            handle: service::PROTECTED_STORAGE.handle.0.cast_signed(),
            control: Control::new(storage::GET, 2, 1).map_or(0, Control::word),
            inputs: (base * 4) as u32,
            outputs: (base * 4 + 16) as u32,
            result: Result::Object(base),
        }
    }

    fn make(&self) -> Registers {
        let (inputs, outputs) = (Place::Scratch(self.inputs), Place::Scratch(self.outputs));
        probe::watched_call(self.handle, self.control, inputs, outputs)
    }

    fn result_is_right(&self) -> bool {
        match self.result {
            Result::Echo(base) => (0..2)
                .all(|word| Scratch.get(base + 16 + word) == 0xEC40_0000 | (base + word) as u32),
            Result::Digest => Request::digest_is_right_at(DIGEST),
            Result::Object(base) => (0..2).all(|word| Scratch.get(base + 16 + word) == 0x0B0B_0B0B),
        }
    }

    /// Registers that are neither clear nor what the caller had there, a bit each for: an argument register,
    /// r12, a register that a call must keep, the flags.
    fn leaks(&self, seen: &Registers) -> u32 {
        let [_, r1, r2, r3, .., r12] = seen.general;
        let own = [
            self.control,
            Place::Scratch(self.inputs).address(),
            Place::Scratch(self.outputs).address(),
        ];
        let arguments = [r1, r2, r3].into_iter().zip(own);
        let mut leaks = 0;
        leaks |= u32::from(
            arguments
                .into_iter()
                .any(|(now, own)| now != 0 && now != own),
        );
        leaks |= u32::from(r12 != 0 && r12 != probe::call_gateway()) << 1;
        leaks |= u32::from(seen.general[4..12] != PATTERNS) << 2;
        leaks | u32::from(seen.flags != 0) << 3
    }
}
