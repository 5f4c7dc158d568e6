//! Supervisor calls of a partition: the immediate of its SVC instruction, arguments in r0 to r3,
//! result in r0. One number per function of FF-M's Secure Partition API, which C partitions reach
//! through `psa/service.h` and `psa/client.h`.
//!
//! A call whose arguments break FF-M's rules does not return: the partition is at fault and its
//! restart policy decides.

/// Kept for the port (start-up, return from initialisation); the partition manager refuses it.
pub const PORT: u8 = 0;

/// `psa_framework_version()` → version.
pub const FRAMEWORK_VERSION: u8 = 1;
/// `psa_version(sid)` → version or zero.
pub const VERSION: u8 = 2;
/// `psa_connect(sid, version)` → handle or negative status.
pub const CONNECT: u8 = 3;
/// `psa_call(handle, control word, in_vec, out_vec)` → status.
pub const CALL: u8 = 4;
/// `psa_close(handle)`.
pub const CLOSE: u8 = 5;

/// `psa_wait(signal mask, timeout)` → asserted signals.
pub const WAIT: u8 = 16;
/// `psa_get(signal, message)` → status.
pub const GET: u8 = 17;
/// `psa_set_rhandle(message handle, rhandle)`.
pub const SET_RHANDLE: u8 = 18;
/// `psa_read(message handle, vector, buffer, length)` → bytes read.
pub const READ: u8 = 19;
/// `psa_skip(message handle, vector, length)` → bytes skipped.
pub const SKIP: u8 = 20;
/// `psa_write(message handle, vector, buffer, length)`.
pub const WRITE: u8 = 21;
/// `psa_reply(message handle, status)`.
pub const REPLY: u8 = 22;
/// `psa_notify(partition id)`: doorbells are not offered; a partition that calls it is at fault.
pub const NOTIFY: u8 = 23;
/// `psa_clear()`: likewise.
pub const CLEAR: u8 = 24;
/// `psa_eoi(signal)`: interrupts are not given to partitions; likewise.
pub const EOI: u8 = 25;
/// `psa_panic()`: ends the partition by its own wish.
pub const PANIC: u8 = 26;
/// `psa_rot_lifecycle_state()` → state ([`lifecycle`]).
pub const LIFECYCLE: u8 = 27;

/// Ours: `psa_reply(message handle, status)`, `psa_wait(any, block)` and `psa_get` of the message
/// that came, in one trap. Arguments: message handle, status, address of the `psa_msg_t`; returns the
/// signal. Does the same as the three calls; a partition may mix both forms.
pub const REPLY_AND_NEXT: u8 = 48;

/// `PSA_BLOCK`: the timeout of a wait that blocks.
pub const BLOCK: u32 = 0x8000_0000;
/// `PSA_POLL`: the timeout of a wait that returns at once.
pub const POLL: u32 = 0;
/// `PSA_WAIT_ANY`: every signal.
pub const WAIT_ANY: u32 = 0xffff_ffff;
/// The first signal a service can have; bits 0 to 3 are the framework's (bit 3 is the doorbell).
pub const FIRST_SERVICE_SIGNAL: u32 = 1 << 4;

/// States of `psa_rot_lifecycle_state()` (FF-M 1.0, section 4.4; the low byte is the platform's).
pub mod lifecycle {
    /// Cannot be told.
    pub const UNKNOWN: u32 = 0x0000;
    /// Assembly and test.
    pub const ASSEMBLY_AND_TEST: u32 = 0x1000;
    /// PSA Root of Trust provisioning.
    pub const PSA_ROT_PROVISIONING: u32 = 0x2000;
    /// Secured.
    pub const SECURED: u32 = 0x3000;
    /// Debug of everything but the PSA Root of Trust.
    pub const NON_PSA_ROT_DEBUG: u32 = 0x4000;
    /// Debug of the PSA Root of Trust, which can come back to secured.
    pub const RECOVERABLE_PSA_ROT_DEBUG: u32 = 0x5000;
    /// End of life.
    pub const DECOMMISSIONED: u32 = 0x6000;
}
