//! Built-in keys: made of what provisioning wrote, named by constant ids, used by a policy table.
//!
//! Nobody gets a hardware secret itself. A client that names the hardware unique key gets a key derived
//! from it and from the client's id, good for derivation only: two clients derive different keys from
//! the same id, and no key of one helps with those of the other. The attestation key signs tokens
//! and nothing else; its public part can be exported by anyone.

use super::{Key, KeyKind, Material};
use ironroot_crypto::Secret;
use ironroot_crypto::key_tree::KeyTree;
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{Algorithm, EccFamily, KeyAttributes, KeyId, KeyType, Lifetime, Usage};

/// Where a built-in key comes from.
#[derive(Clone, Copy)]
enum Source {
    /// Derived from the hardware unique key under this purpose, for the client that asks.
    PerClient(&'static [u8]),
    /// The provisioned attestation key.
    Attestation,
}

/// One line of the policy table.
struct Builtin {
    id: KeyId,
    kind: KeyType,
    bits: u16,
    usage: Usage,
    algorithm: Algorithm,
    source: Source,
}

/// What each built-in key may be used for, by every client.
const TABLE: &[Builtin] = &[
    Builtin {
        id: KeyId::BUILTIN_HUK,
        kind: KeyType::DERIVE,
        bits: 256,
        usage: Usage::DERIVE,
        algorithm: Algorithm::hkdf(Algorithm::SHA_256),
        source: Source::PerClient(b"psa client"),
    },
    Builtin {
        id: KeyId::BUILTIN_IAK,
        kind: KeyType::ecc_key_pair(EccFamily::SECP_R1),
        bits: 256,
        usage: Usage::NONE,
        algorithm: Algorithm::NONE,
        source: Source::Attestation,
    },
];

/// The secrets behind the built-in keys.
#[derive(Clone, Copy)]
pub(crate) struct BuiltinSecrets<'a> {
    pub(crate) tree: &'a KeyTree,
    pub(crate) attestation_key: &'a Secret<32>,
}

/// Whether `id` names a built-in key.
pub(super) fn exists(id: KeyId) -> bool {
    TABLE.iter().any(|builtin| builtin.id == id)
}

/// The built-in key `id` as `client` may use it, if there is one.
pub(super) fn load(id: KeyId, client: i32, secrets: &BuiltinSecrets<'_>) -> Result<Key, Error> {
    let builtin = TABLE
        .iter()
        .find(|builtin| builtin.id == id)
        .ok_or(Error::InvalidHandle)?;
    let material = match builtin.source {
        Source::PerClient(purpose) => {
            Material::of_secret(&secrets.tree.derive(purpose, &client.to_le_bytes()))
        }
        Source::Attestation => Material::of_secret(secrets.attestation_key),
    };
    let attributes = KeyAttributes {
        kind: builtin.kind,
        bits: builtin.bits,
        lifetime: Lifetime::new(Lifetime::PERSISTENCE_READ_ONLY, Lifetime::LOCATION_BUILTIN),
        usage: builtin.usage.extended(),
        algorithm: builtin.algorithm,
        second_algorithm: Algorithm::NONE,
        id,
    };
    Ok(Key {
        attributes,
        kind: KeyKind::of(builtin.kind, builtin.bits)?,
        material,
    })
}
