//! Objects (Part 1, sections 22 to 28): keys, sealed data, and the slots they are loaded into.

mod search;

use crate::core::Core;
use crate::entity::Guard;
use crate::handle::{Handle, Hierarchy};
use crate::rc::{Rc, Result};
use crate::structures::Name;

pub(crate) use search::Search;

/// Memory for one loaded object or sequence.
pub struct ObjectSlot {
    content: Content,
}

enum Content {
    Empty,
    Object(Object),
}

impl ObjectSlot {
    /// An empty slot.
    pub const EMPTY: Self = Self {
        content: Content::Empty,
    };
}

/// A loaded object.
pub(crate) struct Object {
    /// Its name.
    pub(crate) name: Name,
    /// The hierarchy it belongs to.
    pub(crate) hierarchy: Hierarchy,
}

/// All slots.
pub(crate) struct Objects<'m> {
    slots: &'m mut [ObjectSlot],
    pub(crate) search: Search,
}

impl<'m> Objects<'m> {
    /// The first `count` of `slots`, emptied.
    pub(crate) fn new(slots: &'m mut [ObjectSlot], count: usize) -> Self {
        slots.iter_mut().for_each(|slot| slot.content = Content::Empty);
        let count = count.min(slots.len());
        let slots = slots.get_mut(..count).unwrap_or_default();
        Self {
            slots,
            search: Search::default(),
        }
    }

    /// Refuses a transient handle that names no loaded object.
    ///
    /// # Errors
    /// `REFERENCE_H0`
    pub(crate) fn check(&self, handle: Handle) -> Result<()> {
        match self.slot(handle) {
            Some(_) => Ok(()),
            None => Err(Rc::REFERENCE_H0),
        }
    }

    fn slot(&self, handle: Handle) -> Option<&Object> {
        match &self.slots.get(usize::try_from(handle.index()).ok()?)?.content {
            Content::Object(object) => Some(object),
            Content::Empty => None,
        }
    }
}

impl Core<'_> {
    /// Shows an object, loaded or persistent, to `look`.
    ///
    /// # Errors
    /// `REFERENCE_H0`, `HANDLE`
    pub(crate) fn with_object<T>(&mut self, handle: Handle, look: impl FnOnce(&Object) -> T) -> Result<T> {
        self.objects.slot(handle).map(look).ok_or(Rc::REFERENCE_H0)
    }

    /// Refuses a persistent handle that names nothing, or whose hierarchy is off.
    ///
    /// # Errors
    /// `HANDLE`
    pub(crate) fn check_persistent(&mut self, _handle: Handle) -> Result<()> {
        Err(Rc::HANDLE)
    }

    /// Auth value, policy and rules of an object.
    ///
    /// # Errors
    /// As [`Core::with_object`].
    pub(crate) fn object_guard(&mut self, _handle: Handle) -> Result<Guard> {
        Err(Rc::HANDLE)
    }
}
