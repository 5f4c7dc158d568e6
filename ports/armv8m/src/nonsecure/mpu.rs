//! The non-secure world's own memory protection, and running without privilege behind it.
//!
//! A kernel confines its threads with it; the secure world must not do for a thread what the thread could
//! not do itself. Arm v8-M Architecture Reference Manual, B10.

use super::handler_mode;
use crate::cpu::mmio::Register;
use core::arch::asm;

// SAFETY: MPU_CTRL of this world; turning it on with the default map for privileged code breaks nothing.
const CONTROL: Register = unsafe { Register::at(0xE000_ED94) };
// SAFETY: MPU_RNR.
const NUMBER: Register = unsafe { Register::at(0xE000_ED98) };
// SAFETY: MPU_RBAR.
const BASE: Register = unsafe { Register::at(0xE000_ED9C) };
// SAFETY: MPU_RLAR.
const LIMIT: Register = unsafe { Register::at(0xE000_EDA0) };
// SAFETY: MPU_MAIR0.
const ATTRIBUTES: Register = unsafe { Register::at(0xE000_EDC0) };

/// Normal memory, not cached.
const NORMAL: u32 = 0x44;
/// MPU_CTRL: on, and the default map for privileged code where no region is.
const ON: u32 = 0b101;

/// Who may do what in a region (RBAR.AP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Privileged code reads and writes; others have nothing.
    PrivilegedWrite = 0b00,
    /// Everybody reads and writes.
    AnyWrite = 0b01,
    /// Everybody reads, nobody writes.
    AnyRead = 0b11,
}

/// Memory `start..end` (multiples of 32) and who may use it. Regions must not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Who may do what.
    pub rights: Rights,
}

/// Protects memory by `regions` while `job` runs, then by nothing again.
pub fn behind<R>(regions: &[Region], job: impl FnOnce() -> R) -> R {
    ATTRIBUTES.write(NORMAL);
    for (number, region) in (0..).zip(regions) {
        NUMBER.write(number);
        BASE.write((region.start & !31) | (region.rights as u32) << 1);
        LIMIT.write((region.end.wrapping_sub(1) & !31) | 1);
    }
    CONTROL.write(ON);
    barrier();
    let result = job();
    CONTROL.write(0);
    barrier();
    for (number, _) in (0..).zip(regions) {
        NUMBER.write(number);
        LIMIT.write(0);
    }
    result
}

/// Runs `job` in thread mode without privilege (CONTROL.nPRIV). What it touches must be in regions that
/// everybody may use; a supervisor call brings the privilege back.
pub fn unprivileged<R>(job: impl FnOnce() -> R) -> R {
    set_unprivileged(true);
    let result = job();
    handler_mode::run(|| set_unprivileged(false));
    result
}

fn set_unprivileged(on: bool) {
    let control: u32;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, control", out(reg) control, options(nomem, nostack, preserves_flags)) };
    let control = (control & !1) | u32::from(on);
    // SAFETY: changes nPRIV alone; from an exception handler it takes effect when the handler returns.
    unsafe { asm!("msr control, {}", "isb", in(reg) control, options(nostack, preserves_flags)) };
}

fn barrier() {
    // SAFETY: barriers only order.
    unsafe { asm!("dsb", "isb", options(nostack, preserves_flags)) };
}
