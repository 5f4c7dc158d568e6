//! Seeds and proofs by hierarchy, the platform's among them: one place to ask.

use super::permanent::Root;
use crate::core::Core;
use crate::handle::Hierarchy;
use ironroot_crypto::Secret;
use ironroot_crypto::tpm::source::DERIVATION_ID;

impl Core<'_> {
    /// The primary seed of a hierarchy.
    pub(crate) fn hierarchy_seed(&self, hierarchy: Hierarchy) -> &Secret<64> {
        match self.root(hierarchy) {
            Some(root) => &root.seed.bytes,
            None => &self.volatile.null_seed,
        }
    }

    /// By which rule keys are derived from that seed; see `docs/decisions/0012`.
    pub(crate) fn hierarchy_derivation(&self, hierarchy: Hierarchy) -> u8 {
        self.root(hierarchy)
            .map_or(DERIVATION_ID, |root| root.seed.derivation)
    }

    /// The proof of a hierarchy: the key of its tickets and contexts. A new one makes all of them worthless.
    pub(crate) fn hierarchy_proof(&self, hierarchy: Hierarchy) -> &Secret<64> {
        match self.root(hierarchy) {
            Some(root) => &root.proof,
            None => &self.volatile.null_proof,
        }
    }

    fn root(&self, hierarchy: Hierarchy) -> Option<&Root> {
        let kept = self.permanent.get();
        match hierarchy {
            Hierarchy::Owner => Some(&kept.owner),
            Hierarchy::Endorsement => Some(&kept.endorsement),
            Hierarchy::Platform => Some(&kept.platform),
            Hierarchy::Null => None,
        }
    }
}
