//! Tickets (Part 2, section 10.7): what the TPM itself once saw, so that it need not see it again.

use super::DigestBytes;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::wire::{Input, Marshal, Output, Unmarshal};

/// What a ticket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum TicketKind {
    /// An object was made by this TPM (`TPM_ST_CREATION`).
    Creation = 0x8021,
    /// A signature was right (`TPM_ST_VERIFIED`).
    Verified = 0x8022,
    /// PolicySecret was satisfied (`TPM_ST_AUTH_SECRET`).
    AuthSecret = 0x8023,
    /// A digest was made by the TPM and may be signed by a restricted key (`TPM_ST_HASHCHECK`).
    HashCheck = 0x8024,
    /// PolicySigned was satisfied (`TPM_ST_AUTH_SIGNED`).
    AuthSigned = 0x8025,
}

/// A ticket; an empty digest makes it the null ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// What it says.
    pub(crate) kind: TicketKind,
    /// Of which hierarchy the proof is.
    pub(crate) hierarchy: Handle,
    /// The HMAC.
    pub(crate) digest: DigestBytes,
}

impl Ticket {
    /// The ticket that proves nothing.
    pub(crate) const fn null(kind: TicketKind) -> Self {
        Self {
            kind,
            hierarchy: Handle::NULL,
            digest: DigestBytes::EMPTY,
        }
    }

    /// Reads a ticket of this kind; another is `TAG`.
    ///
    /// # Errors
    /// `TAG`, `VALUE`, `SIZE`, `INSUFFICIENT`.
    pub(crate) fn of_kind(kind: TicketKind, input: &mut Input<'_>) -> Result<Self> {
        // The tag is judged before what follows it.
        match Input::new(input.rest()).get::<u16>()? == kind as u16 {
            true => input.get(),
            false => Err(Rc::TAG),
        }
    }
}

impl Unmarshal for Ticket {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let kind = match input.get::<u16>()? {
            0x8021 => TicketKind::Creation,
            0x8022 => TicketKind::Verified,
            0x8023 => TicketKind::AuthSecret,
            0x8024 => TicketKind::HashCheck,
            0x8025 => TicketKind::AuthSigned,
            _ => return Err(Rc::TAG),
        };
        Ok(Self {
            kind,
            hierarchy: input.get::<crate::handle::Hierarchy>()?.handle(),
            digest: input.get()?,
        })
    }
}

impl Marshal for Ticket {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&(self.kind as u16))?;
        out.put(&self.hierarchy)?;
        out.put(&self.digest)
    }
}
