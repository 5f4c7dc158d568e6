//! A build without RSA: no such object gets past the reading of its public area.

use super::exchange::{EncryptedSecret, LABEL_LEN};
use super::protect::Seed;
use super::{Object, Origin};
use crate::core::Core;
use crate::rc::{Rc, Result};
use crate::structures::{MAX_SENSITIVE, Public, RsaBits, Sensitive, Unique};
use crate::wire::{Bytes, SecretBytes};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// # Errors
/// `TYPE`
pub(super) fn check_prime(_public: &Public, _bits: RsaBits, _sensitive: &Sensitive) -> Result<()> {
    Err(Rc::TYPE)
}

/// # Errors
/// `TYPE`
pub(super) fn make(
    _core: &mut Core<'_>,
    _bits: RsaBits,
    _exponent: u32,
    _origin: &Origin,
) -> Result<(Unique, SecretBytes<MAX_SENSITIVE>)> {
    Err(Rc::TYPE)
}

/// # Errors
/// `KEY`
pub(super) fn encrypt_secret(
    _public: &Public,
    _hash: HashAlgorithm,
    _label: &Bytes<LABEL_LEN>,
    _drbg: &mut Drbg,
) -> Result<(Seed, EncryptedSecret)> {
    Err(Rc::KEY)
}

/// # Errors
/// `KEY`
pub(super) fn decrypt_secret(
    _object: &Object,
    _hash: HashAlgorithm,
    _label: &Bytes<LABEL_LEN>,
    _encrypted: &[u8],
    _drbg: &mut Drbg,
) -> Result<Seed> {
    Err(Rc::KEY)
}
