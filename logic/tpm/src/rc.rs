//! Response codes (TPM 2.0 Library Part 2, section 6.6).
//!
//! Codes of format one can say which handle, session or parameter is meant: `Rc::VALUE.parameter(1)`.

use core::num::NonZeroU16;

/// A response code other than success, as it goes over the wire.
// Never zero: `Result<(), Rc>` is one register, which is kilobytes of code on a Cortex-M.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rc(NonZeroU16);

/// What every fallible function of this crate returns.
pub(crate) type Result<T> = core::result::Result<T, Rc>;

const FORMAT_ONE: u16 = 0x080;
const VERSION_ONE: u16 = 0x100;
const WARNING: u16 = 0x900;
const PARAMETER: u16 = 0x040;
const SESSION: u16 = 0x800;
/// Where the number of a handle, session or parameter is, format one.
const NUMBER: u16 = 0xf00;

macro_rules! codes {
    ($($base:ident { $($(#[$doc:meta])* $name:ident = $number:literal,)* })*) => {
        impl Rc { $($($(#[$doc])* pub const $name: Self = Self::of($base + $number);)*)* }
    };
}

codes! {
    VERSION_ONE {
        /// Startup has not been done yet, or was done already.
        INITIALIZE = 0x000,
        /// The TPM is in failure mode, or a call was refused for an internal reason.
        FAILURE = 0x001,
        /// A sequence handle is not one.
        SEQUENCE = 0x003,
        /// Not in this hierarchy or not enabled.
        DISABLED = 0x020,
        /// The command may not be audited together with others.
        EXCLUSIVE = 0x021,
        /// The handle's authorisation type does not fit.
        AUTH_TYPE = 0x024,
        /// A session is needed and there is none.
        AUTH_MISSING = 0x025,
        /// A policy is not usable here.
        POLICY = 0x026,
        /// A PCR check failed.
        PCR = 0x027,
        /// PCR values changed since they were checked.
        PCR_CHANGED = 0x028,
        /// The TPM must be upgraded first.
        UPGRADE = 0x02d,
        /// Too many saved contexts.
        TOO_MANY_CONTEXTS = 0x02e,
        /// No auth value may be used here.
        AUTH_UNAVAILABLE = 0x02f,
        /// An orderly start is needed.
        REBOOT = 0x030,
        /// Hash algorithms of a session and a key do not agree.
        UNBALANCED = 0x031,
        /// The command's size field is not the number of bytes received.
        COMMAND_SIZE = 0x042,
        /// No such command.
        COMMAND_CODE = 0x043,
        /// The authorisation area is malformed.
        AUTHSIZE = 0x044,
        /// The command takes no sessions.
        AUTH_CONTEXT = 0x045,
        /// NV access out of range.
        NV_RANGE = 0x046,
        /// NV data of a wrong size.
        NV_SIZE = 0x047,
        /// The index is locked.
        NV_LOCKED = 0x048,
        /// This handle may not authorise access to the index.
        NV_AUTHORIZATION = 0x049,
        /// The index was never written.
        NV_UNINITIALIZED = 0x04a,
        /// No space left for NV.
        NV_SPACE = 0x04b,
        /// The index or persistent object exists.
        NV_DEFINED = 0x04c,
        /// A saved context is malformed.
        BAD_CONTEXT = 0x050,
        /// The command's parameters are not those the policy approved.
        CPHASH = 0x051,
        /// No such parent.
        PARENT = 0x052,
        /// A self test is still to be done.
        NEEDS_TEST = 0x053,
        /// No result to be had.
        NO_RESULT = 0x054,
        /// A sensitive structure holds something wrong.
        SENSITIVE = 0x055,
        /// Not in read-only mode.
        READ_ONLY = 0x056,
    }
    FORMAT_ONE {
        /// Algorithm not known or not allowed here.
        ASYMMETRIC = 0x001,
        /// Attributes do not fit together.
        ATTRIBUTES = 0x002,
        /// Hash algorithm not supported or not allowed.
        HASH = 0x003,
        /// A value is out of range.
        VALUE = 0x004,
        /// Hierarchy not enabled or wrong.
        HIERARCHY = 0x005,
        /// Key size not supported.
        KEY_SIZE = 0x007,
        /// Mask generation function not supported.
        MGF = 0x008,
        /// Mode not supported.
        MODE = 0x009,
        /// Type of key or handle wrong.
        TYPE = 0x00a,
        /// The handle is not right here.
        HANDLE = 0x00b,
        /// Key derivation function not supported.
        KDF = 0x00c,
        /// A range is exceeded.
        RANGE = 0x00d,
        /// The authorisation failed, and it counts for the lockout.
        AUTH_FAIL = 0x00e,
        /// A nonce is malformed.
        NONCE = 0x00f,
        /// Physical presence is needed.
        PP = 0x010,
        /// Scheme not supported or not right here.
        SCHEME = 0x012,
        /// A size is wrong.
        SIZE = 0x015,
        /// Symmetric algorithm not supported.
        SYMMETRIC = 0x016,
        /// Structure tag wrong.
        TAG = 0x017,
        /// A selector is wrong.
        SELECTOR = 0x018,
        /// The bytes end too early.
        INSUFFICIENT = 0x01a,
        /// The signature is not right.
        SIGNATURE = 0x01b,
        /// The key is not right.
        KEY = 0x01c,
        /// The policy is not satisfied.
        POLICY_FAIL = 0x01d,
        /// Integrity check failed.
        INTEGRITY = 0x01f,
        /// A ticket is not right.
        TICKET = 0x020,
        /// Reserved bits are set.
        RESERVED_BITS = 0x021,
        /// The authorisation failed; it does not count for the lockout.
        BAD_AUTH = 0x022,
        /// It has expired.
        EXPIRED = 0x023,
        /// The policy's command code is another.
        POLICY_CC = 0x024,
        /// Public and sensitive parts do not belong together.
        BINDING = 0x025,
        /// Curve not supported.
        CURVE = 0x026,
        /// The point is not on the curve.
        ECC_POINT = 0x027,
        /// A secure channel is needed.
        CHANNEL = 0x030,
    }
    WARNING {
        /// The oldest saved session must be loaded first.
        CONTEXT_GAP = 0x001,
        /// No slot for an object left.
        OBJECT_MEMORY = 0x002,
        /// No slot for a session left.
        SESSION_MEMORY = 0x003,
        /// No memory left.
        MEMORY = 0x004,
        /// No session handle left.
        SESSION_HANDLES = 0x005,
        /// No object handle left.
        OBJECT_HANDLES = 0x006,
        /// Wrong locality.
        LOCALITY = 0x007,
        /// The command was suspended.
        YIELDED = 0x008,
        /// The command was cancelled.
        CANCELED = 0x009,
        /// A self test runs.
        TESTING = 0x00a,
        /// The first handle names something that is not loaded.
        REFERENCE_H0 = 0x010,
        /// The first session is not loaded.
        REFERENCE_S0 = 0x018,
        /// NV is written too often.
        NV_RATE = 0x020,
        /// Locked out: too many failed authorisations.
        LOCKOUT = 0x021,
        /// Try again.
        RETRY = 0x022,
        /// NV cannot be written now; the command changed nothing.
        NV_UNAVAILABLE = 0x023,
    }
}

impl Rc {
    /// The tag of the command is wrong; the only code of TPM 1.2's format (`TPM_RC_BAD_TAG`).
    pub const BAD_TAG: Self = Self::of(0x01e);
    /// Never sent: the command was suspended and goes on with the next step.
    pub(crate) const PENDING: Self = Self::of(0xffff);

    /// The number on the wire.
    pub const fn code(self) -> u32 {
        self.0.get() as u32
    }

    /// Success, which is no code of this type, becomes one that is never sent.
    const fn of(code: u16) -> Self {
        match NonZeroU16::new(code) {
            Some(code) => Self(code),
            None => Self(NonZeroU16::MAX),
        }
    }

    /// Says that parameter `number`, counted from 1, is wrong. Only codes of format one that say nothing yet change.
    #[must_use]
    pub const fn parameter(self, number: u8) -> Self {
        self.at(PARAMETER, number, 15)
    }

    /// Says that handle `number`, counted from 1, is wrong.
    #[must_use]
    pub const fn handle(self, number: u8) -> Self {
        match self.code() == Self::REFERENCE_H0.code() && number > 0 && number <= 7 {
            true => Self::of(self.0.get() + number as u16 - 1),
            false => self.at(0, number, 7),
        }
    }

    /// Says that session `number`, counted from 1, is wrong.
    #[must_use]
    pub const fn session(self, number: u8) -> Self {
        match self.code() == Self::REFERENCE_S0.code() && number > 0 && number <= 7 {
            true => Self::of(self.0.get() + number as u16 - 1),
            false => self.at(SESSION, number, 7),
        }
    }

    const fn at(self, whose: u16, number: u8, most: u8) -> Self {
        if !self.is_bare_format_one() || number == 0 || number > most {
            return self;
        }
        Self::of(self.0.get() | whose | (number as u16) << 8)
    }

    const fn is_bare_format_one(self) -> bool {
        self.0.get() & FORMAT_ONE != 0 && self.0.get() & (NUMBER | PARAMETER) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Numbers as tpm2-tss prints them (`tpm2 rc_decode`).
    #[test]
    fn a_code_says_which_one_was_wrong() {
        assert_eq!(Rc::VALUE.parameter(1).code(), 0x1c4);
        assert_eq!(Rc::HANDLE.handle(2).code(), 0x28b);
        assert_eq!(Rc::AUTH_FAIL.session(1).code(), 0x98e);
        assert_eq!(Rc::REFERENCE_H0.handle(3).code(), 0x912);
        assert_eq!(Rc::REFERENCE_S0.session(1).code(), 0x918);
    }

    #[test]
    fn what_was_said_first_stays_and_other_formats_never_change() {
        let said = Rc::VALUE.parameter(2);
        assert_eq!(said.parameter(3), said);
        assert_eq!(said.handle(1), said);
        assert_eq!(Rc::NV_LOCKED.parameter(1), Rc::NV_LOCKED);
        assert_eq!(Rc::LOCKOUT.session(1), Rc::LOCKOUT);
        assert_eq!(Rc::VALUE.handle(9), Rc::VALUE);
    }
}
