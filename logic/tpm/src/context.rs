//! Contexts: objects, sequences and sessions outside the TPM, encrypted and authenticated (Part 1, section 30).
//!
//! The key of a context comes by KDFa from the proof of its hierarchy, its number, its saved handle, what must not
//! have happened since (a reset for all, a Startup(CLEAR) for objects with `stClear`), and a salt. So a context of
//! another time has another key, and fails the integrity check. No two contexts share a key, for each has random
//! bytes of its own: numbers alone would not do, for two machines that go on from one snapshot may count alike.
//!
//! ```text
//! contextBlob = TPM2B integrity (HMAC-SHA-256 over number, handle, hierarchy, salt and ciphertext)
//!               TPM2B salt (16 bytes), ciphertext (AES-CFB): version, content
//! ```

use crate::core::Core;
use crate::handle::{Handle, Hierarchy, Kind};
use crate::profile::MAX_COMMAND;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Output, copy};
use ironroot_crypto::tpm::cipher::{BLOCK_LEN, Cipher, CipherAlgorithm, Mode};
use ironroot_crypto::tpm::hash::{HashAlgorithm, hmac};
use ironroot_crypto::tpm::kdf::kdfa;
use ironroot_crypto::{Secret, ct_eq};

const FULL: bool = cfg!(feature = "full");
/// Bytes of the AES key: what the build has anyway.
const KEY: usize = if FULL { 32 } else { 16 };
/// Bytes of the HMAC and of its key.
const MAC: usize = 32;
/// Random bytes of each context.
const SALT: usize = 16;
/// Bytes of what must not have happened since: resets, starts.
const SINCE: usize = 12;
/// The version of what is inside.
const VERSION: u8 = 2;
/// Header, number, handle, hierarchy, and three sizes around integrity, salt and ciphertext.
const AROUND: usize = 10 + 8 + 4 + 4 + 2 + (2 + MAC) + 2 + SALT;
/// The most that a context can hold, version and all: what leaves room in one answer.
const MAX_CONTENT: usize = MAX_COMMAND - AROUND;
/// The longest blob.
pub(crate) const MAX_BLOB: usize = 2 + MAC + 2 + SALT + MAX_CONTENT;

/// What a context says of itself, outside (`TPMS_CONTEXT` without its blob).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// Its number.
    pub(crate) sequence: u64,
    /// The session's handle, or what kind of object it is.
    pub(crate) saved_handle: Handle,
    /// Of whose proof its key comes.
    pub(crate) hierarchy: Hierarchy,
}

impl Label {
    /// An object.
    pub(crate) const OBJECT: Handle = Handle(0x8000_0000);
    /// A sequence.
    pub(crate) const SEQUENCE: Handle = Handle(0x8000_0001);
    /// An object that dies with the next Startup(CLEAR).
    pub(crate) const ST_CLEAR: Handle = Handle(0x8000_0002);

    fn bytes(&self) -> [u8; 16] {
        let number = u128::from(self.sequence) << 64;
        let handles = u128::from(self.saved_handle.0) << 32 | u128::from(self.hierarchy.handle().0);
        (number | handles).to_be_bytes()
    }
}

/// `TPMI_DH_SAVED`: a session's handle or one of three numbers, else `VALUE`.
impl crate::wire::Unmarshal for Label {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let sequence = input.get()?;
        let saved_handle: Handle = input.get()?;
        let object = [Self::OBJECT, Self::SEQUENCE, Self::ST_CLEAR].contains(&saved_handle);
        let session = matches!(saved_handle.kind(), Kind::HmacSession | Kind::PolicySession);
        if !object && !session {
            return Err(Rc::VALUE);
        }
        Ok(Self {
            sequence,
            saved_handle,
            hierarchy: input.get()?,
        })
    }
}

/// A context's label and salt, and the keys that come of them.
pub(crate) struct Context {
    label: Label,
    salt: [u8; SALT],
    keys: Secret<{ KEY + BLOCK_LEN + MAC }>,
}

/// The parts of a blob.
#[derive(Clone, Copy)]
pub(crate) struct Blob<'a> {
    integrity: &'a [u8],
    salt: [u8; SALT],
    encrypted: &'a [u8],
}

impl<'a> Blob<'a> {
    /// # Errors
    /// `SIZE`, `INSUFFICIENT`: it is malformed.
    pub(crate) fn read(blob: &'a [u8]) -> Result<Self> {
        let mut blob = Input::new(blob);
        let integrity = blob.sized(MAC)?;
        let inner = blob.sized(SALT + MAX_CONTENT)?;
        let (salt, encrypted) = inner.split_first_chunk().ok_or(Rc::SIZE)?;
        match blob.is_empty() {
            true => Ok(Self {
                integrity,
                salt: *salt,
                encrypted,
            }),
            false => Err(Rc::SIZE),
        }
    }
}

