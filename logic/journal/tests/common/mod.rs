//! A disk whose unsynced sectors may or may not have been written when the power goes.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use ironroot_journal::{Change, Journal, JournalError, Medium, MediumError, Position, RecordId};
use ironroot_platform::{Entropy, EntropyError};
use std::collections::BTreeMap;

pub const SEGMENT: u32 = 4 * 4096;
pub const SECTOR: usize = 512;
pub const KEY: Option<&[u8]> = Some(b"a key from elsewhere, 32 bytes..");

pub type Content = BTreeMap<u32, Vec<u8>>;

/// Small, fast, and good enough to choose test cases.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

impl Entropy for Dice {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        out.iter_mut().for_each(|byte| *byte = self.roll(256) as u8);
        Ok(())
    }
}

/// A sector that was written: where, and what.
pub type Written = (usize, Vec<u8>);
/// What is on the disk for certain, and what was written since.
pub type Moment = (Vec<u8>, Vec<Written>);

/// The disk. What is pending was written and not synced.
#[derive(Clone)]
pub struct Disk {
    pub durable: Vec<u8>,
    pub pending: Vec<Written>,
    /// Before each sync: what could be lost now.
    pub moments: Vec<Moment>,
    pub operations: u64,
    /// These operations fail; a failed write leaves some of its sectors pending.
    pub fail: Vec<u64>,
    pub dice: Dice,
}

impl Disk {
    pub fn new(len: usize) -> Self {
        Self::holding(vec![0; len])
    }

    pub fn holding(durable: Vec<u8>) -> Self {
        Self {
            durable,
            pending: Vec::new(),
            moments: Vec::new(),
            operations: 0,
            fail: Vec::new(),
            dice: Dice(0x1234_5678_9abc_def1),
        }
    }

    /// What a process that goes on sees.
    pub fn cached(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (at, sector) in &self.pending {
            bytes[*at..at + sector.len()].copy_from_slice(sector);
        }
        bytes
    }

    fn fails(&mut self) -> bool {
        self.operations += 1;
        self.fail.contains(&(self.operations - 1))
    }
}

impl Medium for Disk {
    fn size(&self) -> u64 {
        self.durable.len() as u64
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), MediumError> {
        let (from, end) = (offset as usize, offset as usize + out.len());
        out.copy_from_slice(self.durable.get(from..end).ok_or(MediumError)?);
        for (at, sector) in &self.pending {
            let (first, last) = (from.max(*at), end.min(at + sector.len()));
            if first < last {
                out[first - from..last - from].copy_from_slice(&sector[first - at..last - at]);
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), MediumError> {
        assert_eq!(offset % SECTOR as u64, 0, "the model knows whole sectors");
        let fails = self.fails();
        for (index, sector) in data.chunks(SECTOR).enumerate() {
            if !fails || self.dice.roll(2) == 0 {
                let at = offset as usize + index * SECTOR;
                assert!(at + sector.len() <= self.durable.len(), "outside the file");
                self.pending.push((at, sector.to_vec()));
            }
        }
        if fails { Err(MediumError) } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), MediumError> {
        self.moments
            .push((self.durable.clone(), self.pending.clone()));
        if self.fails() {
            return Err(MediumError);
        }
        self.durable = self.cached();
        self.pending.clear();
        Ok(())
    }
}

/// The images that a cut may leave: every subset of few sectors, `samples` of many.
pub fn images(
    durable: &[u8],
    pending: &[Written],
    all_below: u32,
    samples: u64,
    dice: &mut Dice,
) -> Vec<Vec<u8>> {
    let count = pending.len() as u32;
    let subsets: Vec<Vec<usize>> = if count <= all_below {
        (0..1_u64 << count)
            .map(|mask| {
                (0..pending.len())
                    .filter(|index| mask >> index & 1 == 1)
                    .collect()
            })
            .collect()
    } else {
        (0..samples)
            .map(|sample| {
                // Few, half and nearly all: in any order, so the same sector may get either content.
                let weight = sample % 3 + 1;
                let mut chosen: Vec<usize> = (0..pending.len())
                    .filter(|_| dice.roll(4) < weight)
                    .collect();
                for index in (1..chosen.len()).rev() {
                    chosen.swap(index, dice.roll(index as u64 + 1) as usize);
                }
                chosen
            })
            .chain([(0..pending.len()).collect(), Vec::new()])
            .collect()
    };
    let apply = |subset: Vec<usize>| {
        let mut image = durable.to_vec();
        for index in subset {
            let (at, sector) = &pending[index];
            image[*at..at + sector.len()].copy_from_slice(sector);
        }
        image
    };
    subsets.into_iter().map(apply).collect()
}

/// A journal with its content.
pub struct Store {
    pub journal: Journal<Disk>,
    pub content: Content,
    pub buffer: Vec<u8>,
}

pub fn disk_of(journal: &Journal<Disk>) -> &Disk {
    journal.medium()
}

impl Store {
    pub fn create(seed: u64) -> Self {
        let mut buffer = vec![0; SEGMENT as usize];
        let disk = Disk::new(Journal::<Disk>::file_len(SEGMENT) as usize);
        let journal = Journal::create(disk, SEGMENT, KEY, &mut Dice(seed), &mut buffer).unwrap();
        Self {
            journal,
            content: Content::new(),
            buffer,
        }
    }

    pub fn open(image: Vec<u8>, seed: u64) -> Result<Self, JournalError> {
        Self::open_with(image, seed, KEY, None)
    }

    pub fn open_with(
        image: Vec<u8>,
        seed: u64,
        key: Option<&[u8]>,
        anchor: Option<&Position>,
    ) -> Result<Self, JournalError> {
        let mut buffer = vec![0; SEGMENT as usize];
        let mut content = Content::new();
        let journal = Journal::open(
            Disk::holding(image),
            key,
            anchor,
            &mut Dice(seed),
            &mut buffer,
            &mut |change| apply(&mut content, &change),
        )?;
        assert!(buffer.iter().all(|byte| *byte == 0), "the buffer is wiped");
        Ok(Self {
            journal,
            content,
            buffer,
        })
    }

    pub fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), JournalError> {
        let live = self
            .content
            .iter()
            .map(|(id, data)| (RecordId(*id), data.as_slice()));
        self.journal.commit(changes, live, &mut self.buffer)?;
        changes
            .iter()
            .for_each(|change| apply(&mut self.content, change));
        Ok(())
    }
}

pub fn apply(content: &mut Content, change: &Change<'_>) {
    match change {
        Change::Set(id, data) => {
            content.insert(id.0, data.to_vec());
        }
        Change::Remove(id) => {
            content.remove(&id.0);
        }
    }
}

/// Some transaction: one to three changes, now and then a long one.
pub fn any_changes(dice: &mut Dice) -> Vec<(u32, Option<Vec<u8>>)> {
    (0..=dice.roll(3))
        .map(|_| {
            let id = dice.roll(5) as u32;
            let len = if dice.roll(5) == 0 {
                dice.roll(2000)
            } else {
                dice.roll(60)
            };
            let data = (0..len).map(|_| dice.roll(256) as u8).collect();
            (id, (dice.roll(6) != 0).then_some(data))
        })
        .collect()
}

pub fn changes_of(list: &[(u32, Option<Vec<u8>>)]) -> Vec<Change<'_>> {
    list.iter()
        .map(|(id, data)| match data {
            Some(data) => Change::Set(RecordId(*id), data),
            None => Change::Remove(RecordId(*id)),
        })
        .collect()
}
