//! Leaving the emulator with an exit code.
//!
//! Arm, Semihosting for AArch32 and AArch64, SYS_EXIT_EXTENDED (0x20). Without `-semihosting` the
//! breakpoint is a HardFault, which on a device belongs to the secure world.

use core::arch::asm;

/// SYS_EXIT_EXTENDED.
const EXIT_EXTENDED: u32 = 0x20;
/// ADP_Stopped_ApplicationExit: the reason that carries an exit code.
const APPLICATION_EXIT: u32 = 0x2_0026;

/// Ends the emulation; the emulator's own exit code is `code`.
pub fn exit(code: u32) -> ! {
    let parameters: [u32; 2] = [APPLICATION_EXIT, code];
    loop {
        // SAFETY: the host reads two words at r1, which live on this stack until the call returns,
        // and it does not return. A host that ignores the call leaves all but r0 as it was.
        unsafe {
            asm!(
                "bkpt 0xab",
                inlateout("r0") EXIT_EXTENDED => _,
                in("r1") parameters.as_ptr(),
                options(nostack, readonly),
            );
        }
    }
}
