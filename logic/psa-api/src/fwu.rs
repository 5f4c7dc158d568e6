//! Firmware Update: message types and layouts, as TF-M's client library passes them.
//!
//! | type | inputs | outputs |
//! |---|---|---|
//! | [`START`] | component (1), manifest | |
//! | [`WRITE`] | component (1), offset (4), block | |
//! | [`FINISH`], [`CANCEL`], [`CLEAN`] | component (1) | |
//! | [`INSTALL`], [`REQUEST_REBOOT`], [`ACCEPT`] | | |
//! | [`REJECT`] | status (4) | |
//! | [`QUERY`] | component (1) | [`ComponentInfo`] (68; a caller with room for TF-M's 60 gets those) |

use crate::status::Status;
use crate::wire;

/// Begins an update of a component.
pub const START: i32 = 1001;
/// Writes a block of the new image.
pub const WRITE: i32 = 1002;
/// The image is complete.
pub const FINISH: i32 = 1003;
/// Gives an image up that is being written or complete.
pub const CANCEL: i32 = 1004;
/// Installs what is complete.
pub const INSTALL: i32 = 1005;
/// Makes a component ready for the next update.
pub const CLEAN: i32 = 1006;
/// Gives a staged or trial image up.
pub const REJECT: i32 = 1007;
/// Asks for a system reset.
pub const REQUEST_REBOOT: i32 = 1008;
/// Confirms a trial image.
pub const ACCEPT: i32 = 1009;
/// Reads the state of a component.
pub const QUERY: i32 = 1010;

/// State of a component (PSA Firmware Update API 1.0, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ComponentState {
    /// Ready to start another update.
    Ready = 0,
    /// An image is being written.
    Writing = 1,
    /// An image is complete.
    Candidate = 2,
    /// An image waits for installation.
    Staged = 3,
    /// An update was cancelled or failed.
    Failed = 4,
    /// A new image runs on trial.
    Trial = 5,
    /// A new image was turned down.
    Rejected = 6,
    /// A new image is in place for good.
    Updated = 7,
}

impl ComponentState {
    /// Every state, in the order of the numbers.
    pub const ALL: [Self; 8] = [
        Self::Ready,
        Self::Writing,
        Self::Candidate,
        Self::Staged,
        Self::Failed,
        Self::Trial,
        Self::Rejected,
        Self::Updated,
    ];

    /// From its number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// Version of an image (`psa_fwu_image_version_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ImageVersion {
    /// Major.
    pub major: u8,
    /// Minor.
    pub minor: u8,
    /// Patch.
    pub patch: u16,
    /// Build number.
    pub build: u32,
}

/// The longest block of one [`WRITE`] in bytes (`PSA_FWU_MAX_WRITE_SIZE`).
pub const MAX_WRITE_SIZE: usize = 1024;
/// Blocks begin at multiples of two to this power (`PSA_FWU_LOG2_WRITE_ALIGN`), and of the flash's program
/// unit where that is larger.
pub const LOG2_WRITE_ALIGN: u32 = 2;

/// Why a component is `Failed` or `Rejected`, closer than a status: a number in [`ComponentInfo::reason`].
/// Below 0xc0 it is the bootloader's number for why it refuses an image; these are the service's own.
pub mod reason {
    /// No reason.
    pub const NONE: u8 = 0;
    /// The image is not newer than the active one.
    pub const NOT_NEWER: u8 = 0xc0;
    /// The update was cancelled.
    pub const CANCELLED: u8 = 0xc1;
    /// The update was rejected, by `reject`.
    pub const REJECTED: u8 = 0xc2;
    /// Another image of the same installation did not start, and they go back together.
    pub const SET_BROKEN: u8 = 0xc3;
    /// The bootloader did not start it and did not say why.
    pub const NOT_STARTED: u8 = 0xc4;

    /// The service's own reasons in words; nothing for the bootloader's numbers.
    #[must_use]
    pub const fn words(reason: u8) -> Option<&'static str> {
        Some(match reason {
            NOT_NEWER => "it is not newer than the active image",
            CANCELLED => "the update was cancelled",
            REJECTED => "the update was rejected",
            SET_BROKEN => "another image of the same installation did not start",
            NOT_STARTED => "the bootloader did not start it",
            _ => return None,
        })
    }
}

