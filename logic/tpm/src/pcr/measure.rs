//! Measurements by signals from the hardware: `_TPM_Hash_Start`, `_TPM_Hash_Data`, `_TPM_Hash_End`.
//!
//! Before Startup they measure the firmware's root (H-CRTM) into register 0, which then begins with locality 4
//! instead of zero. After it they are a dynamic measurement (D-RTM): all registers that locality 4 may reset become
//! zero, and register 17 is extended. A command between start and end gives the measurement up.

use super::{COUNT, DRTM, HCRTM, attributes};
use crate::core::{Core, Mode};
use crate::object::sequence::{EventHashes, event_hashes};
#[cfg(feature = "full")]
use crate::object::sequence::{read_event_hashes, write_event_hashes};
#[cfg(feature = "full")]
use crate::rc::Result;
#[cfg(feature = "full")]
use crate::wire::{Input, Output};

/// Hashes that go on, one for each bank.
pub(crate) struct Measurement {
    hashes: EventHashes,
}

impl Measurement {
    /// Nothing hashed yet.
    pub(crate) fn new() -> Self {
        Self {
            hashes: event_hashes(),
        }
    }

    /// For a snapshot.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    #[cfg(feature = "full")]
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        write_event_hashes(&self.hashes, out)
    }

    /// From a snapshot.
    ///
    /// # Errors
    /// Any: it is not whole.
    #[cfg(feature = "full")]
    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self> {
        read_event_hashes(input).map(|hashes| Self { hashes })
    }

    /// More data.
    pub(crate) fn update(&mut self, data: &[u8]) {
        self.hashes
            .iter_mut()
            .flatten()
            .for_each(|hash| hash.update(data));
    }
}

impl Core<'_> {
    /// The signal `_TPM_Hash_Start`.
    pub(crate) fn hash_start(&mut self) {
        if matches!(self.mode, Mode::Initialised | Mode::Running) {
            self.pcrs.measurement = Some(Measurement::new());
            self.established = true;
        }
    }

    /// The signal `_TPM_Hash_Data`; without a start before, nothing happens.
    pub(crate) fn hash_data(&mut self, data: &[u8]) {
        if let Some(measurement) = &mut self.pcrs.measurement {
            measurement.update(data);
        }
    }

    /// The signal `_TPM_Hash_End`; without a start before, nothing happens.
    pub(crate) fn hash_end(&mut self) {
        let Some(measurement) = self.pcrs.measurement.take() else {
            return;
        };
        let running = self.mode == Mode::Running;
        let number = if running { DRTM } else { HCRTM };
        match running {
            true => self.begin_dynamic(),
            false => {
                self.pcrs.measured = true;
                self.pcrs.set(HCRTM, 0, 4);
            }
        }
        for hash in measurement.hashes.into_iter().flatten() {
            let algorithm = hash.algorithm();
            let digest = hash.finish();
            if self.pcrs.extend(algorithm, number, digest.as_slice()) && running {
                // At the counter's end the TPM is in failure mode; a signal has no answer to say so in.
                let _ = self.pcr_changed(number);
            }
        }
    }

    fn begin_dynamic(&mut self) {
        for number in 0..COUNT {
            if attributes(number).reset_by_dynamic_measurement() {
                self.pcrs.set(number, 0, 0);
            }
        }
        self.volatile.restart_count = self.volatile.restart_count.saturating_add(1);
    }
}
