//! What the gates call: registers of the other world in, one status out.
//!
//! The port's gate code has refused handler mode and nested calls already, so the kernel is free.

use crate::kernel;
use core::cell::UnsafeCell;
use ironroot_port_armv8m::cpu::interrupts;
use ironroot_psa_api::Error;
use ironroot_spm::{Caller, NsContextError, NsContexts, NsToken};

/// Client identities of the non-secure kernel's threads. Its exception handlers change them, even in the
/// middle of a service; so they lie outside the kernel and are touched only with interrupts held back.
struct Contexts(UnsafeCell<NsContexts>);
// SAFETY: `with_contexts` is the only access, and no interrupt of either world splits it.
unsafe impl Sync for Contexts {}
static CONTEXTS: Contexts = Contexts(UnsafeCell::new(NsContexts::new()));

fn with_contexts<R>(body: impl FnOnce(&mut NsContexts) -> R) -> R {
    // SAFETY: one core and no interrupt: nobody else has a reference.
    interrupts::held_back(|| body(unsafe { &mut *CONTEXTS.0.get() }))
}

/// Who calls: the thread that the non-secure kernel loaded, or the non-secure world as a whole under a
/// kernel that knows no contexts. Nobody, once a kernel uses contexts and has none loaded.
fn caller() -> Option<Caller> {
    with_contexts(|contexts| contexts.current()).and_then(Caller::non_secure)
}

#[unsafe(no_mangle)]
extern "C" fn ironroot_gate_version(service: u32) -> u32 {
    match caller() {
        Some(caller) => kernel::with(|kernel| kernel.version(caller, service)).unwrap_or(0),
        None => 0,
    }
}

#[unsafe(no_mangle)]
extern "C" fn ironroot_gate_connect(service: u32, version: u32) -> i32 {
    let Some(caller) = caller() else {
        return Error::ConnectionRefused.status().0;
    };
    match kernel::with(|kernel| kernel.connect(caller, service, version)) {
        Some(Ok(handle)) => handle.0.cast_signed(),
        Some(Err(error)) => error.status().0,
        None => Error::ConnectionRefused.status().0,
    }
}

#[unsafe(no_mangle)]
extern "C" fn ironroot_gate_call(handle: u32, control: u32, in_vec: u32, out_vec: u32) -> i32 {
    let Some(caller) = caller() else {
        return Error::ConnectionRefused.status().0;
    };
    kernel::with(|kernel| kernel.call(caller, handle, control, in_vec, out_vec).0)
        .unwrap_or(Error::ConnectionRefused.status().0)
}

#[unsafe(no_mangle)]
extern "C" fn ironroot_gate_close(handle: u32) {
    if let Some(caller) = caller() {
        // `psa_close` returns nothing: a wrong handle is the caller's loss.
        let _ = kernel::with(|kernel| kernel.close(caller, handle));
    }
}

/// TF-M's non-secure client extension, by the number the gate gives each call.
#[unsafe(no_mangle)]
extern "C" fn ironroot_gate_context(operation: u32, first: u32, second: u32) -> u32 {
    let status =
        |result: Result<(), NsContextError>| result.map_or_else(|error| error as u32, |()| 0);
    with_contexts(|contexts| match operation {
        0 => contexts.init(first),
        1 => {
            contexts
                .acquire((first & 0xFF) as u8, (second & 0xFF) as u8)
                .0
        }
        2 => status(contexts.release(NsToken(first))),
        3 => status(contexts.load(NsToken(first), second.cast_signed())),
        _ => status(contexts.save(NsToken(first))),
    })
}
