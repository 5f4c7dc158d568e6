//! Two threads and a timer: the smallest kernel that can interrupt a secure service and call again.
//!
//! Both threads run on process stacks of their own. At every tick the running one's registers go onto
//! its stack, together with the exception return value, and the other one's come back. The return value
//! says whether the thread was inside the secure world when the tick came: returning to it resumes the
//! service. The secure stack is not switched, for no non-secure kernel can; that is the attack.
//!
//! Linking this module gives the image the SysTick handler.

use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::cpu::mmio::Register;

// SAFETY: SysTick of this world, Arm v8-M Architecture Reference Manual, D1.2 SYST_CSR; it only counts.
const CONTROL: Register = unsafe { Register::at(0xE000_E010) };
// SAFETY: as above, SYST_RVR.
const RELOAD: Register = unsafe { Register::at(0xE000_E014) };
// SAFETY: as above, SYST_CVR.
const CURRENT: Register = unsafe { Register::at(0xE000_E018) };

/// SYST_CSR: processor clock, interrupt, on.
const RUN: u32 = 0b111;
/// Return to non-secure thread mode on the process stack, with a basic frame.
const RETURN_TO_THREAD: u32 = 0xFFFF_FFBC;
/// The Thumb bit of the program status register.
const THUMB: u32 = 1 << 24;
/// Words that the tick handler keeps on a waiting thread's stack: r4 to r11 and the return value.
const KEPT: usize = 9;
/// Words of a basic exception frame.
const FRAME: usize = 8;
/// Words of one thread's stack.
const STACK_WORDS: usize = 4096;

/// Process stack pointer of the thread that waits.
static WAITING: AtomicU32 = AtomicU32::new(0);
/// Switches since the start.
static SWITCHES: AtomicU32 = AtomicU32::new(0);
/// The first thread's function while it runs.
static FIRST: AtomicU32 = AtomicU32::new(0);

#[repr(align(8))]
struct Stack(UnsafeCell<[u32; STACK_WORDS]>);

// SAFETY: a stack is written before its thread exists, and by that thread alone afterwards.
unsafe impl Sync for Stack {}

static FIRST_STACK: Stack = Stack(UnsafeCell::new([0; STACK_WORDS]));
static SECOND_STACK: Stack = Stack(UnsafeCell::new([0; STACK_WORDS]));

/// Runs `first` and `second` in turns of `period` processor cycles until `first` returns; `second` is then
/// forgotten wherever it stands. Not to be called again while it runs.
pub fn run_two(first: fn(), second: fn(), period: u32) {
    prepare_second(second);
    FIRST.store(first as usize as u32, Ordering::Relaxed);
    RELOAD.write(period & 0x00FF_FFFF);
    CURRENT.write(0);
    // SAFETY: the top of a stack that nobody else uses; `first_thread` matches the signature.
    unsafe { on_process_stack(first_thread, top_of(&FIRST_STACK)) };
}

/// Runs `first`, and once, `delay` processor cycles after its start, `second` in its middle. `second` must
/// begin with [`stop_timer`] and end with [`give_back`], after which it is forgotten. `delay` must leave
/// `second` the time to stop the timer before it strikes again.
pub fn interrupt_once(first: fn(), second: fn(), delay: u32) {
    LEAKED.store(0, Ordering::Relaxed);
    run_two(first, second, delay);
}

/// Runs `job` in the tick's handler, `delay` cycles after the timer starts; `meanwhile` is what it interrupts,
/// with the supervisor call's handler below the tick in priority. `job` is told whether it interrupted the
/// secure world, and must begin with [`stop_timer`].
pub fn interrupt_handler(meanwhile: fn(), job: extern "C" fn(in_secure_world: u32), delay: u32) {
    JOB.store(job as usize as u32, Ordering::Relaxed);
    // SAFETY: SHPR2 of this world: SVCall at half of the range, SysTick at its top (the reset value).
    unsafe { Register::at(0xE000_ED1C) }.write(0x8000_0000);
    RELOAD.write(delay & 0x00FF_FFFF);
    CURRENT.write(0);
    CONTROL.write(RUN);
    meanwhile();
    stop_timer();
    JOB.store(0, Ordering::Relaxed);
}

/// What the tick's handler does instead of switching threads; 0 for nothing.
static JOB: AtomicU32 = AtomicU32::new(0);

/// No more ticks until the next start.
pub fn stop_timer() {
    CONTROL.write(0);
    barrier();
}

/// Gives the processor to the waiting thread, as if the tick had come.
pub fn give_back() {
    // SAFETY: ICSR of this world; PENDSTSET only makes the tick pending.
    unsafe { Register::at(0xE000_ED04) }.write(1 << 26);
    barrier();
}

