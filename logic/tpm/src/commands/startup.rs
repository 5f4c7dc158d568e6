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
use crate::store::{MAX_RECORD, RecordId, Store, StoreError};
use crate::supplement::Live;
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

/// The records of Shutdown(STATE), read and found whole: what reads them again cannot fail.
// Never moved: on a Cortex-M each copy is a good part of the stack.
struct Saved {
    resume: Record,
    pcrs: Record,
    live: Live,
}

struct Record {
    /// Wiped when dropped.
    bytes: Secret<MAX_RECORD>,
    len: usize,
}

impl Record {
    const EMPTY: Self = Self {
        bytes: Secret::zeroed(),
        len: 0,
    };

    /// `false`: there is no such record, or it is not whole.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`: it cannot be read just now, and must not be given up for that.
    fn fill(&mut self, store: &mut dyn Store, id: RecordId) -> Result<bool> {
        match self.bytes.expose_mut(|bytes| store.read(id, bytes)) {
            Ok(Some(len)) => {
                self.len = len;
                Ok(true)
            }
            Err(StoreError::Unavailable) => Err(Rc::NV_UNAVAILABLE),
            _ => Ok(false),
        }
    }

    fn read<T>(&self, read: impl FnOnce(&mut Input<'_>) -> Result<T>) -> Result<T> {
        self.bytes
            .expose(|bytes| read(&mut Input::new(bytes.get(..self.len).unwrap_or_default())))
    }
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
    let mut saved = Saved {
        resume: Record::EMPTY,
        pcrs: Record::EMPTY,
        live: Live::default(),
    };
    let is_saved = match before {
        Orderly::State { .. } => core.read_saved(&mut saved)?,
        Orderly::No | Orderly::Clear => false,
    };
    let start = match (kind, is_saved) {
        (STATE, false) => return Err(Rc::NV_UNINITIALIZED),
        (STATE, true) => Start::Resume,
        (_, true) => Start::Restart,
        (_, false) => Start::Reset,
    };
    core.tick();
    if start != Start::Reset && saved.live.audit_goes_on() {
        core.take_audit_begin_back();
    }
    core.stage_start(start, before)?;
    core.commit()?;
    core.pcrs.locality_three = call.locality == Locality::THREE && !core.pcrs.measured;
    core.found_orderly = before != Orderly::No;
    core.begin_volatile(start, &mut saved)?;
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

    /// Reads what Shutdown(STATE) kept; `false`: it is not whole, and a reset is all that is left.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`: it cannot be read just now, and must not be given up for that.
    fn read_saved(&mut self, saved: &mut Saved) -> Result<bool> {
        match Live::read(self.store, &mut self.drbg) {
            Ok(Some(live)) => saved.live = live,
            Ok(None) => return Ok(false),
            Err(_) => return Err(Rc::NV_UNAVAILABLE),
        }
        if !saved.resume.fill(self.store, RecordId::RESUME)?
            || !saved.pcrs.fill(self.store, RecordId::PCRS)?
        {
            return Ok(false);
        }
        // A trial of what is to come: after the commit nothing may fail.
        let resume = saved.resume.read(|input| read_volatile(input).map(drop));
        let banks = self.permanent.get().banks;
        let pcrs = saved.pcrs.read(|input| {
            Pcrs::check_saved(banks, input)?;
            match input.is_empty() {
                true => Ok(()),
                false => Err(Rc::SIZE),
            }
        });
        Ok(resume.is_ok() && pcrs.is_ok())
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
            self.supplement
                .live
                .stage(false, 0, &mut self.transaction)?;
        }
        self.start_nv(
            start != Start::Resume,
            start == Start::Reset,
            before == Orderly::No,
        )
    }

    /// Puts what lives in memory into the state that the start asks for; after the commit.
    fn begin_volatile(&mut self, start: Start, saved: &mut Saved) -> Result<()> {
        let resume = start == Start::Resume;
        if resume {
            saved.pcrs.read(|input| self.pcrs.read(input))?;
        }
        match start {
            Start::Reset => {
                self.volatile = Volatile::reset(&mut self.drbg);
                self.supplement.live = Live::fresh(&mut self.drbg);
                self.sessions.reset();
            }
            Start::Restart | Start::Resume => {
                self.sessions.restart();
                saved.resume.read(|input| {
                    self.volatile = read_volatile(input)?;
                    self.sessions.read(input)
                })?;
                let live = core::mem::take(&mut saved.live);
                self.supplement.live = match resume {
                    true => live,
                    false => live.restarted(),
                };
                self.volatile.restart_count = self.volatile.restart_count.saturating_add(1);
            }
        }
        if start == Start::Restart {
            self.volatile.clear_count = self.volatile.clear_count.saturating_add(1);
            self.volatile.restart();
        }
        self.pcrs.start(resume);
        self.pcrs_started(resume)
    }

    /// Stages the records that a restart or resume reads, or their removal.
    fn stage_saved(&mut self, state: bool) -> Result<()> {
        let (live, now) = (&self.supplement.live, self.clock.time);
        live.stage(state, now, &mut self.transaction)?;
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

/// The first part of the record `RESUME`; sessions follow.
fn read_volatile(input: &mut Input<'_>) -> Result<Volatile> {
    match input.get::<u16>()? {
        VERSION => Volatile::read(input),
        _ => Err(Rc::VALUE),
    }
}
