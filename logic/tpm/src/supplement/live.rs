//! What lives from one reset to the next, or from one start to the next; Shutdown(STATE) keeps it.
//!
//! | | reset | restart | resume |
//! |---|---|---|---|
//! | commitments, audit digest | new | stays | stays |
//! | read-only mode, timers and their policies | new | new | stays |

use super::commitments::Commitments;
use super::timers::{TIMERS, Timer};
use crate::rc::Result;
use crate::store::{MAX_RECORD, RecordId, Store, StoreError};
use crate::structures::DigestBytes;
use crate::transaction::Transaction;
use crate::wire::{Input, Output, Unmarshal};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::wipe;

/// Layout of the record.
const VERSION: u16 = 1;

/// See the table above.
#[derive(Default)]
pub(crate) struct Live {
    /// Of Commit and EC_Ephemeral.
    pub(crate) commitments: Commitments,
    /// Of the commands that are audited; empty: none since it was last told.
    pub(crate) audit_digest: DigestBytes,
    /// What is for good must not change.
    pub(crate) read_only: bool,
    /// Authenticated countdown timers.
    pub(crate) timers: [Timer; TIMERS],
}

impl Live {
    /// After a reset.
    pub(crate) fn fresh(drbg: &mut Drbg) -> Self {
        Self {
            commitments: Commitments::random(drbg),
            ..Self::default()
        }
    }

    /// After a restart, of what was saved.
    #[must_use]
    pub(crate) fn restarted(self) -> Self {
        Self {
            commitments: self.commitments,
            audit_digest: self.audit_digest,
            ..Self::default()
        }
    }

    /// Whether the audit digest was begun.
    pub(crate) fn audit_goes_on(&self) -> bool {
        !self.audit_digest.is_empty()
    }

    /// What Shutdown(STATE) kept. `None`: it is not whole. A state from before there was any of this has no record:
    /// then all is as after a reset.
    ///
    /// # Errors
    /// `Unavailable`
    pub(crate) fn read(
        store: &mut dyn Store,
        drbg: &mut Drbg,
    ) -> core::result::Result<Option<Self>, StoreError> {
        let mut record = [0; MAX_RECORD];
        let read = match store.read(RecordId::RESUME_SUPPLEMENT, &mut record) {
            Ok(Some(len)) => Ok(record.get(..len).and_then(Self::parse)),
            Ok(None) => Ok(Some(Self::fresh(drbg))),
            Err(StoreError::Unavailable) => Err(StoreError::Unavailable),
            Err(_) => Ok(None),
        };
        wipe(&mut record);
        read
    }

    fn parse(record: &[u8]) -> Option<Self> {
        let mut input = Input::new(record);
        let version: u16 = input.get().ok()?;
        let live = input.get().ok()?;
        (version == VERSION && input.is_empty()).then_some(live)
    }

    /// Stages what Shutdown(STATE) keeps, at `now` in ms since power on, or its removal.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn stage(&self, state: bool, now: u64, transaction: &mut Transaction) -> Result<()> {
        match state {
            false => transaction.remove(RecordId::RESUME_SUPPLEMENT),
            true => transaction.set_with(RecordId::RESUME_SUPPLEMENT, |out| self.write(now, out)),
        }
    }

    /// For a snapshot: as it is. Commitments are not part of it: two that go on from one snapshot would use the same
    /// ephemeral number twice.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write_snapshot(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.audit_digest)?;
        out.put(&self.read_only)?;
        let mut timers = self.timers.iter();
        timers.try_for_each(|timer| timer.write_snapshot(out))
    }

    /// From a snapshot; no commitment is open.
    ///
    /// # Errors
    /// Any: it is not what was written.
    pub(crate) fn read_snapshot(input: &mut Input<'_>, drbg: &mut Drbg) -> Result<Self> {
        let mut live = Self {
            audit_digest: input.get()?,
            read_only: input.get()?,
            ..Self::fresh(drbg)
        };
        for timer in &mut live.timers {
            *timer = Timer::read_snapshot(input)?;
        }
        Ok(live)
    }

    fn write(&self, now: u64, out: &mut Output<'_>) -> Result<()> {
        out.put(&VERSION)?;
        out.put(&self.commitments)?;
        out.put(&self.audit_digest)?;
        out.put(&self.read_only)?;
        self.timers
            .iter()
            .try_for_each(|timer| out.put(&timer.saved(now)))
    }
}

/// Behind the version.
impl Unmarshal for Live {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let mut live = Self {
            commitments: input.get()?,
            audit_digest: input.get()?,
            read_only: input.get()?,
            ..Self::default()
        };
        for timer in &mut live.timers {
            *timer = input.get()?;
        }
        Ok(live)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_comes_back_whole_or_not_at_all() {
        let mut live = Live {
            audit_digest: DigestBytes::new(&[7; 32]).unwrap(),
            read_only: true,
            ..Live::default()
        };
        assert_eq!(live.commitments.add(), 0);
        live.timers[1].set(100, 0);
        let mut buffer = [0; 512];
        let mut out = Output::new(&mut buffer);
        live.write(10_000, &mut out).unwrap();
        let written = out.written().to_vec();
        let again = Live::parse(&written).unwrap();
        assert_eq!(again.audit_digest, live.audit_digest);
        assert!(again.read_only);
        assert_eq!(again.timers[1].remaining(0), 90);
        assert!(again.commitments.is_open(0));
        for len in 0..written.len() {
            assert!(Live::parse(&written[..len]).is_none());
        }
        let restarted = again.restarted();
        assert_eq!(restarted.audit_digest.len(), 32);
        assert!(!restarted.read_only);
        assert_eq!(restarted.timers[1].remaining(0), 0);
    }
}
