//! What can go wrong, in one small enum.

use ironroot_platform::{CounterError, FlashError};

/// Why the vault did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultError {
    /// No record of that id.
    Missing,
    /// The flash has no room for it, not even after collection.
    NoSpace,
    /// The RAM index has no entry left: too many records for this build.
    TooMany,
    /// Longer than a record can be on this flash ([`Vault::max_record`](crate::Vault::max_record)).
    TooLong,
    /// An offset behind the end of the record.
    BadOffset,
    /// Content that this vault did not write, or not there: authentication failed.
    Tampered,
    /// The content is authentic but older than the hardware counter says.
    RolledBack,
    /// The counter was never used, yet the flash is not blank: somebody else's data. Nothing was
    /// touched.
    NotBlank,
    /// A geometry the vault cannot work on: see [`Vault::mount`](crate::Vault::mount).
    Geometry,
    /// An internal invariant does not hold. Not to be expected.
    Corrupt,
    /// The flash failed or lost power.
    Flash,
    /// The hardware counter failed or lost power.
    Counter,
    /// The hardware counter cannot count on: the vault is read-only from here.
    Exhausted,
}

impl From<FlashError> for VaultError {
    fn from(error: FlashError) -> Self {
        match error {
            FlashError::OutOfRange
            | FlashError::Unaligned
            | FlashError::NotErased
            | FlashError::Device
            | FlashError::PowerCut => Self::Flash,
        }
    }
}

impl From<CounterError> for VaultError {
    fn from(error: CounterError) -> Self {
        match error {
            CounterError::Exhausted => Self::Exhausted,
            CounterError::WouldDecrease | CounterError::Device => Self::Counter,
        }
    }
}
