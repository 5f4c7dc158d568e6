//! The slots that objects and sequences are loaded into. A slot's content is dropped, and so wiped, as a whole: what
//! was there before is never seen by what comes after.

use super::primaries::Primaries;
use super::{Object, Search, Sequence};
use crate::handle::{Handle, Hierarchy, Kind};
use crate::pool::Pool;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Output};

/// Memory for one loaded object or sequence.
pub struct ObjectSlot {
    content: Content,
}

enum Content {
    Empty,
    Object(Object),
    Sequence(Sequence),
}

impl ObjectSlot {
    /// An empty slot.
    pub const EMPTY: Self = Self {
        content: Content::Empty,
    };
}

impl Content {
    /// What [`Objects::save`] wrote.
    fn read(input: &mut Input<'_>) -> Result<Self> {
        match input.get::<u8>()? {
            OBJECT => Ok(Self::Object(Object::read(input)?)),
            SEQUENCE => Ok(Self::Sequence(Sequence::read(input)?)),
            _ => Err(Rc::FAILURE),
        }
    }
}

/// First byte of what [`Objects::save`] writes.
const OBJECT: u8 = 1;
const SEQUENCE: u8 = 2;

/// All slots, and what else of objects is kept in memory.
pub(crate) struct Objects<'m> {
    slots: &'m mut [ObjectSlot],
    pub(crate) search: Search,
    /// The persistent object that was read last.
    pub(super) persistent: Option<(Handle, Object)>,
    pub(super) primaries: Primaries,
    /// Primes found ahead of time.
    pub(crate) pool: Pool<'m>,
}

impl<'m> Objects<'m> {
    /// The first `count` of `slots`, emptied.
    pub(crate) fn new(slots: &'m mut [ObjectSlot], count: usize) -> Self {
        slots
            .iter_mut()
            .for_each(|slot| slot.content = Content::Empty);
        let count = count.min(slots.len());
        let slots = slots.get_mut(..count).unwrap_or_default();
        Self {
            slots,
            search: Search::default(),
            persistent: None,
            primaries: Primaries::default(),
            pool: Pool::default(),
        }
    }

    /// Refuses a transient handle that names no loaded object or sequence.
    ///
    /// # Errors
    /// `REFERENCE_H0`
    pub(crate) fn check(&self, handle: Handle) -> Result<()> {
        match self.content(handle) {
            Some(Content::Object(_) | Content::Sequence(_)) => Ok(()),
            Some(Content::Empty) | None => Err(Rc::REFERENCE_H0),
        }
    }

    /// The loaded object.
    ///
    /// # Errors
    /// `REFERENCE_H0`: there is nothing; `SEQUENCE`: there is a sequence.
    pub(crate) fn object(&self, handle: Handle) -> Result<&Object> {
        match self.content(handle) {
            Some(Content::Object(object)) => Ok(object),
            Some(Content::Sequence(_)) => Err(Rc::SEQUENCE),
            Some(Content::Empty) | None => Err(Rc::REFERENCE_H0),
        }
    }

    /// The sequence, if there is one.
    pub(crate) fn sequence(&self, handle: Handle) -> Option<&Sequence> {
        match self.content(handle)? {
            Content::Sequence(sequence) => Some(sequence),
            Content::Empty | Content::Object(_) => None,
        }
    }

    /// The sequence, if there is one, to go on with it.
    pub(crate) fn sequence_mut(&mut self, handle: Handle) -> Option<&mut Sequence> {
        match &mut self.slot_mut(handle)?.content {
            Content::Sequence(sequence) => Some(sequence),
            Content::Empty | Content::Object(_) => None,
        }
    }

    /// The handle that the next thing loaded gets.
    ///
    /// # Errors
    /// `OBJECT_MEMORY`: all slots are taken.
    pub(crate) fn free_handle(&self) -> Result<Handle> {
        let free = self
            .slots
            .iter()
            .position(|slot| matches!(slot.content, Content::Empty));
        let index = free
            .and_then(|index| u32::try_from(index).ok())
            .ok_or(Rc::OBJECT_MEMORY)?;
        Ok(Handle(Handle::TRANSIENT_FIRST.0 | index))
    }

    /// Puts an object into a free slot.
    ///
    /// # Errors
    /// `OBJECT_MEMORY`
    pub(crate) fn add(&mut self, object: Object) -> Result<Handle> {
        self.fill(Content::Object(object))
    }

    /// Puts a sequence into a free slot.
    ///
    /// # Errors
    /// `OBJECT_MEMORY`
    pub(crate) fn add_sequence(&mut self, sequence: Sequence) -> Result<Handle> {
        self.fill(Content::Sequence(sequence))
    }

    /// Empties a slot; `false` if it was empty.
    pub(crate) fn flush(&mut self, handle: Handle) -> bool {
        let was_there = self.check(handle).is_ok();
        if let Some(slot) = self.slot_mut(handle) {
            slot.content = Content::Empty;
        }
        was_there
    }

    /// Power is gone: empties all slots, and forgets what was kept besides.
    pub(crate) fn flush_all(&mut self) {
        self.slots
            .iter_mut()
            .for_each(|slot| slot.content = Content::Empty);
        self.persistent = None;
        self.primaries = Primaries::default();
        self.search = Search::None;
        self.pool.wipe();
    }

