//! NOR flash in a file.
//!
//! The file holds the flash's content byte for byte ([`Storage::Raw`], what QEMU maps as the AN521's
//! PSRAM), or every bit inverted ([`Storage::Sparse`]): erased flash is then zeros, which a file system
//! need not store, so a device of 48 MiB takes the space of what is written on it.
//!
//! Two processes cannot open one device: the file is locked while it is open. (QEMU does not take that
//! lock; the `ironroot` command asks its users to keep off a running device.)

use ironroot_platform::{Flash, FlashError, Geometry};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How the content lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Byte for byte.
    Raw,
    /// Inverted, so that erased flash (`0xff`) is a hole in the file.
    Sparse,
}

/// When written data must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After each program and erase: a crash of the host is a power cut of the device, no worse.
    EachWrite,
    /// At [`FileFlash::flush`] only: for bulk writing, where a crash means starting again.
    OnFlush,
}

/// Why a flash file could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has this device open.
    Busy,
    /// The file is not as long as the flash: its length in bytes.
    WrongLength(u64),
    /// The operating system refused.
    Io(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy => f.write_str("the device is in use by another process"),
            Self::WrongLength(len) => {
                write!(f, "the file has {len} bytes, not those of the device")
            }
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

/// Takes the lock. It may take a moment to come free: a process that was started from the last user
/// holds it until it executes its program.
fn lock(file: &File) -> Result<(), OpenError> {
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(OpenError::Io(error)),
        }
    }
    Err(OpenError::Busy)
}

const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A flash whose content is a file. Clones are handles to the same flash.
#[derive(Debug, Clone)]
pub struct FileFlash {
    file: Arc<File>,
    geometry: Geometry,
    storage: Storage,
    durability: Durability,
}

impl FileFlash {
    /// Makes the file, all erased, and only its owner's: it will hold secrets.
    ///
    /// # Errors
    /// [`OpenError::Io`], among others when the file exists: a device is never overwritten.
    pub fn create(path: &Path, geometry: Geometry, storage: Storage) -> Result<Self, OpenError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let flash = Self::locked(file, geometry, storage)?;
        match storage {
            Storage::Sparse => flash.file.set_len(u64::from(geometry.size()))?,
            Storage::Raw => {
                let sector = vec![geometry.erased; geometry.sector_size as usize];
                for number in 0..geometry.sectors {
                    let at = u64::from(number) * u64::from(geometry.sector_size);
                    flash.file.write_all_at(&sector, at)?;
                }
            }
        }
        flash.file.sync_all()?;
        Ok(flash)
    }

    /// Opens the file and locks it.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::Busy`] while another process has it.
    pub fn open(path: &Path, geometry: Geometry, storage: Storage) -> Result<Self, OpenError> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let len = file.metadata()?.len();
        if len != u64::from(geometry.size()) {
            return Err(OpenError::WrongLength(len));
        }
        Self::locked(file, geometry, storage)
    }

    fn locked(file: File, geometry: Geometry, storage: Storage) -> Result<Self, OpenError> {
        lock(&file)?;
        let durability = Durability::EachWrite;
        Ok(Self {
            file: Arc::new(file),
            geometry,
            storage,
            durability,
        })
    }

    /// A handle that syncs as `durability` says; other handles keep their own rule.
    #[must_use]
    pub fn with_durability(&self, durability: Durability) -> Self {
        Self {
            durability,
            ..self.clone()
        }
    }

    /// Puts everything written on the disk.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn flush(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn range(&self, offset: u32, len: usize) -> Result<u64, FlashError> {
        let len = u32::try_from(len).map_err(|_| FlashError::OutOfRange)?;
        let end = offset.checked_add(len).ok_or(FlashError::OutOfRange)?;
        if end > self.geometry.size() {
            return Err(FlashError::OutOfRange);
        }
        Ok(u64::from(offset))
    }

    fn convert(&self, bytes: &mut [u8]) {
        if self.storage == Storage::Sparse {
            bytes.iter_mut().for_each(|byte| *byte = !*byte);
        }
    }

    fn written(&self, result: io::Result<()>) -> Result<(), FlashError> {
        let result = match self.durability {
            Durability::EachWrite => result.and_then(|()| self.flush()),
            Durability::OnFlush => result,
        };
        result.map_err(|_| FlashError::Device)
    }

    fn is_erased(&self, offset: u32, len: usize) -> Result<bool, FlashError> {
        let mut present = vec![0; len];
        self.read(offset, &mut present)?;
        Ok(present.iter().all(|byte| *byte == self.geometry.erased))
    }
}

impl Flash for FileFlash {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        let at = self.range(offset, out.len())?;
        self.file
            .read_exact_at(out, at)
            .map_err(|_| FlashError::Device)?;
        self.convert(out);
        Ok(())
    }

    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let at = self.range(offset, data.len())?;
        let unit = self.geometry.write_unit;
        if !offset.is_multiple_of(unit) || !data.len().is_multiple_of(unit as usize) {
            return Err(FlashError::Unaligned);
        }
        if !self.is_erased(offset, data.len())? {
            return Err(FlashError::NotErased);
        }
        let mut stored = data.to_vec();
        self.convert(&mut stored);
        self.written(self.file.write_all_at(&stored, at))
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        if sector >= self.geometry.sectors {
            return Err(FlashError::OutOfRange);
        }
        let len = u64::from(self.geometry.sector_size);
        let at = u64::from(sector) * len;
        if self.storage == Storage::Sparse {
            // Not every file system can make holes; zeros mean the same.
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            if fallocate(&*self.file, hole, at, len).is_ok() {
                return self.written(Ok(()));
            }
        }
        let mut stored = vec![self.geometry.erased; self.geometry.sector_size as usize];
        self.convert(&mut stored);
        self.written(self.file.write_all_at(&stored, at))
    }
}
