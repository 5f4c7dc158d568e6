//! State blobs as they travel over the control channel: sealed pieces of a TPM's state.
//!
//! ```text
//! magic (8)  version (2)  kind (1)  protection (1)  nonce (24)  ciphertext  tag (16)
//! ```
//!
//! XChaCha20-Poly1305 under a key that comes by HKDF from the key of the state or the key for migration. Without
//! either the key is no secret: then the tag finds accidents only, and the permanent blob is as good as the TPM.
//! (The volatile blob inside is sealed by the TPM itself, for whoever has the permanent one.)

mod records;

pub(crate) use records::{pack, unpack};

use crate::protocol::control::BlobKind;
use crate::state::StateKey;
use ironroot_crypto::Secret;
use ironroot_crypto::aead::{self, AeadAlgorithm};
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::kdf::hkdf;
use ironroot_platform::Entropy as _;
use ironroot_port_host::OsEntropy;

const MAGIC: &[u8; 8] = b"IRTPMBLB";
const VERSION: [u8; 2] = [0, 1];
const HEAD: usize = 12;
const NONCE: usize = 24;
const TAG: usize = 16;
const ALGORITHM: AeadAlgorithm = AeadAlgorithm::XChaCha20Poly1305;

/// Under which key a blob is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// None that is secret.
    None = 0,
    /// The key of the state's files.
    State = 1,
    /// The key for migration.
    Migration = 2,
}

/// The keys that there are.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) state: Option<StateKey>,
    pub(crate) migration: Option<StateKey>,
}

/// Why a blob is not taken; in words for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlobError {
    /// Made by swtpm or libtpms.
    Foreign,
    /// No blob of ours.
    Format,
    /// Of a later version.
    Version,
    /// Of the other kind.
    Kind,
    /// The key for it was not given.
    KeyMissing(Protection),
    /// Changed, cut, or under another key.
    Integrity,
}

impl std::fmt::Display for BlobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Foreign => {
                "it is swtpm's (libtpms). Ironroot cannot take over a running TPM of swtpm's; nothing was changed"
            }
            Self::Format => "it is no state blob of Ironroot's; nothing was changed",
            Self::Version => "a newer version wrote it; nothing was changed",
            Self::Kind => "it holds the other kind of state; nothing was changed",
            Self::KeyMissing(Protection::Migration) => {
                "it is encrypted for migration, and --migration-key was not given"
            }
            Self::KeyMissing(_) => "it is encrypted with the state's key, and --key was not given",
            Self::Integrity => "it was changed, cut, or made under another key; nothing was changed",
        })
    }
}

/// Seals `content`, which is used up.
pub(crate) fn seal(
    kind: BlobKind,
    protection: Protection,
    keys: &Keys,
    mut content: Bytes,
) -> Option<Vec<u8>> {
    let mut head = [0; HEAD];
    let parts = [&MAGIC[..], &VERSION, &[kind as u8, protection as u8]].concat();
    head.copy_from_slice(&parts);
    let mut nonce = [0; NONCE];
    OsEntropy.fill(&mut nonce).ok()?;
    let key = key_of(protection, keys, &head).ok()?;
    let mut tag = [0; TAG];
    key.expose(|key| aead::seal(ALGORITHM, key, &nonce, &head, &mut content.0, &mut tag))
        .ok()?;
    Some([&head[..], &nonce, &content.0, &tag].concat())
}

/// What was sealed. Nothing of it is believed before all of it is authenticated.
pub(crate) fn open(kind: BlobKind, keys: &Keys, blob: &[u8]) -> Result<Bytes, BlobError> {
    if is_foreign(blob) {
        return Err(BlobError::Foreign);
    }
    let split = blob
        .split_at_checked(HEAD)
        .and_then(|(head, rest)| Some((head, rest.split_at_checked(NONCE)?)))
        .and_then(|(head, (nonce, rest))| {
            let len = rest.len().checked_sub(TAG)?;
            Some((head, nonce, rest.split_at_checked(len)?))
        });
    let Some((head, nonce, (sealed, tag))) = split else {
        return Err(BlobError::Format);
    };
    let [magic @ .., major, minor, of_kind, protection] = head else {
        return Err(BlobError::Format);
    };
    if magic != MAGIC {
        return Err(BlobError::Format);
    }
    if [*major, *minor] != VERSION {
        return Err(BlobError::Version);
    }
    if *of_kind != kind as u8 {
        return Err(BlobError::Kind);
    }
    let protection = match protection {
        0 => Protection::None,
        1 => Protection::State,
        2 => Protection::Migration,
        _ => return Err(BlobError::Format),
    };
    let key = key_of(protection, keys, head)?;
    let mut content = Bytes(sealed.to_vec());
    key.expose(|key| aead::open(ALGORITHM, key, nonce, head, &mut content.0, tag))
        .map_err(|_| BlobError::Integrity)?;
    Ok(content)
}

