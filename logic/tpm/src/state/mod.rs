//! What the TPM keeps of itself: for good, until the next reset, until power goes.

mod access;
mod clock;
mod journalled;
mod lockout;
mod orderly;
mod permanent;
mod volatile;

pub(crate) use clock::{CLOCK_UPDATE, Clock, ClockInfo};
#[cfg(feature = "full")]
pub(crate) use journalled::Duplicate;
pub(crate) use journalled::Journalled;
pub(crate) use lockout::Healing;
pub(crate) use orderly::Orderly;
pub(crate) use permanent::{Lockout, Permanent, Seed};
#[cfg(feature = "full")]
pub(crate) use permanent::{read_policy, write_policy};
pub(crate) use volatile::Volatile;
