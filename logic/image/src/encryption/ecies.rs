//! ECIES as MCUboot has it: an ephemeral key agreement, HKDF, and a MAC over the encrypted content key.
//!
//! ```text
//! TLV = ephemeral public key ‖ tag ‖ encrypted content key
//! HKDF(shared secret, no salt, "MCUBoot_ECIES_v1") = AES key (as long as the content key) ‖ MAC key
//! ```
//!
//! The encrypted content key is under AES-CTR from zero; the tag is HMAC over it. Hash of HKDF and HMAC, and
//! the lengths of MAC key and tag: SHA-256, 32 bytes; in the 0x34 form SHA-512, 64 bytes.

use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey, PUBLIC_KEY_LEN};
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::mac::{Hmac, hmac};
use ironroot_crypto::x25519::X25519PrivateKey;
use ironroot_crypto::{CryptoError, Secret, aes_ctr, kdf};

const INFO: &[u8] = b"MCUBoot_ECIES_v1";

/// AES-256 key and the MAC key of SHA-512.
const MAX_DERIVED: usize = 32 + 64;

pub(super) fn open_p256(private: &[u8], data: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
    let private = Secret::from_slice(private).ok_or(CryptoError::KeyLength)?;
    let private = P256PrivateKey::from_bytes(&private)?;
    let (point, rest) = split(data, PUBLIC_KEY_LEN)?;
    let peer = P256PublicKey::from_sec1(point)?;
    let shared = private.diffie_hellman(&peer);
    open(HashAlgorithm::Sha256, &shared, rest, out)
}

pub(super) fn open_x25519(private: &[u8], data: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
    open_x25519_with(HashAlgorithm::Sha256, private, data, out)
}

pub(super) fn open_x25519_sha512(
    private: &[u8],
    data: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    open_x25519_with(HashAlgorithm::Sha512, private, data, out)
}

fn open_x25519_with(
    hash: HashAlgorithm,
    private: &[u8],
    data: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let private = Secret::from_slice(private).ok_or(CryptoError::KeyLength)?;
    let (peer, rest) = data.split_first_chunk().ok_or(CryptoError::DataLength)?;
    let shared = X25519PrivateKey::from_bytes(private).diffie_hellman(peer)?;
    open(hash, &shared, rest, out)
}

/// Checks the tag, then decrypts the content key.
fn open(
    hash: HashAlgorithm,
    shared: &Secret<32>,
    data: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let (tag, encrypted) = split(data, hash.digest_len())?;
    let derived = derive(hash, shared, encrypted.len())?;
    derived.expose(|derived| {
        let (aes_key, rest) = split(derived, encrypted.len())?;
        let (mac_key, _) = split(rest, hash.digest_len())?;
        let mut mac = Hmac::new(hash, mac_key);
        mac.update(encrypted);
        mac.verify(tag)?;
        out.copy_from_slice(encrypted);
        apply(aes_key, out)
    })
}

/// Encrypts the content key and puts the TLV together; `out` has its length.
pub(super) fn seal(
    hash: HashAlgorithm,
    shared: &Secret<32>,
    ephemeral: &[u8],
    key: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let (ephemeral_out, rest) = split_mut(out, ephemeral.len())?;
    let (tag, encrypted) = split_mut(rest, hash.digest_len())?;
    if encrypted.len() != key.len() {
        return Err(CryptoError::DataLength);
    }
    ephemeral_out.copy_from_slice(ephemeral);
    encrypted.copy_from_slice(key);
    derive(hash, shared, key.len())?.expose(|derived| {
        let (aes_key, rest) = split(derived, key.len())?;
        let (mac_key, _) = split(rest, hash.digest_len())?;
        apply(aes_key, encrypted)?;
        tag.copy_from_slice(hmac(hash, mac_key, encrypted).as_slice());
        Ok(())
    })
}

/// The AES key and, behind it, the MAC key.
fn derive(
    hash: HashAlgorithm,
    shared: &Secret<32>,
    key_len: usize,
) -> Result<Secret<MAX_DERIVED>, CryptoError> {
    let mut derived = Secret::<MAX_DERIVED>::zeroed();
    derived.expose_mut(|out| {
        let len = key_len.saturating_add(hash.digest_len());
        let out = out.get_mut(..len).ok_or(CryptoError::KeyLength)?;
        shared.expose(|shared| kdf::hkdf(hash, &[], shared, INFO, out))
    })?;
    Ok(derived)
}

fn apply(key: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
    if let Some(key) = Secret::from_slice(key) {
        aes_ctr::aes128(&key, 0, data);
    } else if let Some(key) = Secret::from_slice(key) {
        aes_ctr::aes256(&key, 0, data);
    } else {
        return Err(CryptoError::KeyLength);
    }
    Ok(())
}

fn split(data: &[u8], at: usize) -> Result<(&[u8], &[u8]), CryptoError> {
    data.split_at_checked(at).ok_or(CryptoError::DataLength)
}

fn split_mut(data: &mut [u8], at: usize) -> Result<(&mut [u8], &mut [u8]), CryptoError> {
    data.split_at_mut_checked(at).ok_or(CryptoError::DataLength)
}
