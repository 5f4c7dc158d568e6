//! Command audit (Part 1, section 34): one digest over all commands of a list, whoever sends them.
//!
//! digest := H(digest ‖ cpHash ‖ rpHash), from zeroes. A counter steps each time that a digest is begun; it is staged
//! before the command runs, so that one commit keeps both, and a refused command leaves no trace.

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
    /// The hash algorithm of the audit, if the command is audited.
    pub(crate) fn command_audit_hash(&self, code: u32) -> Option<HashAlgorithm> {
        let kept = self.supplement.kept.get();
        kept.audited.contains(code).then_some(kept.audit_hash)
    }

    /// Comes before an audited command runs: stages the counter if the command begins a digest.
    ///
    /// # Errors
    /// `NV_UNAVAILABLE`; `FAILURE`: the counter is used up.
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
        if audited.is_none() || begun && !told {
            return Ok(());
        }
        // What the command itself would commit of Clock is committed now, and not together with the counter.
        self.time_info()?;
        let kept = self.supplement.kept.edit();
        kept.audit_counter = kept.audit_counter.checked_add(1).ok_or(Rc::FAILURE)?;
        self.supplement.audit_begins = true;
        Ok(())
    }

    /// The counter, as it was before the command that runs.
    pub(crate) fn audit_counter(&self) -> u64 {
        let counter = self.supplement.kept.get().audit_counter;
        counter.saturating_sub(u64::from(self.supplement.audit_begins))
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
