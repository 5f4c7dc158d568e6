//! The small build derives no keys from a parent's secret.

use crate::rc::Result;
use crate::structures::{KeyedHashScheme, Sensitive};
use ironroot_crypto::tpm::ec::{Curve, EcScalar};

/// There is none.
pub(crate) enum ParentSecret {}

impl ParentSecret {
    pub(super) fn of(_scheme: Option<KeyedHashScheme>, _sensitive: &Sensitive) -> Option<Self> {
        None
    }
}

/// There is none.
pub(crate) enum Stream {}

impl Stream {
    pub(super) fn fill(&mut self, _out: &mut [u8]) -> Result<()> {
        match *self {}
    }

    pub(super) fn ec_scalar(&mut self, _curve: Curve) -> Result<EcScalar> {
        match *self {}
    }
}
