//! A bootloader without recovery mode.

use ironroot_boot::fault::Cause;

/// Nobody can ask for it.
pub(crate) const fn if_requested() {}

/// Nothing boots, and stays so.
pub(crate) const fn last_resort(_cause: Cause) {}
