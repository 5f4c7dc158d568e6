//! The first step into the non-secure world.

use core::arch::naked_asm;

/// Starts the non-secure image whose vector table is at `vectors` (non-secure alias): sets its vector
/// table offset and main stack, resets the secure process stack to its sealed top (from here on the
/// top means "idle" to the gates), clears every register and branches.
///
/// # Safety
/// The image was verified, its memory is attributed, and nothing on the present stack is needed again.
#[unsafe(naked)]
pub unsafe extern "C" fn enter_non_secure(vectors: u32) -> ! {
    naked_asm!(
        "cpsid i",
        "ldr r1, =0xE002ED08", // VTOR_NS
        "str r0, [r1]",
        "ldr r1, [r0]",
        "ldr r2, [r0, #4]",
        "msr msp_ns, r1",
        "movs r1, #0",
        "msr psp_ns, r1",
        "msr msplim_ns, r1",
        "msr psplim_ns, r1",
        "msr control_ns, r1",
        "msr primask_ns, r1",
        "msr basepri_ns, r1",
        "msr faultmask_ns, r1",
        "ldr r1, =__process_stack_top",
        "mov sp, r1",
        "dsb",
        "isb",
        "bic r2, r2, #1",
        "movs r0, #0",
        "mov r1, r0",
        "mov r3, r0",
        "mov r4, r0",
        "mov r5, r0",
        "mov r6, r0",
        "mov r7, r0",
        "mov r8, r0",
        "mov r9, r0",
        "mov r10, r0",
        "mov r11, r0",
        "mov r12, r0",
        "msr apsr_nzcvq, r0",
        "cpsie i",
        "mov lr, r0",
        // A jump, not a call: a call would leave a return frame on the secure stack. An image that
        // "returns" to a forged FNC_RETURN pops our seal and faults.
        "bxns r2",
    )
}
