//! Attacks 100 to 109: one non-secure thread after another's keys and objects.
//!
//! The kernel's part, giving each thread its client id, is played in handler mode through the context
//! veneers. Owner and thief are clients -2 and -3.

use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use ironroot_port_armv8m::nonsecure::{context, handler_mode};
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
    attack(107, "call-without-a-context", Expect::Word(0), call_without_a_context),
];

const OWNER: i32 = -2;
const THIEF: i32 = -3;
const UID: u64 = 0x51EA;
/// A step that only prepares the attack failed; the low half says which.
const PREPARATION_FAILED: u32 = 0xBAD0_0000;

/// Token of the one context in use here.
static TOKEN: AtomicU32 = AtomicU32::new(context::INVALID_TOKEN);
/// The client to load, and what came of it.
static CLIENT: AtomicI32 = AtomicI32::new(0);
static ANSWER: AtomicU32 = AtomicU32::new(0);

/// Loads the context with `client`, as a kernel that switches to that thread.
fn become_client(client: i32) -> u32 {
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
    u32::from(status.cast_signed() >= 0)
}
