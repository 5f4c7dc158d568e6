//! Secure Memory Protection Unit: who inside the secure world reaches what.
//!
//! Eight regions are used, however many the part has: `FIXED` ones for the PSA Root of Trust and the
//! gate, the rest for the partition that runs. Regions never overlap (Armv8-M faults on overlap).
//! Arm v8-M Architecture Reference Manual, B10.

use super::mmio::Register;

// SAFETY: architectural register address.
const CTRL: Register = unsafe { Register::at(0xE000_ED94) };
// SAFETY: architectural register address.
const RNR: Register = unsafe { Register::at(0xE000_ED98) };
// SAFETY: architectural register address.
const RBAR: Register = unsafe { Register::at(0xE000_ED9C) };
// SAFETY: architectural register address.
const RLAR: Register = unsafe { Register::at(0xE000_EDA0) };
// SAFETY: architectural register address.
const MAIR0: Register = unsafe { Register::at(0xE000_EDC0) };

/// How many regions Ironroot ever uses.
pub const REGIONS: usize = 8;

/// Rights on a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Privileged code may read and execute; nobody writes.
    PrivilegedExecute,
    /// Privileged code may read; nobody writes or executes.
    PrivilegedRead,
    /// Privileged code may read and write; nobody executes.
    PrivilegedWrite,
    /// Everybody in the secure world may read and execute.
    AnyExecute,
    /// Everybody in the secure world may read and write; nobody executes.
    AnyWrite,
    /// Device registers that everybody in the secure world may use; nobody executes.
    AnyDevice,
}

/// The two register values of one region. Base and end are multiples of 32; `end` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Region {
    rbar: u32,
    rlar: u32,
}

impl Region {
    /// A region that matches nothing.
    pub const OFF: Self = Self { rbar: 0, rlar: 0 };

    /// The bytes `base..end` with `rights`; nothing when the range is empty.
    #[must_use]
    pub const fn new(base: u32, end: u32, rights: Rights) -> Self {
        if end <= base {
            return Self::OFF;
        }
        // AP[2:1]: 00 privileged write, 01 any write, 10 privileged read, 11 any read; bit 0 XN.
        let (access, attribute) = match rights {
            Rights::PrivilegedExecute => (0b100, 0),
            Rights::PrivilegedRead => (0b101, 0),
            Rights::PrivilegedWrite => (0b001, 0),
            Rights::AnyExecute => (0b110, 0),
            Rights::AnyWrite => (0b011, 0),
            Rights::AnyDevice => (0b011, 1),
        };
        Self {
            rbar: (base & !31) | access,
            rlar: ((end - 1) & !31) | attribute << 1 | 1,
        }
    }
}

/// Attribute 0: normal memory, not cached; attribute 1: device, nGnRnE.
const ATTRIBUTES: u32 = 0x0000_0044;

/// Turns the unit on. What no region covers keeps the default map for privileged code and is out of
/// reach for unprivileged code; the unit is also on inside HardFault and NMI handlers.
pub fn enable() {
    MAIR0.write(ATTRIBUTES);
    CTRL.write(0b111);
    barrier();
}

/// Turns the unit off: only while the fixed regions are rewritten.
pub fn disable() {
    barrier();
    CTRL.write(0);
}

/// Writes regions from `first` on.
#[inline]
pub fn write(first: u32, regions: &[Region]) {
    let mut number = first;
    for region in regions {
        RNR.write(number);
        // Off before the base moves, so that no half-written region ever matches.
        RLAR.write(0);
        RBAR.write(region.rbar);
        RLAR.write(region.rlar);
        number = number.wrapping_add(1);
    }
    barrier();
}

#[inline(always)]
fn barrier() {
    // SAFETY: barriers only order; no operands.
    unsafe { core::arch::asm!("dsb", "isb", options(nostack, preserves_flags)) };
}
