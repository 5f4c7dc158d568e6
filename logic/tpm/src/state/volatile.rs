//! What lives from one start to the next: the specification's "state reset" and "state clear" data.

use super::permanent::{read_policy, write_policy};
use crate::entity::Policy;
use crate::rc::Result;
use crate::structures::AuthValue;
use crate::wire::{Input, Output};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;

/// New at a TPM reset; Shutdown(STATE) keeps it over a restart (in part) or a resume (whole).
pub(crate) struct Volatile {
    /// The null hierarchy's seed and proof.
    pub(crate) null_seed: Secret<64>,
    pub(crate) null_proof: Secret<64>,
    /// Restarts, resumes and dynamic measurements since the reset.
    pub(crate) restart_count: u32,
    /// Restarts since the reset; a saved object of an `stClear` kind dies with it.
    pub(crate) clear_count: u32,
    /// Number of the next object context.
    pub(crate) object_context_id: u64,
    /// Steps with each change of a PCR that counts (PolicyPCR).
    pub(crate) pcr_counter: u32,
    /// New at reset and restart: which hierarchies are on. The platform's is on after every start.
    pub(crate) owner_enabled: bool,
    pub(crate) endorsement_enabled: bool,
    pub(crate) platform_enabled: bool,
    /// Whether NV indices of the platform may be used.
    pub(crate) platform_nv_enabled: bool,
    /// The platform's auth value and policy.
    pub(crate) platform_auth: AuthValue,
    pub(crate) platform_policy: Policy,
}

impl Volatile {
    /// After a reset: a new null hierarchy, all else as at the beginning.
    pub(crate) fn reset(drbg: &mut Drbg) -> Self {
        Self {
            null_seed: drbg.secret(),
            null_proof: drbg.secret(),
            ..Self::default()
        }
    }

    /// After a restart: what only a reset takes away stays.
    pub(crate) fn restart(&mut self) {
        self.owner_enabled = true;
        self.endorsement_enabled = true;
        self.platform_nv_enabled = true;
        self.platform_auth = AuthValue::EMPTY;
        self.platform_policy = Policy::NONE;
    }

    /// For the record that Shutdown(STATE) writes.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        self.null_seed.expose(|bytes| out.raw(bytes))?;
        self.null_proof.expose(|bytes| out.raw(bytes))?;
        out.put(&self.restart_count)?;
        out.put(&self.clear_count)?;
        out.put(&self.object_context_id)?;
        out.put(&self.pcr_counter)?;
        out.put(&self.owner_enabled)?;
        out.put(&self.endorsement_enabled)?;
        out.put(&self.platform_nv_enabled)?;
        out.put(&self.platform_auth)?;
        write_policy(&self.platform_policy, out)
    }

    /// From that record.
    ///
    /// # Errors
    /// Any: it is not whole.
    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self> {
        let secret = |input: &mut Input<'_>| -> Result<Secret<64>> {
            Secret::from_slice(input.take(64)?).ok_or(crate::rc::Rc::SIZE)
        };
        Ok(Self {
            null_seed: secret(input)?,
            null_proof: secret(input)?,
            restart_count: input.get()?,
            clear_count: input.get()?,
            object_context_id: input.get()?,
            pcr_counter: input.get()?,
            owner_enabled: input.get()?,
            endorsement_enabled: input.get()?,
            platform_enabled: true,
            platform_nv_enabled: input.get()?,
            platform_auth: input.get()?,
            platform_policy: read_policy(input)?,
        })
    }
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
