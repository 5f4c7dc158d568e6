//! Internal Trusted Storage and Protected Storage: message types and layouts.
//!
//! Both services take the same messages (PSA Secure Storage API 1.0; numbers and vectors as TF-M's
//! client library passes them):
//!
//! | type | inputs | outputs |
//! |---|---|---|
//! | [`SET`] | uid (8), data, create flags (4) | |
//! | [`GET`] | uid (8), offset (4) | data |
//! | [`GET_INFO`] | uid (8) | [`StorageInfo`] (12) |
//! | [`REMOVE`] | uid (8) | |
//! | [`GET_SUPPORT`] (Protected Storage only) | | support flags (4) |

use crate::wire;

/// Sets an object, all of it.
pub const SET: i32 = 1001;
/// Reads part of an object.
pub const GET: i32 = 1002;
/// Reads sizes and flags of an object.
pub const GET_INFO: i32 = 1003;
/// Removes an object.
pub const REMOVE: i32 = 1004;
/// Reads what optional calls Protected Storage offers.
pub const GET_SUPPORT: i32 = 1005;

/// Name of an object, unique for its owner; zero is never valid (`psa_storage_uid_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorageUid(u64);

impl StorageUid {
    /// From a number; zero is no name.
    #[must_use]
    pub const fn new(uid: u64) -> Option<Self> {
        if uid == 0 { None } else { Some(Self(uid)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Wishes of the creator (`psa_storage_create_flags_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct CreateFlags(pub u32);

impl CreateFlags {
    /// No wishes.
    pub const NONE: Self = Self(0);
    /// Can never be changed or removed once set.
    pub const WRITE_ONCE: Self = Self(1);
    /// Need not be kept secret.
    pub const NO_CONFIDENTIALITY: Self = Self(2);
    /// Need not be protected from being replaced by an older copy.
    pub const NO_REPLAY_PROTECTION: Self = Self(4);

    /// Every flag the specification defines.
    pub const ALL: Self = Self(7);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether no undefined bit is set.
    #[must_use]
    pub const fn are_defined(self) -> bool {
        self.0 & !Self::ALL.0 == 0
    }
}

/// `psa_storage_info_t` with 32-bit sizes, as it crosses the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageInfo {
    /// Bytes the object can hold.
    pub capacity: u32,
    /// Bytes it holds.
    pub size: u32,
    /// Flags it was created with.
    pub flags: CreateFlags,
}

impl StorageInfo {
    /// Bytes on the wire.
    pub const SIZE: usize = 12;

    /// As it crosses the boundary.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        wire::put(&mut bytes, 0, &self.capacity.to_le_bytes());
        wire::put(&mut bytes, 4, &self.size.to_le_bytes());
        wire::put(&mut bytes, 8, &self.flags.0.to_le_bytes());
        bytes
    }

    /// From the wire.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |at| wire::u32_at(bytes, at).unwrap_or(0);
        Self {
            capacity: word(0),
            size: word(4),
            flags: CreateFlags(word(8)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_survives_the_trip() {
        let info = StorageInfo {
            capacity: 0x0102_0304,
            size: 5,
            flags: CreateFlags::WRITE_ONCE,
        };
        assert_eq!(info.to_bytes(), [4, 3, 2, 1, 5, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(StorageInfo::from_bytes(&info.to_bytes()), info);
    }

    #[test]
    fn uid_zero_and_undefined_flags_are_told_apart() {
        assert_eq!(StorageUid::new(0), None);
        assert!(CreateFlags(7).are_defined());
        for bit in 3..32 {
            assert!(!CreateFlags(1 << bit).are_defined());
        }
        assert!(CreateFlags(5).contains(CreateFlags::WRITE_ONCE));
        assert!(!CreateFlags(4).contains(CreateFlags(5)));
    }
}
