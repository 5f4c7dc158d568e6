//! The provisioned record in one of its places.
//!
//! A place has 896 bytes:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic `IROT` |
//! | 4 | 2 | format: 1, or 2 where an image has several root keys |
//! | 6 | 2 | length of the items |
//! | 8 | n | items: type (2), length (2), value; one after the other |
//! | 8 + n | | zeros |
//! | 864 | 4 | `DONE` |
//! | 868 | 4 | CRC-32 of bytes 0 to 863 |
//! | 872 | 4 | its complement |
//! | 876 | 20 | zeros |
//!
//! The last 32 bytes are the commit: programmed last, after everything before was read back.

use super::{
    DecryptionKey, Facts, Lifecycle, OtpError, ProvisioningFlags, RootKeys, Secrets, Text,
    root_keys,
};
use crate::crc::Crc32;
use crate::flash_map::PerImage;
use ironroot_codec::Cursor;
use ironroot_crypto::{Secret, wipe};
use ironroot_platform::Flash;

pub(super) const MAGIC: [u8; 4] = *b"IROT";
/// Each image has one root key: scheme, key hash.
pub(super) const FORMAT_ONE_KEY: u16 = 1;
/// Root keys: how many must have signed (0: one of each scheme), then scheme and key hash of each. With one key
/// as in the first format.
pub(super) const FORMAT_KEYS: u16 = 2;
pub(super) const PLACE_SIZE: u32 = 896;
pub(super) const PLACES: u32 = 4;
pub(super) const PLACES_SIZE: u32 = PLACES * PLACE_SIZE;
pub(super) const BODY_SIZE: usize = 864;
pub(super) const HEADER_SIZE: usize = 8;
pub(super) const COMMIT_SIZE: usize = 32;

const _: () = assert!(BODY_SIZE + COMMIT_SIZE == PLACE_SIZE as usize);

/// Types of the items. A number never changes its meaning; an item that a reader does not ask for, it does
/// not look at.
pub(super) mod item {
    pub(in super::super) const LIFECYCLE: u16 = 1;
    pub(in super::super) const FLAGS: u16 = 2;
    pub(in super::super) const IMPLEMENTATION_ID: u16 = 3;
    pub(in super::super) const INSTANCE_ID: u16 = 4;
    pub(in super::super) const ROOT_KEY_0: u16 = 5;
    pub(in super::super) const ROOT_KEY_1: u16 = 6;
    pub(in super::super) const CERTIFICATION_REFERENCE: u16 = 7;
    pub(in super::super) const VERIFICATION_SERVICE: u16 = 8;
    pub(in super::super) const HARDWARE_UNIQUE_KEY: u16 = 0x100;
    pub(in super::super) const ATTESTATION_KEY: u16 = 0x101;
    pub(in super::super) const ENTROPY_SEED: u16 = 0x102;
    /// Only on devices that take encrypted images.
    pub(in super::super) const DECRYPTION_KEY: u16 = 0x103;
}

pub(super) const fn place_offset(place: u32) -> u32 {
    place.saturating_mul(PLACE_SIZE)
}

const fn commit_offset(place: u32) -> u32 {
    place_offset(place).saturating_add(BODY_SIZE as u32)
}

pub(super) fn commit(crc: u32) -> [u8; COMMIT_SIZE] {
    let mut bytes = [0; COMMIT_SIZE];
    if let ([done, sum, complement, ..], _) = bytes.as_chunks_mut() {
        *done = *b"DONE";
        *sum = crc.to_le_bytes();
        *complement = (!crc).to_le_bytes();
    }
    bytes
}

/// CRC-32 of a place's bytes before the commit, read in small pieces: some of them are secret.
pub(super) fn body_crc<F: Flash>(flash: &F, place: u32) -> Result<u32, OtpError> {
    let mut crc = Crc32::new();
    let mut piece = [0; 32];
    for offset in (place_offset(place)..commit_offset(place)).step_by(piece.len()) {
        flash.read(offset, &mut piece)?;
        crc.update(&piece);
    }
    wipe(&mut piece);
    Ok(crc.value())
}

/// A committed, whole record.
pub(super) struct Body {
    format: u16,
    items_at: u32,
    items_len: u32,
}

