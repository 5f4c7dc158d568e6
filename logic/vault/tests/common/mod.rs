//! A device in RAM: vault flash and counter flash on one supply, and a plain map to compare with.
#![allow(dead_code, unreachable_pub, reason = "each test crate uses its part")]

use std::collections::BTreeMap;

use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_platform::model::{Cut, Effect, ModelFlash, Power};
use ironroot_platform::{FlashCounter, Geometry};
use ironroot_vault::{Change, RecordId, Space, Vault, VaultError};

pub const KEY: [u8; 32] = [0x42; 32];

pub type Store<'a> = Vault<&'a mut ModelFlash, FlashCounter<&'a mut ModelFlash>, 32>;

/// What survives a loss of power.
pub struct Device {
    pub power: Power,
    pub flash: ModelFlash,
    pub counter: ModelFlash,
    boots: u64,
}

impl Device {
    pub fn new(geometry: Geometry) -> Self {
        Self::with_counter_sector(geometry, geometry.sector_size)
    }

    pub fn with_counter_sector(geometry: Geometry, sector_size: u32) -> Self {
        let power = Power::new();
        let counter = Geometry {
            sector_size,
            sectors: 2,
            ..geometry
        };
        Self {
            flash: ModelFlash::unproven(geometry, &power),
            counter: ModelFlash::unproven(counter, &power),
            power,
            boots: 0,
        }
    }

    pub fn fork(&self) -> Self {
        let power = Power::new();
        Self {
            flash: self.flash.fork(&power),
            counter: self.counter.fork(&power),
            power,
            boots: self.boots + 1000,
        }
    }

    /// Power on, counter opened, vault mounted with fresh randomness.
    pub fn boot(&mut self) -> Result<Store<'_>, VaultError> {
        self.power.on();
        self.mount()
    }

    pub fn mount(&mut self) -> Result<Store<'_>, VaultError> {
        self.mount_with(&KEY)
    }

    pub fn mount_with(&mut self, key: &[u8; 32]) -> Result<Store<'_>, VaultError> {
        self.boots += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.boots.to_le_bytes());
        let mut drbg = Drbg::new(&Secret::new(seed), b"vault test");
        let counter = FlashCounter::open(&mut self.counter)?;
        Vault::mount(&mut self.flash, counter, &Secret::new(*key), &mut drbg)
    }

    pub fn assert_no_violation(&self) {
        assert_eq!(self.flash.violations(), 0, "the flash contract was broken");
        assert_eq!(
            self.counter.violations(),
            0,
            "the counter's flash contract was broken"
        );
    }
}

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    Set(u64, usize, u8),
    Remove(u64),
    Transaction(Vec<Step>),
    Increment(u64),
    Remount,
}

/// What the store should hold.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Expected {
    pub records: BTreeMap<RecordId, (u32, Vec<u8>)>,
    pub counters: BTreeMap<RecordId, u64>,
}

pub fn id(number: u64) -> RecordId {
    let owner = if number.is_multiple_of(3) { 7 } else { -1 };
    RecordId::new(Space((number % 2) as u8), owner, number)
}

pub fn content(len: usize, tag: u8) -> Vec<u8> {
    (0..len)
        .map(|at| tag.wrapping_add((at as u8).wrapping_mul(7)))
        .collect()
}

impl Step {
    pub fn run(&self, store: &mut Store<'_>) -> Result<(), VaultError> {
        match self {
            Self::Set(n, len, tag) => store.set(&id(*n), (*tag).into(), &content(*len, *tag)),
            Self::Remove(n) => store.remove(&id(*n)),
            Self::Increment(n) => store.counter_increment(&id(*n)).map(|_| ()),
            Self::Transaction(steps) => {
                let contents: Vec<_> = steps.iter().map(Self::change_content).collect();
                let changes: Vec<_> = steps
                    .iter()
                    .zip(&contents)
                    .map(|(step, data)| step.change(data))
                    .collect();
                store.commit(&changes)
            }
            Self::Remount => Ok(()),
        }
    }

