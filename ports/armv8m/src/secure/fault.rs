//! What is known at the moment of a fault, and who is told.

use crate::cpu::scb::FaultStatus;
use crate::cpu::target_test;

/// Who was running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The non-secure world, or the secure world on its behalf from an exception of it.
    NonSecure,
    /// The PSA Root of Trust.
    RootOfTrust,
    /// A partition, by its place in the table.
    Partition(u32),
}

/// One fault as captured by the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// Exception number (3 HardFault … 7 SecureFault; 15, SysTick: a partition had no time left).
    pub exception: u32,
    /// Fault status registers and the refused address.
    pub status: FaultStatus,
    /// Program counter of the faulting instruction, 0 if its frame could not be read.
    pub pc: u32,
    /// Link register there, 0 likewise.
    pub lr: u32,
    /// Who ran.
    pub origin: Origin,
}

// The firmware's policy. `ironroot_fault_fatal` must not return.
unsafe extern "Rust" {
    safe fn ironroot_fault_contained(capture: &Capture);
    safe fn ironroot_fault_fatal(capture: &Capture) -> !;
}

pub(super) fn contained(capture: &Capture) {
    ironroot_fault_contained(capture);
}

pub(super) fn fatal(capture: &Capture) -> ! {
    ironroot_fault_fatal(capture)
}

/// The handler of every exception for an image that runs no partition and has no gates: whatever happens is
/// the system's fault.
#[must_use]
pub const fn handler() -> unsafe extern "C" fn() {
    taken
}

/// # Safety
/// For the vector table only.
#[unsafe(naked)]
unsafe extern "C" fn taken() {
    core::arch::naked_asm!(
        "mrs r0, ipsr",
        "mov r1, lr",
        "mrs r2, psp",
        "mrs r3, msp",
        "b {entered}",
        entered = sym entered,
    )
}

extern "C" fn entered(exception: u32, exc_return: u32, psp: u32, msp: u32) -> ! {
    let status = crate::cpu::scb::take_fault_status();
    fatal(&Capture::system(exception, exc_return, status, psp, msp))
}

/// CFSR bits that say the exception frame was not written: MSTKERR, STKERR, STKOF.
const NO_FRAME: u32 = 1 << 4 | 1 << 12 | 1 << 20;

impl Capture {
    pub(super) fn partition(
        exception: u32,
        status: FaultStatus,
        psp: u32,
        index: u32,
        ram: (u32, u32),
    ) -> Self {
        // The stack pointer is the partition's own word: read its frame only if it lies in its memory.
        let inside =
            psp & 3 == 0 && psp >= ram.0 && psp.checked_add(32).is_some_and(|end| end <= ram.1);
        let (lr, pc) = if inside && status.cfsr & NO_FRAME == 0 {
            read_frame(psp)
        } else {
            (0, 0)
        };
        Self {
            exception,
            status,
            pc,
            lr,
            origin: Origin::Partition(index),
        }
    }

    pub(super) fn system(
        exception: u32,
        exc_return: u32,
        status: FaultStatus,
        psp: u32,
        msp: u32,
    ) -> Self {
        let non_secure = exc_return & 1 << 6 == 0;
        let from_thread = exc_return & 1 << 3 != 0;
        // SPSEL in EXC_RETURN speaks of the world the exception was taken to, which is ours.
        let stack = match (non_secure, exc_return & 1 << 2 != 0) {
            (false, true) => psp,
            (false, false) => msp,
            (true, _) => non_secure_stack(from_thread),
        };
        // The other world's stack pointer is its own to forge: its frame is read only where it could
        // read itself, in plain memory (devices begin at 0x4000_0000 in every Armv8-M map).
        let own = !non_secure
            || stack < 0x4000_0000 && target_test::non_secure_can_access(stack, stack + 31, false);
        let readable = own && stack & 3 == 0 && status.cfsr & NO_FRAME == 0;
        let (lr, pc) = if readable { read_frame(stack) } else { (0, 0) };
        let origin = if non_secure {
            Origin::NonSecure
        } else {
            Origin::RootOfTrust
        };
        Self {
            exception,
            status,
            pc,
            lr,
            origin,
        }
    }
}

/// The other world's stack pointer in use when it was interrupted.
pub(super) fn non_secure_stack(from_thread: bool) -> u32 {
    let (main, process, control): (u32, u32, u32);
    // SAFETY: reads three banked registers.
    unsafe {
        core::arch::asm!("mrs {0}, msp_ns", "mrs {1}, psp_ns", "mrs {2}, control_ns",
            out(reg) main, out(reg) process, out(reg) control,
            options(nomem, nostack, preserves_flags));
    }
    if from_thread && control & 2 != 0 {
        process
    } else {
        main
    }
}

/// Link register and return address of the exception frame at `stack`.
fn read_frame(stack: u32) -> (u32, u32) {
    let frame = stack as usize as *const u32;
    // SAFETY: the callers checked that the frame is aligned and lies in memory its owner has.
    let lr = unsafe { frame.wrapping_add(5).read_volatile() };
    // SAFETY: as above.
    let pc = unsafe { frame.wrapping_add(6).read_volatile() };
    (lr, pc)
}
