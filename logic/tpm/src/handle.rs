//! Handles (Part 2, section 7): a number whose first byte says what kind of thing it names.

use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, Unmarshal};

/// A handle as it came over the wire; nothing is known of what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Handle(pub(crate) u32);

/// What the first byte of a handle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A platform configuration register, 0 to 23.
    Pcr,
    /// An NV index.
    Nv,
    /// An HMAC session.
    HmacSession,
    /// A policy or trial session.
    PolicySession,
    /// A hierarchy or another thing that is always there.
    Permanent,
    /// An object in a slot.
    Transient,
    /// An object in NV.
    Persistent,
    /// Anything else.
    Unknown,
}

impl Handle {
    /// The storage (owner) hierarchy.
    pub(crate) const OWNER: Self = Self(0x4000_0001);
    /// The hierarchy that is new at each reset.
    pub(crate) const NULL: Self = Self(0x4000_0007);
    /// Not a handle.
    pub(crate) const UNASSIGNED: Self = Self(0x4000_0008);
    /// In place of a session handle: a password.
    pub(crate) const PASSWORD: Self = Self(0x4000_0009);
    /// Dictionary-attack lockout.
    pub(crate) const LOCKOUT: Self = Self(0x4000_000a);
    /// The endorsement hierarchy.
    pub(crate) const ENDORSEMENT: Self = Self(0x4000_000b);
    /// The platform hierarchy.
    pub(crate) const PLATFORM: Self = Self(0x4000_000c);
    /// NV indices and persistent objects made by the platform.
    pub(crate) const PLATFORM_NV: Self = Self(0x4000_000d);
    /// First authenticated countdown timer.
    #[cfg(feature = "full")]
    pub(crate) const ACT_FIRST: Self = Self(0x4000_0110);
    /// First handle of a loaded object.
    pub(crate) const TRANSIENT_FIRST: Self = Self(0x8000_0000);
    /// First handle of an HMAC session; the lower 24 bits index the session.
    pub(crate) const HMAC_SESSION_FIRST: Self = Self(0x0200_0000);
    /// First handle of a policy session.
    pub(crate) const POLICY_SESSION_FIRST: Self = Self(0x0300_0000);
    /// First handle of persistent objects; those of the platform begin at `PLATFORM_PERSISTENT_FIRST`.
    pub(crate) const PERSISTENT_FIRST: Self = Self(0x8100_0000);
    /// First persistent handle that only the platform may give.
    pub(crate) const PLATFORM_PERSISTENT_FIRST: Self = Self(0x8180_0000);
    /// First handle of an NV index.
    pub(crate) const NV_FIRST: Self = Self(0x0100_0000);

    /// What kind of thing it names.
    pub(crate) const fn kind(self) -> Kind {
        match self.0 >> 24 {
            0x00 => Kind::Pcr,
            0x01 => Kind::Nv,
            0x02 => Kind::HmacSession,
            0x03 => Kind::PolicySession,
            0x40 => Kind::Permanent,
            0x80 => Kind::Transient,
            0x81 => Kind::Persistent,
            _ => Kind::Unknown,
        }
    }

    /// The lower 24 bits.
    pub(crate) const fn index(self) -> u32 {
        self.0 & 0x00ff_ffff
    }
}

impl Unmarshal for Handle {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        input.get().map(Self)
    }
}

impl Marshal for Handle {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.0)
    }
}

/// One of the four hierarchies; the order is that of their handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    /// Storage, `TPM_RH_OWNER`.
    Owner,
    /// New at each reset, `TPM_RH_NULL`.
    Null,
    /// Endorsement, `TPM_RH_ENDORSEMENT`.
    Endorsement,
    /// Platform, `TPM_RH_PLATFORM`.
    Platform,
}

impl Hierarchy {
    /// The hierarchy that a handle names.
    pub(crate) const fn of(handle: Handle) -> Option<Self> {
        match handle {
            Handle::OWNER => Some(Self::Owner),
            Handle::NULL => Some(Self::Null),
            Handle::ENDORSEMENT => Some(Self::Endorsement),
            Handle::PLATFORM => Some(Self::Platform),
            _ => None,
        }
    }

    /// Its handle.
    pub(crate) const fn handle(self) -> Handle {
        match self {
            Self::Owner => Handle::OWNER,
            Self::Null => Handle::NULL,
            Self::Endorsement => Handle::ENDORSEMENT,
            Self::Platform => Handle::PLATFORM,
        }
    }
}

/// `TPMI_RH_HIERARCHY+`: anything else is `VALUE`.
impl Unmarshal for Hierarchy {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        Self::of(input.get()?).ok_or(Rc::VALUE)
    }
}

impl Marshal for Hierarchy {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.handle())
    }
}
