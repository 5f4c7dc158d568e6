//! What the engine asks of its surroundings. A port or a front end implements these; each says what it must keep.

pub use ironroot_platform::{Entropy, EntropyError};

/// The name of a record. NV indices and persistent objects are filed under their TPM handle, the TPM's own
/// state under small numbers: no two can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId(pub u32);

impl RecordId {
    /// Seeds, auth values, policies, counters: what every command may need.
    pub const PERMANENT: Self = Self(1);
    /// What an orderly Shutdown(STATE) keeps for the next Startup(STATE).
    pub const RESUME: Self = Self(2);
    /// NV data that lives in memory and is written by an orderly shutdown.
    pub const ORDERLY: Self = Self(3);
    /// The PCRs that an orderly Shutdown(STATE) keeps.
    pub const PCRS: Self = Self(4);
    /// What the full build's rarer commands keep for good: command audit, physical presence.
    pub const SUPPLEMENT: Self = Self(5);
    /// What of theirs an orderly Shutdown(STATE) keeps.
    pub const RESUME_SUPPLEMENT: Self = Self(6);
}

/// One change of a transaction.
#[derive(Clone, Copy)]
pub enum Change<'a> {
    /// Sets a record to `data`.
    Set {
        /// Which record.
        id: RecordId,
        /// Its new content, at most [`MAX_RECORD`] bytes.
        data: &'a [u8],
    },
    /// Removes a record; one that is not there is no error.
    Remove(
        /// Which record.
        RecordId,
    ),
}

/// The longest record, in bytes. Without `full`, the PCRs of two banks are the longest.
pub const MAX_RECORD: usize = if cfg!(feature = "full") { 3072 } else { 1536 };

/// Why the store could not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// There is no room. Nothing was changed.
    Full,
    /// It could not be read or written just now. Nothing was changed.
    Unavailable,
    /// What is there is not what was written.
    Corrupt,
}

/// Records that outlive the power.
///
/// An implementation promises: a transaction happens whole or not at all, whenever power goes; when
/// `commit` returns `Ok`, it stays; what was read is what was written last.
pub trait Store {
    /// Reads a record into `out` and gives its length in bytes; `None` if it is not there.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`; `Full` if `out` is too short.
    fn read(&mut self, id: RecordId, out: &mut [u8]) -> Result<Option<usize>, StoreError>;

    /// The first record whose number is at least `from`, in ascending order.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn at_or_after(&mut self, from: RecordId) -> Result<Option<RecordId>, StoreError>;

    /// Makes all changes, or none.
    ///
    /// # Errors
    /// `Full`, `Unavailable`: nothing was changed.
    fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), StoreError>;

    /// How many more bytes of records fit, about.
    fn free(&mut self) -> u32;
}

/// The time since some moment before power on, in milliseconds; never goes back while powered.
pub trait Ticks {
    /// Now, in ms.
    fn now(&mut self) -> u64;
}

/// A secret that is this device's own and that nobody else can read.
pub trait UniqueKey {
    /// Fills `out` with bytes that depend on the device and on `purpose` only.
    fn derive(&mut self, purpose: &[u8], out: &mut [u8]);
}

/// All surroundings but the store.
pub trait Platform: Entropy + Ticks + UniqueKey {}

impl<T: Entropy + Ticks + UniqueKey> Platform for T {}
