//! The HMACs of tickets (Part 2, section 10.7): the TPM knows its own word again.
//!
//! A ticket is good for this TPM alone, so the form of what is authenticated is ours. Each part goes in with its
//! length: the specification's bare concatenation would let bytes of one part pass for the next (a cpHash for the
//! beginning of a policyRef).

use crate::core::Core;
use crate::handle::Hierarchy;
use crate::session::bytes_of;
use crate::structures::{DigestBytes, Ticket, TicketKind};
use ironroot_crypto::ct_eq;
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hmac};

impl Core<'_> {
    /// The HMAC of a ticket about `parts`, with the proof of its hierarchy: a Clear, or a reset for the null
    /// hierarchy, ends it.
    pub(crate) fn ticket_digest(
        &self,
        kind: TicketKind,
        hierarchy: Hierarchy,
        parts: &[&[u8]],
    ) -> DigestBytes {
        let proof = self.hierarchy_proof(hierarchy);
        let mut hmac = proof.expose(|proof| Hmac::new(HashAlgorithm::Sha256, proof));
        hmac.update(b"ticket");
        hmac.update(&(kind as u16).to_be_bytes());
        for part in parts {
            hmac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            hmac.update(part);
        }
        bytes_of(&hmac.finish())
    }

    /// A ticket about `parts`.
    pub(crate) fn ticket(&self, kind: TicketKind, hierarchy: Hierarchy, parts: &[&[u8]]) -> Ticket {
        Ticket {
            kind,
            hierarchy: hierarchy.handle(),
            digest: self.ticket_digest(kind, hierarchy, parts),
        }
    }

    /// Whether a ticket that came in is one that this TPM made about `parts`. The null ticket is not.
    pub(crate) fn ticket_is_right(&self, ticket: &Ticket, parts: &[&[u8]]) -> bool {
        let hierarchy = Hierarchy::of(ticket.hierarchy);
        hierarchy.is_some_and(|hierarchy| {
            let wanted = self.ticket_digest(ticket.kind, hierarchy, parts);
            ct_eq(wanted.as_slice(), ticket.digest.as_slice())
        })
    }
}
