//! Platform configuration registers (Part 1, section 17; PC Client Platform TPM Profile, PCR attributes).

use crate::hash::{BANKS, digest_len, hash};
use std::collections::BTreeMap;

const COUNT: u32 = 24;
const ALL: u32 = 0x00ff_ffff;

#[derive(Clone, Debug)]
pub(crate) struct Pcrs {
    /// Of each bank that has the register.
    values: BTreeMap<(u16, u32), Vec<u8>>,
    /// By bank; and from the next reset on.
    pub(crate) allocated: [u32; 4],
    pub(crate) next: [u32; 4],
    /// Changed since the last start.
    pub(crate) reallocated: bool,
    /// Data of a measurement by signals.
    pub(crate) measurement: Option<Vec<u8>>,
    /// The firmware was measured before Startup.
    pub(crate) measured: bool,
    pub(crate) locality_three: bool,
    /// A number that is another one after each change that counts.
    pub(crate) stamp: u64,
    /// `pcrUpdateCounter`, where it is known.
    pub(crate) counter: Option<u32>,
}

/// The localities that may extend a register, bit by bit.
pub(crate) fn extenders(number: u32) -> u8 {
    match number {
        17 | 18 => 0b11100,
        19 => 0b01100,
        20 => 0b01110,
        21 | 22 => 0b00100,
        _ => 0b11111,
    }
}

/// The localities whose command may reset it.
pub(crate) fn resetters(number: u32) -> u8 {
    match number {
        16 | 23 => 0b01111,
        20..=22 => 0b00100,
        _ => 0,
    }
}

fn is_dynamic(number: u32) -> bool {
    (17..=22).contains(&number)
}

fn is_counted(number: u32) -> bool {
    !matches!(number, 16 | 21..=23)
}

impl Pcrs {
    pub(crate) fn new() -> Self {
        let mut new = Self {
            values: BTreeMap::new(),
            allocated: [ALL; 4],
            next: [ALL; 4],
            reallocated: false,
            measurement: None,
            measured: false,
            locality_three: false,
            stamp: 0,
            counter: None,
        };
        new.power_on();
        new
    }

    pub(crate) fn power_on(&mut self) {
        self.allocated = self.next;
        self.reallocated = false;
        self.measurement = None;
        self.measured = false;
        self.locality_three = false;
        self.values.clear();
        for number in 0..COUNT {
            self.fill(number, 0, 0);
        }
    }

    pub(crate) fn value(&self, bank: u16, number: u32) -> Option<&Vec<u8>> {
        self.values.get(&(bank, number))
    }

    fn fill(&mut self, number: u32, byte: u8, last: u8) {
        for (bank, bits) in BANKS.into_iter().zip(self.allocated) {
            if bits >> number & 1 == 1 {
                let mut value = vec![byte; digest_len(bank)];
                *value.last_mut().unwrap() = last;
                self.values.insert((bank, number), value);
            }
        }
    }

    /// Extends one register of one bank, if it has it.
    pub(crate) fn extend(&mut self, bank: u16, number: u32, digest: &[u8]) {
        if let Some(value) = self.values.get_mut(&(bank, number)) {
            *value = hash(bank, &[value, digest]);
            self.changed(number);
        }
    }

    pub(crate) fn event(&mut self, number: u32, data: &[u8]) {
        for bank in BANKS {
            self.extend(bank, number, &hash(bank, &[data]));
        }
    }

    pub(crate) fn reset(&mut self, number: u32) {
        self.fill(number, 0, 0);
        self.changed(number);
    }

    pub(crate) fn changed(&mut self, number: u32) {
        if is_counted(number) {
            self.stamp += 1;
            self.counter = self.counter.map(|counter| counter.wrapping_add(1));
        }
    }

    /// Something changed, in steps that the specification leaves open.
    pub(crate) fn changed_somehow(&mut self) {
        self.stamp += 1;
        self.counter = None;
    }

    /// `_TPM_Hash_End`; gives whether there was a measurement.
    pub(crate) fn measure(&mut self, running: bool) -> bool {
        let Some(data) = self.measurement.take() else {
            return false;
        };
        match running {
            true => {
                (0..COUNT)
                    .filter(|number| is_dynamic(*number))
                    .for_each(|number| self.fill(number, 0, 0));
                self.event(17, &data);
                self.changed_somehow();
            }
            false => {
                self.measured = true;
                self.fill(0, 0, 4);
                self.event(0, &data);
            }
        }
        true
    }

    /// What Shutdown(STATE) keeps.
    pub(crate) fn kept(&self) -> BTreeMap<(u16, u32), Vec<u8>> {
        let below = self.values.iter().filter(|((_, number), _)| *number < 16);
        below.map(|(key, value)| (*key, value.clone())).collect()
    }

    /// Startup; a resume brings `kept` back.
    pub(crate) fn start(&mut self, kept: Option<&BTreeMap<(u16, u32), Vec<u8>>>) {
        for number in 0..COUNT {
            match (kept, number) {
                (Some(kept), 0..16) => {
                    for bank in BANKS {
                        if let Some(value) = kept.get(&(bank, number)) {
                            self.values.insert((bank, number), value.clone());
                        }
                    }
                }
                (None, 0) if self.measured => {}
                (None, 0) => self.fill(0, 0, if self.locality_three { 3 } else { 0 }),
                _ if is_dynamic(number) => self.fill(number, 0xff, 0xff),
                _ => self.fill(number, 0, 0),
            }
        }
        self.changed_somehow();
    }
}
