//! The public face of the store: names in, bytes out. How it is done stands in the modules beside.

use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_platform::{Flash, HardwareCounter};

use crate::bytes::{array, copy};
use crate::cipher::{Cipher, Salts};
use crate::frame::{FrameBuffer, Verb};
use crate::index::{Entry, Index, Kind};
use crate::layout::Layout;
use crate::log::Log;
use crate::write::Item;
use crate::{Change, RecordId, RecordInfo, Space, Statistics, VaultError};

/// The longest record in bytes: 2 KiB and what a service may wrap around them. Flash with small
/// sectors holds less: [`Vault::max_record`].
pub const MAX_RECORD: usize = 2136;

/// A mounted store. `RECORDS` is the size of the RAM index: how many records and counters it holds at
/// most, 24 bytes of RAM each, beside 2.3 KiB.
///
/// After an error of flash or counter in the middle of an operation the store reads itself anew from
/// flash. If that fails too, records are [`VaultError::Flash`] until it succeeds; each call tries.
pub struct Vault<F: Flash, C: HardwareCounter, const RECORDS: usize> {
    pub(crate) flash: F,
    pub(crate) counter: C,
    pub(crate) cipher: Cipher,
    pub(crate) salts: Salts,
    pub(crate) layout: Layout,
    pub(crate) log: Log,
    pub(crate) index: Index<RECORDS>,
    pub(crate) buffer: FrameBuffer,
    pub(crate) statistics: Statistics,
    /// What is in RAM may differ from what is on flash: an operation began and did not end.
    pub(crate) stale: bool,
}

impl<F: Flash, C: HardwareCounter, const RECORDS: usize> Vault<F, C, RECORDS> {
    /// Opens the store. One on a blank flash whose counter was never used is formatted; nothing is
    /// ever destroyed. Other than that, mounting writes nothing.
    ///
    /// `key` is for this store only. `drbg` gives the salt of this mount's nonces.
    ///
    /// # Errors
    /// [`VaultError::Geometry`] unless the flash has at least 4 sectors of 256 bytes to 512 KiB, a write
    /// unit of 1 to 32 and an erased value of 0x00 or 0xff. [`VaultError::RolledBack`],
    /// [`VaultError::Tampered`] (also for a wrong key), [`VaultError::NotBlank`], [`VaultError::TooMany`],
    /// [`VaultError::Flash`], [`VaultError::Counter`], [`VaultError::Exhausted`].
    pub fn mount(
        flash: F,
        counter: C,
        key: &Secret<32>,
        drbg: &mut Drbg,
    ) -> Result<Self, VaultError> {
        let layout = Layout::of(flash.geometry())?;
        let mut vault = Self::unmounted(flash, counter, layout, key, drbg);
        vault.load()?;
        if vault.log.is_blank() {
            vault.begin_session()?;
        }
        Ok(vault)
    }

    /// Destroys whatever the flash holds and starts an empty store. The counter goes on, so no older
    /// image of the flash is accepted afterwards. Power loss half-way leaves a flash that does not
    /// mount; format it again.
    ///
    /// # Errors
    /// [`VaultError::Geometry`], [`VaultError::Flash`], [`VaultError::Counter`],
    /// [`VaultError::Exhausted`].
    pub fn format(
        flash: F,
        counter: C,
        key: &Secret<32>,
        drbg: &mut Drbg,
    ) -> Result<Self, VaultError> {
        let layout = Layout::of(flash.geometry())?;
        let mut vault = Self::unmounted(flash, counter, layout, key, drbg);
        vault.log.generation = vault.counter.read()?;
        for sector in 0..vault.layout.sectors {
            vault.flash.erase(sector)?;
            vault.statistics.erases = vault.statistics.erases.saturating_add(1);
        }
        vault.begin_session()?;
        Ok(vault)
    }

    fn unmounted(flash: F, counter: C, layout: Layout, key: &Secret<32>, drbg: &mut Drbg) -> Self {
        let mut random = [0; 10];
        drbg.fill(&mut random);
        Self {
            flash,
            counter,
            cipher: Cipher::new(key),
            salts: Salts::new(random),
            layout,
            log: Log::BLANK,
            index: Index::new(),
            buffer: FrameBuffer::new(),
            statistics: Statistics::default(),
            stale: false,
        }
    }

    /// Copies the record's bytes from `offset` on into `out`; the shorter of the two lengths.
    ///
    /// # Errors
    /// [`VaultError::Missing`], [`VaultError::BadOffset`] for an offset behind the end,
    /// [`VaultError::Tampered`], [`VaultError::Flash`].
    pub fn get(&mut self, id: &RecordId, offset: u32, out: &mut [u8]) -> Result<usize, VaultError> {
        self.read(id, |data| {
            let offset = usize::try_from(offset).map_err(|_| VaultError::BadOffset)?;
            let rest = data.get(offset..).ok_or(VaultError::BadOffset)?;
            copy(out, rest);
            Ok(rest.len().min(out.len()))
        })?
    }

    /// Lets `f` read the whole record where it was decrypted, which is wiped afterwards. Spares the
    /// caller a buffer.
    ///
    /// # Errors
    /// [`VaultError::Missing`], [`VaultError::Tampered`], [`VaultError::Flash`].
    pub fn read<R>(&mut self, id: &RecordId, f: impl FnOnce(&[u8]) -> R) -> Result<R, VaultError> {
        self.refresh()?;
        let entry = *self
            .index
            .get(Kind::Record, id)
            .ok_or(VaultError::Missing)?;
        self.fetch(&entry)?;
        let len = usize::from(entry.len);
        let result = self.buffer.data(len).map(f);
        self.buffer.wipe();
        result
    }

