//! What the TPM keeps of itself: for good, until the next reset, until power goes.

mod clock;
mod journalled;
mod permanent;
mod volatile;

pub(crate) use clock::Clock;
pub(crate) use journalled::Journalled;
pub(crate) use permanent::{Permanent, Seed};
pub(crate) use volatile::Volatile;
