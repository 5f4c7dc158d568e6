//! Arm MPS2+ AN521 (SSE-200 subsystem, Cortex-M33) as QEMU's `mps2-an521` models it.

#[cfg(feature = "secure")]
pub mod code_flash;
pub mod map;
#[cfg(feature = "secure")]
pub mod protect;
#[cfg(feature = "secure")]
pub mod psram;
#[cfg(feature = "secure")]
pub mod recovery;
pub mod uart;
