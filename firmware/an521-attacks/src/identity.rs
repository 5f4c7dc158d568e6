//! Attacks 100 to 109: one non-secure thread after another's keys and objects.
//!
//! The kernel's part, giving each thread its client id, is played in handler mode through the context
//! veneers. Owner and thief are clients -2 and -3.

use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use ironroot_port_armv8m::nonsecure::{context, handler_mode, threads};
use ironroot_port_armv8m::say;
use ironroot_psa_api::key::KeyId;
use ironroot_psa_api::service::{self, StandardService};
use ironroot_psa_api::{ClientId, Error};

use crate::attack::{Attack, Attempt, Expect};
use crate::psa;
use crate::request::Request;

const fn attack(number: u32, name: &'static str, expect: Expect, run: fn() -> u32) -> Attack {
    Attack {
        number,
        name,
        expect,
        attempt: Attempt::Do(run),
    }
}

const NO_SUCH_KEY: Expect = Expect::Status(Error::InvalidHandle as i32);
const NOBODY: Expect = Expect::Status(Error::ConnectionRefused as i32);
const NO_SUCH_OBJECT: Expect = Expect::Status(Error::DoesNotExist as i32);

/// In the order of their numbers.
#[rustfmt::skip] // one line per attack
pub(crate) const ATTACKS: &[Attack] = &[
    attack(100, "volatile-key-of-another-client", NO_SUCH_KEY, || steal_key(KeyId::NULL)),
    attack(101, "persistent-key-of-another-client", NO_SUCH_KEY, || steal_key(KeyId(0x0100))),
    attack(102, "destroy-key-of-another-client", NO_SUCH_KEY, destroy_key),
    attack(103, "its-object-of-another-client", NO_SUCH_OBJECT, || steal(service::INTERNAL_TRUSTED_STORAGE)),
    attack(104, "ps-object-of-another-client", NO_SUCH_OBJECT, || steal(service::PROTECTED_STORAGE)),
    attack(105, "claim-a-secure-client-id", Expect::Word(context::ERROR_INVALID_CLIENT), secure_client_id),
    attack(106, "forged-context-token", Expect::Word(context::ERROR_INVALID_TOKEN), forged_token),
    attack(107, "call-without-a-context", NOBODY, call_without_a_context),
    attack(108, "contexts-from-thread-mode", Expect::Word(0), contexts_from_thread_mode),
    attack(109, "context-veneers-nested-in-handlers", Expect::Word(0), contexts_nested),
];

pub(crate) const OWNER: i32 = -2;
pub(crate) const THIEF: i32 = -3;
const UID: u64 = 0x51EA;
/// A step that only prepares the attack failed; the low half says which.
const PREPARATION_FAILED: u32 = 0xBAD0_0000;

/// Token of the one context in use here.
static TOKEN: AtomicU32 = AtomicU32::new(context::INVALID_TOKEN);
/// The client to load, and what came of it.
static CLIENT: AtomicI32 = AtomicI32::new(0);
static ANSWER: AtomicU32 = AtomicU32::new(0);

/// Loads the context with `client`, as a kernel that switches to that thread.
pub(crate) fn become_client(client: i32) -> u32 {
    CLIENT.store(client, Ordering::Relaxed);
    handler_mode::run(|| {
        if TOKEN.load(Ordering::Relaxed) == context::INVALID_TOKEN {
            context::init(1);
            TOKEN.store(context::acquire(0, 1), Ordering::Relaxed);
        }
        let client = CLIENT.load(Ordering::Relaxed);
        ANSWER.store(
            context::load(TOKEN.load(Ordering::Relaxed), client),
            Ordering::Relaxed,
        );
    });
    ANSWER.load(Ordering::Relaxed)
}

/// Runs `crime` as the thief after `prepare` as the owner, then cleans up and goes back to the default id.
fn between_clients<T>(
    prepare: impl FnOnce() -> Result<T, i32>,
    crime: impl FnOnce(&T) -> i32,
    clean: impl FnOnce(T) -> i32,
) -> u32 {
    if become_client(OWNER) != 0 {
        return PREPARATION_FAILED | 1;
    }
    let loot = prepare();
    become_client(THIEF);
    let outcome = match loot {
        Ok(loot) => {
            let outcome = crime(&loot);
            become_client(OWNER);
            if clean(loot) == 0 {
                outcome.cast_unsigned()
            } else {
                PREPARATION_FAILED | 2
            }
        }
        Err(_) => PREPARATION_FAILED | 3,
    };
    become_client(ClientId::NON_SECURE.get());
    outcome
}

fn steal_key(id: KeyId) -> u32 {
    let prepare = || psa::generate_signing_key(id);
    between_clients(prepare, |key| psa::sign(*key), psa::destroy_key)
}

fn destroy_key() -> u32 {
    let prepare = || psa::generate_signing_key(KeyId::NULL);
    between_clients(prepare, |key| psa::destroy_key(*key), psa::destroy_key)
}

/// The thief sets an object of the same name, too: it must be another one.
fn steal(storage: StandardService) -> u32 {
    let prepare = || match psa::set(storage, UID, b"owner's") {
        0 => Ok(()),
        status => Err(status),
    };
    let crime = |_: &()| psa::get(storage, UID, &mut [0; 7]);
    let clean = |()| {
        let mut back = [0; 7];
        let intact = psa::get(storage, UID, &mut back) == 0 && back == *b"owner's";
        if intact {
            psa::remove(storage, UID)
        } else {
            Error::DataCorrupt as i32
        }
    };
    between_clients(prepare, crime, clean)
}

