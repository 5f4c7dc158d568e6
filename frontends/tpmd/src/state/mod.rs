//! The TPM's state in a directory.
//!
//! | file | content |
//! |---|---|
//! | `tpm.state` | a journal (`ironroot-journal`): records, authenticated, encrypted with a key |
//! | `tpm.state.new` | the same while it is made; removed at the next start |
//! | `lock` | locked while a process uses the directory |

mod anchor;
mod coprocess;
mod file;
mod foreign;
mod key;
mod store;
mod swtpm_key;

pub use anchor::AnchorSource;
pub use key::KeySource;
pub(crate) use key::StateKey;
pub(crate) use store::{HostStore, SharedStore};
pub use swtpm_key::{KeyForm, KeyPlace, SwtpmKey};

use crate::log::Log;
use anchor::Anchor;
use anyhow::{Context as _, Result, anyhow, bail};
use file::StateFile;
use ironroot_journal::{Header, Journal, JournalError, Protection};
use ironroot_port_host::{OsEntropy, PrivateDirectory};
use std::cell::Cell;
use std::fs::{File, TryLockError};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The journal's file.
const STATE: &str = "tpm.state";
const UNFINISHED: &str = "tpm.state.new";
const LOCK: &str = "lock";

/// Bytes in a segment: room for the largest state and as much again for changes.
const SEGMENT: u32 = 1 << 20;

/// When changes must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Before the answer.
    #[default]
    Full,
    /// When the operating system likes: a crash of the machine may cost everything, a crash of the
    /// daemon nothing.
    None,
}

/// Where the state is and what protects it.
#[derive(Debug, Clone)]
pub struct StateOptions {
    /// The directory.
    pub directory: PathBuf,
    /// The key, if it is encrypted.
    pub key: Option<KeySource>,
    /// What refuses an old copy.
    pub anchor: Option<AnchorSource>,
    /// When changes must be on the disk.
    pub durability: Durability,
}

/// A directory that this process has for itself.
pub(crate) struct StateDirectory {
    directory: PrivateDirectory,
    path: PathBuf,
    lock: File,
}