    fn change_content(&self) -> Vec<u8> {
        match self {
            Self::Set(_, len, tag) => content(*len, *tag),
            _ => Vec::new(),
        }
    }

    fn change<'a>(&self, data: &'a [u8]) -> Change<'a> {
        match self {
            Self::Set(n, _, tag) => Change::Set {
                id: id(*n),
                flags: (*tag).into(),
                data,
            },
            Self::Remove(n) => Change::Remove { id: id(*n) },
            other => panic!("{other:?} is not a change"),
        }
    }
}

impl Expected {
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Set(n, len, tag) => {
                self.records
                    .insert(id(*n), ((*tag).into(), content(*len, *tag)));
            }
            Step::Remove(n) => {
                self.records.remove(&id(*n));
            }
            Step::Increment(n) => *self.counters.entry(id(*n)).or_default() += 1,
            Step::Transaction(steps) => steps.iter().for_each(|step| self.apply(step)),
            Step::Remount => {}
        }
    }

    pub fn after(&self, step: &Step) -> Self {
        let mut after = self.clone();
        after.apply(step);
        after
    }

    /// Reads back everything there is to read.
    pub fn of(store: &mut Store<'_>) -> Self {
        let mut seen = Self::default();
        let mut ids = Vec::new();
        for space in 0..3 {
            for owner in [7, -1, 0] {
                ids.extend(store.ids(Space(space), owner));
            }
        }
        let count = ids.len();
        for id in ids {
            let info = store.info(&id).expect("a listed record has an info");
            let mut data = vec![0; info.len as usize + 1];
            let len = store
                .get(&id, 0, &mut data)
                .expect("a listed record can be read");
            data.truncate(len);
            assert_eq!(len, info.len as usize);
            seen.records.insert(id, (info.flags, data));
        }
        assert_eq!(seen.records.len(), count, "no record is listed twice");
        for number in 0..8 {
            let value = store
                .counter_read(&id(number))
                .expect("a counter can be read");
            if value != 0 {
                seen.counters.insert(id(number), value);
            }
        }
        seen
    }
}

/// A cut of every kind; the partial ones `seeds` times, beginning with a seed.
pub fn cuts_from(first: u64, seeds: u64) -> Vec<Cut> {
    let mut cuts = vec![Cut::CLEAN];
    for unstable in [false, true] {
        cuts.push(Cut {
            effect: Effect::LooksUntouched,
            unstable,
            seed: first,
        });
        cuts.push(Cut {
            effect: Effect::LooksDone,
            unstable,
            seed: first,
        });
        for seed in first..first + seeds {
            cuts.push(Cut {
                effect: Effect::Partial,
                unstable,
                seed,
            });
        }
    }
    cuts
}

pub fn all_cuts(seeds: u64) -> Vec<Cut> {
    cuts_from(3, seeds)
}

/// Sectors so small that a few steps go round the ring.
pub fn geometry(write_unit: u32, erased: u8, sectors: u32) -> Geometry {
    Geometry {
        sector_size: 256,
        sectors,
        write_unit,
        erased,
    }
}

/// A small generator, so that a failing case can be named by its seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Any step on few records, half of them short; some cannot be done.
pub fn random_step(random: &mut Random, longest: usize) -> Step {
    let set = |random: &mut Random| {
        let len = random.below(longest as u64 + 1) as usize;
        let len = if random.below(4) == 0 { len } else { len / 4 };
        Step::Set(random.below(12), len, random.next() as u8)
    };
    match random.below(10) {
        0 | 1 => Step::Remove(random.below(12)),
        2 => Step::Increment(random.below(3)),
        3 => Step::Transaction((0..random.below(4)).map(|_| set(random)).collect()),
        _ => set(random),
    }
}

/// The long version of a test was asked for.
pub fn full() -> bool {
    std::env::var_os("IRONROOT_FULL").is_some()
}
