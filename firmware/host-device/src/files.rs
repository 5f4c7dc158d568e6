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
//! | how it updates | `DIR/strategy` | `FILE.strategy` |
//!
//! The last one is only there for devices that do not update by RAM-load. It stands for what a product has in
//! its bootloader.

use crate::DeviceError;
use ironroot_boot::{Area, FlashMap, UpdateLayout, UpdateMode, flash_map};
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

    /// Whether there is a bootloader for this way to update.
    #[must_use]
    pub const fn updates_by(self, mode: UpdateMode) -> bool {
        match self {
            Self::Host => true,
            Self::An521 => matches!(mode, UpdateMode::RamLoad | UpdateMode::SwapOffset),
        }
    }

    const fn storage(self) -> Storage {
        match self {
            Self::An521 => Storage::Raw,
            Self::Host => Storage::Sparse,
        }
    }
}

/// The host's scratch area, for the one way to update that needs it.
const SCRATCH: Area = Area {
    offset: 36 << 20,
    len: 64 << 10,
};

/// A device's files.
#[derive(Debug, Clone)]
pub struct DeviceFiles {
    board: Board,
    root: PathBuf,
    mode: UpdateMode,
}

impl DeviceFiles {
    /// Makes a blank device at `path` that updates by RAM-load.
    ///
    /// # Errors
    /// [`DeviceError::Create`], also when something is there already.
    pub fn create(path: &Path, board: Board) -> Result<Self, DeviceError> {
        Self::create_for(path, board, UpdateMode::RamLoad)
    }

    /// The same for another way to update.
    ///
    /// # Errors
    /// [`DeviceError::Create`], [`DeviceError::NoStrategy`].
    pub fn create_for(path: &Path, board: Board, mode: UpdateMode) -> Result<Self, DeviceError> {
        if !board.updates_by(mode) {
            return Err(DeviceError::NoStrategy(board.name(), mode.name()));
        }
        let files = Self {
            board,
            root: path.to_owned(),
            mode,
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
        if mode != UpdateMode::RamLoad {
            let written = std::fs::write(files.strategy_file(), format!("{}\n", mode.name()));
            written.map_err(|error| create(error.into()))?;
        }
        Ok(files)
    }

    /// The device at `path`: a directory is a host device, a file is an AN521.
    ///
    /// # Errors
    /// [`DeviceError::NoDevice`], [`DeviceError::UnknownStrategy`].
    pub fn find(path: &Path) -> Result<Self, DeviceError> {
        let board = if path.is_dir() {
            Board::Host
        } else {
            Board::An521
        };
        let mut files = Self {
            board,
            root: path.to_owned(),
            mode: UpdateMode::RamLoad,
        };
        if !files.flash_file().is_file() {
            return Err(DeviceError::NoDevice(path.to_owned()));
        }
        let strategy = files.strategy_file();
        if strategy.exists() {
            let unknown = || DeviceError::UnknownStrategy(strategy.clone());
            let name = std::fs::read_to_string(&strategy).map_err(|_| unknown())?;
            let mode = UpdateMode::from_name(name.trim()).filter(|mode| board.updates_by(*mode));
            files.mode = mode.ok_or_else(unknown)?;
        }
        Ok(files)
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

    /// How it updates, and where.
    #[must_use]
    pub fn layout(&self) -> UpdateLayout<'static> {
        let layout = UpdateLayout::new(self.mode, self.map());
        match self.mode {
            UpdateMode::SwapScratch => layout.with_scratch(SCRATCH),
            _ => layout,
        }
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

    fn strategy_file(&self) -> PathBuf {
        self.beside("strategy", ".strategy")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scratch_area_lies_in_whole_sectors_that_nothing_else_uses() {
        let map = Board::Host.map();
        assert_eq!(SCRATCH.offset % map.geometry.sector_size, 0);
        assert_eq!(SCRATCH.len % map.geometry.sector_size, 0);
        assert!(map.vault.end() <= SCRATCH.offset);
        assert!(SCRATCH.end() <= map.otp.offset);
    }

    #[test]
    fn a_device_is_found_with_the_strategy_it_was_made_for() {
        let directory = tempfile::tempdir().unwrap();
        for mode in UpdateMode::all() {
            let path = directory.path().join(mode.name());
            DeviceFiles::create_for(&path, Board::Host, mode).unwrap();
            assert_eq!(DeviceFiles::find(&path).unwrap().layout().mode, mode);
        }
        let damaged = directory.path().join("swap-offset");
        std::fs::write(damaged.join("strategy"), "swap-offsets\n").unwrap();
        let refused = DeviceFiles::find(&damaged);
        assert!(matches!(refused, Err(DeviceError::UnknownStrategy(_))));
    }

    #[test]
    fn a_board_without_such_a_bootloader_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dev");
        let refused = DeviceFiles::create_for(&path, Board::An521, UpdateMode::SwapMove);
        assert!(matches!(refused, Err(DeviceError::NoStrategy(..))));
        assert!(!path.exists());
    }
}
