//! The lifecycle: a state that only goes forward.

use super::OtpError;
use super::changes::{ENTRIES, entry, is_erased, read, write};
use ironroot_platform::Flash;

const COPIES: u32 = 2;

/// Security lifecycle of the device (RFC 9783, "Security Lifecycle"; PSA Security Model).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Lifecycle {
    /// Nothing is provisioned, nothing is protected.
    AssemblyAndTest = 0x1000,
    /// Secrets are being written.
    Provisioning = 0x2000,
    /// In the field, everything enforced.
    Secured = 0x3000,
    /// Debug of everything but the PSA Root of Trust; secrets stay, attestation tells.
    NonRootOfTrustDebug = 0x4000,
    /// Debug of the PSA Root of Trust. This device does not come back from it.
    RecoverableRootOfTrustDebug = 0x5000,
    /// End of life.
    Decommissioned = 0x6000,
}

impl Lifecycle {
    /// Every state, from first to last.
    pub const ALL: [Self; 6] = [
        Self::AssemblyAndTest,
        Self::Provisioning,
        Self::Secured,
        Self::NonRootOfTrustDebug,
        Self::RecoverableRootOfTrustDebug,
        Self::Decommissioned,
    ];

    /// The state with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u16 == number)
    }

    /// As the standard spells it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::AssemblyAndTest => "assembly-and-test",
            Self::Provisioning => "psa-rot-provisioning",
            Self::Secured => "secured",
            Self::NonRootOfTrustDebug => "non-psa-rot-debug",
            Self::RecoverableRootOfTrustDebug => "recoverable-psa-rot-debug",
            Self::Decommissioned => "decommissioned",
        }
    }
}

/// The present state of a device that was provisioned in state `first`.
pub(super) fn current<F: Flash>(flash: &F, first: Lifecycle) -> Result<Lifecycle, OtpError> {
    let mut state = first;
    for index in 0..ENTRIES {
        // Another word is not the lifecycle's.
        let written =
            read(flash, index)?.and_then(|word| Lifecycle::from_number(word.try_into().ok()?));
        state = state.max(written.unwrap_or(first));
    }
    Ok(state)
}

/// Takes a provisioned device to a later state of its life, or settles the present one.
///
/// After a power cut the device is in the old state or in the new one, perhaps changing between the two with
/// each boot; calling again until the answer is `Ok` settles it.
///
/// # Errors
/// [`OtpError::Backwards`] if `to` is earlier than the present state, [`OtpError::Exhausted`], and those
/// of [`super::read_facts`].
pub fn advance<F: Flash>(flash: &mut F, to: Lifecycle) -> Result<(), OtpError> {
    let first = super::record::find(flash)?.facts(flash)?.lifecycle;
    if to < current(flash, first)? {
        return Err(OtpError::Backwards);
    }
    let mut settled = first == to;
    // Two entries: the second is begun only when the first is complete, so at least one is for good.
    let mut found = 0_u32;
    for index in 0..ENTRIES {
        let word = u32::from(to as u16);
        let is_there = read(flash, index)? == Some(word);
        let wanted = !settled && found < COPIES;
        if is_there || wanted && is_erased(flash, index)? && write(flash, index, &entry(word))? {
            found = found.saturating_add(1);
        }
        settled |= found >= COPIES;
    }
    if settled {
        Ok(())
    } else {
        Err(OtpError::Exhausted)
    }
}
