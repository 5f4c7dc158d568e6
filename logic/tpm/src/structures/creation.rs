//! `TPMS_CREATION_DATA` (Part 2, section 15): under what circumstances an object was made.

use super::{DigestBytes, Name, PcrSelections};
use crate::profile::MAX_DIGEST;
use crate::rc::Result;
use crate::wire::{Bytes, Marshal, Output};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// `TPM2B_DATA`: a caller's own words, as long as a hash with its number.
pub(crate) type Data = Bytes<{ MAX_DIGEST + 2 }>;

/// Under what circumstances an object was made.
pub(crate) struct CreationData {
    /// PCRs that the caller named.
    pub(crate) pcr_select: PcrSelections,
    /// Digest over them.
    pub(crate) pcr_digest: DigestBytes,
    /// `TPMA_LOCALITY` of the command.
    pub(crate) locality: u8,
    /// Of the parent; `None` under a hierarchy.
    pub(crate) parent_name_alg: Option<HashAlgorithm>,
    /// Of the parent; under a hierarchy its handle.
    pub(crate) parent_name: Name,
    /// Likewise.
    pub(crate) parent_qualified_name: Name,
    /// What the caller wanted to be said.
    pub(crate) outside_info: Data,
}

impl Marshal for CreationData {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.pcr_select)?;
        out.put(&self.pcr_digest)?;
        out.put(&self.locality)?;
        out.put(&self.parent_name_alg)?;
        out.put(&self.parent_name)?;
        out.put(&self.parent_qualified_name)?;
        out.put(&self.outside_info)
    }
}
