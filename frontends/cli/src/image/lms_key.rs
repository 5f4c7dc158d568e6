//! LMS private keys in files: one-time keys, so the file is the state.
//!
//! Each signature takes the next leaf of the tree for ever. Two messages under one leaf let anybody forge a third,
//! so the file with the next number is on the disk before a signature leaves this program; a cut in between
//! wastes one leaf. The file is locked meanwhile.
//!
//! A copy would sign with the same leaves again. The file says which file it is (its inode and birth); a copy, or a
//! backup that was restored, is refused until somebody says with `lms-state --adopt` from which leaf on it may sign.
//!
//! PEM, label `IRONROOT LMS PRIVATE KEY`: version (1 byte, 1), LMS public key (56), seed (32), next leaf (4, big
//! endian), which file (8, big endian; 0 where files have no identity).

use super::files;
use super::key::generator;
use super::{pem, usage};
use anyhow::{Context, bail};
use clap::Args;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_crypto::lms::{
    HssPublicKey, LMS_PUBLIC_KEY_LEN, LmsPrivateKey, LmsPublicKey, MAX_SIGNATURE_LEN, OtsType,
    TreeType,
};
use ironroot_crypto::{Secret, wipe};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) const LABEL: &str = "IRONROOT LMS PRIVATE KEY";

const VERSION: u8 = 1;
const LEN: usize = 1 + LMS_PUBLIC_KEY_LEN + 32 + 4 + 8;

const WARNING: &str = "\
ironroot: this key signs a limited number of times, and no leaf of it may sign twice. Keep one file of it: never
restore it from a backup, never copy it to a second machine. A copy is refused until `ironroot image lms-state
--adopt` says from which leaf on it may sign.";

/// An LMS key by its file.
pub(super) struct LmsKey {
    path: Option<PathBuf>,
    public: LmsPublicKey,
}

/// What the file says.
struct State {
    key: LmsPrivateKey,
    /// The file it was written to.
    home: u64,
}

/// Makes a key and writes it.
pub(super) fn create(path: &Path, tree: TreeType, ots: OtsType) -> anyhow::Result<()> {
    let key = LmsPrivateKey::generate(tree, ots, &mut generator()?);
    store(path, &key)?;
    eprintln!("{WARNING}");
    eprintln!("ironroot: {} signatures", key.remaining());
    Ok(())
}

impl LmsKey {
    /// Reads the contents of a key file.
    pub(super) fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let state = State::parse(bytes)?;
        Ok(Self {
            path: None,
            public: *state.key.public().top(),
        })
    }

    /// Says which file it is from, without which it cannot sign.
    pub(super) fn set_path(&mut self, path: &Path) {
        self.path = Some(path.to_owned());
    }

    pub(super) fn public(&self) -> HssPublicKey {
        // One level is one to eight.
        HssPublicKey::new(1, self.public).expect("one level")
    }

    /// Takes the next leaf, for good, and signs with it.
    pub(super) fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let path = self
            .path
            .as_deref()
            .context("an LMS key signs from its file only")?;
        let (_lock, mut state) = open_locked(path)?;
        if *state.key.public().top() != self.public {
            bail!("{}: another key since it was read", path.display());
        }
        let leaf = state.key.reserve().with_context(|| {
            format!("{}: every leaf has signed; make a new key", path.display())
        })?;
        store(path, &state.key)?;
        let mut out = [0; MAX_SIGNATURE_LEN];
        let signature = state
            .key
            .sign(leaf, message, &mut out)
            .map_err(|error| anyhow::anyhow!("LMS signing failed: {error:?}"))?;
        let (left, all) = (state.key.remaining(), self.public.tree().leaves());
        if left <= all / 8 {
            eprintln!("ironroot: {}: {left} signatures left", path.display());
        }
        Ok(signature.to_vec())
    }
}

impl State {
    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let broken = "a broken LMS key";
        let bytes: &[u8; LEN] = bytes.try_into().ok().context(broken)?;
        let (version, rest) = bytes.split_first().context(broken)?;
        if *version != VERSION {
            bail!("an LMS key of a later version");
        }
        let (public, rest) = rest.split_first_chunk().context(broken)?;
        let (seed, rest) = rest.split_first_chunk::<32>().context(broken)?;
        let (next, home) = rest.split_first_chunk().context(broken)?;
        let public = LmsPublicKey::from_bytes(public).ok().context(broken)?;
        let home = home.try_into().ok().context(broken)?;
        Ok(Self {
            key: LmsPrivateKey::from_parts(public, Secret::new(*seed), u32::from_be_bytes(*next)),
            home: u64::from_be_bytes(home),
        })
    }

    fn encode(key: &LmsPrivateKey, home: u64) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(key.public().top().to_bytes());
        key.seed().expose(|seed| bytes.extend(seed));
        bytes.extend(key.next().to_be_bytes());
        bytes.extend(home.to_be_bytes());
        let text = pem::encode(LABEL, &bytes);
        wipe(&mut bytes);
        text
    }
}

