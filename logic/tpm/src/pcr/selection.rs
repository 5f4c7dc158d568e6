//! Selections of registers: what of them is in effect, and the digest over them.

use super::{COUNT, Pcrs};
use crate::core::Core;
use crate::structures::{DigestBytes, PcrSelection, PcrSelections};
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hasher};

impl Pcrs {
    /// The same selections without registers that their banks do not have.
    pub(crate) fn in_effect(&self, selections: &PcrSelections) -> PcrSelections {
        let mut filtered = PcrSelections::default();
        for selection in selections.iter() {
            filtered.push(PcrSelection {
                bits: selection.bits & self.allocated(selection.hash),
                ..selection
            });
        }
        filtered
    }

    /// The values selected, in the order of the selections and of the registers.
    pub(crate) fn selected<'a>(
        &'a self,
        selections: &'a PcrSelections,
    ) -> impl Iterator<Item = &'a [u8]> {
        selections.iter().flat_map(move |selection| {
            let chosen = (0..COUNT).filter(move |number| selection.bits >> number & 1 != 0);
            chosen.filter_map(move |number| self.value(selection.hash, number))
        })
    }
}

impl Core<'_> {
    /// The digest over the selected PCRs, in the order of the selections; the selections that are in effect
    /// (those of banks that are not allocated select nothing) are written back.
    ///
    /// Used by PolicyPCR, Quote and the creation data.
    pub(crate) fn pcr_digest(
        &self,
        hash: HashAlgorithm,
        selections: &mut PcrSelections,
    ) -> DigestBytes {
        *selections = self.pcrs.in_effect(selections);
        let mut digest = Hasher::new(hash);
        self.pcrs
            .selected(selections)
            .for_each(|value| digest.update(value));
        DigestBytes::new(digest.finish().as_slice()).unwrap_or_default()
    }
}
