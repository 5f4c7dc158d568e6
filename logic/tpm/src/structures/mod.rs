//! Part 2 of the specification: structures and their wire forms.

mod algorithm;
mod creation;
mod curve;
mod pcr_selection;
mod public;
mod scheme;
mod sensitive;
mod signature;
mod symmetric;
mod ticket;

pub use algorithm::{Alg, HASHES, hash_of};
pub use creation::{CreationData, Data};
pub use curve::{CURVES, Coordinate, EccPoint, curve_number};
pub use pcr_selection::{PcrSelection, PcrSelections};
pub(crate) use public::name_of;
pub use public::{MAX_PUBLIC, ObjectKind, Parameters, Public, PublicOrUnnamed, RsaBits, Unique};
pub use scheme::{AsymScheme, EccScheme, Kdf, KdfScheme, KeyedHashScheme, RsaScheme, SignScheme};
pub use sensitive::{MAX_SENSITIVE, MAX_SENSITIVE_AREA, Sensitive, SensitiveCreate, SensitiveData};
pub use signature::Signature;
pub use symmetric::{AesBits, MODES, SymDef, SymDefObject};
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
