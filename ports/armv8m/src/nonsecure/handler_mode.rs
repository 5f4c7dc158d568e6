//! Running a function inside an exception handler, as a kernel's context switch would.
//!
//! Linking this module gives the image the supervisor-call handler.

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The function that the next supervisor call runs; 0 for none.
static JOB: AtomicUsize = AtomicUsize::new(0);

/// Runs `job` in the supervisor-call handler and returns when it has run. From inside a handler it runs
/// `job` directly: one supervisor call cannot interrupt another.
pub fn run(job: fn()) {
    if active_exception() != 0 {
        job();
        return;
    }
    JOB.store(job as usize, Ordering::Relaxed);
    // SAFETY: the handler below runs `job` and returns here; the hardware restores the caller-saved
    // registers it stacked. `job` is a Rust function, so memory is not assumed untouched.
    unsafe { asm!("svc 0") }
}

/// Number of the exception being handled, 0 in thread mode.
#[must_use]
pub fn active_exception() -> u32 {
    let number: u32;
    // SAFETY: IPSR is readable and reading it changes nothing.
    unsafe { asm!("mrs {}, ipsr", out(reg) number, options(nomem, nostack, preserves_flags)) };
    number
}

/// The supervisor-call handler.
///
/// # Safety
/// Only the vector table names it.
#[unsafe(no_mangle)]
unsafe extern "C" fn ns_supervisor_call() {
    let job = JOB.swap(0, Ordering::Relaxed);
    if job != 0 {
        // SAFETY: the only non-zero values ever stored are `fn()` pointers, by `run`.
        let job = unsafe { core::mem::transmute::<usize, fn()>(job) };
        job();
    }
}
