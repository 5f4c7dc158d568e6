//! Attacks 90 to 99: coming in by another way than the front door.

use core::sync::atomic::{AtomicU32, Ordering};

use ironroot_port_armv8m::nonsecure::probe::{self, Foreign};
use ironroot_port_armv8m::nonsecure::{handler_mode, veneers::raw};
use ironroot_psa_api::{Error, service};

use crate::attack::{Attack, Attempt, Expect, Fault};
use crate::request::Request;

const INVEP: Expect = Expect::Fault(Fault::EntryPoint);

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
    attack(90, "call-from-handler-mode", Expect::Status(Error::NotPermitted as i32), in_handler),
    attack(91, "all-gates-from-handler-mode", Expect::Word(0), all_gates_in_handler),
    attack(92, "middle-of-gateway-instruction", INVEP, || veneer_plus(2)),
    attack(93, "behind-gateway-instruction", INVEP, || veneer_plus(4)),
    attack(94, "behind-the-last-gateway", INVEP, behind_the_last_gateway),
    attack(95, "forged-exception-return", Expect::Fault(Fault::ExceptionReturn), forged_exception_return),
    attack(96, "forged-function-return", Expect::Fault(Fault::ReturnState), forged_function_return),
    attack(97, "forged-link-register", INVEP, forged_link_register),
    attack(98, "tail-call-to-an-exception-return", Expect::Fault(Fault::Signature), tail_call_to_exception_return),
    attack(99, "tail-call-to-a-function-return", Expect::Fault(Fault::ReturnStateInside), tail_call_to_function_return),
];

/// What the handler saw.
static SEEN: AtomicU32 = AtomicU32::new(0);

fn in_handler() -> u32 {
    handler_mode::run(|| SEEN.store(Request::valid().make(), Ordering::Relaxed));
    SEEN.load(Ordering::Relaxed)
}

/// Counts the gates that did anything else than refuse.
fn all_gates_in_handler() -> u32 {
    handler_mode::run(|| {
        let refused = (Error::NotPermitted as i32).cast_unsigned();
        let answers = [
            raw::tfm_psa_version_veneer(service::CRYPTO.sid),
            raw::tfm_psa_connect_veneer(service::CRYPTO.sid, 1).cast_unsigned(),
            Request::valid().make(),
        ];
        let open = answers.iter().filter(|answer| **answer != refused).count();
        raw::tfm_psa_close_veneer(service::CRYPTO.handle.0.cast_signed());
        SEEN.store(open as u32, Ordering::Relaxed);
    });
    SEEN.load(Ordering::Relaxed)
}

/// The address of the call gateway, without the Thumb bit.
fn call_gateway() -> u32 {
    raw::tfm_psa_call_veneer as *const () as usize as u32 & !1
}

fn veneer_plus(offset: u32) -> u32 {
    execute(call_gateway() + offset)
}

/// Past the stubs, still in callable memory if that was made larger than the stubs need.
fn behind_the_last_gateway() -> u32 {
    execute((call_gateway() | 0xFF) + 1)
}

fn execute(address: u32) -> u32 {
    Foreign::new(address).map_or(0, |place| place.execute([0; 4]))
}

/// Returns from an exception into secure thread mode, though none was interrupted: the frame would be
/// popped from the idle secure stack, whose seal is no integrity signature.
fn forged_exception_return() -> u32 {
    handler_mode::run(|| probe::forge_exception_return(0xFFFF_FFFD));
    0
}

/// Returns to secure code that called nobody: the words popped are the idle stack's seal.
fn forged_function_return() -> u32 {
    probe::forge_function_return()
}

/// A handler ends by a branch to a gate, its own exception return value in the link register, but with the
/// bit set that says "to the secure world". The gate refuses handlers and returns by that value; what it would
/// pop is the idle secure stack's seal, which is no integrity signature.
fn tail_call_to_exception_return() -> u32 {
    handler_mode::run(|| {
        probe::call_and_return_to(
            raw::tfm_psa_version_veneer as *const () as usize as u32,
            0xFFFF_FFFD,
        )
    });
    0
}

/// A thread calls a gate with FNC_RETURN to return to: the gate's return, in secure state, would pop from the
/// idle secure stack, whose seal is no state that can be.
fn tail_call_to_function_return() -> u32 {
    probe::call_and_return_to(
        raw::tfm_psa_version_veneer as *const () as usize as u32,
        0xFEFF_FFFF,
    )
}

/// Calls a gate with a secure address, lowest bit set, to return to.
fn forged_link_register() -> u32 {
    probe::call_and_return_to(
        raw::tfm_psa_framework_version_veneer as *const () as usize as u32,
        0x1001_0801,
    )
}
