//! What only the full build keeps: command audit, physical presence, the algorithm set, read-only mode, countdown
//! timers, commitments. The small build has a module of the same shape that keeps nothing.
//!
//! Two records, each there only once it is needed: what stays for good ([`Kept`]), and what Shutdown(STATE) keeps
//! ([`Live`]). A state that was written without them is one in which nothing of this was ever used.

mod audit;
mod codes;
mod commitments;
mod kept;
mod live;
mod presence;
mod read_only;
mod timers;

pub(crate) use audit::{Audited, audited, may_be_audited, may_be_unaudited};
pub(crate) use codes::CodeList;
pub(crate) use commitments::MOST as OPEN_COMMITMENTS;
pub(crate) use kept::Kept;
pub(crate) use live::Live;
pub(crate) use presence::may_need_presence;
pub(crate) use timers::timer_of;

use crate::rc::Result;
use crate::state::Journalled;
use crate::store::{RecordId, Store};
use crate::tpm::StartError;
use crate::transaction::Transaction;

/// All of it.
pub(crate) struct Supplement {
    /// For good.
    pub(crate) kept: Journalled<Kept>,
    /// Until the next reset, or until power goes.
    pub(crate) live: Live,
    /// The command that runs is the first one of a new audit digest: the counter was staged with it.
    pub(crate) audit_begins: bool,
    /// The counter is kept already for an audit digest that no command has begun yet.
    pub(crate) audit_stepped: bool,
    /// The command that runs took the audit digest back; it is not audited itself.
    pub(crate) audit_restarts: bool,
}

impl Default for Supplement {
    fn default() -> Self {
        Self {
            kept: Journalled::new(Kept::NEW),
            live: Live::default(),
            audit_begins: false,
            audit_stepped: false,
            audit_restarts: false,
        }
    }
}

impl Supplement {
    /// At power on: what stays for good, as the store has it.
    ///
    /// # Errors
    /// `Version`, `Corrupt`, or the store's.
    pub(crate) fn read(store: &mut dyn Store) -> core::result::Result<Self, StartError> {
        Ok(Self {
            kept: Journalled::new(Kept::read(store)?),
            ..Self::default()
        })
    }

    /// Stages the record, if it was edited.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn stage(&self, transaction: &mut Transaction) -> Result<()> {
        match self.kept.is_edited() {
            true => transaction.set_with(RecordId::SUPPLEMENT, |out| out.put(self.kept.get())),
            false => Ok(()),
        }
    }

    /// What was edited stays.
    pub(crate) fn keep(&mut self) {
        self.kept.keep();
    }

    /// What was edited is as it was.
    pub(crate) fn restore(&mut self) {
        self.kept.restore();
    }

    /// A command was refused, or suspended.
    pub(crate) fn forget_command(&mut self) {
        (self.audit_begins, self.audit_restarts) = (false, false);
    }

    /// Time went on to `now`, in ms since power on.
    pub(crate) fn tick(&mut self, now: u64) {
        let timers = self.live.timers.iter_mut();
        timers.for_each(|timer| timer.tick(now));
    }
}
