//! The small build keeps nothing of what [`crate::supplement`] keeps in the full one.

use crate::core::Core;
use crate::handle::Handle;
use crate::rc::Result;
use crate::store::{Store, StoreError};
use crate::structures::DigestBytes;
use crate::tpm::StartError;
use crate::transaction::Transaction;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// Nothing is audited.
pub(crate) type Audited = ();

pub(crate) fn audited(
    _hash: Option<HashAlgorithm>,
    _cp_hash: impl FnOnce(HashAlgorithm) -> DigestBytes,
) -> Audited {
}

/// Nothing.
#[derive(Default)]
pub(crate) struct Supplement {
    pub(crate) live: Live,
}

/// Nothing.
#[derive(Default)]
pub(crate) struct Live {}

impl Live {
    pub(crate) fn fresh(_drbg: &mut Drbg) -> Self {
        Self {}
    }

    pub(crate) fn restarted(self) -> Self {
        self
    }

    pub(crate) fn audit_goes_on(&self) -> bool {
        false
    }

    pub(crate) fn read(
        _store: &mut dyn Store,
        _drbg: &mut Drbg,
    ) -> core::result::Result<Option<Self>, StoreError> {
        Ok(Some(Self {}))
    }

    pub(crate) fn stage(&self, _state: bool, _now: u64, _into: &mut Transaction) -> Result<()> {
        Ok(())
    }
}

impl Supplement {
    pub(crate) fn read(_store: &mut dyn Store) -> core::result::Result<Self, StartError> {
        Ok(Self::default())
    }

    pub(crate) fn stage(&self, _transaction: &mut Transaction) -> Result<()> {
        Ok(())
    }

    pub(crate) fn keep(&mut self) {}

    pub(crate) fn restore(&mut self) {}

    pub(crate) fn forget_command(&mut self) {}

    pub(crate) fn tick(&mut self, _now: u64) {}
}

impl Core<'_> {
    pub(crate) fn command_audit_hash(&self, _code: u32) -> Option<HashAlgorithm> {
        None
    }

    pub(crate) fn begin_command_audit(
        &mut self,
        _code: u32,
        _handles: &[Handle; 3],
        _audited: &Audited,
    ) -> Result<()> {
        Ok(())
    }

    pub(crate) fn end_command_audit(&mut self, _code: u32, _audited: &Audited, _params: &[u8]) {}

    pub(crate) fn take_audit_begin_back(&mut self) {}

    pub(crate) fn presence_is_missing(&self, _code: u32, _entity: Handle) -> bool {
        false
    }

    pub(crate) fn check_read_only(&mut self, _code: u32, _handles: &[Handle; 3]) -> Result<()> {
        Ok(())
    }
}
