//! How full the store may be.
//!
//! Frames do not cross sectors, so the end of a sector may be lost: less than the first frame of the
//! next one. Whatever their order, live frames that are packed one after the other therefore fit into
//! *s* sectors of payload *P* if one of these holds:
//!
//! * there are at most *s* of them, or *s* times as many as any sector holds of the longest;
//! * twice their bytes are at most (*s* − 1) *P*: two neighbours always hold more than one sector's;
//! * their bytes and the *s* longest of them once more are at most *s P*.
//!
//! Collection can always reach that packing, beside the head it starts from and one free sector. What
//! grows the store must leave room for one more record of the largest size: so a full store still
//! overwrites and removes. And it must leave an eighth: else collection would move far more than is
//! written.

use ironroot_platform::{Flash, HardwareCounter};

use crate::frame::Verb;
use crate::index::Kind;
use crate::layout::{Layout, MAX_FRAME};
use crate::write::Item;
use crate::{Vault, VaultError};

const CLASS_BITS: u32 = 6;
const CLASSES: usize = MAX_FRAME >> CLASS_BITS;

impl<F: Flash, C: HardwareCounter, const RECORDS: usize> Vault<F, C, RECORDS> {
    /// How many bytes of flash records may fill; each takes [`cost`](Self::cost) of its length. Long
    /// records may find less, for none crosses a sector's end.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        let packed = usable(&self.layout).saturating_sub(self.layout.max_frame());
        packed.min(comfortable(&self.layout))
    }

    /// How much of the capacity is left.
    #[must_use]
    pub fn free_space(&self) -> u32 {
        self.capacity().saturating_sub(self.index.live())
    }

    /// What a record of `len` bytes takes of the capacity.
    #[must_use]
    pub fn cost(&self, len: usize) -> u32 {
        self.layout
            .frame_len(u32::try_from(len).unwrap_or(u32::MAX))
    }

    /// Refuses what cannot be stored, before anything is touched.
    pub(crate) fn admit(
        &self,
        items: impl Iterator<Item = Item> + Clone,
    ) -> Result<(), VaultError> {
        let mut slots: usize = 0;
        let mut grows = false;
        for (place, item) in items.clone().enumerate() {
            if u32::from(item.len) > self.layout.max_record() {
                return Err(VaultError::TooLong);
            }
            let before = items
                .clone()
                .take(place)
                .filter(|other| other.id == item.id)
                .last();
            let stored = self.index.get(item.kind(), &item.id);
            match (item.verb, before.map(|other| other.verb), stored) {
                (Verb::Remove, Some(Verb::Remove), _) | (Verb::Remove, None, None) => {
                    return Err(VaultError::Missing);
                }
                (Verb::Remove, _, _) => {}
                (Verb::Put(_), None, Some(stored)) => {
                    grows |= item.frame_len(&self.layout) > stored.frame_len(&self.layout);
                }
                (Verb::Put(_), Some(_), _) => grows = true,
                (Verb::Put(_), None, None) => {
                    grows = true;
                    slots = slots.saturating_add(1);
                }
            }
        }
        if slots > self.index.free_slots() {
            return Err(VaultError::TooMany);
        }
        if grows {
            self.admit_growth(items)
        } else {
            Ok(())
        }
    }

    fn admit_growth(&self, items: impl Iterator<Item = Item> + Clone) -> Result<(), VaultError> {
        let layout = &self.layout;
        let mut written: u32 = 0;
        let mut replaced: u32 = 0;
        for (place, item) in items.clone().enumerate() {
            let mut after = items.clone().skip(place.saturating_add(1));
            let is_last = !after.any(|other| other.id == item.id);
            let stored = self.index.get(item.kind(), &item.id);
            written = written.saturating_add(item.frame_len(layout));
            if let Some(stored) = stored.filter(|_| is_last) {
                replaced = replaced.saturating_add(stored.frame_len(layout));
            }
        }
        let meanwhile = self.index.live().saturating_add(written);
        let afterwards = meanwhile.saturating_sub(replaced);
        let reserved = meanwhile.max(afterwards.saturating_add(layout.max_frame()));
        let sectors = usable_sectors(layout);
        if afterwards > comfortable(layout) {
            return Err(VaultError::NoSpace);
        }
        if fits_by_halves(reserved, sectors, layout) {
            return Ok(()); // the usual case: no need to look at each
        }
        let sizes = self.index.iter().map(|entry| entry.frame_len(layout));
        let mut frames = Frames::NONE;
        sizes
            .chain(items.map(|item| item.frame_len(layout)))
            .for_each(|len| frames.add(len));
        // One more frame anywhere costs two sectors at most: the rest of one, and its own.
        let beside = frames.fit_into(sectors.saturating_sub(2), layout);
        frames.add(layout.max_frame());
        if beside || frames.fit_into(sectors, layout) {
            Ok(())
        } else {
            Err(VaultError::NoSpace)
        }
    }
}

