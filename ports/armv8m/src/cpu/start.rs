//! Vector table and C-less start-up, for the bootloader and the secure image alike.
//!
//! An image provides the linker symbols named below and `extern "C" fn ironroot_main() -> !`.
//! Order: stack limits → data and bss → main. Nothing of Rust runs before memory is set up.

use core::arch::naked_asm;

/// One entry of a vector table.
#[derive(Clone, Copy)]
#[repr(C)]
pub union Vector {
    /// Code address.
    pub handler: unsafe extern "C" fn(),
    /// Initial main stack pointer.
    pub stack: *const u32,
    /// Unused entry.
    pub reserved: u32,
}

// SAFETY: entries are addresses, never written.
unsafe impl Sync for Vector {}

/// The sixteen architectural exceptions. Device interrupts are never taken by the secure world: all of
/// them belong to the non-secure world (ITNS), so its latency does not depend on our devices.
pub type VectorTable = [Vector; 16];

unsafe extern "C" {
    static __main_stack_top: u32;
}

/// Builds an image's table from its handlers.
#[must_use]
pub const fn vector_table(
    reset: unsafe extern "C" fn(),
    fault: unsafe extern "C" fn(),
    supervisor_call: unsafe extern "C" fn(),
) -> VectorTable {
    let unused = Vector { handler: fault };
    [
        Vector {
            stack: &raw const __main_stack_top,
        },
        Vector { handler: reset },
        unused,                    // NMI
        Vector { handler: fault }, // HardFault
        Vector { handler: fault }, // MemManage
        Vector { handler: fault }, // BusFault
        Vector { handler: fault }, // UsageFault
        Vector { handler: fault }, // SecureFault
        unused,
        unused,
        unused,
        Vector {
            handler: supervisor_call,
        },
        unused, // DebugMonitor
        unused,
        unused, // PendSV
        unused, // SysTick
    ]
}

/// The same table with a handler for the SysTick exception of the secure world.
#[must_use]
pub const fn with_system_tick(
    mut table: VectorTable,
    handler: unsafe extern "C" fn(),
) -> VectorTable {
    table[15] = Vector { handler };
    table
}

/// Reset handler: fills `.data`, clears `.bss`, seals and limits the main stack, moves thread mode to
/// the process stack and calls `ironroot_main`.
///
/// Linker symbols: `__main_stack_top`, `__main_stack_limit`, `__process_stack_top`,
/// `__process_stack_limit`, `__data_start`, `__data_end`, `__data_load`, `__bss_start`, `__bss_end`.
///
/// # Safety
/// Only the hardware calls this, at reset or from the bootloader's jump.
#[unsafe(naked)]
pub unsafe extern "C" fn reset() {
    naked_asm!(
        "cpsid i",
        "ldr r0, =__main_stack_limit",
        "msr msplim, r0",
        "ldr r0, =__data_start",
        "ldr r1, =__data_end",
        "ldr r2, =__data_load",
        "b 2f",
        "1: ldr r3, [r2], #4",
        "str r3, [r0], #4",
        "2: cmp r0, r1",
        "blo 1b",
        "ldr r0, =__bss_start",
        "ldr r1, =__bss_end",
        "movs r3, #0",
        "b 4f",
        "3: str r3, [r0], #4",
        "4: cmp r0, r1",
        "blo 3b",
        // Thread mode gets a stack of its own, limited and sealed: a forged exception or function
        // return that pops past the top finds the seal and faults (CVE-2020-16273's class).
        "ldr r0, =__process_stack_limit",
        "msr psplim, r0",
        "ldr r0, =__process_stack_top",
        "ldr r1, =0xFEF5EDA5",
        "str r1, [r0]",
        "str r1, [r0, #4]",
        "msr psp, r0",
        "mov r1, sp",
        "ldr r2, =0xFEF5EDA5",
        "subs r1, #8",
        "str r2, [r1]",
        "str r2, [r1, #4]",
        "mov sp, r1",
        "movs r0, #2",
        "msr control, r0",
        "isb",
        "cpsie i",
        "b ironroot_main",
    )
}

/// Leaves for another image of the secure world: its vector table is at `vectors`. Wipes
/// `wipe_from..wipe_to` first (this image's data and stacks; no secret of it may outlive the jump).
///
/// # Safety
/// `vectors` holds a verified image's table; the wiped range belongs to this image alone.
#[unsafe(naked)]
pub unsafe extern "C" fn jump_secure(vectors: u32, wipe_from: u32, wipe_to: u32) -> ! {
    naked_asm!(
        "cpsid i",
        "movs r3, #0",
        "msr control, r3",
        "isb",
        "msr msplim, r3",
        "msr psplim, r3",
        "b 2f",
        "1: str r3, [r1], #4",
        "2: cmp r1, r2",
        "blo 1b",
        "ldr r3, =0xE000ED08",
        "str r0, [r3]",
        "ldr r1, [r0]",
        "ldr r2, [r0, #4]",
        "msr msp, r1",
        "dsb",
        "isb",
        "movs r0, #0",
        "mov r1, r0",
        "mov r3, r0",
        "mov r12, r0",
        "bx r2",
    )
}

/// Runs `body` on another stack, `limit..top`, then wipes all of it and comes back.
///
/// For the one-time work of a start, which needs more stack than the image ever will again.
///
/// # Safety
/// The range is memory that nothing uses meanwhile, `top` is a multiple of 8, and the caller runs in
/// privileged thread mode on the process stack.
#[unsafe(naked)]
pub unsafe extern "C" fn on_borrowed_stack(
    limit: u32,
    top: u32,
    body: extern "C" fn() -> u32,
) -> u32 {
    naked_asm!(
        "push {{r4-r8, lr}}",
        "mov r4, r0",
        "mov r5, r1",
        "mrs r6, psplim",
        "mov r7, sp",
        "movs r3, #0",
        "msr psplim, r3",
        "mov sp, r1",
        "msr psplim, r0",
        "blx r2",
        "movs r3, #0",
        "msr psplim, r3",
        "mov sp, r7",
        "msr psplim, r6",
        "movs r1, #0",
        "movs r2, #0",
        "mov r8, r3",
        "b 2f",
        "1: stm r4!, {{r1, r2, r3, r8}}",
        "2: cmp r4, r5",
        "blo 1b",
        "pop {{r4-r8, pc}}",
    )
}
