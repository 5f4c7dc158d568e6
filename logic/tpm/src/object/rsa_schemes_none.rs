//! A build without RSA: no signature of it gets past the reading of its scheme.

use super::Object;
use crate::rc::{Rc, Result};
use crate::structures::{SignScheme, Signature};
use ironroot_crypto::drbg::Drbg;

/// # Errors
/// `SCHEME`
pub(super) fn sign(
    _object: &Object,
    _scheme: SignScheme,
    _digest: &[u8],
    _drbg: &mut Drbg,
) -> Result<Signature> {
    Err(Rc::SCHEME)
}

/// # Errors
/// `SCHEME`
pub(super) fn verify(
    _object: &Object,
    _scheme: SignScheme,
    _digest: &[u8],
    _value: &[u8],
) -> Result<()> {
    Err(Rc::SCHEME)
}
