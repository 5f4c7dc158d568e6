//! Sessions (Part 1, sections 18 and 19): HMAC, policy and trial sessions.

mod cipher;
mod policy;
mod saved;
mod table;

pub(crate) use cipher::{Cipher, Direction};
pub(crate) use policy::{Limit, LimitKind, PolicyState};
pub(crate) use table::{MAX_CONTEXT_GAP, Sessions};

use crate::handle::Handle;
use crate::profile::MAX_DIGEST;
use crate::structures::{DigestBytes, Nonce};
use crate::wire::SecretBytes;
use ironroot_crypto::tpm::hash::{Digest, HashAlgorithm};

/// Memory for one loaded session.
pub struct SessionSlot {
    content: Option<Session>,
}

impl SessionSlot {
    /// An empty slot.
    pub const EMPTY: Self = Self { content: None };
}

/// A loaded session.
pub(crate) struct Session {
    /// Its handle; the first byte tells an HMAC session from a policy session.
    pub(crate) handle: Handle,
    /// The algorithm of its HMACs, of its key and of its policy.
    pub(crate) hash: HashAlgorithm,
    /// How it encrypts parameters.
    pub(crate) cipher: Cipher,
    /// Empty for a session that is neither salted nor bound.
    pub(crate) key: SecretBytes<MAX_DIGEST>,
    /// The TPM's last nonce.
    pub(crate) nonce_tpm: Nonce,
    /// What an HMAC session is bound to.
    pub(crate) bound: Option<Binding>,
    /// The entity, guarded against guessing, whose auth value is part of the key: each use of the session
    /// is a guess at it (Part 1, section 19.8).
    pub(crate) guessable: Option<Handle>,
    /// The digest of a session that was used for audit.
    pub(crate) audit: Option<DigestBytes>,
    /// What a policy or trial session has come to.
    pub(crate) policy: Option<PolicyState>,
    /// Time, in ms since power on, when its nonce last rolled: where timeouts count from.
    pub(crate) started: u64,
    /// The power cycle of `started`: time is not comparable over two of them.
    pub(crate) epoch: u64,
}

/// A digest over the name and the auth value of an entity: another auth value ends the binding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding(pub(crate) [u8; 32]);

impl Session {
    /// Whether it is a trial session: it computes a policy and authorises nothing.
    pub(crate) fn is_trial(&self) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy.trial)
    }
}

/// Two secrets, one behind the other; `None`: they do not fit.
pub(crate) fn joined(
    first: &SecretBytes<MAX_DIGEST>,
    second: &SecretBytes<MAX_DIGEST>,
) -> Option<SecretBytes<{ 2 * MAX_DIGEST }>> {
    let len = first.len().saturating_add(second.len());
    SecretBytes::filled(len, |both| {
        first.expose(|first| {
            second.expose(|second| {
                let bytes = first.iter().chain(second);
                both.iter_mut()
                    .zip(bytes)
                    .for_each(|(to, from)| *to = *from);
            });
        });
    })
}

/// A computed digest as the wire type.
pub(crate) fn bytes_of(digest: &Digest) -> DigestBytes {
    DigestBytes::new(digest.as_slice()).unwrap_or_default()
}
