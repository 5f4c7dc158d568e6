//! Everything volatile as one blob: for a virtual machine that is saved, moved, or set back.
//!
//! ```text
//! magic (8)  version (2)  nonce (24)  ciphertext  tag (16)
//! ```
//!
//! XChaCha20-Poly1305. The key comes from the platform hierarchy's proof and from a digest over all records of the
//! store: a blob goes with exactly the permanent state that it was made beside. Another TPM, or the same one after
//! any change that lasts (a Clear, a counted guess, a written index), refuses it.
//!
//! Two copies of one snapshot may go on side by side. Neither gives what the other gives: random numbers come from
//! fresh entropy, numbers of contexts leap by chance, and open commitments are closed, for the same ephemeral number
//! in two signatures tells the key.

mod content;

use crate::core::{Core, Mode};
use crate::rc::{Rc, Result};
use crate::store::{MAX_RECORD, RecordId, StoreError};
use crate::tpm::{StartError, Tpm};
use crate::wire::{Input, Output};
use ironroot_crypto::aead::{self, AeadAlgorithm};
use ironroot_crypto::hash::{HashAlgorithm, Hasher};
use ironroot_crypto::tpm::hash::HashAlgorithm as TpmHash;
use ironroot_crypto::tpm::kdf::kdfa;
use ironroot_crypto::{Secret, wipe};

const MAGIC: [u8; 8] = *b"IRTPMVOL";
/// The layout of what is inside; a change there is a new number.
const VERSION: u16 = 1;
const ALGORITHM: AeadAlgorithm = AeadAlgorithm::XChaCha20Poly1305;
const NONCE: usize = 24;
const TAG: usize = 16;
const HEAD: usize = MAGIC.len() + 2;

/// Room for any snapshot, in bytes.
pub const MAX_SNAPSHOT: usize = 160 * 1024;

/// Why a snapshot was not made, or not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// There is no power, so there is nothing volatile.
    Off,
    /// The buffer is too short.
    Room,
    /// It is not a snapshot.
    Format,
    /// A version wrote it that this one does not know.
    Version,
    /// It was changed, is another TPM's, or the permanent state is not the one that it was made beside.
    Integrity,
    /// The TPM does not start.
    Start(StartError),
}

impl From<StoreError> for SnapshotError {
    fn from(error: StoreError) -> Self {
        Self::Start(StartError::Store(error))
    }
}

type Outcome<T> = core::result::Result<T, SnapshotError>;

impl Tpm<'_> {
    /// Writes everything volatile to `out` and gives its length in bytes; [`MAX_SNAPSHOT`] is enough. A command that
    /// was suspended is over, and primes that were found ahead of time are wiped. The TPM goes on as it was.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub fn snapshot(&mut self, out: &mut [u8]) -> Outcome<usize> {
        self.forget();
        self.core.objects.pool.wipe();
        self.core.snapshot(out)
    }

    /// Power on, into the state of a snapshot instead of a reset. `blob` is used up.
    ///
    /// # Errors
    /// [`SnapshotError`]; the TPM is off, and nothing was changed in the store.
    pub fn power_on_from(&mut self, blob: &mut [u8]) -> Outcome<()> {
        self.power_on().map_err(SnapshotError::Start)?;
        let taken = self.core.take_back(blob);
        wipe(blob);
        if taken.is_err() {
            self.power_off();
        }
        taken
    }

    /// Takes the content of a snapshot as if it had been authenticated; for fuzz targets. The TPM must have power.
    #[cfg(feature = "fuzz")]
    pub fn load_snapshot_content(&mut self, content: &[u8]) -> bool {
        let read = self.core.read_content(content).is_ok();
        if !read {
            self.power_off();
        }
        read
    }
}

