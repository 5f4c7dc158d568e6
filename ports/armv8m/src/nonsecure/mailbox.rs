//! Two words from the test host, and one of ours that survives a reset.
//!
//! The emulator writes the first two into non-secure RAM before the processor starts, and again at
//! every reset: `-device loader,addr=0x281ff000,data=N,data-len=4` (and `0x281ff004`). Without them both
//! read as zero on a fresh machine. The linker script keeps the block out of the program's own memory.

/// First byte of the block.
pub const ADDRESS: u32 = 0x281F_F000;

/// What the application is to do; each application documents its numbers. 0 is its default.
#[must_use]
pub fn command() -> u32 {
    read(0)
}

/// An argument of the command.
#[must_use]
pub fn argument() -> u32 {
    read(1)
}

/// A word the host never writes. The emulator's RAM keeps it over a reset of the machine, so a program
/// that expects to be reset can tell the second start from the first.
#[must_use]
pub fn remembered() -> u32 {
    read(2)
}

/// Sets the word that [`remembered`] returns.
pub fn remember(value: u32) {
    // SAFETY: third word of the block, which the linker script gives to nothing of Rust's.
    unsafe { pointer(2).write_volatile(value) }
}

fn read(word: u32) -> u32 {
    // SAFETY: one of the block's words: mapped non-secure RAM that holds no Rust object.
    unsafe { pointer(word).read_volatile() }
}

/// `word` is 0, 1 or 2.
fn pointer(word: u32) -> *mut u32 {
    ADDRESS.wrapping_add(word.wrapping_mul(4)) as usize as *mut u32
}
