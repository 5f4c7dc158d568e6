//! Secure gateways: the only instructions the non-secure world can enter by.
//!
//! The linker makes one `sg; b` stub for each `__acle_se_…` symbol (`--cmse-implib`), so nothing else
//! is callable. Each gate then, **before it touches any stack**:
//!
//! 1. refuses handler mode (IPSR): the other world's handlers run on our main stack (CVE-2021-27562);
//! 2. refuses when the process stack is not at its idle top: a service is in progress. An interrupt that
//!    strikes between this check and the first push moves the stack pointer itself by stacking its
//!    frame, so check and mark need no atomic instruction: the stack pointer *is* the in-use mark.
//!
//! It then **closes the gates** for as long as the service runs: stubs stop being callable (NSCCFG). A
//! non-secure thread that calls meanwhile gets a SecureFault whose frame lies on its own stack, and
//! `answer_closed` turns that into the answer "busy". Nothing of a second call ever lies on the secure
//! stack, so the non-secure kernel may switch threads in whatever order it likes.
//!
//! A tick can strike in the few instructions between a gateway and the closing, or between the opening and
//! the way out. Check 2 refuses the next call then, and closes the gates behind itself, so that it is the
//! only one that ever runs secure code in that state. Gates that are closed though nobody is inside are
//! opened by the next call's SecureFault, and the call tried again.
//!
//! A refusal is `PSA_ERROR_CONNECTION_BUSY` or, from handler mode, `PSA_ERROR_NOT_PERMITTED`; nothing has
//! happened. On every way out r1-r3, r12 and the flags are cleared, so no secure value leaks.

use super::fault;
use crate::boards::an521::protect::CALLABLE_CONFIGURATION;
use crate::cpu::{mmio::Register, target_test};
use core::arch::{asm, global_asm, naked_asm};

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
/// What a context veneer answers to whoever may not call it: threads, for contexts are the kernel's; and a
/// handler that interrupted another one inside such a veneer. TF-M's header: no contexts (`tfm_nsce_init`), no
/// token (`tfm_nsce_acquire_ctx`; any smaller number could be somebody's token),
/// `TFM_NS_CLIENT_ERR_INVALID_ACCESS`.
const fn context_refusal(operation: u32) -> u32 {
    match operation {
        0 => 0,
        1 => u32::MAX,
        _ => 3,
    }
}
/// `PSA_ERROR_NOT_PERMITTED`: services are not for exception handlers.
const NOT_PERMITTED: i32 = -133;

/// A gate that runs a service: thread mode only, one at a time.
macro_rules! thread_gate {
    ($name:ident, $alias:literal, $target:path) => {
        // SAFETY: entered by its gateway stub only; see the module's documentation for the order.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name() {
            naked_asm!(
                "mrs r12, ipsr",
                "cmp r12, #0",
                "bne 9f",
                "movw r12, #:lower16:__process_stack_top",
                "movt r12, #:upper16:__process_stack_top",
                "cmp sp, r12",
                "bne 8f",
                "push {{r4, lr}}",
                "movw r4, #:lower16:{gates}",
                "movt r4, #:upper16:{gates}",
                "mov r12, #0",
                "str r12, [r4]",
                "dsb",
                "bl {target}",
                "mov r12, #1",
                "str r12, [r4]",
                "dsb",
                "pop {{r4, lr}}",
                "7: movs r1, #0",
                "movs r2, #0",
                "movs r3, #0",
                "mov r12, #0",
                "msr apsr_nzcvq, r12",
                "bxns lr",
                "8: movw r12, #:lower16:{gates}",
                "movt r12, #:upper16:{gates}",
                "movs r1, #0",
                "str r1, [r12]",
                "dsb",
                "mvn r0, #{busy}",
                "b 7b",
                "9: mvn r0, #{refused}",
                "b 7b",
                gates = const CALLABLE_CONFIGURATION,
                target = sym $target,
                busy = const !BUSY,
                refused = const !NOT_PERMITTED,
            )
        }
        global_asm!(concat!(".global ", $alias), concat!(".type ", $alias, ",%function"),
            concat!(".thumb_set ", $alias, ", ", stringify!($name)));
    };
}

/// A gate for the non-secure kernel's context switch: from its handlers only, where it runs on our main
/// stack, which must be at its idle top. It touches one table and returns.
macro_rules! context_gate {
    ($name:ident, $alias:literal, $operation:literal) => {
        // SAFETY: entered by its gateway stub only.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name() {
            naked_asm!(
                // A thread that could do this could make itself any other client. In handler mode we are
                // privileged and on the main stack, whatever was interrupted.
                "mrs r12, ipsr",
                "cmp r12, #0",
                "beq 8f",
                // Handlers interrupt each other, as deep as there are priorities. One at a time may be in
                // here, or they would nest to the end of the main stack, on which faults are handled.
                "movw r12, #:lower16:__main_stack_top",
                "movt r12, #:upper16:__main_stack_top",
                "add r2, sp, #8", // the seal
                "cmp r2, r12",
                "bne 8f",
                "push {{r4, lr}}",
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
                "8: mov r0, #{refused}",
                "b 7b",
                target = sym ironroot_gate_context,
                operation = const $operation,
                refused = const context_refusal($operation),
            )
        }
        global_asm!(concat!(".global ", $alias), concat!(".type ", $alias, ",%function"),
            concat!(".thumb_set ", $alias, ", ", stringify!($name)));
    };
}

/// The framework version needs no service and no stack.
#[unsafe(naked)]
#[unsafe(no_mangle)]
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

