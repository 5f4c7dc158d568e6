//! An Application RoT partition's side: supervisor calls, and nothing else. It owns no device, no
//! exception and no register of the system.

use core::arch::asm;

/// Makes supervisor call number `NUMBER` and returns its result.
///
/// Which numbers exist and what the arguments mean is `ironroot-psa-api`'s business. The other side
/// treats every argument as hostile, so no call can break anything but this partition.
#[inline(always)]
pub fn supervisor_call<const NUMBER: u8>(first: u32, second: u32, third: u32, fourth: u32) -> u32 {
    let result: u32;
    // SAFETY: the partition manager checks every address it is given against this partition's own
    // memory, and writes only through those; the compiler is told that memory may change (no `nomem`).
    unsafe {
        asm!("svc {number}", number = const NUMBER,
            inlateout("r0") first => result,
            inlateout("r1") second => _,
            inlateout("r2") third => _,
            inlateout("r3") fourth => _,
            out("r12") _,
            options(nostack));
    }
    result
}
