//! Making room: moving what still lives out of the oldest sector, a little at a time.
//!
//! The log is a ring: the oldest sector is always the next to go, so all sectors wear alike. Its live
//! records are appended to the head like new ones, in operations of their own that change nothing a
//! caller can see. Nothing is erased before a commit says that it is not needed.

use ironroot_platform::{Flash, HardwareCounter};

use crate::frame::Verb;
use crate::index::Entry;
use crate::layout::HEADER_LEN;
use crate::write::{Item, Operation};
use crate::{Vault, VaultError};

impl<F: Flash, C: HardwareCounter, const RECORDS: usize> Vault<F, C, RECORDS> {
    /// Lets the tail go past sectors in which nothing lives.
    pub(crate) fn pass_dead_sectors(&mut self) {
        while self.log.tail < self.log.number
            && self
                .index
                .in_sector(self.log.tail, &self.layout)
                .next()
                .is_none()
        {
            self.log.tail = self.log.tail.saturating_add(1);
        }
    }

    /// The share of collection that `bytes` about to be written must pay, so that nobody ever waits
    /// for all of it at once.
    ///
    /// The log is kept to about twice what lives, which also bounds what a mount has to read. Nearly
    /// full, each byte written has to move up to seven.
    pub(crate) fn collect_in_passing(&mut self, bytes: u32) -> Result<(), VaultError> {
        self.pass_dead_sectors();
        let payload = self.layout.payload();
        let live = self.index.live();
        let live_sectors = live.div_ceil(payload.max(1));
        let comfortable = live_sectors.saturating_mul(2).saturating_add(2);
        let most = self.layout.sectors.saturating_sub(2);
        if self.log.window() < comfortable.min(most) {
            return Ok(());
        }
        let dead = self
            .log
            .window()
            .saturating_mul(payload)
            .saturating_sub(live)
            .max(1);
        let rate = live.checked_div(dead).unwrap_or(0).saturating_add(1);
        self.move_some(bytes.saturating_mul(rate))
    }

    /// Moves records out of the oldest sector until `budget` bytes were moved: at least one record, at
    /// most the sector. One operation.
    fn move_some(&mut self, budget: u32) -> Result<(), VaultError> {
        let oldest = self.log.tail;
        if oldest >= self.log.number {
            return Ok(());
        }
        let mut there = 0;
        let mut moving = 0;
        let mut bytes: u32 = 0;
        for entry in self.index.in_sector(oldest, &self.layout) {
            there += 1;
            if bytes < budget {
                bytes = bytes.saturating_add(entry.frame_len(&self.layout));
                moving += 1;
            }
        }
        if moving == there {
            return self.collect_oldest();
        }
        if self.log.openings_left(&self.layout) == 0 {
            return Ok(()); // `make_room` will collect the whole sector
        }
        self.operate(|vault, operation| vault.move_records(oldest, moving, operation))
    }

    /// Moves everything out of the oldest sector. One operation, which begins one sector at most.
    fn collect_oldest(&mut self) -> Result<(), VaultError> {
        let oldest = self.log.tail;
        self.operate_with(1, oldest.saturating_add(1), |vault, operation| {
            vault.move_all(oldest, operation)
        })?;
        self.pass_dead_sectors();
        Ok(())
    }

    pub(crate) fn move_all(&mut self, oldest: u32, operation: Operation) -> Result<(), VaultError> {
        let there = self.index.in_sector(oldest, &self.layout).count();
        self.move_records(oldest, there, operation)
    }

    /// Moves `count` records out of a sector; the last one commits.
    fn move_records(
        &mut self,
        oldest: u32,
        count: usize,
        operation: Operation,
    ) -> Result<(), VaultError> {
        let mut left = count;
        while left > 0 {
            let next = self.index.in_sector(oldest, &self.layout).next().copied();
            let entry = next.ok_or(VaultError::Corrupt)?;
            left = left.saturating_sub(1);
            self.move_record(&entry, left == 0, operation)?;
        }
        Ok(())
    }

    fn move_record(
        &mut self,
        entry: &Entry,
        commits: bool,
        operation: Operation,
    ) -> Result<(), VaultError> {
        self.fetch(entry)?;
        let item = Item {
            verb: Verb::Put(entry.kind),
            id: entry.id(),
            flags: entry.flags,
            len: entry.len,
        };
        self.statistics.moves = self.statistics.moves.saturating_add(1);
        self.append(&item, commits, operation)
    }

    /// Collects until one operation can append `items`.
    pub(crate) fn make_room(
        &mut self,
        items: impl Iterator<Item = Item> + Clone,
    ) -> Result<(), VaultError> {
        // Once round the ring is all that collection can do.
        for _ in 0..self.layout.sectors.saturating_mul(2) {
            self.pass_dead_sectors();
            let needed = self.openings_for(items.clone());
            if needed <= self.log.openings_left(&self.layout) {
                return Ok(());
            }
            if self.log.tail < self.log.number {
                self.collect_oldest()?;
            } else {
                self.announce_tail(needed)?;
            }
        }
        Err(VaultError::NoSpace)
    }

    /// Begins a sector only to say on flash how short the window has become.
    fn announce_tail(&mut self, needed: u32) -> Result<(), VaultError> {
        let possible = self.layout.sectors.saturating_sub(2);
        if self.log.header_tail == self.log.tail || needed > possible {
            return Err(VaultError::NoSpace);
        }
        self.operate(|vault, operation| vault.begin_sector(operation, true))
    }

    /// How many sectors have to be begun for `items`.
    fn openings_for(&self, items: impl Iterator<Item = Item>) -> u32 {
        let mut openings: u32 = 0;
        let mut end = self.log.end;
        for item in items {
            let len = self.layout.frame_len(item.len.into());
            end = end.saturating_add(len);
            if end > self.layout.sector_size {
                openings = openings.saturating_add(1);
                end = HEADER_LEN.saturating_add(len);
            }
        }
        openings
    }
}