/// Client ids of partitions are positive.
fn secure_client_id() -> u32 {
    let answer = become_client(1);
    become_client(ClientId::NON_SECURE.get());
    answer
}

fn forged_token() -> u32 {
    become_client(ClientId::NON_SECURE.get());
    handler_mode::run(|| {
        let forged = TOKEN.load(Ordering::Relaxed) ^ 0x0001_0000;
        ANSWER.store(context::load(forged, OWNER), Ordering::Relaxed);
    });
    ANSWER.load(Ordering::Relaxed)
}

/// A kernel that uses contexts and has none loaded: nobody calls, so nobody is served.
fn call_without_a_context() -> u32 {
    become_client(ClientId::NON_SECURE.get());
    handler_mode::run(|| {
        context::save(TOKEN.load(Ordering::Relaxed));
    });
    let status = Request::valid().make();
    become_client(ClientId::NON_SECURE.get());
    status
}

/// A thread that could do this could make itself any other client. Each veneer must answer what TF-M's header
/// says (no contexts, no token, `TFM_NS_CLIENT_ERR_INVALID_ACCESS`) and change nothing: the thread stays the client that it is, its
/// context stays loaded, none is taken or given back. One bit for each that was not so.
fn contexts_from_thread_mode() -> u32 {
    let prepare = || match psa::set(service::INTERNAL_TRUSTED_STORAGE, UID, b"owner's") {
        0 => Ok(()),
        status => Err(status),
    };
    let crime = |(): &()| {
        let token = TOKEN.load(Ordering::Relaxed);
        let answers = [
            (context::load(token, OWNER), context::ERROR_INVALID_ACCESS),
            (context::save(token), context::ERROR_INVALID_ACCESS),
            (context::release(token), context::ERROR_INVALID_ACCESS),
            (context::acquire(0, 1), context::INVALID_TOKEN),
            (context::init(1), 0),
        ];
        let mut wrong = 0;
        for (place, (answer, documented)) in answers.into_iter().enumerate() {
            wrong |= i32::from(answer != documented) << place;
        }
        // Still the thief, and still somebody.
        let loot = psa::get(service::INTERNAL_TRUSTED_STORAGE, UID, &mut [0; 7]);
        wrong |= i32::from(loot != Error::DoesNotExist as i32) << 5;
        // A context that had been taken would leave one fewer, one given back would not load.
        wrong | i32::from(free_contexts() != CONTEXTS - 1) << 6
    };
    between_clients(prepare, crime, |()| {
        psa::remove(service::INTERNAL_TRUSTED_STORAGE, UID)
    })
}

/// A kernel's handler is in a context veneer when a more urgent one interrupts it and calls one, too, at every
/// instruction in turn. Handlers nested that way to the end of the secure main stack would take the fault
/// handler's ground; so the second must be refused if the first was inside, and served if it was not.
fn contexts_nested() -> u32 {
    become_client(ClientId::NON_SECURE.get());
    let (mut inside, mut outside) = (0u32, 0u32);
    let mut delay = 40;
    let outcome = loop {
        ANSWER.store(UNTOUCHED, Ordering::Relaxed);
        NESTED.store(UNTOUCHED, Ordering::Relaxed);
        threads::interrupt_handler(load_in_handler, load_in_tick, delay);
        delay += 1;
        let (outer, nested) = (
            ANSWER.load(Ordering::Relaxed),
            NESTED.load(Ordering::Relaxed),
        );
        let expected = match INSIDE.load(Ordering::Relaxed) {
            _ if nested == UNTOUCHED => break 0,
            0 => {
                outside += 1;
                context::SUCCESS
            }
            _ => {
                inside += 1;
                context::ERROR_INVALID_ACCESS
            }
        };
        if (outer, nested) != (context::SUCCESS, expected) {
            say!("at delay {delay}: outer {outer}, nested {nested}, expected {expected}");
            break 1;
        }
    };
    say!("nested: {inside} inside the veneer, {outside} around it");
    become_client(ClientId::NON_SECURE.get());
    outcome | u32::from(inside < 20) << 1
}

/// Neither answer has this value.
const UNTOUCHED: u32 = 0x5A5A_5A5A;
/// What the tick's handler saw.
static NESTED: AtomicU32 = AtomicU32::new(0);
static INSIDE: AtomicU32 = AtomicU32::new(0);

fn load_in_handler() {
    handler_mode::run(|| {
        for round in 0..30 {
            core::hint::black_box(round);
        }
        let token = TOKEN.load(Ordering::Relaxed);
        ANSWER.store(context::load(token, OWNER), Ordering::Relaxed);
    });
}

extern "C" fn load_in_tick(in_secure_world: u32) {
    threads::stop_timer();
    INSIDE.store(in_secure_world, Ordering::Relaxed);
    let token = TOKEN.load(Ordering::Relaxed);
    NESTED.store(context::load(token, THIEF), Ordering::Relaxed);
}

/// Contexts there are, of which this program holds one.
const CONTEXTS: u32 = 4;

/// Takes all that are free, each for another group, and gives them back.
fn free_contexts() -> u32 {
    handler_mode::run(|| {
        let mut tokens = [context::INVALID_TOKEN; 8];
        for (group, place) in (1u8..).zip(&mut tokens) {
            *place = context::acquire(group, 1);
        }
        let free = |token: &&u32| **token != context::INVALID_TOKEN;
        ANSWER.store(tokens.iter().filter(free).count() as u32, Ordering::Relaxed);
        for token in tokens.iter().filter(free) {
            context::release(*token);
        }
    });
    ANSWER.load(Ordering::Relaxed)
}
