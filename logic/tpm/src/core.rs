//! What commands work on: everything a TPM holds, without the command that is being run.

use crate::object::Objects;
use crate::pcr::Pcrs;
use crate::nv::Nv;
use crate::profile::Profile;
use crate::rc::{Rc, Result};
use crate::session::Sessions;
use crate::state::{Clock, Journalled, Permanent, Volatile};
use crate::store::{Platform, RecordId, Store, StoreError};
use crate::tpm::{Memory, StartError};
use crate::transaction::Transaction;
use ironroot_crypto::drbg::Drbg;

/// What the TPM is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// No power.
    Off,
    /// Powered; waits for Startup.
    Initialised,
    /// Works.
    Running,
    /// Something that must not be wrong is wrong; only GetTestResult and GetCapability are answered.
    Failure,
}

/// Everything a TPM holds.
pub(crate) struct Core<'m> {
    pub(crate) store: &'m mut dyn Store,
    pub(crate) platform: &'m mut dyn Platform,
    pub(crate) profile: &'static Profile,
    pub(crate) mode: Mode,
    pub(crate) drbg: Drbg,
    /// Kept for good; `edit` it, then [`Core::commit`].
    pub(crate) permanent: Journalled<Permanent>,
    /// Lives from a start to the next, in parts kept by Shutdown(STATE).
    pub(crate) volatile: Volatile,
    pub(crate) clock: Clock,
    pub(crate) pcrs: Pcrs,
    pub(crate) nv: Nv,
    pub(crate) objects: Objects<'m>,
    pub(crate) sessions: Sessions<'m>,
    pub(crate) transaction: Transaction,
    pub(crate) established: bool,
    pub(crate) physical_presence: bool,
}

impl<'m> Core<'m> {
    /// Puts a TPM together; see [`crate::Tpm::new`].
    ///
    /// # Errors
    /// [`StartError`]
    pub(crate) fn new(
        memory: Memory<'m>,
        store: &'m mut dyn Store,
        platform: &'m mut dyn Platform,
        profile: &'static Profile,
    ) -> core::result::Result<Self, StartError> {
        if memory.objects.len() < profile.loaded_objects || memory.sessions.len() < profile.loaded_sessions {
            return Err(StartError::Memory);
        }
        let mut drbg = Drbg::from_entropy(&mut &mut *platform, b"ironroot tpm").map_err(|_| StartError::Entropy)?;
        let permanent = Permanent::read_or_make(store, &mut drbg)?;
        Ok(Self {
            store,
            platform,
            profile,
            mode: Mode::Off,
            drbg,
            permanent: Journalled::new(permanent),
            volatile: Volatile::default(),
            clock: Clock::default(),
            pcrs: Pcrs::default(),
            nv: Nv::default(),
            objects: Objects::new(memory.objects, profile.loaded_objects),
            sessions: Sessions::new(memory.sessions, profile),
            transaction: Transaction::default(),
            established: false,
            physical_presence: false,
        })
    }

    /// Makes durable what a command staged: one transaction, all or nothing. Does nothing if nothing was staged.
    ///
    /// Commands check everything first, stage, commit, and only then touch what is volatile: so a commit that
    /// fails leaves no trace.
    ///
    /// # Errors
    /// `NV_SPACE`, `NV_UNAVAILABLE`: memory is as before the command.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let staged = self.stage_permanent();
        let done = staged.and_then(|()| match self.transaction.is_empty() {
            true => Ok(()),
            false => self.transaction.commit(self.store).map_err(Rc::from),
        });
        match done {
            Ok(()) => self.permanent.keep(),
            Err(_) => self.permanent.restore(),
        }
        self.transaction.clear();
        done
    }

    /// Forgets what a refused command staged.
    pub(crate) fn roll_back(&mut self) {
        self.permanent.restore();
        self.transaction.clear();
    }

    fn stage_permanent(&mut self) -> Result<()> {
        match self.permanent.is_edited() {
            true => self.transaction.set_with(RecordId::PERMANENT, |out| self.permanent.get().write(out)),
            false => Ok(()),
        }
    }

    /// Enters failure mode: what was found must never be.
    pub(crate) fn fail(&mut self) -> Rc {
        self.mode = Mode::Failure;
        Rc::FAILURE
    }
}

impl From<StoreError> for Rc {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::NV_SPACE,
            StoreError::Unavailable => Self::NV_UNAVAILABLE,
            StoreError::Corrupt => Self::FAILURE,
        }
    }
}
