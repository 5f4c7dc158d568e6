//! The vault's one key, and how nonces are made.
//!
//! ChaCha20-Poly1305 (RFC 8439). A nonce is the sector's salt (10 bytes) and the offset in the sector,
//! in granules (2 bytes). Salts are random at each mount and differ for each sector begun after it,
//! so no two sectors ever share one; in a sector each offset is programmed at most once.

use ironroot_crypto::Secret;
use ironroot_crypto::aead::{self, AeadAlgorithm};

use crate::VaultError;
use crate::bytes::{copy, put};
use crate::layout::TAG_LEN;

pub(crate) type Tag = [u8; TAG_LEN];
pub(crate) type Salt = [u8; 10];

const ALGORITHM: AeadAlgorithm = AeadAlgorithm::ChaCha20Poly1305;

pub(crate) struct Cipher {
    key: Secret<32>,
}

/// The source of salts between two mounts.
pub(crate) struct Salts {
    random: Salt,
    attempt: u32,
}

impl Cipher {
    pub(crate) fn new(key: &Secret<32>) -> Self {
        Self {
            key: Secret::new(key.expose(|key| *key)),
        }
    }

    pub(crate) fn seal(
        &self,
        nonce: &[u8; 12],
        associated: &[u8],
        buffer: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), VaultError> {
        self.key
            .expose(|key| aead::seal(ALGORITHM, key, nonce, associated, buffer, tag))
            .map_err(|_| VaultError::Corrupt)
    }

    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        associated: &[u8],
        buffer: &mut [u8],
        tag: &[u8],
    ) -> Result<(), VaultError> {
        self.key
            .expose(|key| aead::open(ALGORITHM, key, nonce, associated, buffer, tag))
            .map_err(|_| VaultError::Tampered)
    }
}

impl Salts {
    pub(crate) const fn new(random: Salt) -> Self {
        Self { random, attempt: 0 }
    }

    /// After a failed operation the same sector number is begun again, with another salt.
    pub(crate) fn next_attempt(&mut self) {
        self.attempt = self.attempt.wrapping_add(1);
    }

    /// The salt of a sector: the random bytes, to which attempt and sector number are added.
    pub(crate) fn salt(&self, number: u32) -> Salt {
        let mut salt = self.random;
        if let Some((low, _)) = salt.split_first_chunk_mut::<8>() {
            let step = (u64::from(self.attempt) << 32) | u64::from(number);
            *low = u64::from_le_bytes(*low).wrapping_add(step).to_le_bytes();
        }
        salt
    }
}

pub(crate) fn nonce(salt: &Salt, granules: u16) -> [u8; 12] {
    let mut nonce = [0; 12];
    copy(&mut nonce, salt);
    put(&mut nonce, 10, &granules.to_le_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn salts_differ_for_every_sector_and_attempt() {
        let mut seen = BTreeSet::new();
        let mut salts = Salts::new([0xff; 10]);
        for _ in 0..50 {
            for number in (0..50).chain([u32::MAX, u32::MAX - 1]) {
                assert!(seen.insert(salts.salt(number)));
            }
            salts.next_attempt();
        }
    }

    #[test]
    fn nonces_differ_for_every_salt_and_offset() {
        let mut seen = BTreeSet::new();
        for salt in [[0; 10], [1; 10], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]] {
            for granules in 0..=u16::MAX {
                assert!(seen.insert(nonce(&salt, granules)));
            }
        }
    }
}
