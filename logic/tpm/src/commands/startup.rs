//! Part 3, section 9: Startup and Shutdown.
//!
//! | before | Startup | is a | what comes back |
//! |---|---|---|---|
//! | Shutdown(STATE) | STATE | resume | everything that Shutdown kept |
//! | Shutdown(STATE) | CLEAR | restart | null hierarchy, saved contexts, counts; not PCRs and platform auth |
//! | anything else | CLEAR | reset | nothing |
//! | anything else | STATE | refused | (CVE-2018-6622: PCRs must never come back as zeroes) |

use crate::core::{Core, Mode};
use crate::dispatch::{Call, Locality};
use crate::pcr::Pcrs;
use crate::rc::{Rc, Result};
use crate::state::{CLOCK_UPDATE, Orderly, Volatile};
use crate::store::{MAX_RECORD, RecordId, StoreError};
use crate::table::{Command, NO_SESSIONS, NV};
use crate::wire::Input;
use ironroot_crypto::Secret;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x144,
        handles: &[],
        roles: &[],
        traits: NV | NO_SESSIONS,
        run: startup,
    },
    Command {
        code: 0x145,
        handles: &[],
        roles: &[],
        traits: NV,
        run: shutdown,
    },
];

/// `TPM_SU_CLEAR` and `TPM_SU_STATE`
const CLEAR: u16 = 0;
const STATE: u16 = 1;
/// Layout of the records that Shutdown(STATE) writes.
const VERSION: u16 = 1;

/// What a start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Reset,
    Restart,
    Resume,
}

/// The records of Shutdown(STATE), read and found whole.
struct Saved {
    volatile: Volatile,
    /// `RESUME` as it was read, for the sessions in it.
    record: Secret<MAX_RECORD>,
    /// Where the sessions are in it.
    sessions: (usize, usize),
    pcrs: [u8; MAX_RECORD],
    pcrs_len: usize,
}

fn startup(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    if core.mode != Mode::Initialised {
        return Err(Rc::INITIALIZE);
    }
    let kind: u16 = call.params.get()?;
    call.params.end()?;
    if !matches!(kind, CLEAR | STATE) {
        return Err(Rc::VALUE.parameter(1));
    }
    if !matches!(call.locality.number(), 0 | 3) {
        return Err(Rc::LOCALITY);
    }
    core.pcrs.measurement = None;
    let before = core.permanent.get().orderly;
    if kind == STATE {
        core.may_resume(before, call.locality)?;
    }
    let saved = match before {
        Orderly::State { .. } => core.read_saved()?,
        Orderly::No | Orderly::Clear => None,
    };
    let start = match (kind, &saved) {
        (STATE, None) => return Err(Rc::NV_UNINITIALIZED),
        (STATE, Some(_)) => Start::Resume,
        (_, Some(_)) => Start::Restart,
        (_, None) => Start::Reset,
    };
    core.tick();
    core.stage_start(start, before)?;
    core.commit()?;
    core.pcrs.locality_three = call.locality == Locality::THREE && !core.pcrs.measured;
    core.found_orderly = before != Orderly::No;
    core.begin_volatile(start, saved)?;
    core.mode = Mode::Running;
    Ok(())
}

fn shutdown(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let kind: u16 = call.params.get()?;
    call.params.end()?;
    let orderly = match kind {
        CLEAR => Orderly::Clear,
        // The banks change at the next reset: there will be nothing to put the values back into.
        STATE if core.pcrs.reallocated => return Err(Rc::TYPE.parameter(1)),
        STATE => Orderly::State {
            measured: core.pcrs.measured,
            locality_three: core.pcrs.locality_three,
        },
        _ => return Err(Rc::VALUE.parameter(1)),
    };
    core.stage_saved(kind == STATE)?;
    core.stage_orderly_nv()?;
    core.stage_healing();
    let clock = core.clock.clock;
    let kept = core.permanent.edit();
    kept.orderly = orderly;
    kept.clock = clock;
    core.commit()?;
    core.forget_tries();
    Ok(())
}

