//! Part 2 of the specification: structures and their wire forms.

mod algorithm;
mod creation;
mod curve;
mod pcr_selection;
mod public;
mod scheme;
mod sensitive;
mod signature;
pub(crate) mod symmetric;
mod ticket;

pub(crate) use algorithm::{Alg, BANKS, hash_of};
pub(crate) use creation::{CreationData, Data};
pub(crate) use curve::{CURVES, Coordinate, EccPoint};
pub(crate) use pcr_selection::{PcrSelection, PcrSelections};
pub(crate) use public::name_of;
pub(crate) use public::{
    MAX_PUBLIC, ObjectKind, Parameters, Public, PublicOrUnnamed, RsaBits, Unique,
};
pub(crate) use scheme::{
    AsymScheme, EccScheme, Kdf, KdfScheme, KeyedHashScheme, RsaScheme, SignScheme,
};
pub(crate) use sensitive::{
    MAX_SENSITIVE, MAX_SENSITIVE_AREA, Sensitive, SensitiveCreate, SensitiveData,
};
pub(crate) use signature::Signature;
pub(crate) use symmetric::{SymDefObject, SymMode, cipher_of};
pub(crate) use ticket::{Ticket, TicketKind};

use crate::profile::MAX_DIGEST;
use crate::wire::{Bytes, SecretBytes};

/// `TPM2B_DIGEST`.
pub(crate) type DigestBytes = Bytes<MAX_DIGEST>;
/// `TPM2B_NAME`: a hash algorithm and a digest, or a handle.
pub(crate) type Name = Bytes<{ MAX_DIGEST + 2 }>;
/// `TPM2B_NONCE`.
pub(crate) type Nonce = Bytes<MAX_DIGEST>;
/// `TPM2B_AUTH`.
pub(crate) type AuthValue = SecretBytes<MAX_DIGEST>;

/// The longer of two lengths, for constants.
pub(crate) const fn longer(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}
