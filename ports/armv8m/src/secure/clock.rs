//! How long a partition may hold its caller, counted by the secure world's own SysTick.
//!
//! The timer runs only while a partition has a turn: from the message it is given to its next wait. Each
//! tick looks at whom it interrupted. The other world, a handler: nobody is charged, so a non-secure kernel
//! that switches away from a service takes nothing from its budget. A thread of the secure world, be it the
//! partition or a service that it asked: one tick is used. When the last one is, the partition is ended
//! where it stands; one that waits for a service is ended when it would go on.
//!
//! A turn inside a turn (one partition asks another) counts by itself, so that nobody can hand the remains of
//! his time to somebody else and let that one be ended. What it used is added to the outer turn if it ended
//! well; a partition that failed is bounded by its restarts instead.
//!
//! The exception has the priority of all secure handlers, so it never interrupts one of them.
//! Arm v8-M Architecture Reference Manual, B11 (SysTick; each world has one).

use super::fault;
use super::switch;
use crate::cpu::mmio::Register;
use core::arch::naked_asm;
use core::sync::atomic::{AtomicU32, Ordering};

// SAFETY: SYST_CSR of this world; it only counts.
const CONTROL: Register = unsafe { Register::at(0xE000_E010) };
// SAFETY: as above, SYST_RVR.
const RELOAD: Register = unsafe { Register::at(0xE000_E014) };
// SAFETY: as above, SYST_CVR.
const CURRENT: Register = unsafe { Register::at(0xE000_E018) };
/// SYST_CSR: processor clock, interrupt, on.
const RUN: u32 = 0b111;

/// Number of the SysTick exception: the cause in a fault's capture.
pub const OUT_OF_TIME: u32 = 15;

/// How long one turn may last, in time of the secure world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBudget {
    /// Processor cycles from tick to tick, below 2^24.
    pub cycles_per_tick: u32,
    /// The tick that ends the partition.
    pub ticks: u32,
}

/// Ticks used in the present turn, [`NO_TURN`] between turns.
static USED: AtomicU32 = AtomicU32::new(NO_TURN);
const NO_TURN: u32 = u32::MAX;
/// The tick that ends the partition.
static LIMIT: AtomicU32 = AtomicU32::new(NO_TURN);

/// Sets the budget. The timer stands still until a turn begins.
pub(super) fn set_budget(budget: TimeBudget) {
    CONTROL.write(0);
    RELOAD.write(budget.cycles_per_tick & 0x00FF_FFFF);
    LIMIT.store(budget.ticks, Ordering::Relaxed);
}

/// A turn begins; what it answers is to be given to [`end_turn`].
#[inline]
pub(super) fn begin_turn() -> u32 {
    let outer = USED.load(Ordering::Relaxed);
    USED.store(0, Ordering::Relaxed);
    if outer == NO_TURN {
        CURRENT.write(0);
        CONTROL.write(RUN);
    }
    outer
}

/// The turn ended: back to the one around it.
#[inline]
pub(super) fn end_turn(outer: u32, well: bool) {
    if outer == NO_TURN {
        // A tick that is pending now is taken after this and finds no turn.
        CONTROL.write(0);
        USED.store(NO_TURN, Ordering::Relaxed);
        return;
    }
    let used = if well {
        USED.load(Ordering::Relaxed)
    } else {
        0
    };
    USED.store(
        outer.saturating_add(used).min(NO_TURN - 1),
        Ordering::Relaxed,
    );
}

/// Whether the present turn has no time left.
#[inline]
pub(super) fn is_over() -> bool {
    let used = USED.load(Ordering::Relaxed);
    used != NO_TURN && used >= LIMIT.load(Ordering::Relaxed)
}

/// The handler of the secure SysTick, for an image's vector table.
#[must_use]
pub const fn tick_handler() -> unsafe extern "C" fn() {
    tick_taken
}

/// # Safety
/// For the vector table only.
#[unsafe(naked)]
unsafe extern "C" fn tick_taken() {
    naked_asm!(
        "mov r0, lr",
        "mrs r1, psp",
        "push {{r4, lr}}",
        "bl {entered}",
        "pop {{r4, lr}}",
        "cmp r0, #0",
        "beq {restore}",
        "bx lr",
        entered = sym tick_entered,
        restore = sym switch::restore_manager,
    )
}

/// Charges a tick: 0 when it ended a partition, else what was interrupted goes on.
extern "C" fn tick_entered(exc_return: u32, psp: u32) -> u32 {
    let used = USED.load(Ordering::Relaxed);
    let charged = exc_return & switch::FROM_SECURE_THREAD == switch::FROM_SECURE_THREAD;
    if !charged || used == NO_TURN {
        return 1;
    }
    USED.store(used.saturating_add(1).min(NO_TURN - 1), Ordering::Relaxed);
    if !is_over() {
        return 1;
    }
    u32::from(!switch::stop_current(|context| {
        fault::contained(&context.out_of_time(psp));
    }))
}