impl Core<'_> {
    fn snapshot(&mut self, out: &mut [u8]) -> Outcome<usize> {
        if self.mode == Mode::Off {
            return Err(SnapshotError::Off);
        }
        self.tick();
        let made = self.write_sealed(out);
        if made.is_err() {
            wipe(out);
        }
        made
    }

    fn write_sealed(&mut self, out: &mut [u8]) -> Outcome<usize> {
        let mut nonce = [0; NONCE];
        self.drbg.fill(&mut nonce);
        let key = self.snapshot_key(&nonce)?;
        let mut written = Output::new(out);
        let all = written
            .raw(&MAGIC)
            .and_then(|()| written.put(&VERSION))
            .and_then(|()| written.raw(&nonce))
            .and_then(|()| self.write_volatile(&mut written))
            .and_then(|()| written.raw(&[0; TAG]));
        all.map_err(|_| SnapshotError::Room)?;
        let len = written.len();
        let parts = Parts::of(out.get_mut(..len).unwrap_or_default())?;
        key.expose(|key| aead::seal(ALGORITHM, key, &nonce, parts.head, parts.content, parts.tag))
            .map_err(|_| SnapshotError::Room)?;
        Ok(len)
    }

    fn take_back(&mut self, blob: &mut [u8]) -> Outcome<()> {
        let parts = Parts::of(blob)?;
        let Some((magic, version)) = parts.head.split_first_chunk() else {
            return Err(SnapshotError::Format);
        };
        if *magic != MAGIC {
            return Err(SnapshotError::Format);
        }
        if version != VERSION.to_be_bytes() {
            return Err(SnapshotError::Version);
        }
        let key = self.snapshot_key(parts.nonce)?;
        let (head, nonce) = (&*parts.head, &*parts.nonce);
        key.expose(|key| aead::open(ALGORITHM, key, nonce, head, parts.content, parts.tag))
            .map_err(|_| SnapshotError::Integrity)?;
        self.read_content(parts.content)
            .map_err(|_| SnapshotError::Format)
    }

    fn read_content(&mut self, content: &[u8]) -> Result<()> {
        let mut input = Input::new(content);
        self.read_volatile(&mut input)?;
        match input.is_empty() {
            true => {
                self.diverge();
                Ok(())
            }
            false => Err(Rc::SIZE),
        }
    }

    /// From the platform's proof and all that lasts.
    fn snapshot_key(&mut self, nonce: &[u8]) -> Outcome<Secret<32>> {
        let digest = self.digest_of_records()?;
        let mut key = Secret::zeroed();
        let proof = &self.permanent.get().platform.proof;
        let derived = proof.expose(|proof| {
            key.expose_mut(|key| {
                kdfa(
                    TpmHash::Sha256,
                    proof,
                    b"SNAPSHOT",
                    &digest,
                    nonce,
                    256,
                    key,
                )
            })
        });
        derived.map_err(|_| SnapshotError::Room)?;
        Ok(key)
    }

    fn digest_of_records(&mut self) -> Outcome<[u8; 32]> {
        let mut hash = Hasher::new(HashAlgorithm::Sha256);
        let mut record = [0; MAX_RECORD];
        let mut next = self.store.at_or_after(RecordId(0))?;
        while let Some(id) = next {
            let len = self.store.read(id, &mut record)?.unwrap_or_default();
            let bytes = record.get(..len).unwrap_or_default();
            hash.update(&id.0.to_be_bytes());
            hash.update(&u64::try_from(len).unwrap_or_default().to_be_bytes());
            hash.update(bytes);
            next = match id.0.checked_add(1) {
                Some(id) => self.store.at_or_after(RecordId(id))?,
                None => None,
            };
        }
        wipe(&mut record);
        let digest = hash.finish();
        digest
            .as_slice()
            .first_chunk()
            .copied()
            .ok_or(SnapshotError::Room)
    }
}

/// A blob, taken apart.
struct Parts<'a> {
    head: &'a mut [u8],
    nonce: &'a mut [u8],
    content: &'a mut [u8],
    tag: &'a mut [u8],
}

impl<'a> Parts<'a> {
    fn of(blob: &'a mut [u8]) -> Outcome<Self> {
        Self::split(blob).ok_or(SnapshotError::Format)
    }

    fn split(blob: &'a mut [u8]) -> Option<Self> {
        let (rest, tag) = blob.split_at_mut_checked(blob.len().checked_sub(TAG)?)?;
        let (head, rest) = rest.split_at_mut_checked(HEAD)?;
        let (nonce, content) = rest.split_at_mut_checked(NONCE)?;
        Some(Self {
            head,
            nonce,
            content,
            tag,
        })
    }
}
