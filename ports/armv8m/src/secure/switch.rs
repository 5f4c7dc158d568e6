//! The two exception handlers of the secure image. They switch and decide nothing.
//!
//! The partition manager is a privileged thread on the process stack. `resume` asks by `svc 0` to
//! run a partition; the partition's next supervisor call, or its fault, comes back as the return of that
//! `svc 0`. Both directions are one exception return:
//!
//! ```text
//!   manager --svc 0--> handler --exception return--> partition (unprivileged, own stack, own regions)
//!   manager <--exception return-- handler <--svc n or fault-- partition
//! ```

use super::fault::{self, Capture};
use super::gate;
use crate::cpu::{mmio::Register, scb};
use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::ptr;

/// Everything the handlers know of a partition. Offsets are used by the assembly below.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Context {
    /// Process stack pointer while it does not run: points at its exception frame. Offset 0.
    pub(super) stack_pointer: u32,
    /// Lowest address its stack may reach. Offset 4.
    pub(super) stack_limit: u32,
    /// CONTROL while it runs: process stack, and unprivileged at isolation levels 2 and 3. Offset 8.
    pub(super) control: u32,
    /// r4 to r11. Offset 12.
    saved: [u32; 8],
    /// [`STOPPED_BY_CALL`] or [`STOPPED_BY_FAULT`]. Offset 44.
    pub(super) stopped_by: u32,
    /// Immediate of its supervisor call. Offset 48.
    pub(super) number: u32,
    /// r0 to r3 at its supervisor call. Offset 52.
    pub(super) args: [u32; 4],
    /// Its place in the table, for fault records. Offset 68.
    pub(super) index: u32,
    /// Its data and stack, for reading a fault frame safely.
    pub(super) ram: (u32, u32),
}

pub(super) const STOPPED_BY_CALL: u32 = 1;
pub(super) const STOPPED_BY_FAULT: u32 = 2;

impl Context {
    pub(super) const fn new() -> Self {
        Self {
            stack_pointer: 0,
            stack_limit: 0,
            control: 0,
            saved: [0; 8],
            stopped_by: STOPPED_BY_FAULT,
            number: 0,
            args: [0; 4],
            index: 0,
            ram: (0, 0),
        }
    }

    /// What is recorded of a partition that has no time left; `stack` is where its frame lies.
    pub(super) fn out_of_time(&self, stack: u32) -> Capture {
        let status = scb::FaultStatus::default();
        Capture::partition(
            super::clock::OUT_OF_TIME,
            status,
            stack,
            self.index,
            self.ram,
        )
    }

    /// Forgets the registers of an earlier life.
    pub(super) fn clear_registers(&mut self) {
        self.saved = [0; 8];
    }
}

/// What the handlers share with the manager. Written by the manager only while no partition runs.
#[repr(C)]
struct Shared {
    /// The partition that runs, null while the manager does. Offset 0.
    current: *mut Context,
    /// The partition the manager asks to run, taken by `svc 0`. Offset 4.
    request: *mut Context,
    /// The manager's process stack pointer while a partition runs. Offset 8.
    manager_stack: u32,
}

struct Handlers(UnsafeCell<Shared>);
// SAFETY: one core; the handlers run at one priority and never interrupt each other, and the manager
// touches the cell only while no partition runs.
unsafe impl Sync for Handlers {}

static SHARED: Handlers = Handlers(UnsafeCell::new(Shared {
    current: ptr::null_mut(),
    request: ptr::null_mut(),
    manager_stack: 0,
}));

/// Runs the partition until it stops; the reason is in the context then.
pub(super) fn run(context: &mut Context) {
    let shared = SHARED.0.get();
    // SAFETY: no partition runs (we are the manager), so no handler looks at the cell now.
    unsafe { (*shared).request = context };
    // SAFETY: `request` is a valid context; `switch` returns when the partition stopped, with all
    // registers the ABI wants preserved.
    unsafe { switch() };
}

/// `svc 0` with the callee-saved registers kept on the manager's own stack.
#[unsafe(naked)]
unsafe extern "C" fn switch() {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "sub sp, #4",
        "svc 0",
        "add sp, #4",
        "pop {{r4-r11, pc}}"
    )
}

/// SVCall handler.
///
/// # Safety
/// For the vector table only.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn supervisor_call() {
    naked_asm!(
        "ldr r1, ={shared}",
        "ldr r2, [r1]", // current
        "cmp r2, #0",
        "bne 5f",
        // From the manager. Without a request this is no call of ours: fatal.
        "ldr r0, [r1, #4]",
        "cmp r0, #0",
        "beq 9f",
        "movs r3, #0",
        "str r3, [r1, #4]",
        "str r0, [r1]",
        "mrs r3, psp",
        "str r3, [r1, #8]",
        "movs r3, #0",
        "msr psplim, r3",
        "ldm r0!, {{r1-r3}}",
        "msr psp, r1",
        "msr psplim, r2",
        "msr control, r3",
        "isb",
        "ldm r0, {{r4-r11}}",
        "mvn lr, #2", // EXC_RETURN: secure thread, process stack
        "bx lr",
        // From the partition: keep its registers, read its request, give the manager its stack back.
        "5:",
        "mrs r0, psp",
        "str r0, [r2]",
        "add r3, r2, #12",
        "stm r3, {{r4-r11}}",
        "ldr r8, [r0, #24]",
        "ldrb r8, [r8, #-2]",
        "ldm r0, {{r4-r7}}",
        "movs r3, #{called}",
        "str r3, [r2, #44]",
        "str r8, [r2, #48]",
        "add r3, r2, #52",
        "stm r3, {{r4-r7}}",
        "b {restore}",
        "9: b {fault}",
        shared = sym SHARED,
        called = const STOPPED_BY_CALL,
        restore = sym restore_manager,
        fault = sym fault_taken,
    )
}

