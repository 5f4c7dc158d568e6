//! Handles and client ids.
//!
//! A stateless service has a constant handle, the same on every device; its layout is TF-M's
//! (`secure_fw/spm/core/spm.h`, static handles), so that images built for TF-M keep working:
//!
//! | bits | meaning |
//! |---|---|
//! | 0-4 | index, 0 to 31: the manifest's `stateless_handle` minus one |
//! | 5-7 | zero |
//! | 8-15 | version the client asks for |
//! | 16-29 | zero |
//! | 30 | one: stateless |
//! | 31 | zero: handles are positive |
//!
//! The handle of a connection has bit 30 clear: slot number in bits 0-7, generation in bits 8-29.

/// A `psa_handle_t` as it travels. Zero is the null handle, negative is never valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Handle(pub u32);

impl Handle {
    /// `PSA_NULL_HANDLE`.
    pub const NULL: Self = Self(0);

    /// Whether it is the null handle.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// Whether bit 30 says that it belongs to a stateless service. Says nothing on validity.
    #[must_use]
    pub const fn is_stateless(self) -> bool {
        self.0 & STATELESS_BIT != 0
    }
}

const STATELESS_BIT: u32 = 1 << 30;
const INDEX_MASK: u32 = 0x1f;
const VERSION_SHIFT: u32 = 8;
const VERSION_MASK: u32 = 0xff << VERSION_SHIFT;

/// The constant handle of a stateless service, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatelessHandle {
    index: u8,
    version: u8,
}

impl StatelessHandle {
    /// How many stateless services there can be.
    pub const COUNT: usize = 32;

    /// From the index (0 to 31) and the version asked for.
    #[must_use]
    pub const fn new(index: u8, version: u8) -> Option<Self> {
        if index as usize >= Self::COUNT {
            None
        } else {
            Some(Self { index, version })
        }
    }

    /// Takes a handle apart; nothing if it is not a stateless one or a bit is set that must be zero.
    #[must_use]
    pub const fn parse(handle: Handle) -> Option<Self> {
        if handle.0 & !(INDEX_MASK | VERSION_MASK) != STATELESS_BIT {
            return None;
        }
        let index = (handle.0 & INDEX_MASK) as u8;
        let version = ((handle.0 & VERSION_MASK) >> VERSION_SHIFT) as u8;
        Some(Self { index, version })
    }

    /// The handle as a client passes it.
    #[must_use]
    pub const fn handle(self) -> Handle {
        Handle(STATELESS_BIT | (self.version as u32) << VERSION_SHIFT | self.index as u32)
    }

    /// Place in the table of stateless services, 0 to 31.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.index
    }

    /// The version the client asks for.
    #[must_use]
    pub const fn version(self) -> u8 {
        self.version
    }
}

/// Who calls: negative for the non-secure world, positive for secure partitions, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct ClientId(i32);

impl ClientId {
    /// The non-secure world when it does not tell its threads apart.
    pub const NON_SECURE: Self = Self(-1);

    /// From a number; zero is nobody.
    #[must_use]
    pub const fn new(id: i32) -> Option<Self> {
        if id == 0 { None } else { Some(Self(id)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Whether the caller is in the non-secure world.
    #[must_use]
    pub const fn is_non_secure(self) -> bool {
        self.0 < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stateless_handles_survive_the_trip_over_all_values() {
        for index in 0..=255u8 {
            for version in 0..=255u8 {
                match StatelessHandle::new(index, version) {
                    Some(made) => {
                        assert!(made.handle().is_stateless());
                        assert_eq!(StatelessHandle::parse(made.handle()), Some(made));
                    }
                    None => assert!(index >= 32),
                }
            }
        }
    }

    #[test]
    fn a_stray_bit_makes_a_stateless_handle_invalid() {
        let good = StatelessHandle::new(3, 1).unwrap().handle();
        for bit in [5, 6, 7, 16, 20, 29, 31] {
            assert_eq!(
                StatelessHandle::parse(Handle(good.0 | 1 << bit)),
                None,
                "bit {bit}"
            );
        }
        assert_eq!(StatelessHandle::parse(Handle(good.0 & !(1 << 30))), None);
        assert_eq!(StatelessHandle::parse(Handle::NULL), None);
    }

    #[test]
    fn nobody_has_client_id_zero() {
        assert_eq!(ClientId::new(0), None);
        assert!(ClientId::new(i32::MIN).unwrap().is_non_secure());
        assert!(!ClientId::new(1).unwrap().is_non_secure());
    }
}
