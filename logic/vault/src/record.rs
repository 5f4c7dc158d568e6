//! Names and contents of records as callers see them.

/// A name space: one per service, so that no two can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space(pub u8);

/// The full name of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// Which service it belongs to.
    pub space: Space,
    /// Which client of that service.
    pub owner: i32,
    /// Which of that client's records.
    pub id: u64,
}

impl RecordId {
    /// The name made of its three parts.
    #[must_use]
    pub const fn new(space: Space, owner: i32, id: u64) -> Self {
        Self { space, owner, id }
    }
}

/// What is known of a record without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordInfo {
    /// Length of the data in bytes.
    pub len: u32,
    /// The flags it was stored with; the vault gives them no meaning.
    pub flags: u32,
}

/// One step of a transaction ([`Vault::commit`](crate::Vault::commit)).
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Create the record or replace all of it.
    Set {
        /// Its name.
        id: RecordId,
        /// Kept beside the data and given back by `info`.
        flags: u32,
        /// The whole content.
        data: &'a [u8],
    },
    /// Remove a record that exists.
    Remove {
        /// Its name.
        id: RecordId,
    },
}

/// What the vault did to the flash since it was mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Sectors erased.
    pub erases: u32,
    /// Program operations.
    pub programs: u32,
    /// Bytes programmed, headers and padding included.
    pub bytes_programmed: u32,
    /// Records that collection moved.
    pub moves: u32,
    /// Steps of the hardware counter.
    pub commits: u32,
}

impl Statistics {
    pub(crate) fn count_program(&mut self, len: usize) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.programs = self.programs.saturating_add(1);
        self.bytes_programmed = self.bytes_programmed.saturating_add(len);
    }
}
