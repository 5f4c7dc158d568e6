//! Why a journal does not open, or does not take a change.

use crate::MediumError;
use ironroot_codec::{BufferFull, EndOfInput};

/// Why an operation on a journal failed. After any of them nothing of the change counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalError {
    /// The file is not a journal.
    NotAJournal,
    /// A journal of this format, which is newer than ours.
    NewerFormat(u32),
    /// Not the key it was made with.
    WrongKey,
    /// Made with a key, and none was given.
    KeyNeeded,
    /// Made without a key, and one was given.
    NotEncrypted,
    /// Bytes were changed, or lost after they had been acknowledged.
    Damaged,
    /// Older than the anchor, or another branch: a state that was left behind.
    RolledBack,
    /// The anchor is older than what the journal can still show to descend from.
    AnchorTooOld,
    /// The content does not fit into the file, or a change not into the work buffer.
    Full,
    /// No entropy.
    Entropy,
    /// The file could not be read, written or synced.
    Medium,
}

impl From<MediumError> for JournalError {
    fn from(_: MediumError) -> Self {
        Self::Medium
    }
}

impl From<BufferFull> for JournalError {
    fn from(_: BufferFull) -> Self {
        Self::Full
    }
}

impl From<EndOfInput> for JournalError {
    fn from(_: EndOfInput) -> Self {
        Self::Damaged
    }
}
