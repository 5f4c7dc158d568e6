//! Secure gateways: the only instructions the non-secure world can enter by.
//!
//! The linker makes one `sg; b` stub for each `__acle_se_…` symbol (`--cmse-implib`), so nothing else
//! is callable. Each gate then, **before it touches any stack**:
//!
//! 1. refuses when a partition was running (CONTROL.nPRIV): we are inside a call already, entered
//!    again from a non-secure interrupt, with that partition's stack and rights;
//! 2. refuses handler mode (IPSR): the other world's handlers run on our main stack (CVE-2021-27562);
//! 3. refuses when the process stack is not at its idle top: a service is in progress. An interrupt that
//!    strikes between this check and the first push moves the stack pointer itself by stacking its
//!    frame, so check and mark need no atomic instruction: the stack pointer *is* the in-use mark.
//!
//! A refusal is `PSA_ERROR_CONNECTION_BUSY` (1, 3) or `PSA_ERROR_NOT_PERMITTED` (2); nothing has
//! happened. On every way out r1-r3, r12 and the flags are cleared, so no secure value leaks.
//!
//! This code lies in `.ironroot.gate`, which unprivileged code may execute: check 1 must be able to run
//! with the rights of the interrupted partition.

use core::arch::{global_asm, naked_asm};

// What the firmware answers with. All arguments are the other world's registers: hostile.
unsafe extern "C" {
    safe fn ironroot_gate_version(service: u32) -> u32;
    safe fn ironroot_gate_connect(service: u32, version: u32) -> i32;
    safe fn ironroot_gate_call(handle: u32, control: u32, in_vec: u32, out_vec: u32) -> i32;
    safe fn ironroot_gate_close(handle: u32);
    safe fn ironroot_gate_context(operation: u32, first: u32, second: u32) -> u32;
}

/// `PSA_ERROR_CONNECTION_BUSY`: a service is in progress, call again later.
const BUSY: i32 = -131;
/// `PSA_ERROR_NOT_PERMITTED`: services are not for exception handlers.
const NOT_PERMITTED: i32 = -133;

/// A gate that runs a service: thread mode only, one at a time.
macro_rules! thread_gate {
    ($name:ident, $alias:literal, $target:path) => {
        // SAFETY: entered by its gateway stub only; see the module's documentation for the order.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        #[unsafe(link_section = ".ironroot.gate")]
        unsafe extern "C" fn $name() {
            naked_asm!(
                "mrs r12, control",
                "lsls r12, r12, #31",
                "bne 8f",
                "mrs r12, ipsr",
                "cmp r12, #0",
                "bne 9f",
                "movw r12, #:lower16:__process_stack_top",
                "movt r12, #:upper16:__process_stack_top",
                "cmp sp, r12",
                "bne 8f",
                "push {{r4, lr}}",
                "bl {target}",
                "pop {{r4, lr}}",
                "7: movs r1, #0",
                "movs r2, #0",
                "movs r3, #0",
                "mov r12, #0",
                "msr apsr_nzcvq, r12",
                "bxns lr",
                "8: mvn r0, #{busy}",
                "b 7b",
                "9: mvn r0, #{refused}",
                "b 7b",
                target = sym $target,
                busy = const !BUSY,
                refused = const !NOT_PERMITTED,
            )
        }
        global_asm!(concat!(".global ", $alias), concat!(".type ", $alias, ",%function"),
            concat!(".thumb_set ", $alias, ", ", stringify!($name)));
    };
}

/// A gate for the non-secure kernel's context switch: from its handlers too, on whichever secure stack
/// is current, and only while no partition's rights are in force. It touches one table and returns.
macro_rules! context_gate {
    ($name:ident, $alias:literal, $operation:literal) => {
        // SAFETY: entered by its gateway stub only.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        #[unsafe(link_section = ".ironroot.gate")]
        unsafe extern "C" fn $name() {
            naked_asm!(
                "mrs r12, ipsr",
                "cmp r12, #0",
                // In handler mode we are privileged and on the main stack, whatever was interrupted.
                "bne 1f",
                "mrs r12, control",
                "lsls r12, r12, #31",
                "bne 8f",
                "movw r12, #:lower16:__process_stack_top",
                "movt r12, #:upper16:__process_stack_top",
                "cmp sp, r12",
                "bne 8f",
                "1: push {{r4, lr}}",
                "mov r2, r1",
                "mov r1, r0",
                "movs r0, #{operation}",
                "bl {target}",
                "pop {{r4, lr}}",
                "7: movs r1, #0",
                "movs r2, #0",
                "movs r3, #0",
                "mov r12, #0",
                "msr apsr_nzcvq, r12",
                "bxns lr",
                "8: mvn r0, #{busy}",
                "b 7b",
                target = sym ironroot_gate_context,
                operation = const $operation,
                busy = const !BUSY,
            )
        }
        global_asm!(concat!(".global ", $alias), concat!(".type ", $alias, ",%function"),
            concat!(".thumb_set ", $alias, ", ", stringify!($name)));
    };
}

/// The framework version needs no service and no stack.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".ironroot.gate")]
unsafe extern "C" fn __acle_se_tfm_psa_framework_version_veneer() {
    naked_asm!(
        "movw r0, #0x0101",
        "movs r1, #0",
        "movs r2, #0",
        "movs r3, #0",
        "mov r12, #0",
        "msr apsr_nzcvq, r12",
        "bxns lr",
    )
}
global_asm!(
    ".global tfm_psa_framework_version_veneer",
    ".type tfm_psa_framework_version_veneer,%function",
    ".thumb_set tfm_psa_framework_version_veneer, __acle_se_tfm_psa_framework_version_veneer"
);

thread_gate!(
    __acle_se_tfm_psa_version_veneer,
    "tfm_psa_version_veneer",
    ironroot_gate_version
);
thread_gate!(
    __acle_se_tfm_psa_connect_veneer,
    "tfm_psa_connect_veneer",
    ironroot_gate_connect
);
thread_gate!(
    __acle_se_tfm_psa_call_veneer,
    "tfm_psa_call_veneer",
    ironroot_gate_call
);
thread_gate!(
    __acle_se_tfm_psa_close_veneer,
    "tfm_psa_close_veneer",
    ironroot_gate_close
);

context_gate!(__acle_se_tfm_nsce_init, "tfm_nsce_init", 0);
context_gate!(__acle_se_tfm_nsce_acquire_ctx, "tfm_nsce_acquire_ctx", 1);
context_gate!(__acle_se_tfm_nsce_release_ctx, "tfm_nsce_release_ctx", 2);
context_gate!(__acle_se_tfm_nsce_load_ctx, "tfm_nsce_load_ctx", 3);
context_gate!(__acle_se_tfm_nsce_save_ctx, "tfm_nsce_save_ctx", 4);
