//! Words from the test host, and one of ours that survives a reset.
//!
//! | word | who writes | meaning |
//! |---:|---|---|
//! | 0 | host | command |
//! | 1 | host | argument |
//! | 2 | application | remembered over a reset |
//! | 4 to 11 | host | challenge for an attestation token, 32 bytes |
//!
//! The emulator writes the host's words into non-secure RAM before the processor starts, and again at every
//! reset: `-device loader,addr=0x281ff000,data=N,data-len=4`, and so on. Without them all read as zero on
//! a fresh machine. The linker script keeps the block out of the program's own memory.

/// First byte of the block.
pub const ADDRESS: u32 = 0x281F_F000;

/// Number of the application's word.
const REMEMBERED: u32 = 2;
/// Number of the challenge's first word.
const CHALLENGE: u32 = 4;

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

/// The bytes that an attestation token is to answer to.
#[must_use]
pub fn challenge() -> [u8; 32] {
    let mut challenge = [0; 32];
    for (word, place) in (CHALLENGE..).zip(challenge.chunks_exact_mut(4)) {
        place.copy_from_slice(&read(word).to_le_bytes());
    }
    challenge
}

/// A word the host never writes. The emulator's RAM keeps it over a reset of the machine, so a program
/// that expects to be reset can tell the second start from the first.
#[must_use]
pub fn remembered() -> u32 {
    read(REMEMBERED)
}

/// Sets the word that [`remembered`] returns.
pub fn remember(value: u32) {
    // SAFETY: a word of the block, which the linker script gives to nothing of Rust's.
    unsafe { pointer(REMEMBERED).write_volatile(value) }
}

fn read(word: u32) -> u32 {
    // SAFETY: one of the block's words: mapped non-secure RAM that holds no Rust object.
    unsafe { pointer(word).read_volatile() }
}

/// `word` is below 12.
fn pointer(word: u32) -> *mut u32 {
    ADDRESS.wrapping_add(word.wrapping_mul(4)) as usize as *mut u32
}
