//! The whole TPM: power, signals, one command at a time.

use crate::core::{Core, Mode};
use crate::dispatch::{self, Accepted, Locality};
use crate::object::ObjectSlot;
#[cfg(feature = "full")]
use crate::pool::{Pool, Primes};
use crate::profile::{MAX_COMMAND, Profile};
use crate::rc::Rc;
use crate::session::SessionSlot;
use crate::store::{Platform, Store, StoreError};
use crate::wire::copy;
use ironroot_crypto::wipe;

/// Commands that may be answered while another one is suspended, if they come without sessions:
/// GetRandom, GetCapability, ReadClock, PCR_Read, GetTestResult. They read, and what they read a suspended command
/// does not change.
const MEANWHILE: [u32; 5] = [0x17b, 0x17a, 0x181, 0x17e, 0x17c];
/// The longest of them, with room to spare, in bytes.
const MAX_MEANWHILE: usize = 256;

/// Memory that the wiring gives, for there is no heap: as many slots as the profile wants.
pub struct Memory<'m> {
    /// For loaded objects and sequences.
    pub objects: &'m mut [ObjectSlot],
    /// For loaded sessions.
    pub sessions: &'m mut [SessionSlot],
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// The answer is in the response buffer; this many bytes.
    Done(usize),
    /// It needs more steps.
    Pending,
}

/// Why a TPM does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The store says so.
    Store(StoreError),
    /// The state was written by a version that this one does not know.
    Version,
    /// The state is not whole.
    Corrupt,
    /// There is no entropy.
    Entropy,
    /// Fewer slots were given than the profile promises.
    Memory,
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A TPM.
pub struct Tpm<'m> {
    pub(crate) core: Core<'m>,
    /// The command; behind `len` there are only zeros.
    buffer: [u8; MAX_COMMAND],
    len: usize,
    suspended: Option<Accepted>,
}

impl<'m> Tpm<'m> {
    /// Reads the state from `store`, or makes a new TPM there. It is powered off.
    ///
    /// # Errors
    /// [`StartError`]; nothing was changed in the store.
    pub fn new(
        memory: Memory<'m>,
        store: &'m mut dyn Store,
        platform: &'m mut dyn Platform,
        profile: &'static Profile,
    ) -> core::result::Result<Self, StartError> {
        Ok(Self {
            core: Core::new(memory, store, platform, profile)?,
            buffer: [0; MAX_COMMAND],
            len: 0,
            suspended: None,
        })
    }

    /// The same with a pool of primes for ordinary RSA-2048 keys. Without one each is looked for when it is asked for.
    #[cfg(feature = "full")]
    #[must_use]
    pub fn with_primes(mut self, primes: &'m mut dyn Primes) -> Self {
        self.core.objects.pool = Pool::of(primes);
        self
    }

    /// Power on, or reset (`_TPM_Init`): nothing volatile survives, and Startup must come first.
    ///
    /// # Errors
    /// [`StartError`]
    pub fn power_on(&mut self) -> core::result::Result<(), StartError> {
        self.forget();
        self.core.power_on()
    }

    /// Power off: objects are wiped. Without a Shutdown before, the next start is not an orderly one.
    pub fn power_off(&mut self) {
        self.forget();
        self.core.objects.flush_all();
        self.core.mode = Mode::Off;
    }

    /// Whether it is powered.
    pub fn is_powered(&self) -> bool {
        self.core.mode != Mode::Off
    }

    /// Takes one command and answers it, or begins to. A command that was suspended is over.
    // Not part of its caller, however little there is of that: its frame and its size can be told apart.
    #[inline(never)]
    pub fn begin(&mut self, locality: Locality, command: &[u8], response: &mut [u8]) -> Progress {
        self.forget();
        let Some(buffer) = self.buffer.get_mut(..command.len()) else {
            return Progress::Done(dispatch::refuse(Rc::COMMAND_SIZE, response));
        };
        copy(buffer, command);
        self.len = command.len();
        match dispatch::accept(&mut self.core, locality, buffer) {
            Ok(accepted) => self.go_on(accepted, response),
            Err(rc) => self.refused(rc, response),
        }
    }

    /// Goes on with a suspended command. `budget` counts modular exponentiations. Without one, the answer is
    /// `TPM_RC_FAILURE`.
    pub fn step(&mut self, budget: u32, response: &mut [u8]) -> Progress {
        let Some(accepted) = self.suspended.take() else {
            return Progress::Done(dispatch::refuse(Rc::FAILURE, response));
        };
        match self.core.search_step(budget) {
            Ok(true) => self.go_on(accepted, response),
            Ok(false) => {
                self.suspended = Some(accepted);
                Progress::Pending
            }
            Err(rc) => self.refused(rc, response),
        }
    }

