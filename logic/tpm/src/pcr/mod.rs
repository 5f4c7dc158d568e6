//! Platform configuration registers (Part 1, section 17): banks, localities, what a start does to them.

use crate::core::Core;
use crate::entity::Guard;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::structures::{DigestBytes, PcrSelections};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// The banks.
#[derive(Default)]
pub(crate) struct Pcrs {}

impl Core<'_> {
    /// The digest over the selected PCRs, in the order of the selections; the selections that are in effect
    /// (those of banks that are not allocated select nothing) are written back.
    ///
    /// Used by PolicyPCR, Quote and the creation data.
    pub(crate) fn pcr_digest(&self, _hash: HashAlgorithm, _selections: &mut PcrSelections) -> DigestBytes {
        DigestBytes::EMPTY
    }

    /// Auth value and policy of a PCR.
    ///
    /// # Errors
    /// None yet.
    pub(crate) fn pcr_guard(&mut self, _handle: Handle) -> Result<Guard> {
        Err(Rc::HANDLE)
    }

    /// The signal `_TPM_Hash_Start`.
    pub(crate) fn hash_start(&mut self) {}

    /// The signal `_TPM_Hash_Data`.
    pub(crate) fn hash_data(&mut self, _data: &[u8]) {}

    /// The signal `_TPM_Hash_End`.
    pub(crate) fn hash_end(&mut self) {}
}
