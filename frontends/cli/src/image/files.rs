//! Files: read with a name in the error, written so that nothing is destroyed when it fails.

use anyhow::{Context, bail};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Who may read a file that is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Whoever the user's umask allows.
    Everyone,
    /// The owner only: it holds a private key.
    Owner,
}

/// The contents of a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file whole: to a new file beside it, then renamed over it. On failure what was there stays.
pub(super) fn write(path: &Path, data: &[u8], readers: Readers) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        // A terminal, a pipe, /dev/null: nothing to keep.
        return fs::write(path, data).with_context(context);
    }
    let temporary = temporary_name(path).with_context(context)?;
    let written = write_new(&temporary, data, readers).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(context)
}

/// Refuses to go on when a file that must not be lost is in the way.
pub(super) fn must_not_exist(path: &Path, what: &str) -> anyhow::Result<()> {
    if path.exists() {
        bail!("{} exists already; {what}", path.display());
    }
    Ok(())
}

/// Writes to a file, or to standard output when there is none.
pub(super) fn write_or_print(path: Option<&Path>, data: &[u8]) -> anyhow::Result<()> {
    match path {
        Some(path) => write(path, data, Readers::Everyone),
        None => std::io::stdout()
            .write_all(data)
            .context("cannot write to standard output"),
    }
}

pub(super) fn temporary_name(path: &Path) -> anyhow::Result<PathBuf> {
    let Some(name) = path.file_name() else {
        bail!("not a file name")
    };
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(temporary))
}

fn write_new(path: &Path, data: &[u8], readers: Readers) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = readers;
    let mut file = options.open(path)?;
    file.write_all(data)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("image.bin");
        write(&target, b"old", Readers::Everyone).unwrap();
        // The temporary file cannot be created: its name is taken by a directory.
        fs::create_dir(temporary_name(&target).unwrap()).unwrap();
        assert!(write(&target, b"new", Readers::Everyone).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"old");
        fs::remove_dir(temporary_name(&target).unwrap()).unwrap();
        write(&target, b"new", Readers::Everyone).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_private_key_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("key.pem");
        write(&target, b"secret", Readers::Owner).unwrap();
        assert_eq!(
            fs::metadata(&target).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
