//! What a snapshot holds, in the order in which it stands there.
//!
//! Not kept, because it is found again or nobody may count on it: caches, results of self tests, a suspended command.

use crate::core::{Core, Mode};
use crate::nv::{Nv, OrderlyNv};
use crate::pcr::Pcrs;
use crate::rc::{Rc, Result};
use crate::state::{Clock, Healing, Volatile};
use crate::store::MAX_RECORD;
use crate::supplement::Live;
use crate::wire::{Input, Output};

/// How far the number of the next object context leaps at most: 2^40 snapshots taken back before it ends.
const LEAP: u64 = 1 << 24;

impl Core<'_> {
    /// Writes everything volatile; it holds secrets.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(super) fn write_volatile(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&match self.mode {
            Mode::Off => return Err(Rc::FAILURE),
            Mode::Initialised => 1u8,
            Mode::Running => 2,
            Mode::Failure => 3,
        })?;
        out.put(&self.found_orderly)?;
        out.put(&self.established)?;
        out.put(&self.physical_presence)?;
        self.volatile.write(out)?;
        out.put(&self.volatile.platform_enabled)?;
        self.clock.write(out)?;
        self.healing.write(out)?;
        self.pcrs.write_all(out)?;
        out.sized_with(|out| self.nv.orderly.write(out))?;
        self.sessions.write_all(out)?;
        self.objects.write_all(out)?;
        self.supplement.live.write_snapshot(out)
    }

    /// Takes all of it back, right after power on.
    ///
    /// # Errors
    /// Any: it is not what was written. The TPM is then in no state to go on.
    pub(super) fn read_volatile(&mut self, input: &mut Input<'_>) -> Result<()> {
        let mode = match input.get::<u8>()? {
            1 => Mode::Initialised,
            2 => Mode::Running,
            3 => Mode::Failure,
            _ => return Err(Rc::VALUE),
        };
        self.found_orderly = input.get()?;
        self.established = input.get()?;
        self.physical_presence = input.get()?;
        self.volatile = Volatile::read(input)?;
        self.volatile.platform_enabled = input.get()?;
        self.clock = Clock::read(input, self.platform.now())?;
        self.healing = Healing::read(input)?;
        self.pcrs = Pcrs::read_all(input)?;
        self.nv = Nv::default();
        self.nv.orderly = OrderlyNv::read(input.sized(MAX_RECORD)?)?;
        let leap = self.chance();
        self.sessions.read_all(input, leap)?;
        self.objects.read_all(input)?;
        self.supplement.live = Live::read_snapshot(input, &mut self.drbg)?;
        // A self test that failed just now outweighs what was.
        if self.mode != Mode::Failure {
            self.mode = mode;
        }
        Ok(())
    }

    /// From here on two that took the same snapshot back are two, and number their contexts apart as a rule; their
    /// contexts' keys differ in any case.
    pub(super) fn diverge(&mut self) {
        let leap = u64::from(self.chance()) % LEAP;
        let id = &mut self.volatile.object_context_id;
        *id = id.checked_add(leap).unwrap_or(*id);
    }

    /// At most 2^24.
    fn chance(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.drbg.fill(&mut bytes);
        u32::from_be_bytes(bytes) >> 8
    }
}