impl Item {
    fn kind(&self) -> Kind {
        match self.verb {
            Verb::Put(kind) => kind,
            Verb::Remove => Kind::Record,
        }
    }

    pub(crate) fn frame_len(&self, layout: &Layout) -> u32 {
        layout.frame_len(self.len.into())
    }
}

/// Sectors that live frames can be packed into: all but one that is always free, and one that may be
/// full of dead frames when collection starts.
fn usable_sectors(layout: &Layout) -> u32 {
    layout.sectors.saturating_sub(2)
}

fn usable(layout: &Layout) -> u32 {
    usable_sectors(layout).saturating_mul(layout.payload())
}

/// Seven eighths of the ring, as bytes of frames.
fn comfortable(layout: &Layout) -> u32 {
    let ring = layout
        .sectors
        .saturating_sub(1)
        .saturating_mul(layout.payload());
    ring.saturating_sub(ring >> 3)
}

/// A set of frames, by length.
struct Frames {
    count: u32,
    bytes: u32,
    longest: u32,
    /// How many there are of each 64 bytes of length.
    classes: [u16; CLASSES],
}

impl Frames {
    const NONE: Self = Self {
        count: 0,
        bytes: 0,
        longest: 0,
        classes: [0; CLASSES],
    };

    fn add(&mut self, len: u32) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(len);
        self.longest = self.longest.max(len);
        let class = usize::try_from(len.saturating_sub(1) >> CLASS_BITS).unwrap_or(0);
        if let Some(class) = self.classes.get_mut(class) {
            *class = class.saturating_add(1);
        }
    }

    /// Whether they fit into so many sectors in any order.
    fn fit_into(&self, sectors: u32, layout: &Layout) -> bool {
        let each = layout
            .payload()
            .checked_div(self.longest)
            .unwrap_or(u32::MAX);
        let lost = self.longest_bytes(sectors);
        self.count <= sectors.saturating_mul(each)
            || fits_by_halves(self.bytes, sectors, layout)
            || self.bytes.saturating_add(lost) <= sectors.saturating_mul(layout.payload())
    }

    /// At least the bytes of the `count` longest.
    fn longest_bytes(&self, count: u32) -> u32 {
        let mut left = count;
        let mut sum: u32 = 0;
        let mut len = MAX_FRAME as u32;
        for class in self.classes.iter().rev() {
            let taken = left.min((*class).into());
            left = left.saturating_sub(taken);
            sum = sum.saturating_add(taken.saturating_mul(len));
            len = len.saturating_sub(1 << CLASS_BITS);
        }
        sum
    }
}

fn fits_by_halves(bytes: u32, sectors: u32, layout: &Layout) -> bool {
    let all_but_one = sectors.saturating_sub(1).saturating_mul(layout.payload());
    bytes.saturating_mul(2) <= all_but_one
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_platform::Geometry;

    /// Next fit, the way collection packs.
    fn sectors_of(frames: &[u32], layout: &Layout) -> u32 {
        let (mut sectors, mut room) = (0, 0);
        for len in frames {
            if *len > room {
                sectors += 1;
                room = layout.payload();
            }
            room -= len;
        }
        sectors
    }

    #[test]
    fn what_is_said_to_fit_fits_in_every_order_tried() {
        let geometry = Geometry {
            sector_size: 4096,
            sectors: 16,
            write_unit: 8,
            erased: 0xff,
        };
        let layout = Layout::of(geometry).unwrap();
        let mut seed: u32 = 1;
        let mut next = move |limit: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % limit
        };
        let (mut said_yes, mut tight) = (0, 0);
        for _ in 0..4000 {
            let most = [100, 700, 1400, 2136][next(4) as usize];
            let mut sizes: std::vec::Vec<u32> = (0..next(60))
                .map(|_| layout.frame_len(next(most + 1)))
                .collect();
            let mut frames = Frames::NONE;
            sizes.iter().for_each(|len| frames.add(*len));
            let sectors = 1 + next(14);
            if !frames.fit_into(sectors, &layout) {
                continue;
            }
            said_yes += 1;
            for _ in 0..20 {
                for at in (1..sizes.len()).rev() {
                    sizes.swap(at, next(at as u32 + 1) as usize);
                }
                let needed = sectors_of(&sizes, &layout);
                assert!(needed <= sectors, "{needed} > {sectors}: {sizes:?}");
                tight += u32::from(needed == sectors);
            }
        }
        assert!(said_yes > 500 && tight > 100, "{said_yes} {tight}");
    }
}