/// What is discarded at reset: flag in [`ComponentInfo::flags`].
pub const FLAG_VOLATILE_STAGING: u32 = 1;
/// Images must be encrypted: flag in [`ComponentInfo::flags`].
pub const FLAG_ENCRYPTION: u32 = 2;

/// `psa_fwu_component_info_t`, with TF-M's private part (a digest of the candidate) and ours behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComponentInfo {
    /// State of the component.
    pub state: ComponentState,
    /// Why it is `Failed` or `Rejected`.
    pub error: Status,
    /// Version of the active image.
    pub version: ImageVersion,
    /// Longest image in bytes.
    pub max_size: u32,
    /// [`FLAG_VOLATILE_STAGING`], [`FLAG_ENCRYPTION`].
    pub flags: u32,
    /// Where the image lies; the implementation's own meaning.
    pub location: u32,
    /// SHA-256 of the candidate, zero if there is none.
    pub candidate_digest: [u8; 32],
    /// While `Writing`: how many bytes from the start are stored for good, if they were written front
    /// to back. After a reset, go on from here.
    pub written: u32,
    /// Why it is `Failed` or `Rejected`, see [`reason`].
    pub reason: u8,
}

impl ComponentInfo {
    /// Bytes on the wire.
    pub const SIZE: usize = 68;
    /// Bytes that callers built with TF-M's header have room for.
    pub const TF_M_SIZE: usize = 60;

    /// As it crosses the boundary.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        wire::put(&mut bytes, 0, &[self.state as u8]);
        wire::put(&mut bytes, 4, &self.error.0.to_le_bytes());
        wire::put(&mut bytes, 8, &[self.version.major, self.version.minor]);
        wire::put(&mut bytes, 10, &self.version.patch.to_le_bytes());
        wire::put(&mut bytes, 12, &self.version.build.to_le_bytes());
        wire::put(&mut bytes, 16, &self.max_size.to_le_bytes());
        wire::put(&mut bytes, 20, &self.flags.to_le_bytes());
        wire::put(&mut bytes, 24, &self.location.to_le_bytes());
        wire::put(&mut bytes, 28, &self.candidate_digest);
        wire::put(&mut bytes, 60, &self.written.to_le_bytes());
        wire::put(&mut bytes, 64, &[self.reason]);
        bytes
    }

    /// From the wire; nothing if the state is no state.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        Some(Self {
            state: ComponentState::from_code(*bytes.first()?)?,
            error: Status::from_register(wire::u32_at(bytes, 4)?),
            version: ImageVersion {
                major: *bytes.get(8)?,
                minor: *bytes.get(9)?,
                patch: wire::u16_at(bytes, 10)?,
                build: wire::u32_at(bytes, 12)?,
            },
            max_size: wire::u32_at(bytes, 16)?,
            flags: wire::u32_at(bytes, 20)?,
            location: wire::u32_at(bytes, 24)?,
            candidate_digest: wire::array_at(bytes, 28)?,
            written: wire::u32_at(bytes, 60)?,
            reason: *bytes.get(64)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_info_survives_the_trip_in_every_state() {
        for state in ComponentState::ALL {
            let info = ComponentInfo {
                state,
                error: Status(-149),
                version: ImageVersion {
                    major: 1,
                    minor: 2,
                    patch: 0x0304,
                    build: 0x0506_0708,
                },
                max_size: 0x8_0000,
                flags: FLAG_VOLATILE_STAGING,
                location: 9,
                candidate_digest: [0x5a; 32],
                written: 0x0102_0304,
                reason: reason::NOT_NEWER,
            };
            let bytes = info.to_bytes();
            assert_eq!(ComponentInfo::from_bytes(&bytes), Some(info));
            assert_eq!(&bytes[4..8], &(-149i32).to_le_bytes());
            assert_eq!(&bytes[8..16], &[1, 2, 4, 3, 8, 7, 6, 5]);
            assert_eq!(&bytes[60..68], &[4, 3, 2, 1, 0xc0, 0, 0, 0]);
        }
    }

    #[test]
    fn a_state_beyond_the_last_is_refused() {
        let mut bytes = [0; ComponentInfo::SIZE];
        for code in 8..=255 {
            bytes[0] = code;
            assert_eq!(ComponentInfo::from_bytes(&bytes), None);
        }
    }
}
