//! Attacks 110 to 119: a tick of the non-secure timer interrupts a service, and another thread calls.
//!
//! The second call must be answered `PSA_ERROR_CONNECTION_BUSY` and the first must finish as if nothing had
//! happened: there is one secure stack, and the gate marks it before it uses it.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ironroot_port_armv8m::nonsecure::threads;
use ironroot_port_armv8m::nonsecure::veneers::raw;
use ironroot_port_armv8m::say;
use ironroot_psa_api::{Error, service};

use crate::attack::{Attack, Attempt, Expect};
use crate::psa;
use crate::request::Request;

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
    attack(110, "call-while-a-service-runs", || interrupt(hash_much)),
    attack(111, "call-while-a-partition-runs", || interrupt(store_much)),
];

/// Processor cycles between ticks: some ten thousand instructions.
const PERIOD: u32 = 4_000;
/// Long enough for many ticks inside one call.
const LONG: usize = 64 * 1024;

static MESSAGE: [u8; LONG] = [0x5A; LONG];

/// The first thread is between just before its call and just after.
static IN_CALL: AtomicBool = AtomicBool::new(false);
/// The second thread is to call no more; it answers by clearing this.
static FINISH: AtomicBool = AtomicBool::new(false);
/// How often the first thread's work failed.
static FAILURES: AtomicU32 = AtomicU32::new(0);
/// How often the first thread was told "busy", because the tick had come inside the second's service.
static WAITED: AtomicU32 = AtomicU32::new(0);
/// What the second thread was answered.
static BUSY: AtomicU32 = AtomicU32::new(0);
static SERVED: AtomicU32 = AtomicU32::new(0);
static OTHER: AtomicU32 = AtomicU32::new(0);

const BUSY_STATUS: i32 = Error::ConnectionBusy as i32;

/// 0 if the first thread's work succeeded, the second was refused at least once, and neither got any answer
/// but "busy" or, when the tick came outside the secure world, service.
fn interrupt(work: fn()) -> u32 {
    for counter in [&FAILURES, &WAITED, &BUSY, &SERVED, &OTHER] {
        counter.store(0, Ordering::Relaxed);
    }
    let before = threads::switches();
    threads::run_two(work, call_again, PERIOD);
    let count = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
    say!(
        "switches {}; second thread: busy {}, served {}, other {}; first thread: waited {}, failed {}",
        threads::switches().wrapping_sub(before),
        count(&BUSY),
        count(&SERVED),
        count(&OTHER),
        count(&WAITED),
        count(&FAILURES),
    );
    let proven = count(&BUSY) > 0;
    u32::from(!proven) + count(&OTHER) + count(&FAILURES)
}

/// The second thread: calls whenever the first one was interrupted around its call. Without a kernel there
/// is nobody else to finish a service that was begun, so it ends only between two calls.
fn call_again() {
    while !FINISH.load(Ordering::SeqCst) {
        if !IN_CALL.load(Ordering::SeqCst) {
            core::hint::spin_loop();
            continue;
        }
        let counter = match Request::valid().make().cast_signed() {
            0 => &SERVED,
            BUSY_STATUS => &BUSY,
            _ => &OTHER,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        // Connecting, asking for a version and closing go through gates of their own.
        if raw::tfm_psa_connect_veneer(service::CRYPTO.sid, 1) >= 0 {
            OTHER.fetch_add(1, Ordering::Relaxed);
        }
        let _ = raw::tfm_psa_version_veneer(service::CRYPTO.sid);
        raw::tfm_psa_close_veneer(0);
    }
    FINISH.store(false, Ordering::SeqCst);
    loop {
        core::hint::spin_loop();
    }
}

/// Lets the second thread finish what it has begun.
fn wait_for_second_thread() {
    FINISH.store(true, Ordering::SeqCst);
    while FINISH.load(Ordering::SeqCst) {
        core::hint::spin_loop();
    }
}

/// Makes a call of the first thread, which the second may know of, again for as long as the second is being
/// served. `good` judges what came of it.
fn during_call(mut call: impl FnMut() -> i32, good: impl FnOnce() -> bool) {
    IN_CALL.store(true, Ordering::SeqCst);
    let mut status = call();
    while status == BUSY_STATUS {
        WAITED.fetch_add(1, Ordering::Relaxed);
        status = call();
    }
    IN_CALL.store(false, Ordering::SeqCst);
    if status != 0 || !good() {
        FAILURES.fetch_add(1, Ordering::Relaxed);
    }
}

/// Rounds that a thread works at least, and at most for the tick to strike inside one of its calls: on a
/// busy host the emulator's timer can be late.
const ROUNDS: core::ops::Range<u32> = 8..400;

/// Whether there was enough of it after `round` rounds.
fn enough(round: u32) -> bool {
    round >= ROUNDS.start && BUSY.load(Ordering::Relaxed) > 0
}

/// Long hashes, which must come out the same every time.
fn hash_much() {
    let mut first = [0; 32];
    during_call(|| psa::hash(&MESSAGE, &mut first), || true);
    for round in 0..ROUNDS.end {
        if enough(round) {
            break;
        }
        let again = Cell::new([0; 32]);
        let hash = || {
            let mut digest = [0; 32];
            let status = psa::hash(&MESSAGE, &mut digest);
            again.set(digest);
            status
        };
        during_call(hash, || again.get() == first);
    }
    wait_for_second_thread();
}

/// Many small objects through the Protected Storage partition, which calls two services itself.
fn store_much() {
    let storage = service::PROTECTED_STORAGE;
    for round in 0..ROUNDS.end {
        if enough(round / 4) {
            break;
        }
        let [low, ..] = round.to_le_bytes();
        let data = [low; 64];
        during_call(|| psa::set(storage, OBJECT, &data), || true);
        let back = Cell::new([0; 64]);
        let get = || {
            let mut bytes = [0; 64];
            let status = psa::get(storage, OBJECT, &mut bytes);
            back.set(bytes);
            status
        };
        during_call(get, || back.get() == data);
    }
    during_call(|| psa::remove(storage, OBJECT), || true);
    wait_for_second_thread();
}

/// Name of the object that is stored again and again.
const OBJECT: u64 = 0x7171;
