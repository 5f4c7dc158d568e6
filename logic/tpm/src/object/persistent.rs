//! Persistent objects: each is one record of the store, filed under its handle.
//!
//! They take no slot. They are read when they are needed; the one read last stays in memory, and every commit of
//! the store forgets it ([`Core::commit`]).

use super::{MAX_SAVED, Object, Objects};
use crate::core::Core;
use crate::handle::{Handle, Hierarchy, Kind};
use crate::rc::{Rc, Result};
use crate::store::{RecordId, Store, StoreError};
use crate::wire::Input;
use ironroot_crypto::wipe;

/// The last handle of persistent objects.
const LAST: u32 = Handle::PERSISTENT_FIRST.0 | 0x00ff_ffff;

/// The object behind a handle, loaded or persistent.
///
/// # Errors
/// `REFERENCE_H0`, `SEQUENCE`, `HANDLE`; `FAILURE`, `NV_UNAVAILABLE`: the store's.
pub(crate) fn find<'a>(
    objects: &'a mut Objects<'_>,
    store: &mut dyn Store,
    handle: Handle,
) -> Result<&'a Object> {
    if handle.kind() != Kind::Persistent {
        return objects.object(handle);
    }
    let at_hand = matches!(&objects.persistent, Some((at, _)) if *at == handle);
    if !at_hand {
        objects.persistent = None;
        objects.persistent = Some((handle, read(store, handle)?));
    }
    objects
        .persistent
        .as_ref()
        .map(|(_, object)| object)
        .ok_or(Rc::HANDLE)
}

fn read(store: &mut dyn Store, handle: Handle) -> Result<Object> {
    let mut record = [0; MAX_SAVED];
    let object = match store.read(RecordId(handle.0), &mut record) {
        Ok(None) => Err(Rc::HANDLE),
        Ok(Some(len)) => {
            let mut input = Input::new(record.get(..len).unwrap_or_default());
            match Object::read(&mut input) {
                Ok(object) if input.is_empty() => Ok(object),
                _ => Err(Rc::FAILURE),
            }
        }
        Err(StoreError::Full | StoreError::Corrupt) => Err(Rc::FAILURE),
        Err(StoreError::Unavailable) => Err(Rc::NV_UNAVAILABLE),
    };
    wipe(&mut record);
    object
}

impl Core<'_> {
    /// Refuses a persistent handle that names nothing, or whose hierarchy is off.
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn check_persistent(&mut self, handle: Handle) -> Result<()> {
        let hierarchy = self.with_object(handle, |object| object.hierarchy)?;
        let range_is_on =
            handle < Handle::PLATFORM_PERSISTENT_FIRST || self.is_enabled(Hierarchy::Platform);
        match range_is_on && self.is_enabled(hierarchy) {
            true => Ok(()),
            false => Err(Rc::HANDLE),
        }
    }

    /// Whether the hierarchy is on.
    pub(crate) fn is_enabled(&self, hierarchy: Hierarchy) -> bool {
        self.check_permanent(hierarchy.handle()).is_ok()
    }

    /// How many persistent objects there are.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn count_persistent(&mut self) -> Result<usize> {
        let (mut count, mut from) = (0usize, Handle::PERSISTENT_FIRST.0);
        while let Some(RecordId(at)) = self.store.at_or_after(RecordId(from))? {
            if at > LAST {
                break;
            }
            count = count.saturating_add(1);
            from = at.saturating_add(1);
        }
        Ok(count)
    }

    /// Stages the record of an object that becomes persistent.
    ///
    /// # Errors
    /// `NV_DEFINED`: the handle is taken; `NV_SPACE`: there are as many as there may be.
    pub(crate) fn stage_persistent(&mut self, object: Handle, handle: Handle) -> Result<()> {
        if self.store.at_or_after(RecordId(handle.0))? == Some(RecordId(handle.0)) {
            return Err(Rc::NV_DEFINED);
        }
        if self.count_persistent()? >= self.profile.persistent_objects {
            return Err(Rc::NV_SPACE);
        }
        let object = find(&mut self.objects, self.store, object)?;
        self.transaction
            .set_with(RecordId(handle.0), |out| object.write(out))
    }
}
