//! The RAM index: where the present version of each record is.

use crate::layout::Layout;
use crate::{RecordId, Space, VaultError};

/// What an entry names. Records and counters are name spaces of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Record,
    Counter,
}

/// One live record. The id's parts stand apart to make the entry 24 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    id: u64,
    owner: i32,
    /// Address of its frame in the area.
    pub(crate) place: u32,
    pub(crate) flags: u32,
    pub(crate) len: u16,
    space: Space,
    pub(crate) kind: Kind,
}

pub(crate) struct Index<const RECORDS: usize> {
    slots: [Option<Entry>; RECORDS],
    used: usize,
    /// Bytes of flash that live frames take.
    live: u32,
}

impl Entry {
    pub(crate) fn new(kind: Kind, id: &RecordId, len: u16, flags: u32, place: u32) -> Self {
        Self {
            id: id.id,
            owner: id.owner,
            place,
            flags,
            len,
            space: id.space,
            kind,
        }
    }

    pub(crate) fn id(&self) -> RecordId {
        RecordId::new(self.space, self.owner, self.id)
    }

    pub(crate) fn frame_len(&self, layout: &Layout) -> u32 {
        layout.frame_len(self.len.into())
    }

    fn is(&self, kind: Kind, id: &RecordId) -> bool {
        // The id differs most often: compare it first.
        self.id == id.id && self.owner == id.owner && self.space == id.space && self.kind == kind
    }
}

impl<const RECORDS: usize> Index<RECORDS> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [None; RECORDS],
            used: 0,
            live: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.slots.fill(None);
        self.used = 0;
        self.live = 0;
    }

    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    pub(crate) fn free_slots(&self) -> usize {
        RECORDS.saturating_sub(self.used)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
    }

    pub(crate) fn get(&self, kind: Kind, id: &RecordId) -> Option<&Entry> {
        self.iter().find(|entry| entry.is(kind, id))
    }

    /// Adds an entry or replaces the one of the same name.
    pub(crate) fn put(&mut self, entry: Entry, layout: &Layout) -> Result<(), VaultError> {
        let id = entry.id();
        let mut free = None;
        for slot in &mut self.slots {
            match slot {
                Some(old) if old.is(entry.kind, &id) => {
                    let others = self.live.saturating_sub(old.frame_len(layout));
                    self.live = others.saturating_add(entry.frame_len(layout));
                    *old = entry;
                    return Ok(());
                }
                None if free.is_none() => free = Some(slot),
                _ => {}
            }
        }
        *free.ok_or(VaultError::TooMany)? = Some(entry);
        self.used = self.used.saturating_add(1);
        self.live = self.live.saturating_add(entry.frame_len(layout));
        Ok(())
    }

    pub(crate) fn remove(&mut self, kind: Kind, id: &RecordId, layout: &Layout) {
        let slots = self.slots.iter_mut();
        let mut named = slots.filter(|slot| slot.as_ref().is_some_and(|entry| entry.is(kind, id)));
        if let Some(entry) = named.next().and_then(Option::take) {
            self.used = self.used.saturating_sub(1);
            self.live = self.live.saturating_sub(entry.frame_len(layout));
        }
    }

    /// The records that live in a sector.
    pub(crate) fn in_sector(&self, number: u32, layout: &Layout) -> impl Iterator<Item = &Entry> {
        let layout = *layout;
        self.iter()
            .filter(move |entry| layout.is_in(entry.place, number))
    }

    pub(crate) fn ids(&self, space: Space, owner: i32) -> impl Iterator<Item = RecordId> + '_ {
        let records = self.iter().filter(|entry| entry.kind == Kind::Record);
        let owned = records.filter(move |entry| entry.space == space && entry.owner == owner);
        owned.map(Entry::id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_platform::Geometry;

    fn layout() -> Layout {
        let geometry = Geometry {
            sector_size: 4096,
            sectors: 8,
            write_unit: 4,
            erased: 0xff,
        };
        Layout::of(geometry).unwrap()
    }

    fn id(id: u64) -> RecordId {
        RecordId::new(Space(1), -1, id)
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Option<Entry>>(), 24);
    }

    #[test]
    fn a_name_stands_once_and_live_bytes_follow() {
        let (layout, mut index) = (layout(), Index::<3>::new());
        index
            .put(Entry::new(Kind::Record, &id(1), 0, 0, 0), &layout)
            .unwrap();
        index
            .put(Entry::new(Kind::Counter, &id(1), 8, 0, 64), &layout)
            .unwrap();
        assert_eq!((index.free_slots(), index.live()), (1, 40 + 48));
        index
            .put(Entry::new(Kind::Record, &id(1), 100, 5, 128), &layout)
            .unwrap();
        assert_eq!((index.free_slots(), index.live()), (1, 144 + 48));
        let entry = index.get(Kind::Record, &id(1)).unwrap();
        assert_eq!((entry.len, entry.flags, entry.place), (100, 5, 128));
        index.remove(Kind::Record, &id(1), &layout);
        index.remove(Kind::Record, &id(1), &layout);
        assert_eq!((index.free_slots(), index.live()), (2, 48));
    }

    #[test]
    fn a_full_index_still_replaces() {
        let (layout, mut index) = (layout(), Index::<2>::new());
        for n in 0..2 {
            index
                .put(Entry::new(Kind::Record, &id(n), 0, 0, 0), &layout)
                .unwrap();
        }
        let more = Entry::new(Kind::Record, &id(2), 0, 0, 0);
        assert_eq!(index.put(more, &layout), Err(VaultError::TooMany));
        index
            .put(Entry::new(Kind::Record, &id(1), 9, 0, 0), &layout)
            .unwrap();
        assert_eq!(index.free_slots(), 0);
    }

    #[test]
    fn ids_are_those_of_one_owner_in_one_space() {
        let (layout, mut index) = (layout(), Index::<8>::new());
        for (space, owner, n) in [(1, -1, 1), (1, -1, 2), (1, 5, 3), (2, -1, 4)] {
            let id = RecordId::new(Space(space), owner, n);
            index
                .put(Entry::new(Kind::Record, &id, 0, 0, 0), &layout)
                .unwrap();
        }
        index
            .put(Entry::new(Kind::Counter, &id(9), 8, 0, 0), &layout)
            .unwrap();
        let ids: std::vec::Vec<_> = index.ids(Space(1), -1).collect();
        assert_eq!(ids, [id(1), id(2)]);
    }
}
