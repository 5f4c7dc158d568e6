//! Attribute words (Part 2, section 8). Each is a number with named bits; reserved bits are refused when read.

use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, Unmarshal};

macro_rules! attributes {
    ($(#[$doc:meta])* $type:ident($number:ty) { $($name:ident = $bit:literal,)* } known $known:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) struct $type(pub(crate) $number);

        #[allow(dead_code, reason = "the specification's list, not only what is used")]
        impl $type {
            $(#[doc = concat!("`", stringify!($name), "`")] pub(crate) const $name: Self = Self(1 << $bit);)*

            /// Whether all bits of `other` are set.
            pub(crate) const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any bit of `other` is set.
            pub(crate) const fn has_any(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// With the bits of `other`, too.
            #[must_use]
            pub(crate) const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Without the bits of `other`.
            #[must_use]
            pub(crate) const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        /// Reserved bits are `RESERVED_BITS`.
        impl Unmarshal for $type {
            fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
                let bits: $number = input.get()?;
                match bits & !$known {
                    0 => Ok(Self(bits)),
                    _ => Err(Rc::RESERVED_BITS),
                }
            }
        }

        impl Marshal for $type {
            fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
                out.put(&self.0)
            }
        }
    };
}

attributes! {
    /// `TPMA_SESSION`
    SessionAttributes(u8) {
        CONTINUE_SESSION = 0, AUDIT_EXCLUSIVE = 1, AUDIT_RESET = 2, DECRYPT = 5, ENCRYPT = 6, AUDIT = 7,
    } known 0xe7
}

attributes! {
    /// `TPMA_OBJECT`
    ObjectAttributes(u32) {
        FIXED_TPM = 1, ST_CLEAR = 2, FIXED_PARENT = 4, SENSITIVE_DATA_ORIGIN = 5, USER_WITH_AUTH = 6,
        ADMIN_WITH_POLICY = 7, FIRMWARE_LIMITED = 8, SVN_LIMITED = 9, NO_DA = 10, ENCRYPTED_DUPLICATION = 11,
        RESTRICTED = 16, DECRYPT = 17, SIGN = 18, X509_SIGN = 19,
    } known 0x000f_0cf6
}

attributes! {
    /// `TPMA_NV`; bits 4 to 7 are the type of the index ([`NvAttributes::kind`])
    NvAttributes(u32) {
        PP_WRITE = 0, OWNER_WRITE = 1, AUTH_WRITE = 2, POLICY_WRITE = 3, POLICY_DELETE = 10, WRITE_LOCKED = 11,
        WRITE_ALL = 12, WRITE_DEFINE = 13, WRITE_ST_CLEAR = 14, GLOBAL_LOCK = 15, PP_READ = 16, OWNER_READ = 17,
        AUTH_READ = 18, POLICY_READ = 19, NO_DA = 25, ORDERLY = 26, CLEAR_ST_CLEAR = 27, READ_LOCKED = 28,
        WRITTEN = 29, PLATFORM_CREATE = 30, READ_ST_CLEAR = 31,
    } known 0xfe0f_fcff
}

impl NvAttributes {
    /// The type of the index (`TPM_NT`), 0 to 15.
    pub(crate) const fn kind(self) -> u32 {
        self.0 >> 4 & 0xf
    }
}
