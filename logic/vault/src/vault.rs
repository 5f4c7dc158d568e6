//! The public face of the store. (Bodies follow.)

use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_platform::{Flash, HardwareCounter};

use crate::{Change, RecordId, RecordInfo, Space, Statistics, VaultError};

/// The longest record in bytes: 2 KiB and what a service may wrap around them. Flash with small
/// sectors holds less: [`Vault::max_record`].
pub const MAX_RECORD: usize = 2136;

/// A mounted store. `RECORDS` is the size of the RAM index: how many records and counters it holds.
pub struct Vault<F: Flash, C: HardwareCounter, const RECORDS: usize> {
    flash: F,
    counter: C,
    statistics: Statistics,
}

impl<F: Flash, C: HardwareCounter, const RECORDS: usize> Vault<F, C, RECORDS> {
    /// Opens the store; formats a flash that is blank and whose counter was never used.
    ///
    /// # Errors
    /// See [`VaultError`]. After an error nothing was destroyed.
    pub fn mount(
        flash: F,
        counter: C,
        key: &Secret<32>,
        drbg: &mut Drbg,
    ) -> Result<Self, VaultError> {
        let _ = (key, drbg);
        Ok(Self {
            flash,
            counter,
            statistics: Statistics::default(),
        })
    }

    /// Destroys whatever the flash holds and starts an empty store; the counter goes on.
    ///
    /// # Errors
    /// [`VaultError::Geometry`], [`VaultError::Flash`], [`VaultError::Counter`], [`VaultError::Exhausted`].
    pub fn format(
        flash: F,
        counter: C,
        key: &Secret<32>,
        drbg: &mut Drbg,
    ) -> Result<Self, VaultError> {
        Self::mount(flash, counter, key, drbg)
    }

    /// Copies the record's bytes from `offset` on into `out`; the shorter of the two lengths.
    ///
    /// # Errors
    /// [`VaultError::Missing`], [`VaultError::BadOffset`], [`VaultError::Tampered`], [`VaultError::Flash`].
    pub fn get(&mut self, id: &RecordId, offset: u32, out: &mut [u8]) -> Result<usize, VaultError> {
        let _ = (id, offset, out);
        Err(VaultError::Missing)
    }

    /// Lets `f` read the whole record where it was decrypted, which is wiped afterwards. Spares the
    /// caller a buffer.
    ///
    /// # Errors
    /// [`VaultError::Missing`], [`VaultError::Tampered`], [`VaultError::Flash`].
    pub fn read<R>(&mut self, id: &RecordId, f: impl FnOnce(&[u8]) -> R) -> Result<R, VaultError> {
        let _ = (id, f);
        Err(VaultError::Missing)
    }

    /// Length and flags of a record, from RAM.
    ///
    /// # Errors
    /// [`VaultError::Missing`].
    pub fn info(&self, id: &RecordId) -> Result<RecordInfo, VaultError> {
        let _ = id;
        Err(VaultError::Missing)
    }

    /// Creates the record or replaces all of it.
    ///
    /// # Errors
    /// [`VaultError::TooLong`], [`VaultError::NoSpace`], [`VaultError::TooMany`] and those of the hardware.
    pub fn set(&mut self, id: &RecordId, flags: u32, data: &[u8]) -> Result<(), VaultError> {
        self.commit(&[Change::Set {
            id: *id,
            flags,
            data,
        }])
    }

    /// As [`set`](Self::set), the content being written by `fill` straight into the vault's buffer of
    /// `len` zeros, so that the caller needs none. `fill` may refuse; nothing is stored then.
    ///
    /// # Errors
    /// As [`set`](Self::set); the outer result is the vault's, the inner one is `fill`'s.
    pub fn set_with<E>(
        &mut self,
        id: &RecordId,
        flags: u32,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, VaultError> {
        let _ = (id, flags, len, fill);
        Err(VaultError::Flash)
    }

    /// Removes a record.
    ///
    /// # Errors
    /// [`VaultError::Missing`] and those of the hardware.
    pub fn remove(&mut self, id: &RecordId) -> Result<(), VaultError> {
        self.commit(&[Change::Remove { id: *id }])
    }

    /// Does all of `changes` or none, whenever power goes.
    ///
    /// # Errors
    /// As [`set`](Self::set) and [`remove`](Self::remove).
    pub fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), VaultError> {
        let _ = changes;
        Err(VaultError::Flash)
    }

    /// The records of one owner in one space, in no order.
    pub fn ids(&self, space: Space, owner: i32) -> impl Iterator<Item = RecordId> + '_ {
        core::iter::empty::<RecordId>().filter(move |id| id.space == space && id.owner == owner)
    }

    /// The value of a vault counter; 0 if it was never incremented. Counters are a name space of
    /// their own beside the records; they can be neither set nor removed.
    ///
    /// # Errors
    /// [`VaultError::Tampered`], [`VaultError::Flash`].
    pub fn counter_read(&mut self, id: &RecordId) -> Result<u64, VaultError> {
        let _ = id;
        Ok(0)
    }

    /// Adds one to a vault counter and returns the new value.
    ///
    /// # Errors
    /// As [`set`](Self::set), and [`VaultError::Exhausted`] at the top.
    pub fn counter_increment(&mut self, id: &RecordId) -> Result<u64, VaultError> {
        let _ = id;
        Err(VaultError::Flash)
    }

    /// The longest record this flash takes, in bytes.
    #[must_use]
    pub fn max_record(&self) -> usize {
        MAX_RECORD
    }

    /// How many bytes of flash records may fill; each costs [`cost`](Self::cost) of its length.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.flash.geometry().size()
    }

    /// How much of the capacity is left.
    #[must_use]
    pub fn free_space(&self) -> u32 {
        self.capacity()
    }

    /// What a record of `len` bytes takes of the capacity.
    #[must_use]
    pub fn cost(&self, len: usize) -> u32 {
        u32::try_from(len).unwrap_or(u32::MAX).saturating_add(40)
    }

    /// What was done to the flash since mount.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Gives flash and counter back.
    pub fn into_parts(self) -> (F, C) {
        (self.flash, self.counter)
    }
}
