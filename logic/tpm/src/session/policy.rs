//! What a policy session has come to (Part 1, section 19.7): its digest, and what is still to be checked when it is used.

use super::bytes_of;
use crate::rc::{Rc, Result};
use crate::structures::DigestBytes;
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hasher};

/// What a digest that limits the command is computed over. A session holds one of them at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitKind {
    /// The whole command (PolicyCpHash, and the cpHash of PolicySigned, PolicySecret and PolicyTicket).
    Command,
    /// The names of its handles (PolicyNameHash, PolicyDuplicationSelect).
    Names,
    /// The template of the object it makes (PolicyTemplate).
    Template,
    /// Its code and parameters (PolicyParameters).
    Parameters,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) kind: LimitKind,
    pub(crate) digest: DigestBytes,
}

/// What a policy or trial session has come to.
pub(crate) struct PolicyState {
    /// It computes only; nothing is checked, and it authorises nothing.
    pub(crate) trial: bool,
    /// The digest so far, as long as the session's hash.
    pub(crate) digest: DigestBytes,
    /// The command it is for.
    pub(crate) code: Option<u32>,
    /// `TPMA_LOCALITY` it is for; 0: any.
    pub(crate) locality: u8,
    /// Time in ms, as TPM time, when it expires.
    pub(crate) timeout: Option<u64>,
    /// The PCRs' counter when they were checked.
    pub(crate) pcr_counter: Option<u32>,
    /// Whether the HMAC must be made with the entity's auth value.
    pub(crate) auth_value_needed: bool,
    /// Whether the entity's auth value must be given in plain.
    pub(crate) password_needed: bool,
    /// Whether a person must be there.
    pub(crate) presence_needed: bool,
    /// Whether the command must come over a secure channel.
    #[cfg(feature = "full")]
    pub(crate) channel_needed: bool,
    /// Whether the NV index must have been written, or must not.
    pub(crate) nv_written: Option<bool>,
    /// Which commands it is for.
    pub(crate) limit: Option<Limit>,
}

impl PolicyState {
    /// Nothing was asserted yet.
    pub(crate) fn new(trial: bool, hash: HashAlgorithm) -> Self {
        Self {
            trial,
            digest: zero(hash),
            code: None,
            locality: 0,
            timeout: None,
            pcr_counter: None,
            auth_value_needed: false,
            password_needed: false,
            presence_needed: false,
            #[cfg(feature = "full")]
            channel_needed: false,
            nv_written: None,
            limit: None,
        }
    }

    /// digest := H(digest ‖ code ‖ parts).
    pub(crate) fn extend(&mut self, hash: HashAlgorithm, code: u32, parts: &[&[u8]]) {
        let mut hasher = Hasher::new(hash);
        hasher.update(self.digest.as_slice());
        hasher.update(&code.to_be_bytes());
        parts.iter().for_each(|part| hasher.update(part));
        self.digest = bytes_of(&hasher.finish());
    }

    /// `PolicyUpdate()` (Part 3, section 23.2.3): the name of who approves, then a reference that may be empty.
    pub(crate) fn extend_with_name(
        &mut self,
        hash: HashAlgorithm,
        code: u32,
        name: &[u8],
        reference: &[u8],
    ) {
        self.extend(hash, code, &[name]);
        let mut hasher = Hasher::new(hash);
        hasher.update(self.digest.as_slice());
        hasher.update(reference);
        self.digest = bytes_of(&hasher.finish());
    }

    /// The digest begins anew; what was asserted stays to be checked (PolicyOR, PolicyAuthorize).
    pub(crate) fn clear_digest(&mut self, hash: HashAlgorithm) {
        self.digest = zero(hash);
    }

    /// Whether a limit may be added: there is none, or just this one.
    ///
    /// # Errors
    /// `CPHASH`
    pub(crate) fn may_limit(&self, kind: LimitKind, digest: &DigestBytes) -> Result<()> {
        match self.limit {
            None => Ok(()),
            Some(old) if old.kind == kind && old.digest == *digest => Ok(()),
            Some(_) => Err(Rc::CPHASH),
        }
    }

    /// The earlier of the timeouts counts.
    pub(crate) fn expire_at(&mut self, timeout: Option<u64>) {
        self.timeout = match (self.timeout, timeout) {
            (Some(old), Some(new)) => Some(old.min(new)),
            (old, new) => old.or(new),
        };
    }
}

fn zero(hash: HashAlgorithm) -> DigestBytes {
    let zeros = [0; crate::profile::MAX_DIGEST];
    zeros
        .get(..hash.digest_len())
        .and_then(DigestBytes::new)
        .unwrap_or_default()
}
