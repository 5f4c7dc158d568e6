//! AES key wrap (RFC 3394) of the content key, under a key of its own length that device and signer share.

use ironroot_crypto::{CryptoError, Secret, key_wrap};

pub(super) fn open_128(private: &[u8], data: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
    let key = Secret::from_slice(private).ok_or(CryptoError::KeyLength)?;
    key_wrap::unwrap_128(&key, data, out)
}

pub(super) fn open_256(private: &[u8], data: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
    let key = Secret::from_slice(private).ok_or(CryptoError::KeyLength)?;
    key_wrap::unwrap_256(&key, data, out)
}
