//! Short stretches that no interrupt of either world may split.

use core::arch::asm;

/// Runs `body` with all interrupts of both worlds held back (PRIMASK of the secure world outranks every
/// non-secure priority). For a few dozen instructions only.
#[inline]
pub fn held_back<R>(body: impl FnOnce() -> R) -> R {
    let before: u32;
    // SAFETY: reads and sets PRIMASK; memory accesses may not move across (no `nomem`).
    unsafe {
        asm!("mrs {0}, primask", "cpsid i", out(reg) before, options(nostack, preserves_flags));
    }
    let result = body();
    // SAFETY: puts back what was there.
    unsafe { asm!("msr primask, {0}", in(reg) before, options(nostack, preserves_flags)) };
    result
}