    /// Length and flags of a record, from RAM.
    ///
    /// # Errors
    /// [`VaultError::Missing`]; [`VaultError::Flash`] when the store could not be read anew.
    pub fn info(&self, id: &RecordId) -> Result<RecordInfo, VaultError> {
        if self.stale {
            return Err(VaultError::Flash);
        }
        let entry = self
            .index
            .get(Kind::Record, id)
            .ok_or(VaultError::Missing)?;
        Ok(RecordInfo {
            len: entry.len.into(),
            flags: entry.flags,
        })
    }

    /// Creates the record or replaces all of it.
    ///
    /// # Errors
    /// [`VaultError::TooLong`], [`VaultError::NoSpace`], [`VaultError::TooMany`], and those of the
    /// hardware: [`VaultError::Flash`], [`VaultError::Counter`], [`VaultError::Exhausted`]; and
    /// [`VaultError::Tampered`] when a record that had to be moved was changed meanwhile.
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
        let item = Item::record(id, flags, len)?;
        self.prepare(core::iter::once(item))?;
        let data = self.buffer.data_mut(len)?;
        data.fill(0);
        if let Err(error) = fill(data) {
            self.buffer.wipe();
            return Ok(Err(error));
        }
        let written = self.operate(|vault, operation| vault.append(&item, true, operation));
        written.map(Ok)
    }

    /// Removes a record. Its ciphertext stays on flash until its sector is used again.
    ///
    /// # Errors
    /// [`VaultError::Missing`] and those of the hardware.
    pub fn remove(&mut self, id: &RecordId) -> Result<(), VaultError> {
        self.commit(&[Change::Remove { id: *id }])
    }

    /// Does all of `changes`, in order, or none of them, whenever power goes.
    ///
    /// Old and new versions must fit side by side, but for the one record that always fits.
    ///
    /// # Errors
    /// As [`set`](Self::set) and [`remove`](Self::remove).
    pub fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), VaultError> {
        for change in changes {
            Item::of(change)?;
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.prepare(changes.iter().flat_map(Item::of))?;
        self.operate(|vault, operation| {
            let mut left = changes.len();
            for change in changes {
                let item = Item::of(change)?;
                if let Change::Set { data, .. } = change {
                    copy(vault.buffer.data_mut(data.len())?, data);
                }
                left = left.saturating_sub(1);
                vault.append(&item, left == 0, operation)?;
            }
            Ok(())
        })
    }

    /// The records of one owner in one space, in no order.
    pub fn ids(&self, space: Space, owner: i32) -> impl Iterator<Item = RecordId> + '_ {
        self.index.ids(space, owner)
    }

    /// The value of a vault counter; 0 if it was never incremented. Counters are a name space of
    /// their own beside the records; they can be neither set nor removed.
    ///
    /// # Errors
    /// [`VaultError::Tampered`], [`VaultError::Flash`].
    pub fn counter_read(&mut self, id: &RecordId) -> Result<u64, VaultError> {
        self.refresh()?;
        let Some(entry) = self.index.get(Kind::Counter, id).copied() else {
            return Ok(0);
        };
        self.fetch(&entry)?;
        let value = self
            .buffer
            .data(entry.len.into())
            .ok()
            .and_then(|data| array(data, 0));
        self.buffer.wipe();
        value.map(u64::from_le_bytes).ok_or(VaultError::Corrupt)
    }

    /// Adds one to a vault counter and returns the new value. No loss of power and no older image of
    /// the flash brings a value back that was returned as passed.
    ///
    /// # Errors
    /// As [`set`](Self::set), and [`VaultError::Exhausted`] at the top.
    pub fn counter_increment(&mut self, id: &RecordId) -> Result<u64, VaultError> {
        let value = self
            .counter_read(id)?
            .checked_add(1)
            .ok_or(VaultError::Exhausted)?;
        let bytes = value.to_le_bytes();
        let item = Item::counter(id);
        self.prepare(core::iter::once(item))?;
        self.operate(|vault, operation| {
            copy(vault.buffer.data_mut(bytes.len())?, &bytes);
            vault.append(&item, true, operation)
        })?;
        Ok(value)
    }

    /// The longest record this flash takes, in bytes.
    #[must_use]
    pub fn max_record(&self) -> usize {
        usize::try_from(self.layout.max_record()).unwrap_or(MAX_RECORD)
    }

    /// How many records and counters the RAM index can still take.
    #[must_use]
    pub fn free_records(&self) -> usize {
        self.index.free_slots()
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

    /// Reads the store anew if an operation failed half-way.
    pub(crate) fn refresh(&mut self) -> Result<(), VaultError> {
        if self.stale { self.load() } else { Ok(()) }
    }

    /// Brings a live record into the buffer, decrypted.
    pub(crate) fn fetch(&mut self, entry: &Entry) -> Result<(), VaultError> {
        let number = self.log.number_of(entry.place, &self.layout);
        let head = self.open_frame(entry.place, entry.frame_len(&self.layout), number)?;
        // The tag vouches for all of it; only a store changed under our feet gets here.
        let same = head.verb == Verb::Put(entry.kind) && head.id == entry.id();
        if same && head.len == entry.len {
            Ok(())
        } else {
            Err(VaultError::Tampered)
        }
    }
}
