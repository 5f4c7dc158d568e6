//! The lifecycle: a state that only goes forward.

use super::{AREA_SIZE, OtpError};
use crate::otp::record::PLACES_SIZE;
use ironroot_platform::{Flash, FlashError};

const ENTRY_SIZE: usize = 32;
const ENTRIES: u32 = 16;
const COPIES: u32 = 2;

const _: () = assert!(PLACES_SIZE + ENTRIES * ENTRY_SIZE as u32 == AREA_SIZE);

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

const fn entry_offset(index: u32) -> u32 {
    PLACES_SIZE.saturating_add(index.saturating_mul(ENTRY_SIZE as u32))
}

fn entry(state: Lifecycle) -> [u8; ENTRY_SIZE] {
    let number = u32::from(state as u16);
    let mut bytes = [0; ENTRY_SIZE];
    if let ([word, complement, ..], _) = bytes.as_chunks_mut() {
        *word = number.to_le_bytes();
        *complement = (!number).to_le_bytes();
    }
    bytes
}

/// The present state of a device that was provisioned in state `first`.
pub(super) fn current<F: Flash>(flash: &F, first: Lifecycle) -> Result<Lifecycle, OtpError> {
    let mut state = first;
    for index in 0..ENTRIES {
        let mut bytes = [0; ENTRY_SIZE];
        flash.read(entry_offset(index), &mut bytes)?;
        // An entry that matches none was cut off while it was written: the change did not happen.
        if let Some(written) = Lifecycle::ALL
            .into_iter()
            .find(|state| entry(*state) == bytes)
        {
            state = state.max(written);
        }
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
        let mut bytes = [0; ENTRY_SIZE];
        flash.read(entry_offset(index), &mut bytes)?;
        if bytes == entry(to) {
            found = found.saturating_add(1);
        } else if !settled && found < COPIES && bytes == [flash.geometry().erased; ENTRY_SIZE] {
            match flash.program(entry_offset(index), &entry(to)) {
                Ok(()) => found = found.saturating_add(1),
                // Cut off before; it only reads as erased.
                Err(FlashError::NotErased) => {}
                Err(error) => return Err(error.into()),
            }
        }
        settled |= found >= COPIES;
    }
    if settled {
        Ok(())
    } else {
        Err(OtpError::Exhausted)
    }
}
