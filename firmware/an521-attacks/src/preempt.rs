//! Attacks 110 to 119: a tick of the non-secure timer interrupts a service, and another thread calls.
//!
//! The second call must be answered `PSA_ERROR_CONNECTION_BUSY` and the first must finish as if nothing had
//! happened: there is one secure stack, and the gate marks it before it uses it.

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
/// How often the first thread's work failed.
static FAILURES: AtomicU32 = AtomicU32::new(0);
/// What the second thread was answered.
static BUSY: AtomicU32 = AtomicU32::new(0);
static SERVED: AtomicU32 = AtomicU32::new(0);
static OTHER: AtomicU32 = AtomicU32::new(0);

/// 0 if the first thread's work succeeded, the second was refused at least once, and got no answer but
/// "busy" or, when the tick came outside the secure world, service.
fn interrupt(work: fn()) -> u32 {
    for counter in [&FAILURES, &BUSY, &SERVED, &OTHER] {
        counter.store(0, Ordering::Relaxed);
    }
    let before = threads::switches();
    threads::run_two(work, call_again, PERIOD);
    let count = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
    say!(
        "switches {}, nested calls: busy {}, served {}, other {}; first thread's failures {}",
        threads::switches().wrapping_sub(before),
        count(&BUSY),
        count(&SERVED),
        count(&OTHER),
        count(&FAILURES),
    );
    let proven = count(&BUSY) > 0;
    u32::from(!proven) + count(&OTHER) + count(&FAILURES)
}

/// The second thread: calls whenever the first one was interrupted around its call.
fn call_again() {
    loop {
        if !IN_CALL.load(Ordering::Relaxed) {
            core::hint::spin_loop();
            continue;
        }
        let status = Request::valid().make().cast_signed();
        let counter = match status {
            0 => &SERVED,
            _ if status == Error::ConnectionBusy as i32 => &BUSY,
            _ => &OTHER,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        // Connecting and closing go through gates of their own.
        let handle = raw::tfm_psa_connect_veneer(service::CRYPTO.sid, 1);
        if handle >= 0 {
            OTHER.fetch_add(1, Ordering::Relaxed);
        }
        raw::tfm_psa_close_veneer(0);
    }
}

/// Makes a call of the first thread, which the second may know of, and counts its failure.
fn during_call(call: impl FnOnce() -> bool) {
    IN_CALL.store(true, Ordering::SeqCst);
    let good = call();
    IN_CALL.store(false, Ordering::SeqCst);
    if !good {
        FAILURES.fetch_add(1, Ordering::Relaxed);
    }
}

/// Long hashes, which must come out the same every time.
fn hash_much() {
    let mut first = [0; 32];
    if psa::hash(&MESSAGE, &mut first) != 0 {
        FAILURES.fetch_add(1, Ordering::Relaxed);
        return;
    }
    for _ in 0..8 {
        during_call(|| {
            let mut again = [0; 32];
            psa::hash(&MESSAGE, &mut again) == 0 && again == first
        });
    }
}

/// Many small objects through the Protected Storage partition, which calls two services itself.
fn store_much() {
    let storage = service::PROTECTED_STORAGE;
    for round in 0..40u8 {
        let (data, mut back) = ([round; 64], [0; 64]);
        during_call(|| psa::set(storage, 0x7171, &data) == 0);
        during_call(|| psa::get(storage, 0x7171, &mut back) == 0 && back == data);
    }
    during_call(|| psa::remove(storage, 0x7171) == 0);
}
