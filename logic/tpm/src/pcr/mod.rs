//! Platform configuration registers (Part 1, section 17): banks, localities, what a start does to them.
//!
//! 24 registers in each bank; a bank that is not allocated holds nothing. Values live in memory and are kept by
//! Shutdown(STATE) alone: extending never writes to the store.

mod attributes;
mod measure;
mod selection;

pub(crate) use attributes::{Property, attributes};
pub(crate) use measure::Measurement;

use crate::core::Core;
use crate::entity::{Guard, Policy};
use crate::handle::{Handle, Kind};
use crate::profile::{MAX_BANKS, MAX_DIGEST};
use crate::rc::{Rc, Result};
use crate::structures::{AuthValue, BANKS};
use crate::wire::{Input, Output, copy};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest_parts};

/// How many there are in a bank.
pub(crate) const COUNT: usize = 24;
/// The selection of all of them.
pub(crate) const ALL: u32 = 0x00ff_ffff;
/// Those that Shutdown(STATE) keeps.
const SAVED: usize = 16;
/// Extended by the root of measurement before Startup.
const HCRTM: usize = 0;
/// Extended by a dynamic measurement.
const DRTM: usize = 17;

type Bank = [[u8; MAX_DIGEST]; COUNT];

/// The registers.
pub(crate) struct Pcrs {
    /// In the order of [`BANKS`]; of each register as many bytes count as the bank's digests have.
    values: [Bank; MAX_BANKS],
    /// Which registers each bank has, since the last reset.
    allocated: [u32; MAX_BANKS],
    /// A measurement by signals that goes on.
    pub(crate) measurement: Option<Measurement>,
    /// The firmware was measured by signals before Startup.
    pub(crate) measured: bool,
    /// Startup came from locality 3.
    pub(crate) locality_three: bool,
    /// The allocation was changed and takes effect at the next reset.
    pub(crate) reallocated: bool,
}

impl Default for Pcrs {
    fn default() -> Self {
        Self {
            values: [[[0; MAX_DIGEST]; COUNT]; MAX_BANKS],
            allocated: [0; MAX_BANKS],
            measurement: None,
            measured: false,
            locality_three: false,
            reallocated: false,
        }
    }
}

/// A register's number; always below [`COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PcrNumber(u8);

impl PcrNumber {
    /// The register that a handle names.
    ///
    /// # Errors
    /// `VALUE`: none.
    pub(crate) fn of(handle: Handle) -> Result<Self> {
        match (handle.kind(), u8::try_from(handle.index())) {
            (Kind::Pcr, Ok(number)) if usize::from(number) < COUNT => Ok(Self(number)),
            _ => Err(Rc::VALUE),
        }
    }

    /// Its number.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Pcrs {
    /// At power on: empty, with these registers in each bank.
    // In place: on a Cortex-M a second copy is a good part of the stack.
    pub(crate) fn power_on(&mut self, allocated: [u32; MAX_BANKS]) {
        for value in self.values.iter_mut().flatten() {
            value.fill(0);
        }
        self.allocated = allocated;
        self.measurement = None;
        self.measured = false;
        self.locality_three = false;
        self.reallocated = false;
    }

