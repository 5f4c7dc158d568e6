//! Key management and random numbers.

use super::key::{KeyKind, Material};
use super::{CHUNK, Call, policy};
use crate::store::Store;
use ironroot_crypto::Secret;
use ironroot_psa_api::Error;
use ironroot_psa_api::key::{KeyAttributes, KeyId, Usage};

/// `psa_generate_random`.
pub(crate) fn random(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let mut left = call.message.out_len(0);
    let mut chunk = Secret::<CHUNK>::zeroed();
    while left > 0 {
        let take = left.min(CHUNK);
        chunk.expose_mut(|bytes| {
            let bytes = bytes.get_mut(..take).ok_or(Error::CorruptionDetected)?;
            call.drbg.fill(bytes);
            call.message.write(0, bytes).map_err(Error::from)
        })?;
        left = left.saturating_sub(take);
    }
    Ok(())
}

/// `psa_get_key_attributes`.
pub(crate) fn attributes(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let key = call.load_key(call.request.key)?;
    call.write(0, &key.attributes.to_bytes())
}

/// `psa_import_key`.
pub(crate) fn import(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let attributes = call.read_attributes(1)?;
    call.expect_room(0, 4)?;
    let kind = call.keys().check_new(&attributes)?;
    let len = call.message.in_len(2);
    kind.bits_of(len)?;
    let material = Material::fill(len, |bytes| {
        if call.message.read(2, bytes) == len {
            Ok(())
        } else {
            Err(Error::CommunicationFailure)
        }
    })?;
    call.add_key(&attributes, kind, material)
}

/// `psa_generate_key`.
pub(crate) fn generate(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let attributes = call.read_attributes(1)?;
    call.expect_room(0, 4)?;
    let kind = call.keys().check_new(&attributes)?;
    let len = kind.len_for(attributes.bits)?;
    let material = kind.generate(len, call.drbg)?;
    call.add_key(&attributes, kind, material)
}

/// `psa_copy_key`: the copy may do what both policies allow.
pub(crate) fn copy(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let wanted = call.read_attributes(1)?;
    call.expect_room(0, 4)?;
    let source = call.load_key(call.request.key)?;
    policy::check_usage(&source.attributes, Usage::COPY)?;
    let own = source.attributes;
    let same = |wanted: u16, own: u16| wanted == 0 || wanted == own;
    if !same(wanted.kind.0, own.kind.0) || !same(wanted.bits, own.bits) {
        return Err(Error::InvalidArgument);
    }
    let attributes = KeyAttributes {
        kind: own.kind,
        bits: own.bits,
        usage: own.usage.intersection(wanted.usage.extended()),
        algorithm: policy::intersection(own.algorithm, wanted.algorithm)?,
        second_algorithm: policy::intersection(own.second_algorithm, wanted.second_algorithm)?,
        ..wanted
    };
    let kind = call.keys().check_new(&attributes)?;
    call.add_key(&attributes, kind, source.material)
}

/// `psa_destroy_key`: the operations that use it end with it.
pub(crate) fn destroy(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let id = call.request.key;
    if id == KeyId::NULL {
        return Ok(());
    }
    call.keys().destroy(id)?;
    call.service.operations.key_destroyed(call.client, id);
    Ok(())
}

/// `psa_purge_key`: there is no cache, so there is nothing to purge.
pub(crate) fn purge(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    call.load_key(call.request.key).map(|_| ())
}

/// `psa_export_key`.
pub(crate) fn export(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let key = call.load_key(call.request.key)?;
    if !key.kind.is_public() {
        policy::check_usage(&key.attributes, Usage::EXPORT)?;
    }
    write_material(call, &key.material)
}

/// `psa_export_public_key`: no policy forbids it.
pub(crate) fn export_public(call: &mut Call<'_, '_, impl Store>) -> Result<(), Error> {
    let key = call.load_key(call.request.key)?;
    let public = key.kind.public_part(&key.material)?;
    write_material(call, &public)
}

fn write_material(call: &mut Call<'_, '_, impl Store>, material: &Material) -> Result<(), Error> {
    material.expose(|bytes| call.write(0, bytes))
}

impl<S: Store> Call<'_, '_, S> {
    /// Adds a key and tells its id.
    pub(super) fn add_key(
        &mut self,
        attributes: &KeyAttributes,
        kind: KeyKind,
        material: Material,
    ) -> Result<(), Error> {
        let id = self.keys().add(attributes, kind, material)?;
        self.write(0, &id.0.to_le_bytes())
    }
}
