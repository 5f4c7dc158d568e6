//! What lives from one start to the next (the specification's "state reset" and "state clear" data).

use crate::entity::Policy;
use crate::structures::AuthValue;
use ironroot_crypto::Secret;

/// New at a TPM reset; Shutdown(STATE) keeps it over a restart or resume.
pub(crate) struct Volatile {
    /// The null hierarchy's seed and proof.
    pub(crate) null_seed: Secret<64>,
    pub(crate) null_proof: Secret<64>,
    /// Restarts and resumes since the reset.
    pub(crate) restart_count: u32,
    /// Clears since the reset; a saved object of an `stClear` kind dies with it.
    pub(crate) clear_count: u32,
    /// Number of the next object context.
    pub(crate) object_context_id: u64,
    /// Steps with each change of a PCR that counts (PolicyPCR).
    pub(crate) pcr_counter: u32,
    /// New at reset and restart: which hierarchies are on.
    pub(crate) owner_enabled: bool,
    pub(crate) endorsement_enabled: bool,
    pub(crate) platform_enabled: bool,
    /// Whether NV indices of the platform may be used.
    pub(crate) platform_nv_enabled: bool,
    /// The platform's auth value and policy.
    pub(crate) platform_auth: AuthValue,
    pub(crate) platform_policy: Policy,
}

impl Default for Volatile {
    fn default() -> Self {
        Self {
            null_seed: Secret::zeroed(),
            null_proof: Secret::zeroed(),
            restart_count: 0,
            clear_count: 0,
            object_context_id: 0,
            pcr_counter: 0,
            owner_enabled: true,
            endorsement_enabled: true,
            platform_enabled: true,
            platform_nv_enabled: true,
            platform_auth: AuthValue::EMPTY,
            platform_policy: Policy::NONE,
        }
    }
}
