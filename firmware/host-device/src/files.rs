//! Where a device's files are.
//!
//! A host device is a directory; an AN521 device is the file that QEMU maps as its PSRAM, with what else
//! there is to keep beside it:
//!
//! | | host | AN521 |
//! |---|---|---|
//! | flash | `DIR/flash.bin` (sparse form) | `FILE` (raw form) |
//! | public facts | `DIR/device.json` | `FILE.json` |
//! | memory kept over a reset | `DIR/retained.bin` | in the machine |
//! | socket of the secure world | `DIR/secure.sock` | – |

use crate::DeviceError;
use ironroot_boot::{FlashMap, flash_map};
use ironroot_port_host::{FileFlash, OpenError, Storage};
use std::path::{Path, PathBuf};

/// Kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Board {
    /// Arm MPS2+ AN521 in QEMU.
    An521,
    /// Processes on this machine.
    Host,
}

impl Board {
    /// The flash map.
    #[must_use]
    pub const fn map(self) -> &'static FlashMap {
        match self {
            Self::An521 => &flash_map::AN521,
            Self::Host => &flash_map::HOST,
        }
    }

    /// Its name on command lines and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::An521 => "an521",
            Self::Host => "host",
        }
    }

    const fn storage(self) -> Storage {
        match self {
            Self::An521 => Storage::Raw,
            Self::Host => Storage::Sparse,
        }
    }
}

/// A device's files.
#[derive(Debug, Clone)]
pub struct DeviceFiles {
    board: Board,
    root: PathBuf,
}

impl DeviceFiles {
    /// Makes a blank device at `path`.
    ///
    /// # Errors
    /// [`DeviceError::Create`], also when something is there already.
    pub fn create(path: &Path, board: Board) -> Result<Self, DeviceError> {
        let files = Self {
            board,
            root: path.to_owned(),
        };
        let create = |error: OpenError| DeviceError::Create(path.to_owned(), error);
        if board == Board::Host {
            use std::os::unix::fs::DirBuilderExt as _;
            // Only the device's own user: the flash holds its secrets.
            let made = std::fs::DirBuilder::new().mode(0o700).create(path);
            made.map_err(|error| create(error.into()))?;
        }
        FileFlash::create(&files.flash_file(), board.map().geometry, board.storage())
            .map_err(create)?;
        Ok(files)
    }

    /// The device at `path`: a directory is a host device, a file is an AN521.
    ///
    /// # Errors
    /// [`DeviceError::NoDevice`].
    pub fn find(path: &Path) -> Result<Self, DeviceError> {
        let board = if path.is_dir() {
            Board::Host
        } else {
            Board::An521
        };
        let files = Self {
            board,
            root: path.to_owned(),
        };
        if files.flash_file().is_file() {
            Ok(files)
        } else {
            Err(DeviceError::NoDevice(path.to_owned()))
        }
    }

    /// Opens and locks the flash.
    ///
    /// # Errors
    /// [`DeviceError::Open`], among others when the device is running.
    pub fn open_flash(&self) -> Result<FileFlash, DeviceError> {
        FileFlash::open(
            &self.flash_file(),
            self.map().geometry,
            self.board.storage(),
        )
        .map_err(|error| DeviceError::Open(self.root.clone(), error))
    }

    /// Kind of device.
    #[must_use]
    pub const fn board(&self) -> Board {
        self.board
    }

    /// The flash map.
    #[must_use]
    pub const fn map(&self) -> &'static FlashMap {
        self.board.map()
    }

    /// What the device was found at.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The file that holds the flash.
    #[must_use]
    pub fn flash_file(&self) -> PathBuf {
        match self.board {
            Board::An521 => self.root.clone(),
            Board::Host => self.root.join("flash.bin"),
        }
    }

    /// The file for public facts about the device.
    #[must_use]
    pub fn facts_file(&self) -> PathBuf {
        self.beside("device.json", ".json")
    }

    /// The file for the attestation public key.
    #[must_use]
    pub fn attestation_key_file(&self) -> PathBuf {
        self.beside("attestation-key.pem", ".attestation-key.pem")
    }

    /// The memory that is kept over a reset, of a host device.
    #[must_use]
    pub fn retained_file(&self) -> PathBuf {
        self.beside("retained.bin", ".retained")
    }

    /// The secure world's socket, of a host device.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.beside("secure.sock", ".sock")
    }

    fn beside(&self, in_directory: &str, suffix: &str) -> PathBuf {
        match self.board {
            Board::Host => self.root.join(in_directory),
            Board::An521 => {
                let mut name = self.root.clone().into_os_string();
                name.push(suffix);
                name.into()
            }
        }
    }
}
