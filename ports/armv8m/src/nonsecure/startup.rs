//! From reset to the application's main function, and what happens on a fault.
//!
//! The secure world sets VTOR_NS and MSP_NS from the vector table and branches to `reset` with every
//! register cleared. NMI, HardFault and BusFault belong to the secure world (AIRCR.BFHFNMINS is 0), so
//! of the faults only MemManage and UsageFault can arrive here, and only once enabled.

use core::arch::naked_asm;
use core::panic::PanicInfo;

use super::console::Console;
use super::semihosting;
use crate::say;

/// Exit code of a program that panicked.
pub const EXIT_PANIC: u32 = 101;
/// Exit code of a program that took an exception it has no handler for.
pub const EXIT_EXCEPTION: u32 = 102;

/// One word of the vector table.
#[derive(Clone, Copy)]
#[repr(C)]
union Vector {
    stack: *const u32,
    handler: unsafe extern "C" fn(),
    /// The sixteen entries' reserved places.
    reserved: u32,
}

// SAFETY: a table entry is a number that nothing ever writes.
unsafe impl Sync for Vector {}

unsafe extern "C" {
    static __ns_stack_top: u32;
    fn ns_supervisor_call();
    fn ns_pend_supervisor();
    fn ns_system_tick();
}

/// The architectural exceptions; no device interrupt is used.
#[used]
#[unsafe(link_section = ".vectors")]
static VECTORS: [Vector; 16] = [
    Vector {
        stack: &raw const __ns_stack_top,
    },
    Vector { handler: ns_reset },
    Vector {
        handler: ns_unexpected_exception,
    }, // NMI
    Vector {
        handler: ns_unexpected_exception,
    }, // HardFault
    Vector {
        handler: ns_unexpected_exception,
    }, // MemManage
    Vector {
        handler: ns_unexpected_exception,
    }, // BusFault
    Vector {
        handler: ns_unexpected_exception,
    }, // UsageFault
    Vector { reserved: 0 },
    Vector { reserved: 0 },
    Vector { reserved: 0 },
    Vector { reserved: 0 },
    Vector {
        handler: ns_supervisor_call,
    },
    Vector {
        handler: ns_unexpected_exception,
    }, // DebugMonitor
    Vector { reserved: 0 },
    Vector {
        handler: ns_pend_supervisor,
    },
    Vector {
        handler: ns_system_tick,
    },
];

/// Fills `.data`, clears `.bss`, calls the application. Assembly, for no Rust code may run while
/// statics are not in place.
///
/// # Safety
/// Only the vector table names it.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ns_reset() {
    naked_asm!(
        "ldr r0, =__ns_data_start",
        "ldr r1, =__ns_data_end",
        "ldr r2, =__ns_data_load",
        "b 2f",
        "1: ldr r3, [r2], #4",
        "str r3, [r0], #4",
        "2: cmp r0, r1",
        "blo 1b",
        "ldr r0, =__ns_bss_start",
        "ldr r1, =__ns_bss_end",
        "movs r3, #0",
        "b 4f",
        "3: str r3, [r0], #4",
        "4: cmp r0, r1",
        "blo 3b",
        "bl {prepare}",
        // The marker that the instruction counter waits for: everything before it is boot.
        "bl ns_main",
        "b {exit}",
        prepare = sym prepare,
        exit = sym leave,
    )
}

extern "C" fn prepare() {
    Console.enable();
}

extern "C" fn leave(code: u32) -> ! {
    semihosting::exit(code)
}

/// Reports an exception that nobody handles and ends the program.
///
/// # Safety
/// Only the vector table names it.
#[unsafe(no_mangle)]
unsafe extern "C" fn ns_unexpected_exception() {
    let number: u32;
    // SAFETY: IPSR is readable and reading it changes nothing.
    unsafe {
        core::arch::asm!("mrs {}, ipsr", out(reg) number, options(nomem, nostack, preserves_flags));
    }
    say!("non-secure exception {number} has no handler");
    semihosting::exit(EXIT_EXCEPTION)
}

/// What a `#[panic_handler]` calls: prints where, and ends the program as failed.
pub fn report_panic(info: &PanicInfo<'_>) -> ! {
    say!("non-secure panic: {info}");
    semihosting::exit(EXIT_PANIC)
}

/// Names the application's main function, `fn() -> u32`, whose result is the emulator's exit code, and
/// gives the image its panic handler.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        // SAFETY: `startup` declares exactly this symbol and calls it once.
        #[unsafe(no_mangle)]
        extern "C" fn ns_main() -> u32 {
            let main: fn() -> u32 = $main;
            main()
        }

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $crate::nonsecure::startup::report_panic(info)
        }
    };
}