    /// Whether a command is suspended.
    pub fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    /// Ends a suspended command with `TPM_RC_CANCELED`; gives the length of its answer, or `None` if there was none.
    pub fn cancel(&mut self, response: &mut [u8]) -> Option<usize> {
        self.suspended.take()?;
        self.forget();
        Some(dispatch::refuse(Rc::CANCELED, response))
    }

    /// Answers a command while another is suspended, if it is one of the few that may overtake; `None`: it has to wait.
    pub fn meanwhile(
        &mut self,
        locality: Locality,
        command: &[u8],
        response: &mut [u8],
    ) -> Option<usize> {
        let mut buffer = [0; MAX_MEANWHILE];
        let buffer = buffer.get_mut(..command.len())?;
        copy(buffer, command);
        let code = command.get(6..10)?;
        let plain = command.get(..2)? == [0x80, 0x01];
        if !plain
            || !MEANWHILE
                .iter()
                .any(|allowed| allowed.to_be_bytes() == code)
        {
            return None;
        }
        let answered =
            dispatch::accept(&mut self.core, locality, buffer).and_then(|mut accepted| {
                dispatch::run(&mut self.core, &mut accepted, buffer, response)
            });
        Some(answered.unwrap_or_else(|rc| dispatch::refuse(rc, response)))
    }

    /// The signal `_TPM_Hash_Start`: before Startup a measurement of the firmware's root, after it a dynamic one.
    pub fn hash_start(&mut self) {
        self.forget();
        self.core.hash_start();
    }

    /// The signal `_TPM_Hash_Data`.
    pub fn hash_data(&mut self, data: &[u8]) {
        self.core.hash_data(data);
    }

    /// The signal `_TPM_Hash_End`.
    pub fn hash_end(&mut self) {
        self.core.hash_end();
    }

    /// Whether a dynamic measurement was made since it was last reset (`tpmEstablished`).
    pub fn established(&self) -> bool {
        self.core.established
    }

    /// Takes `tpmEstablished` back; only localities 3 and 4 may. `false`: refused.
    pub fn reset_established(&mut self, locality: Locality) -> bool {
        let may = matches!(locality.number(), 3 | 4);
        self.core.established &= !may;
        may
    }

    /// Says whether a person stands at the machine.
    pub fn set_physical_presence(&mut self, present: bool) {
        self.core.physical_presence = present;
    }

    /// In how many ms the next authenticated countdown timer runs out; `None`: none runs. The clock's rate may be adjusted
    /// by 15 %, so it may be a little later.
    #[cfg(feature = "full")]
    pub fn next_timer(&self) -> Option<u64> {
        self.core.next_timer()
    }

    /// Which authenticated countdown timers have run out and were not set again since: bit 0 is `TPM_RH_ACT_0`. What
    /// follows from it is the machine's matter; to be asked after commands, and when [`Tpm::next_timer`] says so.
    #[cfg(feature = "full")]
    pub fn timers_signalled(&mut self) -> u16 {
        if self.core.mode == Mode::Running {
            self.core.tick();
        }
        self.core.timers_signalled()
    }

    /// Loads an object or sequence (`object`), or a session, from what stands inside a context, as if it had been
    /// authenticated; for fuzz targets. `None`: it was refused.
    #[cfg(feature = "fuzz")]
    pub fn load_context_content(&mut self, object: bool, content: &[u8]) -> Option<u32> {
        self.core.load_context_content(object, content)
    }

    fn go_on(&mut self, mut accepted: Accepted, response: &mut [u8]) -> Progress {
        let buffer = self.buffer.get(..self.len).unwrap_or_default();
        match dispatch::run(&mut self.core, &mut accepted, buffer, response) {
            Ok(len) => {
                self.forget();
                Progress::Done(len)
            }
            Err(Rc::PENDING) => {
                self.suspended = Some(accepted);
                Progress::Pending
            }
            Err(rc) => self.refused(rc, response),
        }
    }

    fn refused(&mut self, rc: Rc, response: &mut [u8]) -> Progress {
        self.core.roll_back();
        self.forget();
        Progress::Done(dispatch::refuse(rc, response))
    }

    /// Wipes what a command left: its bytes may hold auth values.
    pub(crate) fn forget(&mut self) {
        let len = core::mem::take(&mut self.len);
        wipe(self.buffer.get_mut(..len).unwrap_or_default());
        self.suspended = None;
        self.core.forget_search();
    }
}

impl Drop for Tpm<'_> {
    fn drop(&mut self) {
        wipe(&mut self.buffer);
    }
}

impl Progress {
    /// The length of the answer, if there is one.
    pub const fn done(self) -> Option<usize> {
        match self {
            Self::Done(len) => Some(len),
            Self::Pending => None,
        }
    }
}
