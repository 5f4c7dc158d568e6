//! Without the feature `encryption` there is no scheme. What needs one cannot exist, and the compiler knows:
//! code for encrypted images is not in the image, though it is written as if it were.

use crate::tlv::TlvEntry;
use crate::{Flags, Header, Refusal};
use core::convert::Infallible;
use ironroot_crypto::{CryptoError, Secret};

/// A scheme as devices name it: there is none.
pub type Scheme = EncryptionScheme;

/// One way to wrap the content key of an image: none, as the feature `encryption` is off.
// A struct, not an empty enumeration: code elsewhere is compiled without warnings of what cannot happen.
#[derive(Debug, Clone, Copy)]
pub struct EncryptionScheme {
    never: Infallible,
}

#[allow(missing_docs)] // as in the other form
impl EncryptionScheme {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.never {}
    }

    #[must_use]
    pub const fn tlv(&self) -> u16 {
        match self.never {}
    }

    #[must_use]
    pub const fn tlv_len(&self) -> u16 {
        match self.never {}
    }

    #[must_use]
    pub const fn key_len(&self) -> usize {
        match self.never {}
    }

    #[must_use]
    pub const fn flag(&self) -> Flags {
        match self.never {}
    }

    pub(crate) fn is(&self, _: Scheme) -> bool {
        match self.never {}
    }

    pub(crate) fn check(&self, _: &Header, _: &TlvEntry) -> Result<(), Refusal> {
        match self.never {}
    }

    pub(super) fn unwrap(&self, _: &[u8], _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        match self.never {}
    }

    pub(super) fn keystream(&self, _: &Secret<32>, _: u32, _: &mut [u8]) {
        match self.never {}
    }
}

/// No schemes: the feature `encryption` is off.
pub mod schemes {
    /// None.
    pub const ALL: &[super::Scheme] = &[];
}
