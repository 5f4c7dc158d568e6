//! What stays for good, in a record of its own. It is written when one of these values first changes.

use super::codes::Codes;
use super::{audit, presence};
use crate::rc::{Rc, Result};
use crate::state::Duplicate;
use crate::store::{MAX_RECORD, RecordId, Store};
use crate::tpm::StartError;
use crate::wire::{Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// Layout of the record.
const VERSION: u16 = 1;

/// What the owner and the platform said of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Commands that are audited.
    pub(crate) audited: Codes,
    /// How.
    pub(crate) audit_hash: HashAlgorithm,
    /// How often an audit digest was begun.
    pub(crate) audit_counter: u64,
    /// Commands that a person must be there for.
    pub(crate) presence: Codes,
    /// What SetAlgorithmSet said; nothing here depends on it.
    pub(crate) algorithm_set: u32,
}

impl Kept {
    /// As a new TPM has it.
    pub(crate) const NEW: Self = Self {
        audited: Codes::only(audit::SET_STATUS),
        audit_hash: HashAlgorithm::Sha256,
        audit_counter: 0,
        presence: Codes::only(presence::PP_COMMANDS),
        algorithm_set: 0,
    };

    /// From the store; as new if it was never written.
    ///
    /// # Errors
    /// `Version`, `Corrupt`, or the store's.
    pub(super) fn read(store: &mut dyn Store) -> core::result::Result<Self, StartError> {
        let mut record = [0; MAX_RECORD];
        let Some(len) = store.read(RecordId::SUPPLEMENT, &mut record)? else {
            return Ok(Self::NEW);
        };
        let mut input = Input::new(record.get(..len).ok_or(StartError::Corrupt)?);
        match input.get::<u16>() {
            Ok(VERSION) => {}
            Ok(_) => return Err(StartError::Version),
            Err(_) => return Err(StartError::Corrupt),
        }
        let kept = input.get().map_err(|_| StartError::Corrupt)?;
        match input.is_empty() {
            true => Ok(kept),
            false => Err(StartError::Corrupt),
        }
    }
}

impl Duplicate for Kept {
    fn duplicate(&self) -> Self {
        *self
    }
}

impl Marshal for Kept {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&VERSION)?;
        out.put(&self.audited)?;
        out.put(&self.audit_hash)?;
        out.put(&self.audit_counter)?;
        out.put(&self.presence)?;
        out.put(&self.algorithm_set)
    }
}

/// Behind the version.
impl Unmarshal for Kept {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let kept = Self {
            audited: input.get()?,
            audit_hash: input.get()?,
            audit_counter: input.get()?,
            presence: input.get()?,
            algorithm_set: input.get()?,
        };
        // Neither can ever be taken out.
        let sound = kept.audited.contains(audit::SET_STATUS)
            && kept.presence.contains(presence::PP_COMMANDS);
        match sound {
            true => Ok(kept),
            false => Err(Rc::VALUE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_garbage_does_not() {
        let mut kept = Kept::NEW;
        kept.audited = kept.audited.with(Codes::only(0x17b), |_| true);
        kept.audit_hash = HashAlgorithm::Sha384;
        kept.audit_counter = 77;
        kept.presence = kept.presence.with(Codes::only(0x126), |_| true);
        kept.algorithm_set = 5;
        let mut buffer = [0; 128];
        let mut out = Output::new(&mut buffer);
        out.put(&kept).unwrap();
        let written = out.written().to_vec();
        let mut input = Input::new(&written);
        assert_eq!(input.get::<u16>(), Ok(VERSION));
        assert_eq!(input.get::<Kept>(), Ok(kept));
        assert!(input.is_empty());
        for len in 2..written.len() {
            assert!(Input::new(&written[2..len]).get::<Kept>().is_err());
        }
        // The audit of SetCommandCodeAuditStatus itself cannot have been switched off.
        let mut wrong = written;
        wrong[2..26].fill(0);
        assert_eq!(Input::new(&wrong[2..]).get::<Kept>(), Err(Rc::VALUE));
    }
}
