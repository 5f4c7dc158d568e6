//! Command audit (Part 1, section 34): one digest over all commands of a list, whoever sends them.
//!
//! digest := H(digest ‖ cpHash ‖ rpHash), from zeroes. A counter steps each time that a digest is begun. The step is
//! durable before the command runs: most commands change what is volatile without a commit after it, and if the step
//! could not be kept then, the change would stand without an audit. So after a refused command the counter may be one
//! ahead in the store; the next digest takes that number, and until then the old one is told.

use crate::authorize::rp_hash;
use crate::core::Core;
use crate::handle::Handle;
use crate::profile::MAX_DIGEST;
use crate::rc::{Rc, Result};
use crate::structures::DigestBytes;
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hasher, digest_parts};

/// `TPM_CC_SetCommandCodeAuditStatus`: always audited.
pub(super) const SET_STATUS: u32 = 0x140;
/// `TPM_CC_Shutdown`: never audited, for the digest was saved by it.
const SHUTDOWN: u32 = 0x145;
/// `TPM_CC_GetCommandAuditDigest`
const GET_DIGEST: u32 = 0x133;
/// `TPM_CC_Startup`
const STARTUP: u32 = 0x144;
/// These commit for themselves before they change anything volatile, and decide only then whether a digest is begun:
/// the step is staged, and theirs to keep.
const KEEP_IT_THEMSELVES: [u32; 3] = [GET_DIGEST, SET_STATUS, STARTUP];

/// The cpHash of a command that is audited.
pub(crate) type Audited = Option<DigestBytes>;

/// What the audit is to be told of a command; `cp_hash` works its cpHash out.
pub(crate) fn audited(
    hash: Option<HashAlgorithm>,
    cp_hash: impl FnOnce(HashAlgorithm) -> DigestBytes,
) -> Audited {
    hash.map(cp_hash)
}

/// Whether the audit of a command may be switched on.
pub(crate) fn may_be_audited(code: u32) -> bool {
    code != SHUTDOWN
}

/// Whether it may be switched off.
pub(crate) fn may_be_unaudited(code: u32) -> bool {
    code != SET_STATUS
}

impl Core<'_> {
    /// The hash algorithm of the audit, if the command is audited. In failure mode none is: what is wrong must be told
    /// even if the store refuses.
    pub(crate) fn command_audit_hash(&self, code: u32) -> Option<HashAlgorithm> {
        let kept = self.supplement.kept.get();
        (kept.audited.contains(code) && !self.has_failed()).then_some(kept.audit_hash)
    }

    /// Comes before an audited command runs: steps the counter if the command begins a digest.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`, `NV_SPACE`: the step cannot be kept; `FAILURE`: the counter is used up. The command must not
    /// run.
    pub(crate) fn begin_command_audit(
        &mut self,
        code: u32,
        handles: &[Handle; 3],
        audited: &Audited,
    ) -> Result<()> {
        self.supplement.forget_command();
        let [_, signer, _] = *handles;
        let told = code == GET_DIGEST && signer != Handle::NULL;
        let begun = !self.supplement.live.audit_digest.is_empty();
        let stepped = self.supplement.audit_stepped && !begun;
        if audited.is_none() || begun && !told || stepped {
            return Ok(());
        }
        // What the command itself would commit of Clock is committed now, and not together with the counter.
        self.time_info()?;
        let kept = self.supplement.kept.edit();
        kept.audit_counter = kept.audit_counter.checked_add(1).ok_or(Rc::FAILURE)?;
        if KEEP_IT_THEMSELVES.contains(&code) {
            self.supplement.audit_begins = true;
            return Ok(());
        }
        self.commit()?;
        self.supplement.audit_stepped = true;
        Ok(())
    }

    /// The counter of the digest that there is, or was last: as it was before the command that runs.
    pub(crate) fn audit_counter(&self) -> u64 {
        let supplement = &self.supplement;
        let ahead = supplement.audit_begins || supplement.audit_stepped;
        let counter = supplement.kept.get().audit_counter;
        counter.saturating_sub(u64::from(ahead))
    }

    /// The command begins no digest after all.
    pub(crate) fn take_audit_begin_back(&mut self) {
        if self.supplement.audit_begins {
            let counter = self.audit_counter();
            self.supplement.kept.edit().audit_counter = counter;
            self.supplement.audit_begins = false;
        }
    }

    /// Comes after a command that succeeded; `params` are those of its answer as they are sent.
    pub(crate) fn end_command_audit(&mut self, code: u32, audited: &Audited, params: &[u8]) {
        let restarts = core::mem::take(&mut self.supplement.audit_restarts);
        let Some(cp_hash) = audited else {
            return;
        };
        let hash = self.supplement.kept.get().audit_hash;
        let digest = &mut self.supplement.live.audit_digest;
        if restarts {
            *digest = DigestBytes::EMPTY;
            return;
        }
        self.supplement.audit_stepped = false;
        let zeros = [0; MAX_DIGEST];
        let before = match digest.is_empty() {
            true => zeros.get(..hash.digest_len()).unwrap_or_default(),
            false => digest.as_slice(),
        };
        let rp_hash = rp_hash(hash, code, params);
        let made = digest_parts(hash, &[before, cp_hash.as_slice(), rp_hash.as_slice()]);
        *digest = DigestBytes::new(made.as_slice()).unwrap_or_default();
    }

    /// The digest of the list: all codes one behind the other, in ascending order.
    pub(crate) fn audited_commands_digest(&self) -> DigestBytes {
        let kept = self.supplement.kept.get();
        let mut hasher = Hasher::new(kept.audit_hash);
        kept.audited
            .from(0)
            .for_each(|code| hasher.update(&code.to_be_bytes()));
        DigestBytes::new(hasher.finish().as_slice()).unwrap_or_default()
    }
}
