//! The mainboard around a TPM: power, locality, cancel line, buffer size.
//!
//! It answers what a TPM without power cannot, and shuts the TPM down in order where the one who
//! takes the power forgot to.

use crate::engine::Engine;
use ironroot_tpm::{Locality, MAX_COMMAND, SnapshotError, StartError};

/// `TPM2_Shutdown(CLEAR)` and `TPM2_Startup` (TPM 2.0 Part 3).
const SHUTDOWN_CLEAR: [u8; 12] = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x45, 0, 0];
const STARTUP: [u8; 10] = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44];
const SHUTDOWN_CODE: [u8; 4] = [0, 0, 1, 0x45];

/// `TPM_RC_FAILURE`, `TPM_RC_LOCALITY`, `TPM_RC_COMMAND_SIZE`, `TPM_RC_INITIALIZE`.
const FAILURE: u32 = 0x101;
const LOCALITY: u32 = 0x907;
const COMMAND_SIZE: u32 = 0x142;
const INITIALIZE: u32 = 0x100;

/// The shortest buffer that can be asked for: what a CRB interface has.
pub(crate) const MIN_BUFFER: usize = 3968;

/// A TPM and what is soldered to it.
pub(crate) struct Machine<E> {
    engine: E,
    response: Vec<u8>,
    powered: bool,
    suspended: bool,
    /// The locality of commands that come without one.
    locality: Locality,
    /// The cancel line is held: what can be cancelled is, at once.
    cancel_held: bool,
    buffer_size: usize,
    /// A command ran since the power came, and the last was not a Shutdown that worked.
    disorderly: bool,
    shutting_down: bool,
    sizes: Sizes,
    /// How many steps suspended commands were given.
    #[cfg(test)]
    pub(crate) steps: u32,
}

/// The longest messages since they were last asked for.
#[derive(Clone, Copy, Default)]
struct Sizes {
    command: (u32, u32),
    response: (u32, u32),
}

impl<E: Engine> Machine<E> {
    pub(crate) fn new(engine: E) -> Self {
        Self {
            engine,
            response: vec![0; MAX_COMMAND],
            powered: false,
            suspended: false,
            locality: Locality::ZERO,
            cancel_held: false,
            buffer_size: MAX_COMMAND,
            disorderly: false,
            shutting_down: false,
            sizes: Sizes::default(),
            #[cfg(test)]
            steps: 0,
        }
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &E {
        &self.engine
    }

    /// The longest command taken now.
    pub(crate) fn buffer_size(&self) -> usize {
        self.buffer_size
    }

    pub(crate) fn set_buffer_size(&mut self, wanted: usize) {
        self.buffer_size = wanted.clamp(MIN_BUFFER, MAX_COMMAND);
    }

    pub(crate) fn is_powered(&self) -> bool {
        self.powered
    }

    #[cfg(test)]
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// The bytes of an answer whose length was given.
    pub(crate) fn answer(&self, len: usize) -> &[u8] {
        self.response.get(..len).unwrap_or_default()
    }

    /// Takes a command; `None`: it is suspended. Not while another is.
    pub(crate) fn begin(&mut self, locality: Option<u8>, command: &[u8]) -> Option<usize> {
        let locality = match self.admit(locality) {
            Ok(locality) => locality,
            Err(code) => return Some(self.refuse(code)),
        };
        self.note(command);
        let done = self.engine.begin(locality, command, &mut self.response);
        self.suspended = done.is_none();
        if self.suspended && self.cancel_held {
            return self.cancel();
        }
        done.inspect(|len| self.done(*len))
    }

    /// As [`begin`](Self::begin), but the vendor command that sets the locality, up to `most`, is answered here.
    pub(crate) fn begin_or_set_locality(
        &mut self,
        locality: Option<u8>,
        command: &[u8],
        most: u8,
    ) -> Option<usize> {
        // swtpm's clients send it without a session, Linux with the tag of one that is not there.
        let Some(([0x80, 1 | 2, 0, 0, 0, 11], [0x20, 0, 0x10, 0, number])) =
            command.split_first_chunk()
        else {
            return self.begin(locality, command);
        };
        let code = match *number <= most && self.set_locality(*number) {
            true => 0,
            false => LOCALITY,
        };
        Some(self.refuse(code))
    }

    /// Countdown timers that ran out, one bit each.
    pub(crate) fn timers_signalled(&mut self) -> u16 {
        match self.powered {
            true => self.engine.timers_signalled(),
            false => 0,
        }
    }

    /// In how many ms the next one runs out; `None`: none runs.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        self.engine.next_timer().filter(|_| self.powered)
    }

