//! Looking at, checking and copying a state that is not being served.

use crate::log::Log;
use crate::state::{KeySource, StateDirectory, StateOptions, protection_in_words};
use anyhow::Result;
use ironroot_journal::FORMAT;
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

/// What can be said of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The format it is written in.
    pub format: u32,
    /// What protects it, in words.
    pub protection: String,
    /// Bytes of its file.
    pub file_len: u64,
    /// What only shows when it is opened.
    pub content: Option<ContentReport>,
}

/// What an opened state holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentReport {
    /// Records: the TPM's own, NV indices, persistent objects.
    pub records: usize,
    /// Bytes in them.
    pub bytes: usize,
    /// Changes since it was made.
    pub transactions: u64,
}

/// What anybody can see without the key.
///
/// # Errors
/// There is no state, another program's, or one in use.
pub fn info(directory: &Path) -> Result<Report> {
    let header = StateDirectory::open(directory, false)?.header()?;
    Ok(Report {
        format: FORMAT,
        protection: protection_in_words(header.protection, false),
        file_len: header.file_len(),
        content: None,
    })
}

/// Opens the state as `serve` would, and says what it holds.
///
/// # Errors
/// Why `serve` would refuse it.
pub fn check(options: &StateOptions) -> Result<Report> {
    let directory = StateDirectory::open(&options.directory, false)?;
    let header = directory.header()?;
    let key = options.key.as_ref().map(KeySource::read).transpose()?;
    let unwritable = Rc::new(Cell::new(false));
    let store = directory.store(options, key.as_ref(), unwritable, &Log::default())?;
    Ok(Report {
        format: FORMAT,
        protection: protection_in_words(header.protection, options.anchor.is_some()),
        file_len: header.file_len(),
        content: Some(ContentReport {
            records: store.records(),
            bytes: store.used(),
            transactions: store.transactions(),
        }),
    })
}

/// Checks the state and copies it into a new directory.
///
/// # Errors
/// As [`check`]; the target holds a state already, or cannot be written.
pub fn back_up(options: &StateOptions, target: &Path) -> Result<Report> {
    let report = check(options)?;
    StateDirectory::open(&options.directory, false)?.copy_to(target)?;
    Ok(report)
}