/// The last whole record. The last, because a commit that was cut off may read as whole one day and not the
/// next: what an attempt after it wrote counts.
pub(super) fn find<F: Flash>(flash: &F) -> Result<Body, OtpError> {
    let mut verdict = OtpError::Blank;
    for place in (0..PLACES).rev() {
        match state(flash, place)? {
            PlaceState::Whole => return open(flash, place),
            PlaceState::Damaged => verdict = OtpError::Damaged,
            PlaceState::NotCommitted => {}
        }
    }
    Err(verdict)
}

/// The last whole record's place, and how many whole copies of it there are.
pub(super) fn count<F: Flash>(flash: &F) -> Result<Option<(u32, u32)>, OtpError> {
    let mut last = None;
    let mut copies = 0_u32;
    for place in (0..PLACES).rev() {
        if !matches!(state(flash, place)?, PlaceState::Whole) {
            continue;
        }
        let crc = body_crc(flash, place)?;
        let (_, last_crc) = *last.get_or_insert((place, crc));
        // Records of two attempts differ in their secrets, so in their checksum.
        if crc == last_crc {
            copies = copies.saturating_add(1);
        }
    }
    Ok(last.map(|(place, _)| (place, copies)))
}

enum PlaceState {
    /// Blank, or cut off before the commit was whole.
    NotCommitted,
    /// Committed and unchanged.
    Whole,
    /// Committed, and changed since.
    Damaged,
}

fn state<F: Flash>(flash: &F, place: u32) -> Result<PlaceState, OtpError> {
    let mut found = [0; COMMIT_SIZE];
    flash.read(commit_offset(place), &mut found)?;
    let mut cursor = Cursor::new(&found);
    let crc = cursor
        .skip(4)
        .and_then(|()| cursor.u32_le())
        .unwrap_or_default();
    if found != commit(crc) {
        return Ok(PlaceState::NotCommitted);
    }
    Ok(if body_crc(flash, place)? == crc {
        PlaceState::Whole
    } else {
        PlaceState::Damaged
    })
}

fn open<F: Flash>(flash: &F, place: u32) -> Result<Body, OtpError> {
    let at = place_offset(place);
    let mut header = [0; HEADER_SIZE];
    flash.read(at, &mut header)?;
    let [m0, m1, m2, m3, f0, f1, l0, l1] = header;
    let format = u16::from_le_bytes([f0, f1]);
    if [m0, m1, m2, m3] != MAGIC || ![FORMAT_ONE_KEY, FORMAT_KEYS].contains(&format) {
        return Err(OtpError::UnknownFormat);
    }
    let items_len = u16::from_le_bytes([l0, l1]);
    if usize::from(items_len) > BODY_SIZE.saturating_sub(HEADER_SIZE) {
        return Err(OtpError::Damaged);
    }
    Ok(Body {
        format,
        items_at: at.saturating_add(HEADER_SIZE as u32),
        items_len: u32::from(items_len),
    })
}

impl Body {
    /// Place and length of the only item of type `wanted`.
    fn item<F: Flash>(&self, flash: &F, wanted: u16) -> Result<(u32, usize), OtpError> {
        self.optional_item(flash, wanted)?.ok_or(OtpError::Damaged)
    }

    fn optional_item<F: Flash>(
        &self,
        flash: &F,
        wanted: u16,
    ) -> Result<Option<(u32, usize)>, OtpError> {
        let mut found = None;
        let mut offset = 0_u32;
        while offset < self.items_len {
            let mut head = [0; 4];
            flash.read(self.items_at.saturating_add(offset), &mut head)?;
            let [t0, t1, l0, l1] = head;
            let len = u16::from_le_bytes([l0, l1]);
            let value = offset.saturating_add(4);
            let end = value.saturating_add(u32::from(len));
            if end > self.items_len {
                return Err(OtpError::Damaged);
            }
            if u16::from_le_bytes([t0, t1]) == wanted {
                let place = (self.items_at.saturating_add(value), usize::from(len));
                if found.replace(place).is_some() {
                    return Err(OtpError::Damaged);
                }
            }
            offset = end;
        }
        Ok(found)
    }

    fn array<F: Flash, const N: usize>(&self, flash: &F, kind: u16) -> Result<[u8; N], OtpError> {
        let (at, len) = self.item(flash, kind)?;
        let mut value = [0; N];
        if len != N {
            return Err(OtpError::Damaged);
        }
        flash.read(at, &mut value)?;
        Ok(value)
    }