    /// Goes on with the suspended command.
    pub(crate) fn step(&mut self, budget: u32) -> Option<usize> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        let len = self.engine.step(budget, &mut self.response)?;
        self.suspended = false;
        self.done(len);
        Some(len)
    }

    /// Cancels the suspended command; the length of its answer.
    pub(crate) fn cancel(&mut self) -> Option<usize> {
        if !std::mem::take(&mut self.suspended) {
            return None;
        }
        let len = self.engine.cancel(&mut self.response)?;
        self.done(len);
        Some(len)
    }

    /// Answers a command beside the suspended one, if it may be.
    pub(crate) fn meanwhile(&mut self, locality: Option<u8>, command: &[u8]) -> Option<usize> {
        let locality = self.admit(locality).ok()?;
        self.engine.meanwhile(locality, command, &mut self.response)
    }

    /// The answer to a command that is no command.
    pub(crate) fn refuse_length(&mut self) -> usize {
        self.refuse(COMMAND_SIZE)
    }

    /// Holds or releases the cancel line. A suspended command is for the caller to cancel.
    pub(crate) fn hold_cancel(&mut self, held: bool) {
        self.cancel_held = held;
    }

    /// Power on where it was off. `false`: the TPM does not start.
    pub(crate) fn power_on(&mut self) -> bool {
        self.powered || self.power_cycle().is_ok()
    }

    /// Power off and on, after an orderly Shutdown if that was forgotten.
    pub(crate) fn power_cycle(&mut self) -> Result<(), StartError> {
        self.power_off_in_order();
        self.engine.power_on()?;
        self.powered = true;
        Ok(())
    }

    /// Everything volatile; `None`: it has no power. Until the next command, the power may be cut without a Shutdown: who
    /// has the snapshot goes on from it.
    pub(crate) fn snapshot(&mut self) -> Option<Vec<u8>> {
        let _ = self.cancel();
        let snapshot = self.engine.snapshot().filter(|_| self.powered)?;
        self.disorderly = false;
        Some(snapshot)
    }

    /// Power on, into what a snapshot holds; it was off.
    pub(crate) fn power_on_from(&mut self, snapshot: &mut [u8]) -> Result<(), SnapshotError> {
        self.power_off();
        self.engine.power_on_from(snapshot)?;
        self.powered = true;
        // Nobody told it that the power would go.
        self.disorderly = true;
        Ok(())
    }

    /// The power is cut.
    pub(crate) fn power_off(&mut self) {
        self.engine.power_off();
        self.powered = false;
        self.suspended = false;
        self.disorderly = false;
    }

    /// The power goes off, after an orderly Shutdown if that was forgotten.
    pub(crate) fn power_off_in_order(&mut self) {
        let _ = self.cancel();
        if self.powered && self.disorderly {
            // Not started, or failed: then there is nothing to bring in order.
            let _ = self
                .engine
                .begin(Locality::ZERO, &SHUTDOWN_CLEAR, &mut self.response);
        }
        self.power_off();
    }

    /// Sends Startup; the response code.
    pub(crate) fn start_up(&mut self, resume: bool) -> u32 {
        let kind = [0, u8::from(resume)];
        let command = [&STARTUP[..], &kind].concat();
        match self.begin(None, &command) {
            Some(len) => code_of(self.answer(len)),
            None => INITIALIZE,
        }
    }

    /// The locality from now on; `false`: there is no such.
    pub(crate) fn set_locality(&mut self, number: u8) -> bool {
        let locality = Locality::new(number).filter(|locality| locality.number() <= 4);
        self.locality = locality.unwrap_or(self.locality);
        locality.is_some()
    }

    pub(crate) fn established(&self) -> bool {
        self.engine.established()
    }

    pub(crate) fn reset_established(&mut self, locality: u8) -> bool {
        Locality::new(locality).is_some_and(|locality| self.engine.reset_established(locality))
    }

    pub(crate) fn set_physical_presence(&mut self, present: bool) {
        self.engine.set_physical_presence(present);
    }

    pub(crate) fn hash_start(&mut self) {
        self.engine.hash_start();
    }

    pub(crate) fn hash_data(&mut self, data: &[u8]) {
        self.engine.hash_data(data);
    }

    pub(crate) fn hash_end(&mut self) {
        self.engine.hash_end();
    }

    /// Longest command and its code, longest answer and its code, since the last call, as the
    /// reference simulator sends them: in its own byte order, which is little-endian.
    pub(crate) fn take_sizes(&mut self) -> [u8; 16] {
        let sizes = std::mem::take(&mut self.sizes);
        let words = [
            sizes.command.0,
            sizes.command.1,
            sizes.response.0,
            sizes.response.1,
        ];
        let mut bytes = [0; 16];
        for (to, word) in bytes.chunks_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn admit(&self, locality: Option<u8>) -> Result<Locality, u32> {
        if !self.powered {
            return Err(FAILURE);
        }
        match locality {
            None => Ok(self.locality),
            Some(number) => Locality::new(number).ok_or(LOCALITY),
        }
    }

    /// An answer without content.
    fn refuse(&mut self, code: u32) -> usize {
        let answer = [&[0x80, 1, 0, 0, 0, 10][..], &code.to_be_bytes()].concat();
        if let Some(to) = self.response.get_mut(..answer.len()) {
            to.copy_from_slice(&answer);
        }
        answer.len()
    }

    fn note(&mut self, command: &[u8]) {
        let code = command.get(6..10).unwrap_or_default();
        self.shutting_down = code == SHUTDOWN_CODE;
        let len = u32::try_from(command.len()).unwrap_or(u32::MAX);
        if len > self.sizes.command.0 {
            self.sizes.command = (len, word(command));
        }
    }

    fn done(&mut self, len: usize) {
        let succeeded = code_of(self.answer(len)) == 0;
        if succeeded {
            self.disorderly = !self.shutting_down;
        }
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        if len > self.sizes.response.0 {
            self.sizes.response = (len, 0);
        }
    }
}

