//! Orderly indices: their state and data live in memory and are kept by an orderly shutdown.
//!
//! Without one, a reset finds the data lost, except that counters go on at a value that was never reached: at most
//! [`ORDERLY_COUNT`] steps are made before the record is written again.

use super::index::{NvIndex, NvKind, started};
use crate::attributes::NvAttributes;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Output, copy};
use ironroot_crypto::wipe;

const FULL: bool = cfg!(feature = "full");
/// How many orderly indices.
const MAX_ENTRIES: usize = if FULL { 32 } else { 8 };
/// Bytes of data of all of them.
const ROOM: usize = if FULL { 1024 } else { 128 };
/// Layout of the record.
const VERSION: u16 = 1;
/// Steps of an orderly counter between two writes (`TPM_PT_ORDERLY_COUNT`); a power of two less one.
pub(crate) const ORDERLY_COUNT: u64 = 0xff;

#[derive(Clone, Copy)]
struct Entry {
    handle: Handle,
    attributes: NvAttributes,
    len: u16,
}

/// Their state and data, in the order in which they were defined.
pub(crate) struct OrderlyNv {
    entries: [Entry; MAX_ENTRIES],
    count: usize,
    bytes: [u8; ROOM],
}

impl Default for OrderlyNv {
    fn default() -> Self {
        let none = Entry {
            handle: Handle::UNASSIGNED,
            attributes: NvAttributes(0),
            len: 0,
        };
        Self {
            entries: [none; MAX_ENTRIES],
            count: 0,
            bytes: [0; ROOM],
        }
    }
}

impl Drop for OrderlyNv {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl OrderlyNv {
    /// A second copy, to be changed and kept when the commit succeeded.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            entries: self.entries,
            count: self.count,
            bytes: self.bytes,
        }
    }

    fn used(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().take(self.count)
    }

    /// Bytes of data still free.
    pub(crate) fn free(&self) -> usize {
        let used = self.used().map(|entry| usize::from(entry.len)).sum();
        match self.count < MAX_ENTRIES {
            true => ROOM.saturating_sub(used),
            false => 0,
        }
    }

    /// Which entry, and where its bytes begin.
    fn find(&self, handle: Handle) -> Option<(usize, usize)> {
        let mut at: usize = 0;
        for (number, entry) in self.used().enumerate() {
            if entry.handle == handle {
                return Some((number, at));
            }
            at = at.saturating_add(usize::from(entry.len));
        }
        None
    }

    /// Gives the index its state and data. Without an entry: nothing was ever written.
    pub(crate) fn overlay(&self, index: &mut NvIndex) {
        let Some((number, at)) = self.find(index.public.handle) else {
            return;
        };
        let end = at.saturating_add(index.public.len());
        if let Some(entry) = self.entries.get(number) {
            index.overlay(
                entry.attributes,
                self.bytes.get(at..end).unwrap_or_default(),
            );
        }
    }

    /// Adds a new index.
    ///
    /// # Errors
    /// `NV_SPACE`
    pub(crate) fn add(&mut self, index: &NvIndex) -> Result<()> {
        if index.public.len() > self.free() {
            return Err(Rc::NV_SPACE);
        }
        let entry = self.entries.get_mut(self.count).ok_or(Rc::NV_SPACE)?;
        *entry = Entry {
            handle: index.public.handle,
            attributes: index.public.attributes,
            len: index.public.size,
        };
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Takes an index away; one that is not there is no error.
    pub(crate) fn remove(&mut self, handle: Handle) {
        let Some((number, at)) = self.find(handle) else {
            return;
        };
        let len = self
            .entries
            .get(number)
            .map_or(0, |entry| usize::from(entry.len));
        for at in number..self.count {
            let next = self.entries.get(at.saturating_add(1)).copied();
            if let (Some(entry), Some(next)) = (self.entries.get_mut(at), next) {
                *entry = next;
            }
        }
        if let Some(bytes) = self.bytes.get_mut(at..) {
            bytes.rotate_left(len.min(bytes.len()));
        }
        self.count = self.count.saturating_sub(1);
        let used: usize = self.used().map(|entry| usize::from(entry.len)).sum();
        wipe(self.bytes.get_mut(used..).unwrap_or_default());
    }

    /// Takes over the state and data of an index.
    ///
    /// # Errors
    /// `FAILURE`: it has no entry.
    pub(crate) fn update(&mut self, index: &NvIndex) -> Result<()> {
        let (number, at) = self.find(index.public.handle).ok_or(Rc::FAILURE)?;
        let entry = self.entries.get_mut(number).ok_or(Rc::FAILURE)?;
        entry.attributes = index.public.attributes;
        let end = at.saturating_add(usize::from(entry.len));
        let to = self.bytes.get_mut(at..end).ok_or(Rc::FAILURE)?;
        index.expose(|data| to.iter_mut().zip(data).for_each(|(to, from)| *to = *from));
        Ok(())
    }

    /// Locks all that a global lock locks.
    pub(crate) fn lock_globally(&mut self) {
        let count = self.count;
        for entry in self.entries.iter_mut().take(count) {
            if entry.attributes.has(NvAttributes::GLOBAL_LOCK) {
                entry.attributes = entry.attributes.with(NvAttributes::WRITE_LOCKED);
            }
        }
    }

    /// What a reset or restart makes of them; `lost`: there was no orderly shutdown before.
    pub(crate) fn start(&mut self, reset: bool, lost: bool) {
        let mut at: usize = 0;
        let Self {
            entries,
            count,
            bytes,
        } = self;
        for entry in entries.iter_mut().take(*count) {
            entry.attributes = started(entry.attributes, reset);
            let counts = NvKind::of(entry.attributes) == Some(NvKind::Counter);
            let value = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut());
            let written = entry.attributes.has(NvAttributes::WRITTEN);
            if let Some(value) = value.filter(|_| lost && counts && written) {
                *value = (u64::from_be_bytes(*value) | ORDERLY_COUNT).to_be_bytes();
            }
            at = at.saturating_add(usize::from(entry.len));
        }
    }

    /// The record.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&VERSION)?;
        out.put(&u16::try_from(self.count).map_err(|_| Rc::FAILURE)?)?;
        let mut at: usize = 0;
        for entry in self.used() {
            out.put(&entry.handle)?;
            out.put(&entry.attributes)?;
            let end = at.saturating_add(usize::from(entry.len));
            out.sized(self.bytes.get(at..end).ok_or(Rc::FAILURE)?)?;
            at = end;
        }
        Ok(())
    }

    /// From the record.
    ///
    /// # Errors
    /// Any: it is not whole.
    pub(crate) fn read(record: &[u8]) -> Result<Self> {
        let mut input = Input::new(record);
        if input.get::<u16>()? != VERSION {
            return Err(Rc::FAILURE);
        }
        let mut all = Self::default();
        let mut at: usize = 0;
        for _ in 0..input.get::<u16>()? {
            let entry = all.entries.get_mut(all.count).ok_or(Rc::SIZE)?;
            (entry.handle, entry.attributes) = (input.get()?, input.get()?);
            let data = input.sized(ROOM)?;
            entry.len = u16::try_from(data.len()).map_err(|_| Rc::SIZE)?;
            let end = at.saturating_add(data.len());
            copy(all.bytes.get_mut(at..end).ok_or(Rc::SIZE)?, data);
            all.count = all.count.saturating_add(1);
            at = end;
        }
        match input.is_empty() {
            true => Ok(all),
            false => Err(Rc::SIZE),
        }
    }
}
