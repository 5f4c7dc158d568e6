//! The journal's file.

use super::Durability;
use ironroot_journal::{Medium, MediumError};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// An open state file.
pub(crate) struct StateFile {
    file: File,
    size: u64,
    durability: Durability,
}

impl StateFile {
    pub(super) fn new(file: File, durability: Durability) -> std::io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self {
            file,
            size,
            durability,
        })
    }

    /// The same file once more, without opening it: the sandbox lets nothing be opened.
    pub(super) fn again(&self) -> std::io::Result<Self> {
        Ok(Self {
            file: self.file.try_clone()?,
            size: self.size,
            durability: self.durability,
        })
    }
}

impl Medium for StateFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), MediumError> {
        self.file
            .read_exact_at(out, offset)
            .map_err(|_| MediumError)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), MediumError> {
        self.file
            .write_all_at(data, offset)
            .map_err(|_| MediumError)
    }

    fn sync(&mut self) -> Result<(), MediumError> {
        match self.durability {
            // The file's length never changes, so its data is all there is to sync.
            Durability::Full => self.file.sync_data().map_err(|_| MediumError),
            Durability::None => Ok(()),
        }
    }
}