impl Core<'_> {
    /// A new context of that label.
    ///
    /// # Errors
    /// `FAILURE`
    pub(crate) fn new_context(&mut self, label: Label) -> Result<Context> {
        let mut salt = [0; SALT];
        self.drbg.fill(&mut salt);
        self.context(label, salt)
    }

    /// The context that has that label and that blob, as things are now.
    ///
    /// # Errors
    /// `FAILURE`
    pub(crate) fn context_of(&self, label: Label, blob: &Blob<'_>) -> Result<Context> {
        self.context(label, blob.salt)
    }

    fn context(&self, label: Label, salt: [u8; SALT]) -> Result<Context> {
        let mut since = [0; SINCE + SALT];
        let resets = self.permanent.get().total_resets.to_be_bytes();
        let clears = match label.saved_handle == Label::ST_CLEAR {
            true => self.volatile.clear_count.to_be_bytes(),
            false => [0; 4],
        };
        since
            .iter_mut()
            .zip(resets.iter().chain(&clears).chain(&salt))
            .for_each(|(to, from)| *to = *from);
        let mut keys = Secret::zeroed();
        let bits = u32::try_from((KEY + BLOCK_LEN + MAC) * 8).map_err(|_| Rc::FAILURE)?;
        let derived = self.hierarchy_proof(label.hierarchy).expose(|proof| {
            keys.expose_mut(|keys| {
                kdfa(
                    HashAlgorithm::Sha256,
                    proof,
                    b"CONTEXT",
                    &label.bytes(),
                    &since,
                    bits,
                    keys,
                )
            })
        });
        derived.map_err(|_| Rc::FAILURE)?;
        Ok(Context { label, salt, keys })
    }
}

impl Context {
    /// Writes label and blob; `write` writes the content.
    ///
    /// # Errors
    /// What `write` says; `FAILURE`: it does not fit.
    pub(crate) fn protect(
        &self,
        out: &mut Output<'_>,
        write: &mut dyn FnMut(&mut Output<'_>) -> Result<()>,
    ) -> Result<()> {
        out.put(&self.label.sequence)?;
        out.put(&self.label.saved_handle)?;
        out.put(&self.label.hierarchy)?;
        let mut content = Secret::<MAX_CONTENT>::zeroed();
        content.expose_mut(|content| {
            let mut inner = Output::new(content);
            inner.put(&VERSION)?;
            write(&mut inner)?;
            let data = inner.finish();
            self.apply(data, Direction::Encrypt)?;
            out.sized_with(|out| {
                out.sized(&self.integrity(data))?;
                out.sized_with(|out| {
                    out.raw(&self.salt)?;
                    out.raw(data)
                })
            })
        })
    }

    /// Shows the content of a blob to `read`, if it is whole and of this time.
    ///
    /// # Errors
    /// `INTEGRITY`: it is not; `BAD_CONTEXT`: another version wrote it; what `read` says.
    pub(crate) fn unprotect(
        &self,
        blob: &Blob<'_>,
        read: &mut dyn FnMut(&mut Input<'_>) -> Result<()>,
    ) -> Result<()> {
        let encrypted = blob.encrypted;
        if !ct_eq(&self.integrity(encrypted), blob.integrity) {
            return Err(Rc::INTEGRITY);
        }
        let mut content = Secret::<MAX_CONTENT>::zeroed();
        content.expose_mut(|content| {
            let content = content.get_mut(..encrypted.len()).ok_or(Rc::SIZE)?;
            copy(content, encrypted);
            self.apply(content, Direction::Decrypt)?;
            let mut inner = Input::new(content);
            // Ours, but of another program: the daemon was replaced while the TPM slept.
            if inner.get::<u8>()? != VERSION {
                return Err(Rc::BAD_CONTEXT);
            }
            read(&mut inner)?;
            match inner.is_empty() {
                true => Ok(()),
                false => Err(Rc::SIZE),
            }
        })
    }

    fn apply(&self, data: &mut [u8], direction: Direction) -> Result<()> {
        self.keys.expose(|keys| {
            let (key, rest) = keys.split_at_checked(KEY).ok_or(Rc::FAILURE)?;
            let mut iv: [u8; BLOCK_LEN] = *rest.first_chunk().ok_or(Rc::FAILURE)?;
            let aes = Cipher::new(CipherAlgorithm::Aes, key).map_err(|_| Rc::FAILURE)?;
            match direction {
                Direction::Encrypt => aes.encrypt(Mode::Cfb, &mut iv, data),
                Direction::Decrypt => aes.decrypt(Mode::Cfb, &mut iv, data),
            }
            .map_err(|_| Rc::FAILURE)
        })
    }

    fn integrity(&self, encrypted: &[u8]) -> [u8; MAC] {
        self.keys.expose(|keys| {
            let key: &[u8] = keys.last_chunk::<MAC>().map_or(&[], |key| key);
            let mac = hmac(
                HashAlgorithm::Sha256,
                key,
                &[&self.label.bytes(), &self.salt, encrypted],
            );
            mac.to_array().unwrap_or([0; MAC])
        })
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

#[cfg(feature = "fuzz")]
impl Core<'_> {
    /// See [`crate::Tpm::load_context_content`].
    pub(crate) fn load_context_content(&mut self, object: bool, content: &[u8]) -> Option<u32> {
        let mut input = Input::new(content);
        let handle = match object {
            true => self.objects.load(&mut input).ok()?,
            false => {
                let session = crate::session::Session::read(&mut input).ok()?;
                let handle = session.handle;
                self.sessions.insert(session).ok()?;
                handle
            }
        };
        Some(handle.0)
    }
}
