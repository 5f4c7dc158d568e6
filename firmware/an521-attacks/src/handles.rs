//! Attacks 70 to 89: handles nobody was given.

use ironroot_port_armv8m::nonsecure::veneers::raw;
use ironroot_psa_api::{Error, StatelessHandle, service};

use crate::attack::{Attack, Attempt, Expect};
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

/// Closing does not answer; the honest request after it must still be served.
fn close_what_is_not_ours() -> u32 {
    for handle in [
        service::CRYPTO.handle.0,
        1,
        0x0000_0101,
        0x7FFF_FFFF,
        0x8000_0000,
    ] {
        raw::tfm_psa_close_veneer(handle.cast_signed());
    }
    Request::valid().make()
}

/// The test-only echo partition takes connections: opens one, closes it, opens another (which may get the
/// same slot), and calls over the first.
fn stale_handle() -> u32 {
    let first = raw::tfm_psa_connect_veneer(ECHO_CONNECTIONS, 1);
    if first <= 0 {
        return first.cast_unsigned();
    }
    raw::tfm_psa_close_veneer(first);
    let second = raw::tfm_psa_connect_veneer(ECHO_CONNECTIONS, 1);
    let mut request = Request::valid();
    request.handle = first.cast_unsigned();
    let status = request.make();
    raw::tfm_psa_close_veneer(second);
    status
}

/// The echo partition's connection-based service.
const ECHO_CONNECTIONS: u32 = 0x0000_F001;
