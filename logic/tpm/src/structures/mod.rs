//! Part 2 of the specification: structures and their wire forms.

mod algorithm;
mod pcr_selection;
mod ticket;

pub use algorithm::{Alg, hash_of};
pub use pcr_selection::{PcrSelection, PcrSelections};
pub use ticket::{Ticket, TicketKind};

use crate::profile::MAX_DIGEST;
use crate::wire::{Bytes, SecretBytes};

/// `TPM2B_DIGEST`.
pub type DigestBytes = Bytes<MAX_DIGEST>;
/// `TPM2B_NAME`: a hash algorithm and a digest, or a handle.
pub type Name = Bytes<{ MAX_DIGEST + 2 }>;
/// `TPM2B_NONCE`.
pub type Nonce = Bytes<MAX_DIGEST>;
/// `TPM2B_AUTH`.
pub type AuthValue = SecretBytes<MAX_DIGEST>;
