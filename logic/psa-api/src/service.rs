//! Service identifiers and constant handles of the standard services.
//!
//! Numbers as in TF-M 2.2 (`psa_manifest/sid.h` as its manifest tool writes it).

use crate::handle::{Handle, StatelessHandle};

/// One of the standard services: stateless, version 1, open to the non-secure world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandardService {
    /// RoT Service id (SID).
    pub sid: u32,
    /// Version of the interface.
    pub version: u8,
    /// `stateless_handle` as in the manifest: index plus one.
    pub stateless_handle: u8,
    /// The constant handle.
    pub handle: Handle,
}

const fn standard(sid: u32, stateless_handle: u8) -> StandardService {
    let version = 1;
    let handle = match StatelessHandle::new(stateless_handle.saturating_sub(1), version) {
        Some(parts) => parts.handle(),
        None => Handle::NULL,
    };
    StandardService {
        sid,
        version,
        stateless_handle,
        handle,
    }
}

/// Cryptography (`TFM_CRYPTO`).
pub const CRYPTO: StandardService = standard(0x80, 1);
/// Protected Storage (`TFM_PROTECTED_STORAGE_SERVICE`).
pub const PROTECTED_STORAGE: StandardService = standard(0x60, 2);
/// Internal Trusted Storage (`TFM_INTERNAL_TRUSTED_STORAGE_SERVICE`).
pub const INTERNAL_TRUSTED_STORAGE: StandardService = standard(0x70, 3);
/// Initial Attestation (`TFM_ATTESTATION_SERVICE`).
pub const ATTESTATION: StandardService = standard(0x20, 4);
/// Firmware Update (`TFM_FIRMWARE_UPDATE_SERVICE`).
pub const FIRMWARE_UPDATE: StandardService = standard(0xA0, 5);
/// Platform (`TFM_PLATFORM_SERVICE`).
pub const PLATFORM: StandardService = standard(0x40, 6);

/// All of them, by stateless handle.
pub const STANDARD: [StandardService; 6] = [
    CRYPTO,
    PROTECTED_STORAGE,
    INTERNAL_TRUSTED_STORAGE,
    ATTESTATION,
    FIRMWARE_UPDATE,
    PLATFORM,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_handles_are_those_of_tf_m() {
        let handles: std::vec::Vec<u32> = STANDARD.iter().map(|s| s.handle.0).collect();
        // TF-M 2.2, generated sid.h: TFM_CRYPTO_HANDLE ... TFM_PLATFORM_SERVICE_HANDLE.
        let expected = [
            0x4000_0100,
            0x4000_0101,
            0x4000_0102,
            0x4000_0103,
            0x4000_0104,
            0x4000_0105,
        ];
        assert_eq!(handles, expected);
    }
}
