//! Which slot holds which object: in memory, read anew at every start of the partition.

use crate::MAX_OBJECTS;
use crate::object::{Head, Name};
use ironroot_psa_api::Error;
use ironroot_psa_api::storage::{CreateFlags, StorageUid};

/// Place of an object, below [`MAX_OBJECTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(usize);

impl Slot {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..MAX_OBJECTS).map(Self)
    }

    /// Its name in Internal Trusted Storage: 1 for the first. Nothing for what is no slot.
    pub(crate) fn uid(self) -> Option<StorageUid> {
        StorageUid::new(u64::try_from(self.0).ok()?.checked_add(1)?)
    }
}

/// What is known of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Storage has not answered; to be asked again.
    Unknown,
    Free,
    /// Something is there, and it cannot be told what.
    Damaged,
    Used {
        name: Name,
        write_once: bool,
    },
}

impl Entry {
    pub(crate) fn of(head: &Head) -> Self {
        let write_once = head.flags.contains(CreateFlags::WRITE_ONCE);
        Self::Used {
            name: head.name,
            write_once,
        }
    }
}

/// Every slot.
pub(crate) struct Index([Entry; MAX_OBJECTS]);

impl Index {
    pub(crate) const UNKNOWN: Self = Self([Entry::Unknown; MAX_OBJECTS]);

    pub(crate) fn entry(&self, slot: Slot) -> Entry {
        self.0.get(slot.0).copied().unwrap_or(Entry::Unknown)
    }

    pub(crate) fn set(&mut self, slot: Slot, entry: Entry) {
        if let Some(place) = self.0.get_mut(slot.0) {
            *place = entry;
        }
    }

    /// The slot of an object, and whether it was written once.
    ///
    /// `StorageFailure` while a slot is unknown that might hold it.
    pub(crate) fn find(&self, wanted: Name) -> Result<Option<(Slot, bool)>, Error> {
        for (place, entry) in self.0.iter().enumerate() {
            if let Entry::Used { name, write_once } = entry
                && *name == wanted
            {
                return Ok(Some((Slot(place), *write_once)));
            }
        }
        if self.0.contains(&Entry::Unknown) {
            Err(Error::StorageFailure)
        } else {
            Ok(None)
        }
    }

    /// Why an object was not found.
    pub(crate) fn absence(&self) -> Error {
        if self.0.contains(&Entry::Damaged) {
            Error::DataCorrupt
        } else {
            Error::DoesNotExist
        }
    }

    /// Where a new object can go: a free slot, else a damaged one, whose content is lost already.
    pub(crate) fn vacant(&self) -> Result<Slot, Error> {
        let of = |wanted| self.0.iter().position(|entry| *entry == wanted).map(Slot);
        of(Entry::Free)
            .or_else(|| of(Entry::Damaged))
            .ok_or(Error::InsufficientStorage)
    }
}
