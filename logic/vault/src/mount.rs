//! Finding the log on a flash that anybody may have written, and reading it.
//!
//! The hardware counter says which commit is the last one. The log is walked from its oldest sector to
//! exactly that commit; each frame proves the one before it, and each header the end of the sector
//! before it. What lies behind that commit was never acknowledged and does not count, however complete
//! it looks. If the commit cannot be reached, the flash is not the one the counter was last raised for.

use ironroot_platform::{Flash, HardwareCounter};

use crate::bytes::all;
use crate::cipher::{Salt, Tag, nonce};
use crate::frame::{RecordHead, Verb, announced_len};
use crate::header::{Header, HeaderBytes};
use crate::index::{Entry, Kind};
use crate::layout::{HEAD_LEN, HEADER_LEN, TAG_LEN};
use crate::log::Log;
use crate::{Vault, VaultError};

/// Where the salt stands in a header.
const SALT: u32 = 22;

/// How often something is read before its authentication failure is believed: a disturbed read is
/// not an attack.
const READS: u32 = 2;

impl<F: Flash, C: HardwareCounter, const RECORDS: usize> Vault<F, C, RECORDS> {
    /// Replaces all state in RAM by what flash and counter say.
    pub(crate) fn load(&mut self) -> Result<(), VaultError> {
        self.stale = true;
        self.salts.next_attempt();
        self.index.clear();
        self.log = Log::BLANK;
        let anchor = self.counter.read()?;
        let loaded = match self.find_head(anchor)? {
            Some(head) => self.walk(&head, anchor),
            None if anchor == 0 => self.expect_blank(),
            None => Err(self.missing_log()?),
        };
        self.buffer.wipe();
        self.stale = loaded.is_err();
        loaded
    }