impl StateDirectory {
    /// Opens a directory; with `create` it may be new. Another program's state is left as it is.
    pub(crate) fn open(path: &Path, create: bool) -> Result<Self> {
        let shown = path.display();
        let directory = Self::enter(path, create)?;
        if !create && !directory.has(STATE) {
            bail!("there is no TPM in {shown}: `ironroot tpm serve --state {shown}` makes one");
        }
        let lock = directory.lock(LOCK).map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => {
                anyhow!("{shown} is in use by another process: one TPM is served once")
            }
            _ => anyhow!(error).context(format!("cannot lock {shown}")),
        })?;
        Ok(Self {
            directory,
            path: path.to_owned(),
            lock,
        })
    }

    /// Opens a directory whose state another process still uses, without its lock; `None`: there is no state.
    pub(crate) fn open_later(path: &Path) -> Result<Option<Self>> {
        let directory = Self::enter(path, true)?;
        if !directory.has(STATE) {
            return Ok(None);
        }
        let lock = match directory.has(LOCK) {
            true => directory.open_file(LOCK, true),
            // A copy, say.
            false => directory.create_file(LOCK),
        };
        let lock = lock.with_context(|| format!("cannot open the lock of {}", path.display()))?;
        Ok(Some(Self {
            directory,
            path: path.to_owned(),
            lock,
        }))
    }

    fn enter(path: &Path, create: bool) -> Result<PrivateDirectory> {
        foreign::refuse(path)?;
        let opened = if create {
            PrivateDirectory::open_or_create(path)
        } else {
            PrivateDirectory::open(path)
        };
        opened.with_context(|| {
            let shown = path.display();
            format!("cannot open the state directory {shown} (a link is not followed)")
        })
    }

    /// Opens the state, or makes a new one where there is none.
    pub(crate) fn store(
        &self,
        options: &StateOptions,
        key: Option<&StateKey>,
        nv_available: Rc<Cell<bool>>,
        log: &Log,
    ) -> Result<HostStore> {
        if let Some(AnchorSource::File(file)) = &options.anchor {
            self.refuse_inside(file)?;
        }
        let mut anchor = options.anchor.as_ref().map(Anchor::open).transpose()?;
        let position = match &mut anchor {
            Some(anchor) => anchor.read()?,
            None => None,
        };
        if !self.directory.has(STATE) {
            if position.is_some() {
                bail!(
                    "{} holds no state, but the anchor knows one: it was removed or is somewhere else. \
                     To begin anew, remove the anchor as well",
                    self.path.display()
                );
            }
            self.create(key, options.durability)?;
            log.line("made a new TPM");
        }
        let file = self.state_file(options.durability)?;
        let mut store = HostStore::new(file, nv_available, log.clone())?;
        let opened = store.open(key, position.as_ref());
        opened.map_err(|error| self.explain(error))?;
        if let Some(anchor) = anchor {
            store.bind(anchor, position)?;
        }
        Ok(store)
    }

    /// A store whose state is not even looked at before the lock is there: [`HostStore::open_again`].
    pub(crate) fn store_later(
        &self,
        options: &StateOptions,
        nv_available: Rc<Cell<bool>>,
        log: &Log,
    ) -> Result<HostStore> {
        let file = self.state_file(options.durability)?;
        HostStore::new(file, nv_available, log.clone())
    }

    fn state_file(&self, durability: Durability) -> Result<StateFile> {
        let file = self.directory.open_file(STATE, true);
        let file = file.with_context(|| format!("cannot open {}", self.state_path()))?;
        Ok(StateFile::new(file, durability)?)
    }

    /// Gives the lock up, for a process that goes on from this state elsewhere.
    pub(crate) fn release_lock(&self) -> Result<()> {
        Ok(self.lock.unlock()?)
    }

    /// Takes the lock; `false`: another process has it.
    pub(crate) fn take_lock(&self) -> Result<bool> {
        match self.lock.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// In words: another process changed the state while it had the lock.
    pub(crate) fn changed_meanwhile(&self) -> String {
        format!(
            "{} was changed by another process: it went on from there, this one cannot",
            self.state_path()
        )
    }

    /// What anybody can read of the state.
    pub(crate) fn header(&self) -> Result<Header> {
        let mut bytes = [0; 512];
        let file = self.directory.open_file(STATE, false)?;
        file.read_exact_at(&mut bytes, 0)
            .map_err(|_| self.explain(JournalError::NotAJournal))?;
        Header::parse(&bytes).map_err(|error| self.explain(error))
    }

    /// Copies the state into a new directory.
    pub(crate) fn copy_to(&self, target: &Path) -> Result<()> {
        let shown = target.display();
        foreign::refuse(target)?;
        let to = PrivateDirectory::open_or_create(target)
            .with_context(|| format!("cannot open {shown}"))?;
        if to.has(STATE) {
            bail!("there is a TPM in {shown} already; it is left as it is");
        }
        let _lock = to
            .lock(LOCK)
            .with_context(|| format!("cannot lock {shown}"))?;
        to.remove(UNFINISHED)?;
        let mut from = self.directory.open_file(STATE, false)?;
        let mut copy = to.create_file(UNFINISHED)?;
        std::io::copy(&mut from, &mut copy).with_context(|| format!("cannot write to {shown}"))?;
        copy.sync_all()?;
        to.rename(UNFINISHED, STATE)?;
        to.sync()?;
        Ok(())
    }

    fn create(&self, key: Option<&StateKey>, durability: Durability) -> Result<()> {
        self.directory.remove(UNFINISHED)?;
        let made = self.make(key, durability);
        if made.is_err() {
            // What is half made is in nobody's way, but takes room on a full disk.
            let _ = self.directory.remove(UNFINISHED);
        }
        made.with_context(|| format!("cannot make a TPM in {}", self.path.display()))
    }

    fn make(&self, key: Option<&StateKey>, durability: Durability) -> Result<()> {
        let file = self.directory.create_file(UNFINISHED)?;
        // Written, not only reserved: later writes then change no more than their own blocks.
        let blocks = Journal::<StateFile>::file_len(SEGMENT) / 65_536 + 1;
        let zeros = vec![0; 65_536];
        for block in 0..blocks {
            file.write_all_at(&zeros, block * 65_536)?;
        }
        file.set_len(Journal::<StateFile>::file_len(SEGMENT))?;
        let mut buffer = vec![0; 65_536];
        let medium = StateFile::new(file.try_clone()?, durability)?;
        Journal::create(
            medium,
            SEGMENT,
            key.map(StateKey::bytes),
            &mut OsEntropy,
            &mut buffer,
        )
        .map_err(|error| self.explain(error))?;
        if durability == Durability::Full {
            file.sync_all()?;
        }
        self.directory.rename(UNFINISHED, STATE)?;
        if durability == Durability::Full {
            self.directory.sync()?;
        }
        Ok(())
    }

    /// An anchor beside the state would go back together with it.
    fn refuse_inside(&self, anchor: &Path) -> Result<()> {
        let folder = match anchor.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if folder
            .canonicalize()?
            .starts_with(self.path.canonicalize()?)
        {
            bail!(
                "the anchor {} lies in the state directory: an old copy would bring its own anchor. \
                 Keep it elsewhere",
                anchor.display()
            );
        }
        Ok(())
    }

    fn state_path(&self) -> String {
        self.path.join(STATE).display().to_string()
    }

    /// What happened, to which file, and what to try next.
    pub(crate) fn explain(&self, error: JournalError) -> anyhow::Error {
        let file = self.state_path();
        match error {
            JournalError::NotAJournal => {
                anyhow!("{file} is not a TPM state of Ironroot; nothing was changed")
            }
            JournalError::NewerFormat(format) => anyhow!(
                "{file} has format {format}; this version reads up to {}: use a newer one",
                ironroot_journal::FORMAT
            ),
            JournalError::WrongKey => anyhow!("{file} was made with another key than --key gives"),
            JournalError::KeyNeeded => anyhow!("{file} is encrypted: --key is needed"),
            JournalError::NotEncrypted => {
                anyhow!("{file} is not encrypted: leave --key away")
            }
            JournalError::Damaged => anyhow!(
                "{file} is damaged. It is left as it is; put a backup in its place (with --anchor \
                 only the newest one is accepted)"
            ),
            JournalError::RolledBack => anyhow!(
                "{file} is older than the anchor, or another branch: an old copy was put back. To \
                 accept it all the same, remove the anchor"
            ),
            JournalError::AnchorTooOld => anyhow!(
                "{file} went on for long without its anchor, so it cannot be shown that it descends \
                 from it. To accept it as it is, remove the anchor"
            ),
            JournalError::Full => anyhow!("{file} has no room"),
            JournalError::Entropy => anyhow!("the operating system gives no random bytes"),
            JournalError::Medium => anyhow!("{file} cannot be read or written"),
        }
    }
}

/// In words, for people.
pub(crate) fn protection_in_words(protection: Protection, anchored: bool) -> String {
    let secrecy = match protection {
        Protection::Key => "encrypted and authenticated with your key",
        Protection::None => {
            "integrity against accident only: whoever reads or writes the directory has the TPM's \
             secrets (--key encrypts)"
        }
    };
    let freshness = if anchored {
        "an old copy is refused"
    } else {
        "an old copy is not noticed (--anchor refuses it)"
    };
    format!("{secrecy}; {freshness}")
}

#[cfg(test)]
mod tests;
