//! The lifecycle: a state that only goes forward.

use super::{AREA_SIZE, OtpError};
use crate::otp::record::PLACES_SIZE;
use ironroot_platform::{Flash, FlashError};

const ENTRY_SIZE: usize = 32;
const ENTRIES: u32 = 16;

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
    let words = number
        .to_le_bytes()
        .into_iter()
        .chain((!number).to_le_bytes());
    bytes
        .iter_mut()
        .zip(words)
        .for_each(|(place, byte)| *place = byte);
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

/// Takes a provisioned device to a later state of its life. After a power cut it is in the old state or in
/// the new one.
///
/// # Errors
/// [`OtpError::Backwards`] unless `to` is later than the present state, [`OtpError::Exhausted`], and those
/// of [`super::read_facts`].
pub fn advance<F: Flash>(flash: &mut F, to: Lifecycle) -> Result<(), OtpError> {
    if to <= super::read_facts(flash)?.lifecycle {
        return Err(OtpError::Backwards);
    }
    for index in 0..ENTRIES {
        match flash.program(entry_offset(index), &entry(to)) {
            // Used before, or cut off before.
            Err(FlashError::NotErased) => {}
            result => return result.map_err(OtpError::Flash),
        }
    }
    Err(OtpError::Exhausted)
}
