//! NV indices (Part 1, section 37): each is one record of the store.
//!
//! [`index`] is one index and its record, [`orderly`] holds the data of those that live in memory, [`rules`] says who
//! may read and write; here they are found, changed and counted.

mod index;
mod orderly;
mod pin;
mod rules;

pub(crate) use index::{NvIndex, NvKind, NvPublic};
pub(crate) use orderly::{ORDERLY_COUNT, OrderlyNv};
pub(crate) use rules::Access;

use crate::attributes::NvAttributes;
use crate::core::Core;
use crate::entity::{Guard, Policy};
use crate::handle::{Handle, Kind};
use crate::rc::{Rc, Result};
use crate::store::{MAX_RECORD, RecordId};
use crate::structures::Name;
use ironroot_crypto::wipe;

/// What is known of NV in memory.
#[derive(Default)]
pub(crate) struct Nv {
    /// The index used last, as it is now.
    cached: Option<NvIndex>,
    /// Those whose data lives in memory.
    pub(crate) orderly: OrderlyNv,
}

impl Nv {
    /// Forgets the index used last, because its record is about to change.
    pub(crate) fn forget(&mut self) {
        self.cached = None;
    }
}

impl Core<'_> {
    /// An index, whatever may be done with it.
    ///
    /// # Errors
    /// `HANDLE`: it is not defined; `FAILURE`: its record is not whole.
    pub(crate) fn nv_index(&mut self, handle: Handle) -> Result<&NvIndex> {
        if self
            .nv
            .cached
            .as_ref()
            .is_none_or(|index| index.public.handle != handle)
        {
            self.nv.cached = None;
            self.nv.cached = Some(self.load_nv(handle)?);
        }
        self.nv.cached.as_ref().ok_or(Rc::HANDLE)
    }

    fn load_nv(&mut self, handle: Handle) -> Result<NvIndex> {
        if handle.kind() != Kind::Nv {
            return Err(Rc::HANDLE);
        }
        let mut record = [0; MAX_RECORD];
        let len = self
            .store
            .read(RecordId(handle.0), &mut record)?
            .ok_or(Rc::HANDLE)?;
        let parsed = NvIndex::load(record.get(..len).unwrap_or_default(), self.permanent.get());
        wipe(&mut record);
        match parsed {
            Ok(mut index) if index.public.handle == handle => {
                self.nv.orderly.overlay(&mut index);
                Ok(index)
            }
            _ => Err(self.fail()),
        }
    }

    /// Changes an index and makes it durable, unless it is one whose data lives in memory.
    ///
    /// # Errors
    /// What `change` says, and the commit's: nothing was changed.
    pub(crate) fn update_nv(
        &mut self,
        handle: Handle,
        change: impl FnOnce(&mut NvIndex) -> Result<()>,
    ) -> Result<()> {
        self.nv_index(handle)?;
        let mut index = self.nv.cached.take().ok_or(Rc::FAILURE)?;
        let before = index.public.attributes;
        change(&mut index)?;
        match index.is_orderly() {
            true => self.update_orderly(&index, before)?,
            false => {
                self.stage_nv(&index)?;
                self.commit()?;
            }
        }
        self.nv.cached = Some(index);
        Ok(())
    }

    /// The record of an index, as it is now.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn stage_nv(&mut self, index: &NvIndex) -> Result<()> {
        let stamps = self.permanent.get();
        self.transaction
            .set_with(RecordId(index.public.handle.0), |out| {
                index.store(stamps, out)
            })
    }

    /// A counter must not go back even if power goes now: its first value, and each that ends a run, are kept.
    fn update_orderly(&mut self, index: &NvIndex, before: NvAttributes) -> Result<()> {
        let mut next = self.nv.orderly.duplicate();
        next.update(index)?;
        let counter = index.public.kind() == NvKind::Counter;
        let first = !before.has(NvAttributes::WRITTEN);
        if counter
            && (first
                || index
                    .number()
                    .is_some_and(|value| value & ORDERLY_COUNT == 0))
        {
            self.transaction
                .set_with(RecordId::ORDERLY, |out| next.write(out))?;
            self.commit()?;
        }
        self.nv.orderly = next;
        Ok(())
    }

    /// Stages the data that lives in memory, for an orderly shutdown.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn stage_orderly_nv(&mut self) -> Result<()> {
        let orderly = &self.nv.orderly;
        self.transaction
            .set_with(RecordId::ORDERLY, |out| orderly.write(out))
    }

    /// Brings back the data that lives in memory. `again`: the start is no resume; `lost`: no orderly shutdown before.
    ///
    /// # Errors
    /// `FAILURE`: the record is not whole.
    pub(crate) fn start_nv(&mut self, again: bool, reset: bool, lost: bool) -> Result<()> {
        self.nv = Nv::default();
        let mut record = [0; MAX_RECORD];
        if let Some(len) = self.store.read(RecordId::ORDERLY, &mut record)? {
            let read = OrderlyNv::read(record.get(..len).unwrap_or_default());
            self.nv.orderly = read.map_err(|_| Rc::FAILURE)?;
        }
        wipe(&mut record);
        if again {
            self.nv.orderly.start(reset, lost);
        }
        Ok(())
    }

    /// The first index at or after that handle.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn next_nv(&mut self, from: u32) -> Result<Option<Handle>> {
        self.next_record(from.max(Handle::NV_FIRST.0), Kind::Nv)
    }

    /// The first record at or after `from` that is filed under a handle of that kind.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn next_record(&mut self, from: u32, kind: Kind) -> Result<Option<Handle>> {
        let next = self
            .store
            .at_or_after(RecordId(from))?
            .map(|id| Handle(id.0));
        Ok(next.filter(|handle| handle.kind() == kind))
    }

    /// Stages that an index goes: record, memory (in `orderly`), and what its counter had reached.
    ///
    /// # Errors
    /// `HANDLE`, `FAILURE`
    pub(crate) fn stage_nv_removal(
        &mut self,
        handle: Handle,
        orderly: &mut OrderlyNv,
    ) -> Result<()> {
        let index = self.nv_index(handle)?;
        let (is_orderly, number) = (index.is_orderly(), index.number());
        let counted = number.filter(|_| index.public.kind() == NvKind::Counter);
        self.nv.forget();
        self.transaction.remove(RecordId(handle.0))?;
        if is_orderly {
            orderly.remove(handle);
        }
        if let Some(value) = counted {
            let kept = self.permanent.edit();
            kept.max_counter = kept.max_counter.max(value);
        }
        Ok(())
    }

    /// Refuses an index that is not defined, or whose hierarchy is off.
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn check_nv(&mut self, handle: Handle) -> Result<()> {
        let platform = self
            .nv_index(handle)?
            .public
            .has(NvAttributes::PLATFORM_CREATE);
        let on = match platform {
            true => self.volatile.platform_nv_enabled,
            false => self.volatile.owner_enabled,
        };
        match on {
            true => Ok(()),
            false => Err(Rc::HANDLE),
        }
    }

    /// The name of an index: hash algorithm and digest of its public area.
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn nv_name(&mut self, handle: Handle) -> Result<Name> {
        self.nv_index(handle)?.public.name()
    }

    /// Auth value, policy and rules of an index. Whether the command at hand may use them is another question:
    /// [`Core::nv_access`].
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn nv_guard(&mut self, handle: Handle) -> Result<Guard> {
        let index = self.nv_index(handle)?;
        let public = &index.public;
        let policy = match public.policy.is_empty() {
            true => Policy::NONE,
            false => Policy {
                hash: Some(public.name_alg),
                digest: public.policy,
            },
        };
        Ok(Guard {
            auth: index.auth.duplicate(),
            policy,
            user_with_auth: true,
            admin_with_policy: true,
            protected_from_guessing: !public.has(NvAttributes::NO_DA),
        })
    }
}
