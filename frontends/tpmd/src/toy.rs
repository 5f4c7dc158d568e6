//! A TPM for the daemon's own tests: it counts, and takes as long as it is told.

use crate::engine::Engine;
use ironroot_tpm::{Locality, SnapshotError, StartError};

/// Remembers what it was asked.
#[derive(Default)]
pub(crate) struct Toy {
    pub(crate) seen: Vec<u32>,
    pub(crate) steps: u32,
    pub(crate) power_ons: u32,
    pub(crate) locality: u8,
    pub(crate) measured: Vec<u8>,
    pub(crate) present: bool,
    /// Countdown timers that ran out: the second one, once there was an ACT_SetTimeout.
    pub(crate) timers: u16,
    pub(crate) established: bool,
    /// Why it does not start the next time; then it does.
    pub(crate) refuses: Option<SnapshotError>,
    left: u32,
}

impl Toy {
    /// A command that takes [`STEPS`](Self::STEPS) steps.
    pub(crate) const LONG: u32 = 0x131;
    pub(crate) const STEPS: u32 = 50;
    pub(crate) const CANCELED: u32 = 0x909;
}

/// A command without parameters.
pub(crate) fn command(code: u32) -> Vec<u8> {
    [&[0x80, 1, 0, 0, 0, 10][..], &code.to_be_bytes()].concat()
}

fn answer(code: u32, response: &mut [u8]) -> Option<usize> {
    response[..6].copy_from_slice(&[0x80, 1, 0, 0, 0, 10]);
    response[6..10].copy_from_slice(&code.to_be_bytes());
    Some(10)
}

impl Engine for Toy {
    fn power_on(&mut self) -> Result<(), StartError> {
        if let Some(SnapshotError::Start(error)) = self.refuses {
            self.refuses = None;
            return Err(error);
        }
        self.power_ons += 1;
        self.left = 0;
        Ok(())
    }

    fn power_off(&mut self) {
        self.left = 0;
    }

    /// What it keeps is how far it measured.
    fn snapshot(&mut self) -> Option<Vec<u8>> {
        Some(self.measured.clone())
    }

    fn power_on_from(&mut self, snapshot: &mut [u8]) -> Result<(), SnapshotError> {
        self.power_on().map_err(SnapshotError::Start)?;
        if let Some(error) = self.refuses.take() {
            return Err(error);
        }
        self.measured = snapshot.to_vec();
        Ok(())
    }

    fn begin(&mut self, locality: Locality, command: &[u8], response: &mut [u8]) -> Option<usize> {
        self.locality = locality.number();
        let code = command.get(6..10).map_or(0, |code| {
            u32::from_be_bytes(code.try_into().expect("four bytes"))
        });
        self.seen.push(code);
        if code == 0x198 {
            self.timers = 0b10;
        }
        if code == Self::LONG {
            self.left = Self::STEPS;
            return None;
        }
        answer(0, response)
    }

    fn step(&mut self, budget: u32, response: &mut [u8]) -> Option<usize> {
        self.steps += 1;
        self.left = self.left.saturating_sub(budget);
        if self.left > 0 {
            return None;
        }
        answer(0, response)
    }

    fn cancel(&mut self, response: &mut [u8]) -> Option<usize> {
        self.left = 0;
        answer(Self::CANCELED, response)
    }

    fn meanwhile(&mut self, _: Locality, command: &[u8], response: &mut [u8]) -> Option<usize> {
        // The response code of one that overtook is the number of steps so far.
        (command.get(6..10)? == [0, 0, 1, 0x7b]).then_some(())?;
        answer(self.steps, response)
    }

    fn hash_start(&mut self) {
        self.measured.clear();
    }

    fn hash_data(&mut self, data: &[u8]) {
        self.measured.extend_from_slice(data);
    }

    fn hash_end(&mut self) {
        self.established = true;
    }

    fn established(&self) -> bool {
        self.established
    }

    fn reset_established(&mut self, locality: Locality) -> bool {
        let may = locality.number() >= 3;
        self.established &= !may;
        may
    }

    fn set_physical_presence(&mut self, present: bool) {
        self.present = present;
    }

    fn timers_signalled(&mut self) -> u16 {
        self.timers
    }

    fn next_timer(&self) -> Option<u64> {
        None
    }
}
