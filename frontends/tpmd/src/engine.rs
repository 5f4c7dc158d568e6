//! What the daemon needs of a TPM, so that its own tests can bring a toy.

use ironroot_tpm::{Locality, MAX_SNAPSHOT, Progress, SnapshotError, StartError, Tpm};

/// A TPM, one command at a time.
pub(crate) trait Engine {
    /// Power on or reset.
    fn power_on(&mut self) -> Result<(), StartError>;
    fn power_off(&mut self);
    /// Everything volatile, sealed by the TPM itself; `None`: there is none.
    fn snapshot(&mut self) -> Option<Vec<u8>>;
    /// Power on into what a snapshot holds.
    fn power_on_from(&mut self, snapshot: &mut [u8]) -> Result<(), SnapshotError>;
    /// Takes a command; `None`: it needs steps.
    fn begin(&mut self, locality: Locality, command: &[u8], response: &mut [u8]) -> Option<usize>;
    /// Goes on with a suspended command for about as long as `budget` modular exponentiations take.
    fn step(&mut self, budget: u32, response: &mut [u8]) -> Option<usize>;
    /// Ends a suspended command; gives its answer's length, if there was one.
    fn cancel(&mut self, response: &mut [u8]) -> Option<usize>;
    /// Answers a command that may overtake the suspended one; `None`: it waits.
    fn meanwhile(
        &mut self,
        locality: Locality,
        command: &[u8],
        response: &mut [u8],
    ) -> Option<usize>;
    fn hash_start(&mut self);
    fn hash_data(&mut self, data: &[u8]);
    fn hash_end(&mut self);
    fn established(&self) -> bool;
    /// `false`: not from this locality.
    fn reset_established(&mut self, locality: Locality) -> bool;
    fn set_physical_presence(&mut self, present: bool);
    /// Countdown timers that ran out, one bit each.
    fn timers_signalled(&mut self) -> u16;
    /// In how many ms the next one runs out.
    fn next_timer(&self) -> Option<u64>;
}

impl Engine for Tpm<'_> {
    fn power_on(&mut self) -> Result<(), StartError> {
        Tpm::power_on(self)
    }

    fn power_off(&mut self) {
        Tpm::power_off(self);
    }

    fn snapshot(&mut self) -> Option<Vec<u8>> {
        let mut out = vec![0; MAX_SNAPSHOT];
        let len = Tpm::snapshot(self, &mut out).ok()?;
        out.truncate(len);
        Some(out)
    }

    fn power_on_from(&mut self, snapshot: &mut [u8]) -> Result<(), SnapshotError> {
        Tpm::power_on_from(self, snapshot)
    }

    fn begin(&mut self, locality: Locality, command: &[u8], response: &mut [u8]) -> Option<usize> {
        length(Tpm::begin(self, locality, command, response))
    }

    fn step(&mut self, budget: u32, response: &mut [u8]) -> Option<usize> {
        length(Tpm::step(self, budget, response))
    }

    fn cancel(&mut self, response: &mut [u8]) -> Option<usize> {
        Tpm::cancel(self, response)
    }

    fn meanwhile(
        &mut self,
        locality: Locality,
        command: &[u8],
        response: &mut [u8],
    ) -> Option<usize> {
        Tpm::meanwhile(self, locality, command, response)
    }

    fn hash_start(&mut self) {
        Tpm::hash_start(self);
    }

    fn hash_data(&mut self, data: &[u8]) {
        Tpm::hash_data(self, data);
    }

    fn hash_end(&mut self) {
        Tpm::hash_end(self);
    }

    fn established(&self) -> bool {
        Tpm::established(self)
    }

    fn reset_established(&mut self, locality: Locality) -> bool {
        Tpm::reset_established(self, locality)
    }

    fn set_physical_presence(&mut self, present: bool) {
        Tpm::set_physical_presence(self, present);
    }

    fn timers_signalled(&mut self) -> u16 {
        Tpm::timers_signalled(self)
    }

    fn next_timer(&self) -> Option<u64> {
        Tpm::next_timer(self)
    }
}

fn length(progress: Progress) -> Option<usize> {
    match progress {
        Progress::Done(len) => Some(len),
        Progress::Pending => None,
    }
}
