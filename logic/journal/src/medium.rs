//! What a journal lies on: a file of fixed length on a system that caches.

/// A read, write or sync failed. What the write was to change may now be old, new or mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediumError;

/// A file that was allocated in advance.
///
/// What the system must guarantee: what was written before a [`sync`](Self::sync) that succeeded is on
/// the disk. Of what was written since, any sectors (512 bytes, or whatever the disk writes whole) may
/// have reached it when the power goes, in any order; each holds one of the contents it was given since
/// the sync, or that of before. Bytes that were not written stay.
pub trait Medium {
    /// Length in bytes; it never changes.
    fn size(&self) -> u64;

    /// Fills `out` from `offset`.
    ///
    /// # Errors
    /// [`MediumError`], also when the file ends before.
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), MediumError>;

    /// Writes `data` at `offset`, inside the length.
    ///
    /// # Errors
    /// [`MediumError`].
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), MediumError>;

    /// Returns when everything written is on the disk.
    ///
    /// # Errors
    /// [`MediumError`]; nothing written since the last sync can be relied on then.
    fn sync(&mut self) -> Result<(), MediumError>;
}

impl<M: Medium + ?Sized> Medium for &mut M {
    fn size(&self) -> u64 {
        (**self).size()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), MediumError> {
        (**self).read(offset, out)
    }
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), MediumError> {
        (**self).write(offset, data)
    }
    fn sync(&mut self) -> Result<(), MediumError> {
        (**self).sync()
    }
}
