//! Security Attribution Unit: what the non-secure world may name at all.
//! Arm v8-M Architecture Reference Manual, B9.

use super::mmio::Register;

// SAFETY: architectural register address.
const CTRL: Register = unsafe { Register::at(0xE000_EDD0) };
// SAFETY: architectural register address.
const TYPE: Register = unsafe { Register::at(0xE000_EDD4) };
// SAFETY: architectural register address.
const RNR: Register = unsafe { Register::at(0xE000_EDD8) };
// SAFETY: architectural register address.
const RBAR: Register = unsafe { Register::at(0xE000_EDDC) };
// SAFETY: architectural register address.
const RLAR: Register = unsafe { Register::at(0xE000_EDE0) };

/// One range that is not secure. Base and end are multiples of 32; `end` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub base: u32,
    /// One past the last byte.
    pub end: u32,
    /// Secure gateway instructions in it may be called from the non-secure world.
    pub callable: bool,
}

/// Writes all regions, disables the rest, and turns the unit on. What no region covers is secure.
pub fn configure(regions: &[Region]) {
    CTRL.write(0);
    let available = TYPE.read() & 0xFF;
    for number in 0..available {
        RNR.write(number);
        match regions.get(number as usize) {
            Some(region) => {
                RBAR.write(region.base);
                let last = region.end.wrapping_sub(1) & !31;
                RLAR.write(last | u32::from(region.callable) << 1 | 1);
            }
            None => RLAR.write(0),
        }
    }
    CTRL.write(1);
    barrier();
}

fn barrier() {
    // SAFETY: barriers only order; no operands.
    unsafe { core::arch::asm!("dsb", "isb", options(nostack, preserves_flags)) };
}
