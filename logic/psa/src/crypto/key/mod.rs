//! Keys: what they are made of, where they live, who may name them.
//!
//! Three kinds of place: 16 volatile slots in RAM, persistent records in the vault, and the built-in keys
//! that come from OTP. All are reached through [`KeyStore`], which takes the client's id with
//! every key id: another client's key is not refused, it does not exist.

mod builtin;
mod kind;
mod material;
mod record;
mod store;

pub(crate) use builtin::BuiltinSecrets;
pub(crate) use kind::KeyKind;
pub(crate) use material::{MAX_KEY_LEN, Material};
pub(crate) use store::{KeyStore, MAX_VOLATILE_KEYS, VolatileKeys};

use ironroot_psa_api::key::KeyAttributes;

/// A key ready for use. Wiped when dropped.
pub(crate) struct Key {
    /// Its attributes, complete: size, id and implied usage flags filled in.
    pub(crate) attributes: KeyAttributes,
    /// What it is.
    pub(crate) kind: KeyKind,
    /// Its bytes, in the format that `psa_export_key` gives.
    pub(crate) material: Material,
}

impl Key {
    /// A copy for the time of one call.
    fn duplicate(&self) -> Self {
        Self {
            attributes: self.attributes,
            kind: self.kind,
            material: self.material.duplicate(),
        }
    }
}
