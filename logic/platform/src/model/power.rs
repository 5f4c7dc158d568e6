//! The supply that all modelled parts hang on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How far the interrupted operation came, as it reads at the next power-on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Power went before it began: nothing was touched.
    NotBegun,
    /// It began, yet everything still reads as before. The units count as touched.
    LooksUntouched,
    /// An arbitrary part of the bits changed, chosen by the seed.
    Partial,
    /// Everything reads as if it had completed. It had not.
    LooksDone,
}

/// One loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// How far the interrupted operation came.
    pub effect: Effect,
    /// Whether the bits it was changing stay undecided. `Partial` ones then read differently each
    /// time; the other two keep their look until the next power cycle and read at random after it.
    pub unstable: bool,
    /// Chooses among the outcomes of `Partial`, and the noise of unstable bits.
    pub seed: u64,
}

impl Cut {
    /// Power goes before the operation begins.
    pub const CLEAN: Self = Self {
        effect: Effect::NotBegun,
        unstable: false,
        seed: 0,
    };
}

/// A supply shared by modelled parts. Clones are the same supply.
#[derive(Clone, Default)]
pub struct Power {
    supply: Arc<Mutex<Supply>>,
}

#[derive(Default)]
struct Supply {
    off: bool,
    boots: u32,
    operations: u64,
    cut: Option<(u64, Cut)>,
}

/// What the supply lets a part do.
pub(super) enum Permit {
    Whole,
    Cut(Cut),
    Off,
}

impl Power {
    /// A supply that is on and uncut.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts power at the operation (program, erase or counter step; reads do not count) with this
    /// number, the first after [`new`](Self::new) being 0.
    pub fn cut_at(&self, operation: u64, cut: Cut) {
        self.lock().cut = Some((operation, cut));
    }

    /// Brings power back; the next boot. No further cut is planned.
    pub fn on(&self) {
        let mut supply = self.lock();
        supply.off = false;
        supply.cut = None;
        supply.boots = supply.boots.wrapping_add(1);
    }

    /// How many operations began or were asked for so far; those refused while off do not count.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Whether power is there.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.lock().off
    }

    pub(super) fn boots(&self) -> u32 {
        self.lock().boots
    }

    /// Counts one operation and says what becomes of it.
    pub(super) fn spend(&self) -> Permit {
        let mut supply = self.lock();
        if supply.off {
            return Permit::Off;
        }
        let number = supply.operations;
        supply.operations = number.wrapping_add(1);
        match supply.cut {
            Some((at, cut)) if at == number => {
                supply.off = true;
                Permit::Cut(cut)
            }
            _ => Permit::Whole,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Supply> {
        self.supply.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A small generator for the noise (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014).
pub(super) struct SplitMix(pub(super) u64);

impl SplitMix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}