/// Whether the thread that waits was interrupted in the secure world.
#[must_use]
pub fn waiting_in_secure_world() -> bool {
    let kept = WAITING.load(Ordering::Relaxed) as usize as *const u32;
    // SAFETY: the tick handler stored nine words there, the ninth being EXC_RETURN (bit 6: secure).
    let exc_return = unsafe { kept.wrapping_add(KEPT - 1).read_volatile() };
    exc_return & 1 << 6 != 0
}

/// All general registers that the tick handler found when it had interrupted the secure world, one or-ed to
/// the other, since [`interrupt_once`] began: the processor must have cleared them.
#[must_use]
pub fn leaked() -> u32 {
    LEAKED.load(Ordering::Relaxed)
}

/// See [`leaked`].
static LEAKED: AtomicU32 = AtomicU32::new(0);

/// How often the tick switched threads since the program started.
#[must_use]
pub fn switches() -> u32 {
    SWITCHES.load(Ordering::Relaxed)
}

/// The address past the end of a stack, a multiple of 8.
fn top_of(stack: &Stack) -> u32 {
    (stack.0.get() as usize as u32).wrapping_add((STACK_WORDS * 4) as u32)
}

/// Puts onto the second stack what the tick handler will pop: r4 to r11, the return value, a frame.
fn prepare_second(second: fn()) {
    let mut image = [0u32; KEPT + FRAME];
    image[KEPT - 1] = RETURN_TO_THREAD;
    image[KEPT + 5] = second_thread_ended as *const () as usize as u32;
    image[KEPT + 6] = second as usize as u32 & !1;
    image[KEPT + 7] = THUMB;
    // Eight words of frame keep the stack aligned to 8 where the thread starts; the ninth kept word is
    // popped by software, which needs no alignment.
    let bottom = STACK_WORDS - image.len();
    // SAFETY: no second thread exists now (`run_two` is not nested), so nobody else uses its stack.
    let stack = unsafe { &mut *SECOND_STACK.0.get() };
    stack[bottom..].copy_from_slice(&image);
    WAITING.store(
        top_of(&SECOND_STACK) - (image.len() * 4) as u32,
        Ordering::Relaxed,
    );
}

/// The first thread: the timer runs only while its function does.
extern "C" fn first_thread() {
    let first = FIRST.load(Ordering::Relaxed) as usize;
    // SAFETY: `run_two` stored a `fn()` there just before.
    let first = unsafe { core::mem::transmute::<usize, fn()>(first) };
    CONTROL.write(RUN);
    first();
    CONTROL.write(0);
    barrier();
}

extern "C" fn second_thread_ended() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// A tick that was pending when the timer stopped is taken here and not later, on another stack.
fn barrier() {
    // SAFETY: barriers only order.
    unsafe { asm!("dsb", "isb", options(nostack, preserves_flags)) };
}

/// Calls `job` in thread mode on the process stack that ends at `top`, then comes back to the main stack.
///
/// # Safety
/// `top` is a multiple of 8 and ends a stack that nobody uses.
#[unsafe(naked)]
unsafe extern "C" fn on_process_stack(job: extern "C" fn(), top: u32) {
    naked_asm!(
        "push {{r4, lr}}",
        "msr psp, r1",
        "mrs r4, control",
        "orr r2, r4, #2",
        "msr control, r2",
        "isb",
        "blx r0",
        "msr control, r4",
        "isb",
        "pop {{r4, pc}}",
    )
}

/// The tick: exchanges the running thread with the waiting one.
///
/// # Safety
/// Only the vector table names it, and the timer runs only while both threads exist.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ns_system_tick() {
    naked_asm!(
        // Anything of the secure world's in a register? (EXC_RETURN.S)
        "tst lr, #0x40",
        "beq 1f",
        "orr r0, r0, r1",
        "orr r0, r0, r2",
        "orr r0, r0, r3",
        "orr r0, r0, r4",
        "orr r0, r0, r5",
        "orr r0, r0, r6",
        "orr r0, r0, r7",
        "orr r0, r0, r8",
        "orr r0, r0, r9",
        "orr r0, r0, r10",
        "orr r0, r0, r11",
        "orr r0, r0, r12",
        "ldr r1, ={leaked}",
        "ldr r2, [r1]",
        "orr r0, r0, r2",
        "str r0, [r1]",
        "1:",
        "ldr r0, ={job}",
        "ldr r1, [r0]",
        "cbz r1, 2f",
        "ubfx r0, lr, #6, #1", // EXC_RETURN.S
        "bx r1",
        "2:",
        "mrs r0, psp",
        "stmdb r0!, {{r4-r11, lr}}",
        "ldr r1, ={waiting}",
        "ldr r2, [r1]",
        "str r0, [r1]",
        "ldmia r2!, {{r4-r11, lr}}",
        "msr psp, r2",
        "ldr r1, ={switches}",
        "ldr r0, [r1]",
        "adds r0, #1",
        "str r0, [r1]",
        "bx lr",
        waiting = sym WAITING,
        switches = sym SWITCHES,
        leaked = sym LEAKED,
        job = sym JOB,
    )
}
