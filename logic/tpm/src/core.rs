//! What commands work on: everything a TPM holds, without the command that is being run.

use crate::nv::Nv;
use crate::object::Objects;
use crate::pcr::Pcrs;
use crate::profile::Profile;
use crate::rc::{Rc, Result};
use crate::selftest::SelfTests;
use crate::session::Sessions;
use crate::state::{CLOCK_UPDATE, Clock, Healing, Journalled, Orderly, Permanent, Volatile};
use crate::store::{Platform, RecordId, Store, StoreError};
use crate::supplement::Supplement;
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
    /// What time did to the lockout's counters since they were last written.
    pub(crate) healing: Healing,
    pub(crate) pcrs: Pcrs,
    pub(crate) nv: Nv,
    pub(crate) objects: Objects<'m>,
    pub(crate) sessions: Sessions<'m>,
    pub(crate) transaction: Transaction,
    pub(crate) tests: SelfTests,
    pub(crate) supplement: Supplement,
    /// How the TPM was shut down before it was started (`orderly` of TPMA_STARTUP_CLEAR).
    pub(crate) found_orderly: bool,
    pub(crate) established: bool,
    pub(crate) physical_presence: bool,
}

/// Commands that change nothing that an orderly shutdown kept: after it, they leave it valid. Shutdown itself, self
/// tests, StirRandom, GetCapability, GetRandom, GetTestResult, Hash, PCR_Read, ReadClock, ReadPublic, NV_ReadPublic,
/// ECC_Parameters, TestParms. One that is audited does not: the audit digest that was kept lacks it.
const LEAVE_ORDERLY: [u32; 14] = [
    0x142, 0x143, 0x145, 0x146, 0x169, 0x173, 0x178, 0x17a, 0x17b, 0x17c, 0x17d, 0x17e, 0x181,
    0x18a,
];

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
        if memory.objects.len() < profile.loaded_objects
            || memory.sessions.len() < profile.loaded_sessions
        {
            return Err(StartError::Memory);
        }
        let mut drbg = Drbg::from_entropy(&mut &mut *platform, b"ironroot tpm")
            .map_err(|_| StartError::Entropy)?;
        let permanent = Permanent::read_or_make(store, &mut drbg, profile)?;
        Ok(Self {
            store,
            platform,
            profile,
            mode: Mode::Off,
            drbg,
            permanent: Journalled::new(permanent),
            volatile: Volatile::default(),
            clock: Clock::new(0, 0),
            healing: Healing::default(),
            pcrs: Pcrs::default(),
            nv: Nv::default(),
            objects: Objects::new(memory.objects, profile.loaded_objects),
            sessions: Sessions::new(memory.sessions, profile),
            transaction: Transaction::default(),
            tests: SelfTests::default(),
            supplement: Supplement::default(),
            found_orderly: false,
            established: false,
            physical_presence: false,
        })
    }

    /// `_TPM_Init`: all volatile state is gone; what stays is read again; Startup must come next.
    ///
    /// # Errors
    /// [`StartError`]; the TPM is off.
    pub(crate) fn power_on(&mut self) -> core::result::Result<(), StartError> {
        self.mode = Mode::Off;
        self.roll_back();
        let kept = Permanent::read(self.store)?.ok_or(StartError::Corrupt)?;
        let supplement = Supplement::read(self.store)?;
        let fresh = Drbg::from_entropy(&mut &mut *self.platform, b"ironroot tpm")
            .map_err(|_| StartError::Entropy)?;
        self.drbg = fresh;
        // Entropy alone would do; with the kept seed, a source that gives the same bytes twice still gives no two
        // equal starts.
        kept.random.expose(|seed| self.drbg.reseed(seed));
        self.clock = Clock::new(self.platform.now(), kept.clock);
        self.healing = Healing::default();
        self.pcrs.power_on(kept.banks);
        self.nv = Nv::default();
        self.volatile = Volatile::reset(&mut self.drbg);
        self.permanent = Journalled::new(kept);
        self.supplement = supplement;
        self.objects.flush_all();
        self.sessions.restart();
        self.found_orderly = false;
        self.mode = Mode::Initialised;
        match self.tests.at_start() {
            true => Ok(()),
            false => {
                self.mode = Mode::Failure;
                Ok(())
            }
        }
    }

    /// Comes before every command once its code is known: time goes on, and what an orderly shutdown kept is no
    /// longer what is. That alone writes, and only in the first command after a Shutdown.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`: it cannot be written; the command must not run.
    pub(crate) fn before_command(&mut self, code: u32) -> Result<()> {
        if self.mode != Mode::Running {
            return Ok(());
        }
        self.pcrs.measurement = None;
        self.tick();
        self.heal();
        let leaves = LEAVE_ORDERLY.contains(&code) && self.command_audit_hash(code).is_none();
        if self.permanent.get().orderly == Orderly::No || leaves {
            return Ok(());
        }
        let ceiling = self.clock.clock.saturating_add(CLOCK_UPDATE);
        let kept = self.permanent.edit();
        kept.orderly = Orderly::No;
        kept.clock = ceiling;
        self.commit()
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
            Ok(()) => {
                self.permanent.keep();
                self.supplement.keep();
            }
            Err(_) => {
                self.permanent.restore();
                self.supplement.restore();
            }
        }
        if !self.transaction.is_empty() {
            // The record that it was read from may be another one now.
            self.objects.forget_persistent();
        }
        self.transaction.clear();
        done
    }

    /// Forgets what a refused command staged.
    pub(crate) fn roll_back(&mut self) {
        self.permanent.restore();
        self.supplement.restore();
        self.supplement.forget_command();
        self.transaction.clear();
    }

    fn stage_permanent(&mut self) -> Result<()> {
        if self.permanent.is_edited() {
            self.transaction
                .set_with(RecordId::PERMANENT, |out| self.permanent.get().write(out))?;
        }
        self.supplement.stage(&mut self.transaction)
    }

    /// Whether a seed, a record or a self test makes it unsafe to go on; then only GetTestResult and GetCapability are
    /// answered.
    pub(crate) fn has_failed(&self) -> bool {
        self.mode == Mode::Failure
    }

    /// Enters failure mode: what was found must never be.
    pub(crate) fn fail(&mut self) -> Rc {
        self.mode = Mode::Failure;
        self.objects.pool.wipe();
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