    /// Which registers each bank has, with its algorithm.
    pub(crate) fn banks(&self) -> impl Iterator<Item = (HashAlgorithm, u32)> + '_ {
        BANKS
            .iter()
            .map(|(_, hash)| *hash)
            .zip(self.allocated.iter().copied())
    }

    /// Which registers the bank of that algorithm has.
    pub(crate) fn allocated(&self, hash: HashAlgorithm) -> u32 {
        self.banks()
            .find(|(bank, _)| *bank == hash)
            .map_or(0, |(_, bits)| bits)
    }

    /// The value of a register; `None` if the bank does not have it.
    pub(crate) fn value(&self, hash: HashAlgorithm, number: usize) -> Option<&[u8]> {
        if self.allocated(hash) >> number & 1 == 0 {
            return None;
        }
        let bank = BANKS.iter().position(|(_, bank)| *bank == hash)?;
        self.values.get(bank)?.get(number)?.get(..hash.digest_len())
    }

    fn value_mut(&mut self, hash: HashAlgorithm, number: usize) -> Option<&mut [u8]> {
        if self.allocated(hash) >> number & 1 == 0 {
            return None;
        }
        let bank = BANKS.iter().position(|(_, bank)| *bank == hash)?;
        self.values
            .get_mut(bank)?
            .get_mut(number)?
            .get_mut(..hash.digest_len())
    }

    /// Sets a register in all banks: to `fill` in each byte, and the last one to `last`.
    fn set(&mut self, number: usize, fill: u8, last: u8) {
        for (_, hash) in BANKS {
            if let Some(value) = self.value_mut(*hash, number) {
                value.fill(fill);
                if let Some(byte) = value.last_mut() {
                    *byte = last;
                }
            }
        }
    }

    /// Extends a register of one bank; `false`: it has none.
    fn extend(&mut self, hash: HashAlgorithm, number: usize, digest: &[u8]) -> bool {
        let Some(value) = self.value_mut(hash, number) else {
            return false;
        };
        let extended = digest_parts(hash, &[value, digest]);
        value
            .iter_mut()
            .zip(extended.as_slice())
            .for_each(|(old, new)| *old = *new);
        true
    }

    /// Writes what Shutdown(STATE) keeps.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        self.allocated.iter().try_for_each(|bits| out.put(bits))?;
        for (hash, _) in self.banks() {
            for number in 0..SAVED {
                out.raw(self.value(hash, number).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Finds out whether [`Pcrs::read`] will take what was kept with these registers in each bank.
    ///
    /// # Errors
    /// Any: it is not whole, or not of this allocation.
    pub(crate) fn check_saved(allocated: [u32; MAX_BANKS], input: &mut Input<'_>) -> Result<()> {
        check_allocation(allocated, input)?;
        for ((_, hash), bits) in BANKS.iter().zip(allocated) {
            for number in 0..SAVED {
                if bits >> number & 1 != 0 {
                    input.take(hash.digest_len())?;
                }
            }
        }
        Ok(())
    }

    /// Takes back what it kept.
    ///
    /// # Errors
    /// Any: it is not whole, or not of this allocation. The registers are then of no use.
    pub(crate) fn read(&mut self, input: &mut Input<'_>) -> Result<()> {
        check_allocation(self.allocated, input)?;
        for (_, hash) in BANKS {
            for number in 0..SAVED {
                if let Some(value) = self.value_mut(*hash, number) {
                    copy(value, input.take(value.len())?);
                }
            }
        }
        Ok(())
    }

    /// Writes all there is, for a snapshot.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    #[cfg(feature = "full")]
    pub(crate) fn write_all(&self, out: &mut Output<'_>) -> Result<()> {
        self.allocated.iter().try_for_each(|bits| out.put(bits))?;
        for (hash, _) in self.banks() {
            for number in 0..COUNT {
                out.raw(self.value(hash, number).unwrap_or_default())?;
            }
        }
        out.put(&self.measured)?;
        out.put(&self.locality_three)?;
        out.put(&self.reallocated)?;
        out.put(&self.measurement.is_some())?;
        match &self.measurement {
            Some(measurement) => measurement.write(out),
            None => Ok(()),
        }
    }

    /// All there is, from a snapshot.
    ///
    /// # Errors
    /// Any: it is not whole.
    #[cfg(feature = "full")]
    pub(crate) fn read_all(input: &mut Input<'_>) -> Result<Self> {
        let mut pcrs = Self::default();
        for bits in &mut pcrs.allocated {
            *bits = input.get::<u32>()?;
            if *bits & !ALL != 0 {
                return Err(Rc::VALUE);
            }
        }
        for (_, hash) in BANKS {
            for number in 0..COUNT {
                if let Some(value) = pcrs.value_mut(*hash, number) {
                    copy(value, input.take(value.len())?);
                }
            }
        }
        (pcrs.measured, pcrs.locality_three) = (input.get()?, input.get()?);
        pcrs.reallocated = input.get()?;
        if input.get::<bool>()? {
            pcrs.measurement = Some(Measurement::read(input)?);
        }
        Ok(pcrs)
    }

    /// Gives all registers the values of a reset or restart; those kept for a resume stay if `resume`.
    /// Firmware that was measured before stays in register 0, except that a resume puts back what was there.
    pub(crate) fn start(&mut self, resume: bool) {
        self.reallocated = false;
        let locality = if self.locality_three && !self.measured {
            3
        } else {
            0
        };
        for number in 0..COUNT {
            let kept = number < SAVED && resume || number == HCRTM && self.measured;
            if kept {
                continue;
            }
            match attributes(number).reset_by_dynamic_measurement() {
                true => self.set(number, 0xff, 0xff),
                false => self.set(number, 0, if number == HCRTM { locality } else { 0 }),
            }
        }
    }
}

fn check_allocation(allocated: [u32; MAX_BANKS], input: &mut Input<'_>) -> Result<()> {
    allocated
        .iter()
        .try_for_each(|bits| match input.get::<u32>()? == *bits {
            true => Ok(()),
            false => Err(Rc::VALUE),
        })
}

impl Core<'_> {
    /// Auth value and policy of a register: an empty auth value, no policy, and nobody counts wrong ones.
    ///
    /// # Errors
    /// `VALUE`: there is none of that number.
    pub(crate) fn pcr_guard(&mut self, handle: Handle) -> Result<Guard> {
        PcrNumber::of(handle)?;
        Ok(Guard {
            auth: AuthValue::EMPTY,
            policy: Policy::NONE,
            user_with_auth: true,
            admin_with_policy: false,
            protected_from_guessing: false,
        })
    }

    /// Extends a register in one bank, if the bank has it, and counts.
    ///
    /// # Errors
    /// `FAILURE`: the counter is at its end; the TPM is in failure mode.
    pub(crate) fn extend_pcr(
        &mut self,
        number: PcrNumber,
        hash: HashAlgorithm,
        digest: &[u8],
    ) -> Result<()> {
        match self.pcrs.extend(hash, number.index(), digest) {
            true => self.pcr_changed(number.index()),
            false => Ok(()),
        }
    }

    /// Sets a register to zero in all banks, and counts.
    ///
    /// # Errors
    /// As [`Core::extend_pcr`].
    pub(crate) fn reset_pcr(&mut self, number: PcrNumber) -> Result<()> {
        self.pcrs.set(number.index(), 0, 0);
        self.pcr_changed(number.index())
    }

    /// Counts the change of a register, if its changes count.
    ///
    /// # Errors
    /// As [`Core::extend_pcr`].
    pub(crate) fn pcr_changed(&mut self, number: usize) -> Result<()> {
        if attributes(number).is_not_counted() {
            return Ok(());
        }
        match self.volatile.pcr_counter.checked_add(1) {
            Some(counter) => {
                self.volatile.pcr_counter = counter;
                Ok(())
            }
            None => Err(self.fail()),
        }
    }

    /// Counts the changes of a start.
    ///
    /// # Errors
    /// As [`Core::extend_pcr`].
    pub(crate) fn pcrs_started(&mut self, resume: bool) -> Result<()> {
        let first = if resume { SAVED } else { 0 };
        (first..COUNT).try_for_each(|number| self.pcr_changed(number))
    }
}
