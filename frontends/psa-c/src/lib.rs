#![doc = include_str!("../README.md")]
#![cfg_attr(target_os = "none", no_std)]

mod aead;
mod attestation;
mod connection;
mod derivation;
mod hash;
mod key;
mod mac;
mod memory;
mod shell;
mod signature;
mod storage;
mod transport;
mod update;

#[cfg(test)]
mod tests;

/// A panic on a device has no console of ours to report to: an undefined instruction lets the
/// application's own fault handler find out where. No code of this crate should be able to get here.
#[cfg(all(target_os = "none", not(test)))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        #[cfg(target_arch = "arm")]
        // SAFETY: the instruction only raises a fault.
        unsafe {
            core::arch::asm!("udf #0", options(nomem, nostack));
        }
    }
}