    fn secret<F: Flash>(&self, flash: &F, kind: u16) -> Result<Secret<32>, OtpError> {
        let (at, len) = self.item(flash, kind)?;
        if len != 32 {
            return Err(OtpError::Damaged);
        }
        let mut secret = Secret::zeroed();
        secret.expose_mut(|bytes| flash.read(at, bytes))?;
        Ok(secret)
    }

    fn bytes<'b, F: Flash>(
        &self,
        flash: &F,
        kind: u16,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], OtpError> {
        let (at, len) = self.item(flash, kind)?;
        let value = buffer.get_mut(..len).ok_or(OtpError::Damaged)?;
        flash.read(at, value)?;
        Ok(value)
    }

    fn text<F: Flash, const N: usize>(&self, flash: &F, kind: u16) -> Result<Text<N>, OtpError> {
        let mut buffer = [0; N];
        let value = self.bytes(flash, kind, &mut buffer)?;
        core::str::from_utf8(value)
            .ok()
            .and_then(Text::new)
            .ok_or(OtpError::Damaged)
    }

    fn root_keys_of<F: Flash>(&self, flash: &F, kind: u16) -> Result<RootKeys, OtpError> {
        let mut buffer = [0; root_keys::ITEM_SIZE];
        let value = self.bytes(flash, kind, &mut buffer)?;
        // Hashes have 32 or 64 bytes, so the lengths tell one key from several.
        let plain = matches!(value.len(), 33 | 65);
        let known = plain || self.format == FORMAT_KEYS;
        let keys = RootKeys::decode(value, plain).filter(|_| known);
        keys.ok_or(OtpError::Damaged)
    }

    /// The lifecycle at provisioning.
    pub(super) fn lifecycle<F: Flash>(&self, flash: &F) -> Result<Lifecycle, OtpError> {
        let number = u16::from_le_bytes(self.array(flash, item::LIFECYCLE)?);
        Lifecycle::from_number(number).ok_or(OtpError::Damaged)
    }

    /// The root keys as provisioned: none is revoked.
    pub(super) fn root_keys<F: Flash>(&self, flash: &F) -> Result<PerImage<RootKeys>, OtpError> {
        Ok(PerImage {
            secure: self.root_keys_of(flash, item::ROOT_KEY_0)?,
            non_secure: self.root_keys_of(flash, item::ROOT_KEY_1)?,
        })
    }

    /// What is no secret; lifecycle and root keys are those at provisioning.
    pub(super) fn facts<F: Flash>(&self, flash: &F) -> Result<Facts, OtpError> {
        Ok(Facts {
            lifecycle: self.lifecycle(flash)?,
            implementation_id: self.array(flash, item::IMPLEMENTATION_ID)?,
            instance_id: self.array(flash, item::INSTANCE_ID)?,
            root_keys: self.root_keys(flash)?,
            certification_reference: self.text(flash, item::CERTIFICATION_REFERENCE)?,
            verification_service: self.text(flash, item::VERIFICATION_SERVICE)?,
            flags: self.flags(flash)?,
        })
    }

    pub(super) fn flags<F: Flash>(&self, flash: &F) -> Result<ProvisioningFlags, OtpError> {
        let bytes = self.array(flash, item::FLAGS)?;
        Ok(ProvisioningFlags(u32::from_le_bytes(bytes)))
    }

    pub(super) fn secrets<F: Flash>(&self, flash: &F) -> Result<Secrets, OtpError> {
        Ok(Secrets {
            hardware_unique_key: self.secret(flash, item::HARDWARE_UNIQUE_KEY)?,
            attestation_key: self.secret(flash, item::ATTESTATION_KEY)?,
            entropy_seed: self.secret(flash, item::ENTROPY_SEED)?,
            decryption_key: self.decryption_key(flash)?,
        })
    }

    pub(super) fn decryption_key<F: Flash>(
        &self,
        flash: &F,
    ) -> Result<Option<DecryptionKey>, OtpError> {
        let Some((at, len)) = self.optional_item(flash, item::DECRYPTION_KEY)? else {
            return Ok(None);
        };
        if len != DecryptionKey::ITEM_SIZE {
            return Err(OtpError::Damaged);
        }
        let mut item = Secret::<{ DecryptionKey::ITEM_SIZE }>::zeroed();
        item.expose_mut(|bytes| flash.read(at, bytes))?;
        item.expose(DecryptionKey::decode).map(Some)
    }
}