    /// A hierarchy is switched off, or gets a new seed: its objects leave their slots, and no derived key is kept.
    pub(crate) fn flush_hierarchy(&mut self, hierarchy: Hierarchy) {
        for slot in self.slots.iter_mut() {
            if matches!(&slot.content, Content::Object(object) if object.hierarchy == hierarchy) {
                slot.content = Content::Empty;
            }
        }
        self.persistent = None;
        self.primaries = Primaries::default();
    }

    /// Forgets the persistent object in memory: the store may hold another one now.
    pub(crate) fn forget_persistent(&mut self) {
        self.persistent = None;
    }

    /// Handles of all that is loaded, ascending, from `from` on.
    pub(crate) fn loaded(&self, from: Handle) -> impl Iterator<Item = Handle> + '_ {
        let all = (Handle::TRANSIENT_FIRST.0..).zip(self.slots.iter());
        all.filter(move |(number, slot)| {
            *number >= from.0 && !matches!(slot.content, Content::Empty)
        })
        .map(|(number, _)| Handle(number))
    }

    /// How many slots are empty.
    pub(crate) fn free_slots(&self) -> usize {
        self.slots
            .iter()
            .filter(|slot| matches!(slot.content, Content::Empty))
            .count()
    }

    /// The hierarchy of what is loaded there; that of a sequence is the null hierarchy.
    pub(crate) fn hierarchy_of(&self, handle: Handle) -> Option<Hierarchy> {
        match self.content(handle)? {
            Content::Object(object) => Some(object.hierarchy),
            Content::Sequence(_) => Some(Hierarchy::Null),
            Content::Empty => None,
        }
    }

    /// Writes what is loaded there for a saved context; the caller encrypts it. The slot stays as it is.
    ///
    /// # Errors
    /// `REFERENCE_H0`; `FAILURE`: it does not fit.
    pub(crate) fn save(&self, handle: Handle, out: &mut Output<'_>) -> Result<()> {
        match self.content(handle) {
            Some(Content::Object(object)) => {
                out.put(&OBJECT)?;
                object.write(out)
            }
            Some(Content::Sequence(sequence)) => {
                out.put(&SEQUENCE)?;
                sequence.write(out)
            }
            Some(Content::Empty) | None => Err(Rc::REFERENCE_H0),
        }
    }

    /// Loads what [`Objects::save`] wrote into a free slot.
    ///
    /// # Errors
    /// `OBJECT_MEMORY`; another code: it is not that.
    pub(crate) fn load(&mut self, input: &mut Input<'_>) -> Result<Handle> {
        self.free_handle()?;
        let content = Content::read(input)?;
        match input.is_empty() {
            true => self.fill(content),
            false => Err(Rc::SIZE),
        }
    }

    /// Writes all slots for a snapshot, each with its number.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    #[cfg(feature = "full")]
    pub(crate) fn write_all(&self, out: &mut Output<'_>) -> Result<()> {
        let count = self.slots.len().saturating_sub(self.free_slots());
        out.put(&u8::try_from(count).map_err(|_| Rc::FAILURE)?)?;
        let mut loaded = self.loaded(Handle::TRANSIENT_FIRST);
        loaded.try_for_each(|handle| {
            out.put(&handle)?;
            out.sized_with(|out| self.save(handle, out))
        })
    }

    /// Fills the slots, which are empty, from a snapshot.
    ///
    /// # Errors
    /// Any: it is not that, or was made with more slots.
    #[cfg(feature = "full")]
    pub(crate) fn read_all(&mut self, input: &mut Input<'_>) -> Result<()> {
        for _ in 0..input.get::<u8>()? {
            let handle: Handle = input.get()?;
            let mut saved = Input::new(input.sized(usize::from(u16::MAX))?);
            let content = Content::read(&mut saved)?;
            let slot = self.slot_mut(handle).ok_or(Rc::OBJECT_MEMORY)?;
            if !matches!(slot.content, Content::Empty) || !saved.is_empty() {
                return Err(Rc::VALUE);
            }
            slot.content = content;
        }
        Ok(())
    }

    fn fill(&mut self, content: Content) -> Result<Handle> {
        let handle = self.free_handle()?;
        self.slot_mut(handle).ok_or(Rc::FAILURE)?.content = content;
        Ok(handle)
    }

    fn content(&self, handle: Handle) -> Option<&Content> {
        let index = slot_index(handle)?;
        self.slots.get(index).map(|slot| &slot.content)
    }

    fn slot_mut(&mut self, handle: Handle) -> Option<&mut ObjectSlot> {
        self.slots.get_mut(slot_index(handle)?)
    }
}

/// The memory of the slots is the wiring's, and outlives the TPM.
impl Drop for Objects<'_> {
    fn drop(&mut self) {
        self.flush_all();
    }
}

fn slot_index(handle: Handle) -> Option<usize> {
    match handle.kind() {
        Kind::Transient => usize::try_from(handle.index()).ok(),
        _ => None,
    }
}