/// The response code of an answer, or the code of a command.
fn word(message: &[u8]) -> u32 {
    let bytes = message.get(6..).and_then(|rest| rest.first_chunk());
    bytes.map_or(u32::MAX, |bytes| u32::from_be_bytes(*bytes))
}

fn code_of(answer: &[u8]) -> u32 {
    word(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{Toy, command};

    fn machine() -> Machine<Toy> {
        let mut machine = Machine::new(Toy::default());
        assert!(machine.power_on());
        machine
    }

    fn run(machine: &mut Machine<Toy>, bytes: &[u8]) -> u32 {
        let len = machine.begin(None, bytes).unwrap();
        code_of(machine.answer(len))
    }

    #[test]
    fn without_power_every_command_fails_under_the_tag_of_a_tpm_2() {
        let mut machine = Machine::new(Toy::default());
        let older_probe = [0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x5a];
        for probe in [&command(0x17b)[..], &older_probe] {
            let len = machine.begin(None, probe).unwrap();
            assert_eq!(machine.answer(len), [0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1]);
        }
    }

    #[test]
    fn power_on_where_it_is_on_does_nothing() {
        let mut machine = machine();
        assert!(machine.power_on());
        assert_eq!(machine.engine.power_ons, 1);
        machine.power_cycle().unwrap();
        assert_eq!(machine.engine.power_ons, 2);
    }

    #[test]
    fn a_forgotten_shutdown_is_made_good_before_the_power_goes() {
        let mut machine = machine();
        machine.power_off_in_order();
        assert_eq!(machine.engine.seen, []);
        machine.power_on();
        run(&mut machine, &command(0x17b));
        machine.power_off_in_order();
        assert_eq!(machine.engine.seen, [0x17b, 0x145]);
        machine.power_on();
        run(&mut machine, &command(0x17b));
        run(&mut machine, &command(0x145));
        machine.power_off_in_order();
        assert_eq!(machine.engine.seen[2..], [0x17b, 0x145]);
        machine.power_on();
        run(&mut machine, &command(0x17b));
        machine.power_off();
        assert_eq!(machine.engine.seen[4..], [0x17b]);
    }

    #[test]
    fn localities_that_do_not_exist_are_refused() {
        let mut machine = machine();
        for number in 5..=31 {
            let len = machine.begin(Some(number), &command(0x17b)).unwrap();
            assert_eq!(code_of(machine.answer(len)), LOCALITY);
            assert!(!machine.set_locality(number));
        }
        assert!(machine.set_locality(3));
        assert!(!machine.set_locality(200));
        run(&mut machine, &command(0x17b));
        assert_eq!(machine.engine.locality, 3);
        machine.begin(Some(200), &command(0x17b)).unwrap();
        assert_eq!(machine.engine.locality, 200);
    }

    #[test]
    fn the_held_cancel_line_ends_what_can_be_cancelled() {
        let mut machine = machine();
        machine.hold_cancel(true);
        let len = machine.begin(None, &command(Toy::LONG)).unwrap();
        assert_eq!(code_of(machine.answer(len)), Toy::CANCELED);
        assert_eq!(run(&mut machine, &command(0x17b)), 0);
        machine.hold_cancel(false);
        assert_eq!(machine.begin(None, &command(Toy::LONG)), None);
        assert!(machine.is_suspended());
        machine.power_cycle().unwrap();
        assert!(!machine.is_suspended());
    }

    #[test]
    fn buffer_sizes_stay_between_their_bounds() {
        let mut machine = machine();
        for (wanted, got) in [(1, 3968), (3968, 3968), (4000, 4000), (1 << 20, 4096)] {
            machine.set_buffer_size(wanted);
            assert_eq!(machine.buffer_size(), got);
        }
    }

    #[test]
    fn sizes_are_told_once() {
        let mut machine = machine();
        run(&mut machine, &command(0x17b));
        assert_eq!(machine.take_sizes()[..8], [10, 0, 0, 0, 0x7b, 1, 0, 0]);
        assert_eq!(machine.take_sizes(), [0; 16]);
    }
}