/// Opens a key file for itself alone; the lock ends with the file. What is read is what is in the path's place
/// while the lock is held.
fn open_locked(path: &Path) -> anyhow::Result<(File, State)> {
    let (file, state) = lock(path)?;
    if state.home != 0 && identity(&file)? != state.home {
        bail!(
            "{}: this file is a copy, or was restored from one. The original may have signed with its next leaf, \
             and a leaf that signs twice gives the key away. If the original is gone, find out how many signatures \
             were ever made with it and say `ironroot image lms-state --key {} --adopt NEXT_LEAF`",
            path.display(),
            path.display()
        );
    }
    Ok((file, state))
}

fn lock(path: &Path) -> anyhow::Result<(File, State)> {
    let context = || format!("cannot read {}", path.display());
    loop {
        let mut file = File::open(path).with_context(context)?;
        file.lock().with_context(context)?;
        // Whoever held the lock before has put another file in its place.
        if identity(&file)? != identity(&File::open(path).with_context(context)?)? {
            continue;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(context)?;
        let blocks = pem::decode(&text).context("broken PEM")?;
        let block = blocks.into_iter().find(|block| block.label == LABEL);
        let mut block =
            block.with_context(|| format!("{}: not an LMS private key", path.display()))?;
        let state = State::parse(&block.der).with_context(|| format!("{}", path.display()));
        wipe(&mut block.der);
        return Ok((file, state?));
    }
}

/// Which file it is: a digest of its inode and the time of its birth. The inode alone will not do, for the
/// next file gets the number of one that was removed. Where a file system does not know when files were born,
/// it is the inode that is left.
#[cfg(unix)]
fn identity(file: &File) -> anyhow::Result<u64> {
    let metadata = file.metadata()?;
    let born = metadata
        .created()
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos());
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    let bytes = [&inode.to_be_bytes()[..], &born.to_be_bytes()].concat();
    let digest = digest(HashAlgorithm::Sha256, &bytes);
    let word = digest.as_slice().first_chunk().context("a short digest")?;
    Ok(u64::from_be_bytes(*word) | 1)
}

#[cfg(not(unix))]
fn identity(_: &File) -> anyhow::Result<u64> {
    Ok(0)
}

/// Writes the key's state: to a new file, which knows which one it is, then over the old one, all of it on the
/// disk before this returns.
fn store(path: &Path, key: &LmsPrivateKey) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let temporary = files::temporary_name(path).with_context(context)?;
    let written = write_new(&temporary, key).and_then(|()| {
        std::fs::rename(&temporary, path)?;
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.with_context(context)
}

fn write_new(path: &Path, key: &LmsPrivateKey) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let text = State::encode(key, identity(&file)?);
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

/// Options of `lms-state`.
#[derive(Args)]
pub(crate) struct LmsState {
    /// LMS private key
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    /// Make this copy the key from now on, and let it sign from this leaf on. Whoever says too small a number
    /// gives the key away
    #[arg(long, value_name = "NEXT_LEAF")]
    adopt: Option<u32>,
}

impl LmsState {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (_lock, state) = match self.adopt {
            None => open_locked(&self.key)?,
            Some(_) => lock(&self.key)?,
        };
        let mut key = state.key;
        if let Some(next) = self.adopt {
            let leaves = key.public().top().tree().leaves();
            if next < key.next() || next > leaves {
                return Err(usage(format!(
                    "--adopt takes a leaf from {} (what the file says) to {leaves}",
                    key.next()
                )));
            }
            while key.next() < next {
                // Between here and the last leaf, so there is one.
                key.reserve().context("no leaf is left")?;
            }
            store(&self.key, &key)?;
            eprintln!("{WARNING}");
        }
        let top = *key.public().top();
        println!(
            "height {}, width {}: {} of {} leaves have signed, {} are left",
            top.tree().height(),
            top.ots().width(),
            key.next(),
            top.tree().leaves(),
            key.remaining()
        );
        Ok(ExitCode::SUCCESS)
    }
}
