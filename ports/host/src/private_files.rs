//! A directory of secrets: opened once, every file reached through it, no link followed.
//!
//! Whoever can write into a directory above can plant a link where a daemon is about to create a file
//! (CVE-2020-28407). Here the directory itself is opened without following a link in its last
//! component, and every file is opened relative to that descriptor, as a regular file that belongs to
//! this user and has one name. A link in an earlier component is the user's own wish.

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A directory that is reached through a descriptor.
#[derive(Debug)]
pub struct PrivateDirectory {
    descriptor: OwnedFd,
}

impl PrivateDirectory {
    /// Opens `path`.
    ///
    /// # Errors
    /// What the operating system says; `NotADirectory` for a link.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let descriptor = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        Ok(Self { descriptor })
    }

    /// The same, made first for its owner alone if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_or_create(path: &Path) -> io::Result<Self> {
        match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Self::open(path),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether something has this name: a file, a link, anything.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Opens a file for reading, and for writing if `writable`.
    ///
    /// # Errors
    /// What the operating system says; what is not a regular file of this user's, with one name.
    pub fn open_file(&self, name: &str, writable: bool) -> io::Result<File> {
        let access = if writable {
            OFlags::RDWR
        } else {
            OFlags::RDONLY
        };
        open_at(&self.descriptor, name.as_ref(), access)
    }

    /// Makes a file for its owner alone. One that is there is an error.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn create_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        open_at(&self.descriptor, name.as_ref(), flags)
    }

    /// Opens or makes the file `name` and takes its lock; it is free again when the file is dropped or
    /// the process ends, however it ends.
    ///
    /// # Errors
    /// `WouldBlock` while another process has it.
    pub fn lock(&self, name: &str) -> io::Result<File> {
        let file = open_at(
            &self.descriptor,
            name.as_ref(),
            OFlags::RDWR | OFlags::CREATE,
        )?;
        for _ in 0..LOCK_ATTEMPTS {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Gives a file another name, replacing what has it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(
            &self.descriptor,
            from,
            &self.descriptor,
            to,
        )?)
    }

    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts names that were made, changed or removed on the disk.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }
}

/// Opens `path` for appending, for its owner alone if it is made now, following no link.
///
/// # Errors
/// What the operating system says; what is not a regular file of this user's, with one name.
pub fn open_log(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
    open_at(CWD, path, flags)
}

/// Opens or makes `path` for reading and writing, following no link.
///
/// # Errors
/// What the operating system says; what is not a regular file of this user's, with one name.
pub fn open_private(path: &Path) -> io::Result<File> {
    open_at(CWD, path, OFlags::RDWR | OFlags::CREATE)
}

fn open_at(directory: impl AsFd, name: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let mode = Mode::RUSR | Mode::WUSR;
    let descriptor =
        rustix::fs::openat(directory, name, flags, mode).map_err(|error| match error {
            Errno::LOOP => io::Error::other("it is a symbolic link, which is not followed"),
            error => error.into(),
        })?;
    check_regular(&rustix::fs::fstat(&descriptor)?)?;
    Ok(descriptor.into())
}

/// Refuses what is not a regular file, has a second name, or belongs to another user.
///
/// # Errors
/// The reason, in words.
fn check_regular(status: &Stat) -> io::Result<()> {
    let reason = if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        "it is not a regular file"
    } else if status.st_nlink != 1 {
        "it has another name elsewhere (a hard link)"
    } else if status.st_uid != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else {
        return Ok(());
    };
    Err(io::Error::other(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_planted_link_is_never_followed() {
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().join("precious");
        std::fs::write(&target, "precious").unwrap();
        let place = tempfile::tempdir().unwrap();
        let directory = PrivateDirectory::open(place.path()).unwrap();
        for planted in [target.clone(), outside.path().join("not there")] {
            let link = place.path().join("name");
            symlink(&planted, &link).unwrap();
            assert!(directory.has("name"));
            assert!(directory.open_file("name", false).is_err());
            assert!(directory.open_file("name", true).is_err());
            assert!(directory.create_file("name").is_err());
            assert!(directory.lock("name").is_err());
            assert!(open_log(&link).is_err());
            assert!(open_private(&link).is_err());
            std::fs::remove_file(link).unwrap();
        }
        assert!(!outside.path().join("not there").exists());
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
    }

    #[test]
    fn a_hard_link_a_pipe_and_a_directory_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let directory = PrivateDirectory::open(place.path()).unwrap();
        std::fs::write(place.path().join("file"), "x").unwrap();
        std::fs::hard_link(place.path().join("file"), place.path().join("second")).unwrap();
        std::fs::create_dir(place.path().join("folder")).unwrap();
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, place.path().join("pipe"), FileType::Fifo, mode, 0).unwrap();
        for name in ["file", "second", "folder", "pipe"] {
            assert!(directory.open_file(name, true).is_err(), "{name}");
            assert!(open_log(&place.path().join(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_link_to_a_directory_is_not_taken_for_it() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("link");
        symlink(place.path(), &link).unwrap();
        assert!(PrivateDirectory::open(&link).is_err());
        assert!(PrivateDirectory::open_or_create(&link).is_err());
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new");
        let directory = PrivateDirectory::open_or_create(&path).unwrap();
        directory.create_file("file").unwrap();
        open_log(&path.join("log")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("file")), 0o600);
        assert_eq!(mode(&path.join("log")), 0o600);
        assert!(directory.create_file("file").is_err());
    }

    #[test]
    fn the_lock_is_taken_once_and_free_when_dropped() {
        let place = tempfile::tempdir().unwrap();
        let directory = PrivateDirectory::open(place.path()).unwrap();
        let lock = directory.lock("lock").unwrap();
        let second = directory.lock("lock").map(|_| ()).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
        drop(lock);
        directory.lock("lock").unwrap();
    }
}