/// Tail of both handlers: back to the manager, privileged, on its own stack.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn restore_manager() {
    naked_asm!(
        "ldr r1, ={shared}",
        "movs r3, #0",
        "str r3, [r1]",
        "ldr r0, [r1, #8]",
        "msr psplim, r3",
        "msr psp, r0",
        "ldr r2, =__process_stack_limit",
        "msr psplim, r2",
        "movs r3, #2",
        "msr control, r3",
        "isb",
        "mvn lr, #2",
        "bx lr",
        shared = sym SHARED,
    )
}

/// Handler of every fault: a partition's own fault stops that partition, anything else is the system's.
///
/// # Safety
/// For the vector table only.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn fault_taken() {
    naked_asm!(
        "mrs r0, ipsr",
        "mov r1, lr",
        "mrs r2, psp",
        "mrs r3, msp",
        "push {{r4, lr}}",
        "bl {entered}",
        "pop {{r4, lr}}",
        "cmp r0, #0",
        "beq {restore}",
        "bx lr",
        entered = sym fault_entered,
        restore = sym restore_manager,
    )
}

/// Bits of EXC_RETURN that say "secure thread on the process stack".
pub(super) const FROM_SECURE_THREAD: u32 = 1 << 6 | 1 << 3 | 1 << 2;
// SAFETY: architectural register address of SHCSR.
const SHCSR: Register = unsafe { Register::at(0xE000_ED24) };
/// SHCSR.SVCALLPENDED.
const SUPERVISOR_CALL_PENDED: u32 = 1 << 15;
/// SHCSR: USGFAULTPENDED, MEMFAULTPENDED, BUSFAULTPENDED, SECUREFAULTPENDED.
const FAULTS_PENDED: u32 = 1 << 12 | 1 << 13 | 1 << 14 | 1 << 20;
/// Number of the SecureFault exception.
const SECURE_FAULT: u32 = 7;

/// Sorts a fault: 1 when it was a call that met closed gates and is answered, 0 when a partition ended.
/// Does not return for any other.
extern "C" fn fault_entered(exception: u32, exc_return: u32, psp: u32, msp: u32) -> u32 {
    let status = scb::take_fault_status();
    if exception == SECURE_FAULT && gate::answer_closed(exc_return, status.sfsr) {
        return 1;
    }
    let shared = SHARED.0.get();
    // SAFETY: handlers do not nest (one priority), so nobody else looks at the cell.
    let current = unsafe { (*shared).current };
    // SAFETY: `current` is null or the context that `run` borrowed mutably and has not got back yet.
    let running = unsafe { current.as_mut() };
    let partition = running.filter(|_| exc_return & FROM_SECURE_THREAD == FROM_SECURE_THREAD);

    let Some(context) = partition else {
        fault::fatal(&Capture::system(exception, exc_return, status, psp, msp));
    };
    // A supervisor call whose frame could not be stacked is still pending; taken later it would pass
    // for the manager's.
    SHCSR.modify(|value| value & !SUPERVISOR_CALL_PENDED);
    context.stopped_by = STOPPED_BY_FAULT;
    fault::contained(&Capture::partition(
        exception,
        status,
        psp,
        context.index,
        context.ram,
    ));
    0
}

/// Ends the partition that the calling handler interrupted, after `record`; `false` if the manager was
/// interrupted, which goes on.
///
/// A fault that is pending is the partition's, raised while the exception was entered (its stack took no
/// frame): it is taken next and ends the partition by itself.
pub(super) fn stop_current(record: impl FnOnce(&Context)) -> bool {
    let shared = SHARED.0.get();
    // SAFETY: handlers do not nest (one priority), so nobody else looks at the cell.
    let current = unsafe { (*shared).current };
    // SAFETY: `current` is null or the context that `run` borrowed mutably and has not got back yet.
    let Some(context) = (unsafe { current.as_mut() }) else {
        return false;
    };
    if SHCSR.read() & FAULTS_PENDED != 0 {
        return false;
    }
    context.stopped_by = STOPPED_BY_FAULT;
    record(context);
    true
}

/// The SVCall handler, for an image's vector table.
#[must_use]
pub const fn supervisor_call_handler() -> unsafe extern "C" fn() {
    supervisor_call
}

/// The handler of all faults, for an image's vector table.
#[must_use]
pub const fn fault_handler() -> unsafe extern "C" fn() {
    fault_taken
}