    /// The newest sector that an acknowledged commit needs.
    ///
    /// Sectors that were begun but not acknowledged, and then overtaken by a restart, may still look
    /// newer than the real head. The restart began the first of them anew, so their chain is broken.
    fn find_head(&self, anchor: u32) -> Result<Option<Header>, VaultError> {
        let mut below = u32::MAX;
        while let Some(number) = self.highest_claim(below)? {
            below = number;
            let Ok(header) = self.header(number) else {
                continue;
            };
            if header.is_acknowledged(anchor)
                && (self.is_chained(&header)? || self.is_chained(&header)?)
            {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// The highest number below `below` that a sector claims and that belongs there. Each sector claims
    /// one, so [`find_head`](Self::find_head) looks at each once.
    fn highest_claim(&self, below: u32) -> Result<Option<u32>, VaultError> {
        let mut highest = None;
        for sector in 0..self.layout.sectors {
            let mut start = [0; 8];
            self.flash
                .read(sector.saturating_mul(self.layout.sector_size), &mut start)?;
            let claim = Header::claimed_number(&start);
            let fits = claim.filter(|number| {
                *number != 0 && *number < below && self.layout.physical(*number) == sector
            });
            highest = highest.max(fits);
        }
        Ok(highest)
    }

    /// Whether each header from this one down names the end of the sector before it, down to the
    /// oldest. Nothing is authenticated here: the walk will do that.
    fn is_chained(&self, head: &Header) -> Result<bool, VaultError> {
        let mut header = *head;
        while header.number > head.tail {
            if !self.is_linked(&header)? {
                return Ok(false);
            }
            let before = header.number.saturating_sub(1);
            let bytes = self.header_bytes(self.layout.physical(before))?;
            match Header::parse(&bytes).filter(|claimed| claimed.number == before) {
                Some(claimed) => header = claimed,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn is_linked(&self, header: &Header) -> Result<bool, VaultError> {
        let at = header.previous_end.checked_sub(TAG_LEN as u32);
        let Some(at) = at.filter(|_| header.previous_end <= self.layout.sector_size) else {
            return Ok(false);
        };
        let base = self.layout.base(header.number.saturating_sub(1));
        let mut tag: Tag = [0; TAG_LEN];
        self.flash.read(base.saturating_add(at), &mut tag)?;
        Ok(tag == header.previous_tag)
    }

    /// Reads the log from its oldest sector to the commit that the counter names.
    fn walk(&mut self, head: &Header, anchor: u32) -> Result<(), VaultError> {
        let mut header = self.header(head.tail)?;
        self.log.tail = head.tail;
        self.enter_linked(&header)?;
        while header.number != head.number {
            let next = self.header(header.number.saturating_add(1))?;
            while self.log.end < next.previous_end {
                self.walk_frame(VaultError::Tampered)?;
            }
            self.enter_linked(&next)?;
            header = next;
        }
        while self.log.generation != anchor {
            self.walk_frame(VaultError::RolledBack)?;
        }
        self.log.anchored = (self.log.number, self.log.header_tail);
        Ok(())
    }

    fn enter_linked(&mut self, header: &Header) -> Result<(), VaultError> {
        let first = header.number == self.log.tail;
        let linked = header.previous_end == self.log.end && header.previous_tag == self.log.link;
        if !first && !linked {
            return Err(VaultError::Tampered);
        }
        self.log.enter(header);
        self.log.generation = header.generation;
        Ok(())
    }

    /// Takes the frame at the log's end in. `at_end` is the error if there is nothing.
    fn walk_frame(&mut self, at_end: VaultError) -> Result<(), VaultError> {
        let place = self
            .layout
            .base(self.log.number)
            .saturating_add(self.log.end);
        let room = self.layout.sector_size.saturating_sub(self.log.end);
        let len = self.frame_len_at(place, room, at_end)?;
        let head = self.open_frame(place, len, self.log.number)?;
        let (link, tag) = self.buffer.tags(len)?;
        if link != self.log.link {
            return Err(VaultError::Tampered);
        }
        self.log.link = tag;
        self.log.end = self.log.end.saturating_add(len);
        self.log.generation = self.log.generation.saturating_add(u32::from(head.commits));
        self.apply(&head, place)
    }

    fn frame_len_at(&self, place: u32, room: u32, at_end: VaultError) -> Result<u32, VaultError> {
        let mut head = [self.layout.erased; HEAD_LEN];
        if room < HEAD_LEN as u32 {
            return Err(at_end);
        }
        for _ in 0..READS {
            self.flash.read(place, &mut head)?;
            if let Some(len) = announced_len(head, room, &self.layout) {
                return Ok(len);
            }
        }
        let is_erased = all(&head, self.layout.erased);
        Err(if is_erased {
            at_end
        } else {
            VaultError::Tampered
        })
    }

    /// What a frame changes in the index.
    pub(crate) fn apply(&mut self, head: &RecordHead, place: u32) -> Result<(), VaultError> {
        match head.verb {
            Verb::Put(kind) => {
                let entry = Entry::new(kind, &head.id, head.len, head.flags, place);
                self.index.put(entry, &self.layout)
            }
            Verb::Remove => {
                self.index.remove(Kind::Record, &head.id, &self.layout);
                Ok(())
            }
        }
    }

    /// Reads a frame and the link before it into the buffer and opens it.
    pub(crate) fn open_frame(
        &mut self,
        place: u32,
        len: u32,
        number: u32,
    ) -> Result<RecordHead, VaultError> {
        let granules = self.layout.in_granules(self.layout.offset_of(place));
        let from = place.saturating_sub(TAG_LEN as u32);
        let mut opened = Err(VaultError::Tampered);
        for _ in 0..READS {
            let mut salt: Salt = [0; 10];
            self.flash
                .read(self.layout.base(number).saturating_add(SALT), &mut salt)?;
            self.flash.read(from, self.buffer.with_link(len)?)?;
            let nonce = nonce(&salt, granules);
            opened = self
                .buffer
                .open(len, number, &nonce, &self.layout, &self.cipher);
            if opened.is_ok() {
                break;
            }
        }
        opened
    }

    /// The authentic header of the sector with this number.
    fn header(&self, number: u32) -> Result<Header, VaultError> {
        let mut opened = Err(VaultError::Tampered);
        for _ in 0..READS {
            opened = Header::open(
                &self.header_bytes(self.layout.physical(number))?,
                &self.cipher,
            );
            if opened.as_ref().is_ok_and(|header| header.number == number) {
                return opened;
            }
        }
        opened.and(Err(VaultError::Tampered))
    }

    fn header_bytes(&self, sector: u32) -> Result<HeaderBytes, VaultError> {
        let mut bytes: HeaderBytes = [0; HEADER_LEN as usize];
        self.flash
            .read(sector.saturating_mul(self.layout.sector_size), &mut bytes)?;
        Ok(bytes)
    }

    /// Nothing was ever acknowledged. A cut while formatting leaves the first sector in any state;
    /// anything else that is not blank is not ours to format.
    fn expect_blank(&mut self) -> Result<(), VaultError> {
        let first = self.layout.physical(1);
        for sector in (0..self.layout.sectors).filter(|sector| *sector != first) {
            if !self.is_erased(sector)? {
                return Err(VaultError::NotBlank);
            }
        }
        Ok(())
    }

    fn is_erased(&mut self, sector: u32) -> Result<bool, VaultError> {
        const CHUNK: u32 = 256; // the smallest sector
        let base = sector.saturating_mul(self.layout.sector_size);
        let mut at = 0;
        while at < self.layout.sector_size {
            let chunk = self.buffer.data_mut(CHUNK as usize)?;
            self.flash.read(base.saturating_add(at), chunk)?;
            if !all(chunk, self.layout.erased) {
                return Ok(false);
            }
            at = at.saturating_add(CHUNK);
        }
        Ok(true)
    }

    /// Why there is no log although the counter says that there was one.
    fn missing_log(&self) -> Result<VaultError, VaultError> {
        let something = self.highest_claim(u32::MAX)?.is_some();
        Ok(if something {
            VaultError::Tampered
        } else {
            VaultError::RolledBack
        })
    }
}
