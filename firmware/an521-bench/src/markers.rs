//! Functions whose only purpose is their address.
//!
//! An instruction counter notes its count whenever the processor executes the first instruction of one of
//! them. They are never inlined, and differ in their bodies so that no linker folds them into one.

use core::arch::naked_asm;

/// The application has started: everything before it is boot.
///
/// Naked, like the others, so that the first instruction is the function's and costs what it says.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn bench_main() {
    naked_asm!("movs r0, #0", "bx lr")
}

/// What follows is measured.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn bench_begin() {
    naked_asm!("movs r0, #1", "bx lr")
}

/// What came before was measured.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn bench_end() {
    naked_asm!("movs r0, #2", "bx lr")
}
