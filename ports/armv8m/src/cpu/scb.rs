//! System control block: exceptions, faults, reset. Arm v8-M Architecture Reference Manual, D1.2.

use super::mmio::Register;

/// Registers of the secure view.
mod register {
    use super::Register;
    // SAFETY: architectural register addresses of the System Control Space.
    pub(super) const VTOR: Register = unsafe { Register::at(0xE000_ED08) };
    // SAFETY: as above.
    pub(super) const AIRCR: Register = unsafe { Register::at(0xE000_ED0C) };
    // SAFETY: as above.
    pub(super) const SHCSR: Register = unsafe { Register::at(0xE000_ED24) };
    // SAFETY: as above.
    pub(super) const CFSR: Register = unsafe { Register::at(0xE000_ED28) };
    // SAFETY: as above.
    pub(super) const HFSR: Register = unsafe { Register::at(0xE000_ED2C) };
    // SAFETY: as above.
    pub(super) const MMFAR: Register = unsafe { Register::at(0xE000_ED34) };
    // SAFETY: as above.
    pub(super) const BFAR: Register = unsafe { Register::at(0xE000_ED38) };
    // SAFETY: as above.
    pub(super) const SFSR: Register = unsafe { Register::at(0xE000_EDE4) };
    // SAFETY: as above.
    pub(super) const SFAR: Register = unsafe { Register::at(0xE000_EDE8) };
}

/// Fault status as the hardware left it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultStatus {
    /// Configurable Fault Status Register.
    pub cfsr: u32,
    /// HardFault Status Register.
    pub hfsr: u32,
    /// Secure Fault Status Register.
    pub sfsr: u32,
    /// The address that was refused, if the hardware knows it, else 0.
    pub address: u32,
}

const VECTKEY: u32 = 0x05FA << 16;
const PRIS: u32 = 1 << 14;
const SYSRESETREQS: u32 = 1 << 3;
const SYSRESETREQ: u32 = 1 << 2;

/// Secure exceptions outrank non-secure ones (PRIS); only the secure world may reset the system
/// (SYSRESETREQS); HardFault, BusFault and NMI stay secure (BFHFNMINS = 0); the four configurable
/// faults are taken as themselves rather than escalated.
pub fn configure_exceptions() {
    register::AIRCR.write(VECTKEY | PRIS | SYSRESETREQS);
    register::SHCSR.modify(|value| value | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 19);
}

/// Points the secure vector table at `base`.
///
/// # Safety
/// A valid vector table of handlers for this processor lies there and stays there.
pub unsafe fn set_vector_table(base: u32) {
    register::VTOR.write(base);
}

/// Reads the fault registers and clears them for the next fault.
#[must_use]
pub fn take_fault_status() -> FaultStatus {
    let cfsr = register::CFSR.read();
    let sfsr = register::SFSR.read();
    let hfsr = register::HFSR.read();
    let address = if sfsr & 1 << 6 != 0 {
        register::SFAR.read()
    } else if cfsr & 1 << 7 != 0 {
        register::MMFAR.read()
    } else if cfsr & 1 << 15 != 0 {
        register::BFAR.read()
    } else {
        0
    };
    register::CFSR.write(cfsr);
    register::SFSR.write(sfsr);
    register::HFSR.write(hfsr);
    FaultStatus {
        cfsr,
        hfsr,
        sfsr,
        address,
    }
}

/// Resets the whole system. SRAM keeps its content.
pub fn system_reset() -> ! {
    #[cfg(target_arch = "arm")]
    // SAFETY: a barrier has no operands and touches no memory of ours.
    unsafe {
        core::arch::asm!("dsb", options(nostack, preserves_flags));
    }
    register::AIRCR.modify(|value| VECTKEY | (value & 0xFFFF) | SYSRESETREQ);
    loop {
        core::hint::spin_loop();
    }
}

/// Gives every device interrupt to the non-secure world (ITNS): the secure world takes none, so no
/// secure service ever delays one.
pub fn give_interrupts_away() {
    // ICTR.INTLINESNUM: the number of 32-line groups, minus one.
    // SAFETY: architectural register address.
    let groups = unsafe { Register::at(0xE000_E004) }.read() & 0xF;
    for group in 0..=groups {
        // SAFETY: NVIC_ITNS registers are consecutive words from 0xE000_E380.
        unsafe { Register::at(0xE000_E380 + 4 * group) }.write(u32::MAX);
    }
}
