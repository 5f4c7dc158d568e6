//! Memory that a reset does not clear: 1 KiB for fault records, as AN521 keeps in SRAM. A file here.

use ironroot_boot::fault::{FaultArea, FaultRecord};
use std::path::{Path, PathBuf};

const SIZE: usize = 1024;

/// The retained memory of one device.
#[derive(Debug, Clone)]
pub struct Retained {
    file: PathBuf,
}

impl Retained {
    /// The memory in this file; one that is not there yet holds noise, as memory does after power-on.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
        }
    }

    /// Lets `f` use the fault area, and keeps what it leaves there.
    pub fn with<R>(&self, f: impl FnOnce(&mut FaultArea<'_>) -> R) -> R {
        let mut memory = std::fs::read(&self.file).unwrap_or_default();
        memory.resize(SIZE, 0);
        let result = f(&mut FaultArea::new(&mut memory));
        // A record that cannot be written is lost, as with memory that fails.
        let _ = std::fs::write(&self.file, &memory);
        result
    }

    /// The records with their sequence numbers.
    #[must_use]
    pub fn records(&self) -> Vec<(FaultRecord, u32)> {
        let mut memory = std::fs::read(&self.file).unwrap_or_default();
        FaultArea::new(&mut memory).records().collect()
    }

    /// Adds a record.
    pub fn record(&self, record: &FaultRecord) {
        self.with(|area| area.append(record));
    }
}
