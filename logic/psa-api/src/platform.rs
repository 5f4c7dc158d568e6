//! Platform service: message types and layouts, as TF-M's client library passes them.
//!
//! | type | inputs | outputs |
//! |---|---|---|
//! | [`NV_READ`] | counter number (4) | counter value |
//! | [`NV_INCREMENT`] | counter number (4) | |
//! | [`SYSTEM_RESET`] | | |
//! | [`IOCTL`] | request (4), input (optional) | output (optional) |

/// Reads a non-volatile counter.
pub const NV_READ: i32 = 1010;
/// Raises a non-volatile counter by one.
pub const NV_INCREMENT: i32 = 1011;
/// Resets the system.
pub const SYSTEM_RESET: i32 = 1012;
/// A request of the board's own.
pub const IOCTL: i32 = 1013;

/// Request of [`IOCTL`]: the security lifecycle. Output: the state (4), as in an attestation token.
pub const IOCTL_LIFECYCLE: u32 = 1;
/// Request of [`IOCTL`]: a record of the fault log, without secure addresses. Input: how many records to go
/// back from the newest (4; absent means none). Output: the record (64, `ironroot-boot`'s format).
pub const IOCTL_FAULT: u32 = 2;

/// Request of [`IOCTL`]: the next reset enters the bootloader's recovery mode, if it has one. `NOT_SUPPORTED` on boards
/// that keep no memory over a reset.
pub const IOCTL_RECOVERY: u32 = 3;

/// Status values of the platform service that are not `psa_status_t` (`tfm_platform_err_t`).
pub mod platform_error {
    /// Done.
    pub const SUCCESS: i32 = 0;
    /// The system failed.
    pub const SYSTEM_ERROR: i32 = 1;
    /// A parameter is wrong.
    pub const INVALID_PARAM: i32 = 2;
    /// Not offered.
    pub const NOT_SUPPORTED: i32 = 3;
}
