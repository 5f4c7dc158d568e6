//! ECIES as MCUboot has it: an ephemeral key agreement, HKDF, and a MAC over the encrypted content key.
//!
//! ```text
//! TLV = ephemeral public key ‖ tag ‖ encrypted content key
//! HKDF(shared secret, no salt, "MCUBoot_ECIES_v1") = AES key (as long as the content key) ‖ MAC key
//! ```
//!
//! The encrypted content key is under AES-CTR from zero; the tag is HMAC over it. Hash of HKDF and HMAC, and
//! the lengths of MAC key and tag: SHA-256, 32 bytes; in the 0x34 form SHA-512, 64 bytes.

use crate::source::copy;
use ironroot_crypto::ecdsa::{P256PrivateKey, P256PublicKey, PUBLIC_KEY_LEN};
use ironroot_crypto::hash::{Digest, HashAlgorithm};
use ironroot_crypto::mac::{HmacSha256, hmac};
use ironroot_crypto::x25519::X25519PrivateKey;
use ironroot_crypto::{CryptoError, Secret, aes_ctr, ct_eq, kdf};

const INFO: &[u8] = b"MCUBoot_ECIES_v1";

/// The hash of HKDF and HMAC. A device links the one of its scheme.
pub(super) struct Hash {
    /// Length of MAC key and tag.
    len: usize,
    /// HKDF of the shared secret.
    derive: fn(&[u8], &mut [u8]) -> Result<(), CryptoError>,
    /// HMAC by a key of some data.
    mac: fn(&[u8], &[u8]) -> Digest,
}

pub(super) static SHA256: Hash = Hash {
    len: 32,
    derive: |shared, out| kdf::hkdf_sha256(&[], shared, INFO, out),
    mac: |key, data| {
        let mut mac = HmacSha256::with_key(key);
        mac.update(data);
        mac.finish()
    },
};
pub(super) static SHA512: Hash = Hash {
    len: 64,
    derive: |shared, out| kdf::hkdf(HashAlgorithm::Sha512, &[], shared, INFO, out),
    mac: |key, data| hmac(HashAlgorithm::Sha512, key, data),
};

/// AES-256 key and the MAC key of SHA-512.
const MAX_DERIVED: usize = 32 + 64;

pub(super) fn open_p256<const KEY: usize>(
    private: &[u8],
    data: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let private = Secret::from_slice(private).ok_or(CryptoError::KeyLength)?;
    let private = P256PrivateKey::from_bytes(&private)?;
    let (point, rest) = split(data, PUBLIC_KEY_LEN)?;
    let peer = P256PublicKey::from_sec1(point)?;
    let shared = private.diffie_hellman(&peer);
    open::<KEY>(&SHA256, &shared, rest, out)
}

pub(super) fn open_x25519<const KEY: usize>(
    private: &[u8],
    data: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    open_x25519_with::<KEY>(&SHA256, private, data, out)
}

pub(super) fn open_x25519_sha512<const KEY: usize>(
    private: &[u8],
    data: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    open_x25519_with::<KEY>(&SHA512, private, data, out)
}

fn open_x25519_with<const KEY: usize>(
    hash: &Hash,
    private: &[u8],
    data: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let private = Secret::from_slice(private).ok_or(CryptoError::KeyLength)?;
    let (peer, rest) = data.split_first_chunk().ok_or(CryptoError::DataLength)?;
    let shared = X25519PrivateKey::from_bytes(private).diffie_hellman(peer)?;
    open::<KEY>(hash, &shared, rest, out)
}

/// Checks the tag, then decrypts the content key.
fn open<const KEY: usize>(
    hash: &Hash,
    shared: &Secret<32>,
    data: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let (tag, encrypted) = split(data, hash.len)?;
    if encrypted.len() != KEY || out.len() != KEY {
        return Err(CryptoError::KeyLength);
    }
    let derived = derive(hash, shared, KEY)?;
    derived.expose(|derived| {
        let (aes_key, rest) = split(derived, encrypted.len())?;
        let (mac_key, _) = split(rest, hash.len)?;
        let mut expected = (hash.mac)(mac_key, encrypted);
        let equal = ct_eq(expected.as_slice(), tag);
        expected.wipe();
        if !equal {
            return Err(CryptoError::Verification);
        }
        copy(out, encrypted);
        apply::<KEY>(aes_key, out)
    })
}

/// Encrypts the content key and puts the TLV together; `out` has its length.
pub(super) fn seal(
    hash: &Hash,
    shared: &Secret<32>,
    ephemeral: &[u8],
    key: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let (ephemeral_out, rest) = split_mut(out, ephemeral.len())?;
    let (tag, encrypted) = split_mut(rest, hash.len)?;
    if encrypted.len() != key.len() {
        return Err(CryptoError::DataLength);
    }
    ephemeral_out.copy_from_slice(ephemeral);
    encrypted.copy_from_slice(key);
    derive(hash, shared, key.len())?.expose(|derived| {
        let (aes_key, rest) = split(derived, key.len())?;
        let (mac_key, _) = split(rest, hash.len)?;
        match key.len() {
            16 => apply::<16>(aes_key, encrypted)?,
            _ => apply::<32>(aes_key, encrypted)?,
        }
        tag.copy_from_slice((hash.mac)(mac_key, encrypted).as_slice());
        Ok(())
    })
}

/// The AES key and, behind it, the MAC key.
fn derive(
    hash: &Hash,
    shared: &Secret<32>,
    key_len: usize,
) -> Result<Secret<MAX_DERIVED>, CryptoError> {
    let mut derived = Secret::<MAX_DERIVED>::zeroed();
    derived.expose_mut(|out| {
        let len = key_len.saturating_add(hash.len);
        let out = out.get_mut(..len).ok_or(CryptoError::KeyLength)?;
        shared.expose(|shared| (hash.derive)(shared, out))
    })?;
    Ok(derived)
}

/// AES-CTR with the key length that the scheme names, so that a device links no other.
fn apply<const KEY: usize>(key: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
    if KEY == 16 {
        let key = Secret::from_slice(key).ok_or(CryptoError::KeyLength)?;
        aes_ctr::aes128(&key, 0, data);
    } else {
        let key = Secret::from_slice(key).ok_or(CryptoError::KeyLength)?;
        aes_ctr::aes256(&key, 0, data);
    }
    Ok(())
}

fn split(data: &[u8], at: usize) -> Result<(&[u8], &[u8]), CryptoError> {
    data.split_at_checked(at).ok_or(CryptoError::DataLength)
}

fn split_mut(data: &mut [u8], at: usize) -> Result<(&mut [u8], &mut [u8]), CryptoError> {
    data.split_at_mut_checked(at).ok_or(CryptoError::DataLength)
}