impl Core<'_> {
    /// A resume needs an orderly Shutdown(STATE) before it, and the same root of measurement as then.
    fn may_resume(&self, before: Orderly, locality: Locality) -> Result<()> {
        let Orderly::State {
            measured,
            locality_three,
        } = before
        else {
            return Err(Rc::VALUE.parameter(1));
        };
        if measured != self.pcrs.measured {
            return Err(Rc::VALUE.parameter(1));
        }
        match locality_three == (locality == Locality::THREE && !measured) {
            true => Ok(()),
            false => Err(Rc::LOCALITY),
        }
    }

    /// Reads what Shutdown(STATE) kept; `None`: it is not whole, and a reset is all that is left.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`: it cannot be read just now, and must not be given up for that.
    fn read_saved(&mut self) -> Result<Option<Saved>> {
        let mut saved = Saved {
            volatile: Volatile::default(),
            record: Secret::zeroed(),
            sessions: (0, 0),
            pcrs: [0; MAX_RECORD],
            pcrs_len: 0,
        };
        let store = &mut *self.store;
        let len = saved
            .record
            .expose_mut(|record| store.read(RecordId::RESUME, record));
        let pcrs_len = self.store.read(RecordId::PCRS, &mut saved.pcrs);
        match (len, pcrs_len) {
            (Err(StoreError::Unavailable), _) | (_, Err(StoreError::Unavailable)) => {
                Err(Rc::NV_UNAVAILABLE)
            }
            (Ok(Some(len)), Ok(Some(pcrs_len))) => {
                saved.pcrs_len = pcrs_len;
                Ok(self.parse_saved(saved, len))
            }
            _ => Ok(None),
        }
    }

    fn parse_saved(&self, mut saved: Saved, len: usize) -> Option<Saved> {
        let (volatile, at) = saved.record.expose(|record| {
            let mut input = Input::new(record.get(..len)?);
            let version: u16 = input.get().ok()?;
            let volatile = Volatile::read(&mut input)
                .ok()
                .filter(|_| version == VERSION)?;
            Some((volatile, len.checked_sub(input.rest().len())?))
        })?;
        saved.volatile = volatile;
        saved.sessions = (at, len);
        // A trial of what is to come: after the commit nothing may fail.
        let mut trial = Pcrs::new(self.permanent.get().banks);
        let mut input = Input::new(saved.pcrs.get(..saved.pcrs_len)?);
        trial.read(&mut input).ok()?;
        input.is_empty().then_some(saved)
    }

    /// Stages what a start changes for good.
    fn stage_start(&mut self, start: Start, before: Orderly) -> Result<()> {
        let random = self.drbg.secret();
        let ceiling = self.clock.clock.saturating_add(CLOCK_UPDATE);
        let kept = self.permanent.edit();
        if start != Start::Resume {
            kept.starts = kept.starts.checked_add(1).ok_or(Rc::FAILURE)?;
        }
        if start == Start::Reset {
            kept.reset_count = kept.reset_count.wrapping_add(1);
            kept.total_resets = kept.total_resets.checked_add(1).ok_or(Rc::FAILURE)?;
        }
        let lockout = &mut kept.lockout;
        lockout.auth_enabled |= lockout.lockout_recovery == 0;
        let counts = lockout.recovery_time != 0 && lockout.failed_tries < lockout.max_tries;
        if before == Orderly::No {
            kept.clock_safe = false;
            if lockout.tried && counts {
                lockout.failed_tries = lockout.failed_tries.saturating_add(1);
            }
        }
        lockout.tried = false;
        kept.clock = ceiling;
        kept.orderly = Orderly::No;
        kept.random = random;
        // What was saved comes back once.
        if matches!(before, Orderly::State { .. }) {
            self.transaction.remove(RecordId::RESUME)?;
            self.transaction.remove(RecordId::PCRS)?;
        }
        self.start_nv(
            start != Start::Resume,
            start == Start::Reset,
            before == Orderly::No,
        )
    }

    /// Puts what lives in memory into the state that the start asks for; after the commit.
    fn begin_volatile(&mut self, start: Start, saved: Option<Saved>) -> Result<()> {
        let resume = start == Start::Resume;
        match (start, &saved) {
            (Start::Reset, _) | (_, None) => {
                self.volatile = Volatile::reset(&mut self.drbg);
                self.sessions.reset();
            }
            (_, Some(saved)) => self.bring_back(saved, resume)?,
        }
        if let Some(saved) = saved {
            if start != Start::Reset {
                self.volatile = saved.volatile;
                self.volatile.restart_count = self.volatile.restart_count.saturating_add(1);
            }
            if start == Start::Restart {
                self.volatile.clear_count = self.volatile.clear_count.saturating_add(1);
                self.volatile.restart();
            }
        }
        self.pcrs.start(resume);
        self.pcrs_started(resume)
    }

    fn bring_back(&mut self, saved: &Saved, resume: bool) -> Result<()> {
        if resume {
            let mut input = Input::new(saved.pcrs.get(..saved.pcrs_len).unwrap_or_default());
            self.pcrs.read(&mut input)?;
        }
        self.sessions.restart();
        let (from, to) = saved.sessions;
        let sessions = &mut self.sessions;
        saved.record.expose(|record| {
            let mut input = Input::new(record.get(from..to).unwrap_or_default());
            sessions.read(&mut input)
        })
    }

    /// Stages the records that a restart or resume reads, or their removal.
    fn stage_saved(&mut self, state: bool) -> Result<()> {
        if !state {
            self.transaction.remove(RecordId::RESUME)?;
            return self.transaction.remove(RecordId::PCRS);
        }
        let (volatile, sessions, pcrs) = (&self.volatile, &self.sessions, &self.pcrs);
        self.transaction.set_with(RecordId::RESUME, |out| {
            out.put(&VERSION)?;
            volatile.write(out)?;
            sessions.write(out)
        })?;
        self.transaction
            .set_with(RecordId::PCRS, |out| pcrs.write(out))
    }
}