fn key_of(protection: Protection, keys: &Keys, head: &[u8]) -> Result<Secret<32>, BlobError> {
    let from: &[u8] = match (protection, &keys.state, &keys.migration) {
        (Protection::None, _, _) => b"no secret",
        (Protection::State, Some(key), _) | (Protection::Migration, _, Some(key)) => key.bytes(),
        (Protection::State | Protection::Migration, _, _) => {
            return Err(BlobError::KeyMissing(protection));
        }
    };
    let mut derived = Secret::zeroed();
    derived
        .expose_mut(|out| hkdf(HashAlgorithm::Sha256, b"ironroot tpm blob", from, head, out))
        .map_err(|_| BlobError::Format)?;
    Ok(derived)
}

/// swtpm's header is packed: version (1), least version (1), its own length (2), flags (2), whole length (4). Below
/// it, or alone, libtpms' records begin with a magic number.
fn is_foreign(blob: &[u8]) -> bool {
    let word = |at: usize| {
        let bytes = blob.get(at..)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes))
    };
    let header = matches!(blob, [1..=3, 1..=3, 0, 10, ..])
        && word(6).is_some_and(|len| usize::try_from(len).is_ok_and(|len| len == blob.len()));
    // The magic numbers of libtpms' permanent and volatile state.
    let records = [0, 2, 4].map(word);
    header || records.contains(&Some(0xab36_4723)) || records.contains(&Some(0x4563_7889))
}

/// Bytes that hold secrets: wiped when they go.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Drop for Bytes {
    fn drop(&mut self) {
        ironroot_crypto::wipe(&mut self.0);
    }
}

/// Opens a blob of either kind with neither key, and unpacks what is in it; for fuzz targets.
#[doc(hidden)]
#[must_use]
pub fn probe(blob: &[u8]) -> bool {
    let keys = Keys::default();
    let volatile = open(BlobKind::Volatile, &keys, blob).is_ok();
    let records = open(BlobKind::Permanent, &keys, blob)
        .ok()
        .and_then(|content| unpack(&content.0).map(|records| records.len()));
    volatile || records.is_some()
}

/// The same below the seal; for fuzz targets.
#[doc(hidden)]
#[must_use]
pub fn probe_records(content: &[u8]) -> Option<usize> {
    let records = unpack(content)?;
    let again = pack(records.iter().map(|(id, data)| (*id, *data)));
    assert_eq!(again.0, content, "there is one way to pack");
    Some(records.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys {
            state: Some(StateKey::new(vec![1; 32])),
            migration: Some(StateKey::new(vec![2; 32])),
        }
    }

    fn sealed(protection: Protection) -> Vec<u8> {
        let content = Bytes(b"seeds and proofs".to_vec());
        seal(BlobKind::Permanent, protection, &keys(), content).unwrap()
    }

    #[test]
    fn a_blob_comes_back_with_the_key_it_was_sealed_under_and_with_no_other() {
        for protection in [Protection::None, Protection::State, Protection::Migration] {
            let blob = sealed(protection);
            let content = open(BlobKind::Permanent, &keys(), &blob).unwrap();
            assert_eq!(content.0, b"seeds and proofs");
            let shown = blob.windows(5).any(|window| window == b"seeds");
            assert!(!shown, "in the clear");
            let none = open(BlobKind::Permanent, &Keys::default(), &blob);
            match protection {
                Protection::None => assert!(none.is_ok()),
                other => assert_eq!(none.err(), Some(BlobError::KeyMissing(other))),
            }
        }
        let other = Keys {
            state: Some(StateKey::new(vec![2; 32])),
            migration: Some(StateKey::new(vec![1; 32])),
        };
        for protection in [Protection::State, Protection::Migration] {
            let opened = open(BlobKind::Permanent, &other, &sealed(protection));
            assert_eq!(opened.err(), Some(BlobError::Integrity));
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let blob = sealed(Protection::State);
        for at in 0..blob.len() {
            let mut spoilt = blob.clone();
            spoilt[at] ^= 1;
            assert!(open(BlobKind::Permanent, &keys(), &spoilt).is_err(), "{at}");
            assert!(
                open(BlobKind::Permanent, &keys(), &blob[..at]).is_err(),
                "{at}"
            );
        }
        let longer = [&blob[..], &[0]].concat();
        assert!(open(BlobKind::Permanent, &keys(), &longer).is_err());
        let as_other = open(BlobKind::Volatile, &keys(), &blob);
        assert_eq!(as_other.err(), Some(BlobError::Kind));
    }

    #[test]
    fn swtpms_blobs_are_known_for_what_they_are() {
        // As Debian's swtpm 0.7.1 gave it: header, then a tag, a length, libtpms' own bytes.
        let mut swtpm = vec![2, 1, 0, 10, 0, 4, 0, 0, 0, 30, 0, 4, 0, 0, 0, 14];
        swtpm.resize(30, 0);
        let libtpms = [0, 3, 0, 0, 0xab, 0x36, 0x47, 0x23, 0, 0];
        for foreign in [&swtpm[..], &libtpms] {
            let opened = open(BlobKind::Permanent, &keys(), foreign);
            assert_eq!(opened.err(), Some(BlobError::Foreign));
        }
        for nonsense in [&b""[..], b"IRTPMBLB", &[0; 100]] {
            let opened = open(BlobKind::Permanent, &keys(), nonsense);
            assert_eq!(opened.err(), Some(BlobError::Format));
        }
    }
}
