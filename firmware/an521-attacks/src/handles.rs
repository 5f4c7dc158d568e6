//! Attacks 70 to 89: handles nobody was given.

use ironroot_port_armv8m::nonsecure::veneers::{InVec, OutVec, call, raw};
use ironroot_psa_api::{ClientId, Error, StatelessHandle, service};

use crate::attack::{Attack, Attempt, Expect};
use crate::identity::{OWNER, THIEF, become_client};
use crate::request::Request;

const REFUSED: Expect = Expect::Status(Error::ProgrammerError as i32);
const NO_CONNECTION: Expect = Expect::Status(Error::ConnectionRefused as i32);

const fn handle(number: u32, name: &'static str, twist: fn(&mut Request)) -> Attack {
    Attack {
        number,
        name,
        expect: REFUSED,
        attempt: Attempt::Twist(twist),
    }
}

const fn check(number: u32, name: &'static str, expect: Expect, run: fn() -> u32) -> Attack {
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
    handle(70, "null-handle", |r| r.handle = 0),
    handle(71, "stateless-handle-of-nobody", |r| r.handle = stateless(31, 1)),
    handle(72, "stateless-handle-wrong-version", |r| r.handle = stateless(0, 9)),
    handle(73, "stateless-handle-stray-bit", |r| r.handle |= 1 << 20),
    handle(74, "connection-never-opened", |r| r.handle = 0x0000_0001),
    handle(75, "connection-guessed", |r| r.handle = 0x0012_3400),
    handle(76, "negative-handle", |r| r.handle = 0x8000_0000),
    handle(77, "handle-that-is-an-address", |r| r.handle = 0x3000_0800),
    check(78, "connect-to-stateless-service", REFUSED, || connect(service::CRYPTO.sid, 1)),
    check(79, "connect-to-nobody", NO_CONNECTION, || connect(0xDEAD_BEEF, 1)),
    check(80, "version-of-nobody", Expect::Word(0), || raw::tfm_psa_version_veneer(0xDEAD_BEEF)),
    check(81, "close-what-is-not-ours", Expect::Word(0), close_what_is_not_ours),
    check(82, "stale-handle", REFUSED, stale_handle),
];

fn stateless(index: u8, version: u8) -> u32 {
    StatelessHandle::new(index, version).map_or(0, |parts| parts.handle().0)
}

fn connect(sid: u32, version: u32) -> u32 {
    raw::tfm_psa_connect_veneer(sid, version).cast_unsigned()
}

/// Closing does not answer. A client that has a connection open watches: neither its own wrong handles nor
/// another client's right one may close it. 0: it still works, every time.
fn close_what_is_not_ours() -> u32 {
    become_client(OWNER);
    let connection = raw::tfm_psa_connect_veneer(ECHO_CONNECTIONS, 1);
    let mut lost = u32::from(connection <= 0);
    for handle in [
        service::CRYPTO.handle.0,
        1,
        0x0000_0101,
        0x7FFF_FFFF,
        0x8000_0000,
        // The connection's slot with the generations around its own, and its generation in other slots.
        connection.cast_unsigned() ^ 0x100,
        connection.cast_unsigned().wrapping_add(0x100),
        connection.cast_unsigned() ^ 1,
        connection.cast_unsigned() ^ 2,
    ] {
        raw::tfm_psa_close_veneer(handle.cast_signed());
        lost += u32::from(echo_over(connection) != 0);
    }
    become_client(THIEF);
    raw::tfm_psa_close_veneer(connection);
    become_client(OWNER);
    lost += u32::from(echo_over(connection) != 0);
    // And the owner can: afterwards it is gone.
    raw::tfm_psa_close_veneer(connection);
    lost += u32::from(echo_over(connection) != Error::ProgrammerError as i32);
    become_client(ClientId::NON_SECURE.get());
    lost
}

/// The test-only echo partition takes connections: opens one, closes it, and opens another, which gets the
/// same slot under another handle. The first handle must be refused before and after that, to its owner and
/// to another client; so must the second to that other client; and the second must work for its owner.
fn stale_handle() -> u32 {
    become_client(OWNER);
    let outcome = stale_handle_of_owner();
    become_client(ClientId::NON_SECURE.get());
    outcome
}

fn stale_handle_of_owner() -> u32 {
    let first = raw::tfm_psa_connect_veneer(ECHO_CONNECTIONS, 1);
    if first <= 0 || echo_over(first) != 0 {
        return PREPARATION_FAILED | 1;
    }
    raw::tfm_psa_close_veneer(first);
    let before_reuse = echo_over(first);
    let second = raw::tfm_psa_connect_veneer(ECHO_CONNECTIONS, 1);
    if second <= 0 || (second ^ first) & SLOT != 0 || second == first {
        return PREPARATION_FAILED | 2;
    }
    let after_reuse = echo_over(first);
    become_client(THIEF);
    let stale_to_other = echo_over(first);
    let fresh_to_other = echo_over(second);
    become_client(OWNER);
    if echo_over(second) != 0 {
        return PREPARATION_FAILED | 3;
    }
    raw::tfm_psa_close_veneer(second);
    let refusals = [before_reuse, after_reuse, stale_to_other, fresh_to_other];
    // All the same status, or the first that is not.
    let refused = Error::ProgrammerError as i32;
    let odd = refusals.into_iter().find(|status| *status != refused);
    odd.unwrap_or(refused).cast_unsigned()
}

/// Four bytes there and back: the status, and [`Error::DataCorrupt`] if they came back changed.
fn echo_over(connection: i32) -> i32 {
    let (input, mut output) = (*b"echo", [0; 4]);
    let mut outputs = [OutVec::new(&mut output)];
    match call(connection, 0, &[InVec::new(&input)], &mut outputs) {
        0 if output != input => Error::DataCorrupt as i32,
        status => status,
    }
}

/// The bits of a connection's handle that are its place in the pool.
const SLOT: i32 = 0xFF;
/// A step around the attack did not do what it should; the low half says which.
const PREPARATION_FAILED: u32 = 0xBAD0_0000;

/// The echo partition's connection-based service.
const ECHO_CONNECTIONS: u32 = 0x0000_F001;
