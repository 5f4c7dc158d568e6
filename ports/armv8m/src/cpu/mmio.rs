//! One 32-bit device register.

/// A 32-bit memory-mapped register at a fixed address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register(*mut u32);

// SAFETY: a register is an address; every access is a single volatile word.
unsafe impl Sync for Register {}

impl Register {
    /// Names the register at `address`.
    ///
    /// # Safety
    /// `address` is word-aligned and is a device register (never memory that Rust owns), and neither
    /// reading nor writing it can break memory safety by itself. Registers that *can* (protection
    /// units, vector table) are only written in this port's own modules, in the order they document.
    #[must_use]
    pub const unsafe fn at(address: u32) -> Self {
        Self(address as usize as *mut u32)
    }

    /// Reads the register once.
    #[inline(always)]
    #[must_use]
    pub fn read(self) -> u32 {
        // SAFETY: `at` promised a readable device register.
        unsafe { self.0.read_volatile() }
    }

    /// Writes the register once.
    #[inline(always)]
    pub fn write(self, value: u32) {
        // SAFETY: `at` promised a writable device register.
        unsafe { self.0.write_volatile(value) }
    }

    /// Reads, changes and writes back.
    #[inline(always)]
    pub fn modify(self, change: impl FnOnce(u32) -> u32) {
        self.write(change(self.read()));
    }
}
