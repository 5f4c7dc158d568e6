//! What stays for good: seeds, proofs, auth values and policies of the hierarchies, the lockout's counters.

use super::journalled::Duplicate;
use crate::entity::Policy;
use crate::rc::{Rc, Result};
use crate::store::{RecordId, Store};
use crate::structures::AuthValue;
use crate::tpm::StartError;
use crate::wire::Output;
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;

/// A primary seed, and by which rule keys are derived from it.
pub(crate) struct Seed {
    /// 1: `docs/decisions/0012`.
    pub(crate) derivation: u8,
    /// The seed.
    pub(crate) bytes: Secret<64>,
}

impl Seed {
    /// A new seed.
    pub(crate) fn random(drbg: &mut Drbg) -> Self {
        Self {
            derivation: ironroot_crypto::tpm::source::DERIVATION_ID,
            bytes: drbg.secret(),
        }
    }

    fn duplicate(&self) -> Self {
        Self {
            derivation: self.derivation,
            bytes: duplicate(&self.bytes),
        }
    }
}

fn duplicate(secret: &Secret<64>) -> Secret<64> {
    secret.expose(|bytes| Secret::new(*bytes))
}

/// One of the hierarchies that stay: owner, endorsement, platform.
pub(crate) struct Root {
    /// Auth value; the platform's is empty after each reset and not kept here.
    pub(crate) auth: AuthValue,
    /// Policy; likewise.
    pub(crate) policy: Policy,
    /// Primary seed.
    pub(crate) seed: Seed,
    /// Proof: the key of its tickets and of what it protects.
    pub(crate) proof: Secret<64>,
}

impl Root {
    fn random(drbg: &mut Drbg) -> Self {
        Self {
            auth: AuthValue::EMPTY,
            policy: Policy::NONE,
            seed: Seed::random(drbg),
            proof: drbg.secret(),
        }
    }
}

impl Duplicate for Root {
    fn duplicate(&self) -> Self {
        Self {
            auth: self.auth.duplicate(),
            policy: self.policy,
            seed: self.seed.duplicate(),
            proof: duplicate(&self.proof),
        }
    }
}

/// Guard against guessing auth values (Part 1, section 19.8).
#[derive(Clone, Copy)]
pub(crate) struct Lockout {
    /// Failed tries now.
    pub(crate) failed_tries: u32,
    /// How many lock.
    pub(crate) max_tries: u32,
    /// Seconds until one try is forgotten.
    pub(crate) recovery_time: u32,
    /// Seconds until lockout's own auth value may be tried again.
    pub(crate) lockout_recovery: u32,
    /// Whether lockout's own auth value may be tried.
    pub(crate) auth_enabled: bool,
}

/// Everything that stays for good but NV indices and persistent objects.
pub(crate) struct Permanent {
    pub(crate) owner: Root,
    pub(crate) endorsement: Root,
    pub(crate) platform: Root,
    pub(crate) lockout_auth: AuthValue,
    pub(crate) lockout_policy: Policy,
    pub(crate) lockout: Lockout,
    pub(crate) clear_disabled: bool,
    /// Resets in the life of this TPM, and since the last Clear.
    pub(crate) total_resets: u64,
    pub(crate) reset_count: u32,
}

impl Permanent {
    /// Reads it, or makes a new TPM and commits it.
    ///
    /// # Errors
    /// [`StartError`]
    pub(crate) fn read_or_make(store: &mut dyn Store, drbg: &mut Drbg) -> core::result::Result<Self, StartError> {
        let _ = (store.read(RecordId::PERMANENT, &mut [])?, drbg.secret::<64>());
        Ok(Self::random(drbg))
    }

    fn random(drbg: &mut Drbg) -> Self {
        Self {
            owner: Root::random(drbg),
            endorsement: Root::random(drbg),
            platform: Root::random(drbg),
            lockout_auth: AuthValue::EMPTY,
            lockout_policy: Policy::NONE,
            lockout: Lockout {
                failed_tries: 0,
                max_tries: 3,
                recovery_time: 1000,
                lockout_recovery: 1000,
                auth_enabled: true,
            },
            clear_disabled: false,
            total_resets: 0,
            reset_count: 0,
        }
    }

    /// The record.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, _out: &mut Output<'_>) -> Result<()> {
        Err(Rc::FAILURE)
    }
}

impl Duplicate for Permanent {
    fn duplicate(&self) -> Self {
        Self {
            owner: self.owner.duplicate(),
            endorsement: self.endorsement.duplicate(),
            platform: self.platform.duplicate(),
            lockout_auth: self.lockout_auth.duplicate(),
            lockout_policy: self.lockout_policy,
            lockout: self.lockout,
            clear_disabled: self.clear_disabled,
            total_resets: self.total_resets,
            reset_count: self.reset_count,
        }
    }
}