/// Everything that can be called, and what a call gets while the gates are closed.
#[derive(Clone, Copy)]
enum Closed {
    /// "Busy".
    Service,
    /// The framework's version, as always.
    FrameworkVersion,
    /// The context switch must work in the middle of a service: that is what it is for.
    Context(u32),
}

/// The gates, with what each answers while closed.
const GATES: [(unsafe extern "C" fn(), Closed); 10] = [
    (
        __acle_se_tfm_psa_framework_version_veneer,
        Closed::FrameworkVersion,
    ),
    (__acle_se_tfm_psa_version_veneer, Closed::Service),
    (__acle_se_tfm_psa_connect_veneer, Closed::Service),
    (__acle_se_tfm_psa_call_veneer, Closed::Service),
    (__acle_se_tfm_psa_close_veneer, Closed::Service),
    (__acle_se_tfm_nsce_init, Closed::Context(0)),
    (__acle_se_tfm_nsce_acquire_ctx, Closed::Context(1)),
    (__acle_se_tfm_nsce_release_ctx, Closed::Context(2)),
    (__acle_se_tfm_nsce_load_ctx, Closed::Context(3)),
    (__acle_se_tfm_nsce_save_ctx, Closed::Context(4)),
];

unsafe extern "C" {
    static __callable_start: u32;
    static __callable_end: u32;
}

/// The secure gateway instruction, as a little-endian word.
const SECURE_GATEWAY: u32 = 0xE97F_E97F;

/// The gate behind the stub at `pc`; nothing if there is no stub at exactly that address. The linker gives
/// stubs no name that code can use, so the stub's own branch is read: `sg` and a B.W (encoding T4).
fn gate_behind(pc: u32) -> Option<Closed> {
    let stubs = (
        &raw const __callable_start as u32,
        &raw const __callable_end as u32,
    );
    if pc & 3 != 0 || pc < stubs.0 || pc.checked_add(8)? > stubs.1 {
        return None;
    }
    let stub = pc as usize as *const u32;
    // SAFETY: inside our own stubs, word-aligned.
    let gateway = unsafe { stub.read_volatile() };
    // SAFETY: as above.
    let branch = unsafe { stub.wrapping_add(1).read_volatile() };
    if gateway != SECURE_GATEWAY {
        return None;
    }
    let (high, low) = (branch & 0xFFFF, branch >> 16);
    let sign = high >> 10 & 1;
    let bit = |j: u32| !(j ^ sign) & 1;
    let (first, second) = (bit(low >> 13), bit(low >> 11));
    let distance =
        sign << 24 | first << 23 | second << 22 | (high & 0x3FF) << 12 | (low & 0x7FF) << 1;
    // Sign-extended from bit 24; counted from the instruction after the branch.
    let distance = (distance << 7).cast_signed() >> 7;
    let target = pc.wrapping_add(8).wrapping_add_signed(distance);
    let gate = GATES
        .iter()
        .find(|(gate, _)| *gate as usize as u32 & !1 == target)?;
    Some(gate.1)
}

// SAFETY: a register of the secure privilege control block, which says whether stubs can be called.
const OPEN_GATES: Register = unsafe { Register::at(CALLABLE_CONFIGURATION) };

unsafe extern "C" {
    static __process_stack_top: u32;
}

/// Whether the process stack is at its idle top. To be asked in a handler: a thread that was interrupted in
/// secure state has its frame there, wherever it was.
fn nobody_is_inside() -> bool {
    let stack: u32;
    // SAFETY: reads a register.
    unsafe {
        asm!("mrs {}, psp", out(reg) stack, options(nomem, nostack, preserves_flags));
    }
    stack == &raw const __process_stack_top as u32
}

/// SFSR.INVEP: secure code was entered without a gateway.
const INVALID_ENTRY: u32 = 1;

/// Answers a non-secure call that met closed gates. Called by the SecureFault handler; `false` means that
/// the fault was something else.
pub(super) fn answer_closed(exc_return: u32, secure_status: u32) -> bool {
    let non_secure = exc_return & 1 << 6 == 0;
    if !non_secure || secure_status != INVALID_ENTRY {
        return false;
    }
    let from_thread = exc_return & 1 << 3 != 0;
    let frame = fault::non_secure_stack(from_thread);
    // The frame lies on the other world's stack: read and written only where it could itself.
    if frame & 3 != 0
        || frame >= 0x4000_0000
        || !target_test::non_secure_can_access(frame, frame + 31, true)
    {
        return false;
    }
    let word = |place: u32| (frame + 4 * place) as usize as *mut u32;
    // SAFETY: eight words of non-secure memory, checked above; the value is hostile and only compared.
    let pc = unsafe { word(6).read_volatile() };
    let Some(closed) = gate_behind(pc) else {
        return false;
    };
    if nobody_is_inside() {
        OPEN_GATES.write(1);
        // Back to the same stub.
        return true;
    }
    // SAFETY: as above; arguments of the call.
    let first = unsafe { word(0).read_volatile() };
    // SAFETY: as above.
    let second = unsafe { word(1).read_volatile() };
    // SAFETY: as above; the other world's own return address.
    let back = unsafe { word(5).read_volatile() };
    let answer = match closed {
        Closed::Service if from_thread => BUSY.cast_unsigned(),
        Closed::Service => NOT_PERMITTED.cast_unsigned(),
        Closed::FrameworkVersion => 0x0101,
        Closed::Context(operation) if from_thread => context_refusal(operation),
        Closed::Context(operation) => ironroot_gate_context(operation, first, second),
    };
    // SAFETY: as above.
    unsafe { word(0).write_volatile(answer) };
    // SAFETY: as above. It returns to non-secure state whatever the address: the processor takes the state
    // from EXC_RETURN, not from here.
    unsafe { word(6).write_volatile(back & !1) };
    true
}
