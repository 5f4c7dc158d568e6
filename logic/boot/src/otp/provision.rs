//! Writing the record, once.

use super::record::{
    self, BODY_SIZE, FORMAT_KEYS, FORMAT_ONE_KEY, HEADER_SIZE, MAGIC, PLACES, body_crc, commit,
    item, place_offset,
};
use super::{INSTANCE_ID_SIZE, OtpError, Provisioning, RootKeys, root_keys};
use crate::crc::crc32;
use ironroot_codec::{BufferFull, Writer};
use ironroot_crypto::Secret;
use ironroot_crypto::hash::{HashAlgorithm, Hasher};
use ironroot_platform::{Flash, FlashError, Geometry};

const COPIES: u32 = 2;

impl From<BufferFull> for OtpError {
    fn from(_: BufferFull) -> Self {
        Self::Invalid
    }
}

/// What came of [`provision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioned {
    /// The device has what was given.
    New,
    /// An earlier attempt had written a record before it was cut off: the device keeps that one, and now has
    /// it safely.
    Resumed,
}

/// Provisions a blank device with two copies of the record.
///
/// After a power cut the device is blank or provisioned, perhaps changing between the two with each boot:
/// call again, with new secrets, until the answer is `Ok` or [`OtpError::AlreadyProvisioned`]. Then it is
/// provisioned for good: the second copy is begun only when the first is complete.
///
/// # Errors
/// [`OtpError::AlreadyProvisioned`], [`OtpError::Damaged`], [`OtpError::Exhausted`] (each attempt uses up
/// places), [`OtpError::Invalid`], [`OtpError::Flash`].
pub fn provision<F: Flash>(flash: &mut F, what: &Provisioning) -> Result<Provisioned, OtpError> {
    let mut body: Secret<BODY_SIZE> = Secret::zeroed();
    let found = record::count(flash)?;
    let (first_place, mut copies, outcome) = match found {
        Some((place, 1)) => {
            body.expose_mut(|bytes| flash.read(place_offset(place), bytes))?;
            (place.saturating_add(1), 1, Provisioned::Resumed)
        }
        Some(_) => return Err(OtpError::AlreadyProvisioned),
        None => {
            if let Err(OtpError::Damaged) = record::find(flash) {
                return Err(OtpError::Damaged);
            }
            body.expose_mut(|bytes| encode(bytes, what))?;
            (0, 0, Provisioned::New)
        }
    };
    for place in first_place..PLACES {
        if copies < COPIES && is_blank(flash, place)? && write(flash, place, &body)? {
            copies = copies.saturating_add(1);
        }
    }
    if copies < COPIES {
        Err(OtpError::Exhausted)
    } else {
        Ok(outcome)
    }
}

fn encode(body: &mut [u8; BODY_SIZE], what: &Provisioning) -> Result<(), OtpError> {
    let (header, items) = body
        .split_first_chunk_mut::<HEADER_SIZE>()
        .ok_or(OtpError::Invalid)?;
    let mut items = Writer::new(items);
    encode_items(&mut items, what)?;
    let len = u16::try_from(items.position()).map_err(|_| OtpError::Invalid)?;
    let mut header = Writer::new(header);
    header.put(&MAGIC)?;
    // Only where it is needed: other readers know the first.
    let plain = [&what.root_keys.secure, &what.root_keys.non_secure].map(RootKeys::is_plain);
    let format = if plain == [true; 2] {
        FORMAT_ONE_KEY
    } else {
        FORMAT_KEYS
    };
    header.put(&format.to_le_bytes())?;
    header.put(&len.to_le_bytes())?;
    Ok(())
}

fn encode_items(out: &mut Writer<'_>, what: &Provisioning) -> Result<(), BufferFull> {
    out.tlv(item::LIFECYCLE, &(what.lifecycle as u16).to_le_bytes())?;
    out.tlv(item::FLAGS, &what.flags.0.to_le_bytes())?;
    out.tlv(item::IMPLEMENTATION_ID, &what.implementation_id)?;
    out.tlv(
        item::INSTANCE_ID,
        &instance_id(&what.attestation_public_key),
    )?;
    put_root_keys(out, item::ROOT_KEY_0, &what.root_keys.secure)?;
    put_root_keys(out, item::ROOT_KEY_1, &what.root_keys.non_secure)?;
    out.tlv(
        item::CERTIFICATION_REFERENCE,
        what.certification_reference.as_str().as_bytes(),
    )?;
    out.tlv(
        item::VERIFICATION_SERVICE,
        what.verification_service.as_str().as_bytes(),
    )?;
    let secrets = &what.secrets;
    secrets
        .hardware_unique_key
        .expose(|key| out.tlv(item::HARDWARE_UNIQUE_KEY, key))?;
    secrets
        .attestation_key
        .expose(|key| out.tlv(item::ATTESTATION_KEY, key))?;
    secrets
        .entropy_seed
        .expose(|seed| out.tlv(item::ENTROPY_SEED, seed))?;
    match &secrets.decryption_key {
        None => Ok(()),
        Some(key) => key.encode(|value| out.tlv(item::DECRYPTION_KEY, value)),
    }
}

fn put_root_keys(out: &mut Writer<'_>, kind: u16, keys: &RootKeys) -> Result<(), BufferFull> {
    let mut value = [0; root_keys::ITEM_SIZE];
    let mut writer = Writer::new(&mut value);
    keys.encode(&mut writer)?;
    out.tlv(kind, writer.written())
}

/// 0x01 (RAND) and the SHA-256 of the public key: RFC 9783, "Instance ID".
fn instance_id(attestation_public_key: &[u8; 65]) -> [u8; INSTANCE_ID_SIZE] {
    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
    hasher.update(attestation_public_key);
    let hash = hasher.finish();
    let mut id = [0; INSTANCE_ID_SIZE];
    let value = [1].into_iter().chain(hash.as_slice().iter().copied());
    id.iter_mut()
        .zip(value)
        .for_each(|(place, byte)| *place = byte);
    id
}

fn is_blank<F: Flash>(flash: &F, place: u32) -> Result<bool, OtpError> {
    let Geometry { erased, .. } = flash.geometry();
    let start = place_offset(place);
    let mut piece = [0; 32];
    for offset in (start..place_offset(place.saturating_add(1))).step_by(piece.len()) {
        flash.read(offset, &mut piece)?;
        if piece.iter().any(|byte| *byte != erased) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes one copy; says whether it is committed.
fn write<F: Flash>(flash: &mut F, place: u32, body: &Secret<BODY_SIZE>) -> Result<bool, OtpError> {
    let at = place_offset(place);
    match body.expose(|bytes| flash.program(at, bytes)) {
        // A cut left bits that read as erased and are not.
        Err(FlashError::NotErased) => return Ok(false),
        result => result?,
    }
    let crc = body.expose(|bytes| crc32(bytes));
    // Commit only what the flash gives back: a bad cell costs this place, not the device.
    if body_crc(flash, place)? != crc {
        return Ok(false);
    }
    flash.program(at.saturating_add(BODY_SIZE as u32), &commit(crc))?;
    Ok(true)
}
