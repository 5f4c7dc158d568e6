//! From the user's key to the keys of one journal.

use crate::header::{CHECK_LEN, Header};
use crate::{JournalError, Protection};
use ironroot_crypto::aead::{self, AeadAlgorithm};
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::kdf::{PseudorandomKey, hkdf_expand, hkdf_extract};
use ironroot_crypto::{Secret, ct_eq};

const ALGORITHM: AeadAlgorithm = AeadAlgorithm::XChaCha20Poly1305;

pub(crate) const NONCE_LEN: usize = 24;
pub(crate) const TAG_LEN: usize = 16;

/// A frame's tag.
pub(crate) type Tag = [u8; TAG_LEN];

pub(crate) struct Keys {
    frames: Secret<32>,
    owner: Secret<32>,
}

impl Keys {
    /// The keys for a new journal, and its header with the check value.
    pub(crate) fn make(header: Header, key: Option<&[u8]>) -> Result<(Self, Header), JournalError> {
        let (keys, check) = derive(&header, key)?;
        Ok((keys, header.with_check(check)))
    }

    /// The keys of the journal with this header.
    pub(crate) fn of(header: &Header, key: Option<&[u8]>) -> Result<Self, JournalError> {
        match (header.protection, key) {
            (Protection::Key, None) => return Err(JournalError::KeyNeeded),
            (Protection::None, Some(_)) => return Err(JournalError::NotEncrypted),
            (Protection::Key, Some(_)) | (Protection::None, None) => {}
        }
        let (keys, check) = derive(header, key)?;
        match (ct_eq(&check, header.check()), header.protection) {
            (true, _) => Ok(keys),
            (false, Protection::Key) => Err(JournalError::WrongKey),
            (false, Protection::None) => Err(JournalError::Damaged),
        }
    }

    /// A secret for whoever keeps the journal, as long-lived as the journal.
    pub(crate) fn owner(&self) -> Secret<32> {
        let mut copy = Secret::zeroed();
        copy.expose_mut(|copy| self.owner.expose(|owner| copy.copy_from_slice(owner)));
        copy
    }

    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        body: &mut [u8],
    ) -> Result<Tag, JournalError> {
        let mut tag = [0; TAG_LEN];
        self.frames
            .expose(|key| aead::seal(ALGORITHM, key, nonce, associated, body, &mut tag))
            .map_err(|_| JournalError::Full)?;
        Ok(tag)
    }

    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        body: &mut [u8],
        tag: &Tag,
    ) -> Result<(), JournalError> {
        self.frames
            .expose(|key| aead::open(ALGORITHM, key, nonce, associated, body, tag))
            .map_err(|_| JournalError::Damaged)
    }
}

/// HKDF-SHA-256: salt from the header, input the user's key, or nothing without one. The header goes
/// into each derivation, so a changed header is a wrong key.
fn derive(header: &Header, key: Option<&[u8]>) -> Result<(Keys, [u8; CHECK_LEN]), JournalError> {
    let root = hkdf_extract(
        HashAlgorithm::Sha256,
        header.salt(),
        key.unwrap_or_default(),
    );
    let keys = Keys {
        frames: branch(&root, header, b"ironroot journal: frames")?,
        owner: branch(&root, header, b"ironroot journal: owner")?,
    };
    let check = branch::<CHECK_LEN>(&root, header, b"ironroot journal: check")?;
    Ok((keys, check.expose(|check| *check)))
}

fn branch<const N: usize>(
    root: &PseudorandomKey,
    header: &Header,
    label: &[u8],
) -> Result<Secret<N>, JournalError> {
    let mut info = [0; 96];
    let mut out = ironroot_codec::Writer::new(&mut info);
    out.put(label)?;
    out.put(&header.bound())?;
    let info = out.written();
    let mut secret = Secret::zeroed();
    root.expose(|root| {
        secret.expose_mut(|secret| hkdf_expand(HashAlgorithm::Sha256, root, info, secret))
    })
    .map_err(|_| JournalError::Full)?;
    Ok(secret)
}
