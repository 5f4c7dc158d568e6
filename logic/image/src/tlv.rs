//! The TLV areas behind the payload: types, where each may stand, and a walk that never leaves them.
//!
//! ```text
//! payload | u16 0x6908, u16 total | entries …  | u16 0x6907, u16 total | entries …
//!         |      protected (signed), if any    |        unprotected
//! ```
//!
//! An entry is `u16` type, `u16` length, data, without padding. MCUboot design document, "Image
//! Format"; which type may stand where is strict here (MCUboot only with its TLV allow list): what
//! is not signed is not believed, CVE-2024-32883.

use crate::{ImageSource, Refusal};
use ironroot_codec::Cursor;

/// Magic of the unprotected area.
pub const UNPROTECTED_MAGIC: u16 = 0x6907;
/// Magic of the protected area.
pub const PROTECTED_MAGIC: u16 = 0x6908;
/// Length of an area's own header, and of an entry's.
pub const INFO_LEN: u16 = 4;

/// Hash of the public key that the next signature is by.
pub const KEYHASH: u16 = 0x01;
/// The whole public key (DER) that the next signature is by.
pub const PUBKEY: u16 = 0x02;
/// SHA-256 of the image.
pub const SHA256: u16 = 0x10;
/// SHA-384 of the image.
pub const SHA384: u16 = 0x11;
/// SHA-512 of the image.
pub const SHA512: u16 = 0x12;
/// RSA-2048 PSS signature.
pub const RSA2048: u16 = 0x20;
/// ECDSA signature, P-256 with SHA-256 or P-384 with SHA-384.
pub const ECDSA: u16 = 0x22;
/// RSA-3072 PSS signature.
pub const RSA3072: u16 = 0x23;
/// Ed25519 signature.
pub const ED25519: u16 = 0x24;
/// The signature is over the image itself, not its hash.
pub const SIG_PURE: u16 = 0x25;
/// Content key under RSA-2048 OAEP.
pub const ENC_RSA2048: u16 = 0x30;
/// Content key under AES key wrap.
pub const ENC_KW: u16 = 0x31;
/// Content key by ECIES on P-256.
pub const ENC_EC256: u16 = 0x32;
/// Content key by ECIES on X25519, SHA-256.
pub const ENC_X25519: u16 = 0x33;
/// Content key by ECIES on X25519, SHA-512.
pub const ENC_X25519_SHA512: u16 = 0x34;
/// First and last of the types that carry the content key of an encrypted image.
pub const ENCRYPTION: core::ops::RangeInclusive<u16> = 0x30..=0x34;
/// Another image that must be present in some version.
pub const DEPENDENCY: u16 = 0x40;
/// Security counter.
pub const SECURITY_COUNTER: u16 = 0x50;
/// Boot record, CBOR.
pub const BOOT_RECORD: u16 = 0x60;
/// First and last of the types that describe a compressed image.
pub const COMPRESSION: core::ops::RangeInclusive<u16> = 0x70..=0x73;
/// Vendor identifier.
pub const VENDOR_UUID: u16 = 0x74;
/// Device class identifier.
pub const CLASS_UUID: u16 = 0x75;
/// Ours, in the vendor range: a complete boot record of one component inside the payload.
pub const COMPONENT_RECORD: u16 = 0x10a0;
/// Ours, in the vendor range but unprotected like every signature: HSS/LMS over the image hash.
pub const LMS: u16 = 0x10a1;

/// Every type with its name, for tools.
pub const NAMES: &[(u16, &str)] = &[
    (KEYHASH, "KEYHASH"),
    (PUBKEY, "PUBKEY"),
    (SHA256, "SHA256"),
    (SHA384, "SHA384"),
    (SHA512, "SHA512"),
    (RSA2048, "RSA2048"),
    (ECDSA, "ECDSASIG"),
    (RSA3072, "RSA3072"),
    (ED25519, "ED25519"),
    (SIG_PURE, "SIG_PURE"),
    (ENC_RSA2048, "ENCRSA2048"),
    (ENC_KW, "ENCKW"),
    (ENC_EC256, "ENCEC256"),
    (ENC_X25519, "ENCX25519"),
    (ENC_X25519_SHA512, "ENCX25519_SHA512"),
    (DEPENDENCY, "DEPENDENCY"),
    (SECURITY_COUNTER, "SEC_CNT"),
    (BOOT_RECORD, "BOOT_RECORD"),
    (0x70, "DECOMP_SIZE"),
    (0x71, "DECOMP_SHA"),
    (0x72, "DECOMP_SIGNATURE"),
    (0x73, "COMP_DEC_SIZE"),
    (VENDOR_UUID, "UUID_VID"),
    (CLASS_UUID, "UUID_CID"),
    (COMPONENT_RECORD, "COMPONENT_RECORD"),
    (LMS, "LMS"),
];

/// Whether vendors may use this type: low byte 0xa0 to 0xff, any high byte, but not 0xffff.
#[must_use]
pub const fn is_vendor(kind: u16) -> bool {
    kind & 0xff >= 0xa0 && kind != 0xffff
}

/// Where a type may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Protected,
    Unprotected,
}

impl Place {
    /// The area a known type belongs to.
    pub(crate) fn of(kind: u16) -> Option<Self> {
        match kind {
            KEYHASH
            | PUBKEY
            | SHA256..=SHA512
            | RSA2048
            | ECDSA
            | RSA3072
            | ED25519
            | SIG_PURE
            | LMS => Some(Self::Unprotected),
            kind if ENCRYPTION.contains(&kind) => Some(Self::Unprotected),
            DEPENDENCY | SECURITY_COUNTER | BOOT_RECORD | VENDOR_UUID | CLASS_UUID => {
                Some(Self::Protected)
            }
            kind if COMPRESSION.contains(&kind) || is_vendor(kind) => Some(Self::Protected),
            _ => None,
        }
    }
}

/// One entry: where its data lie in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlvEntry {
    /// Its type.
    pub kind: u16,
    /// Offset of its data from the start of the image.
    pub offset: u32,
    /// Length of its data in bytes.
    pub len: u16,
}

impl TlvEntry {
    /// Copies the data to the start of `buffer`.
    ///
    /// # Errors
    /// [`Refusal::TlvLength`] when it does not fit, [`Refusal::Unreadable`].
    pub fn read<'b>(
        &self,
        source: &dyn ImageSource,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], Refusal> {
        let data = buffer
            .get_mut(..usize::from(self.len))
            .ok_or(Refusal::TlvLength)?;
        source
            .read_at(self.offset, data)
            .map_err(|_| Refusal::Unreadable)?;
        Ok(data)
    }

    /// The data, which must be exactly `N` bytes.
    ///
    /// # Errors
    /// [`Refusal::TlvLength`], [`Refusal::Unreadable`].
    pub fn array<const N: usize>(&self, source: &dyn ImageSource) -> Result<[u8; N], Refusal> {
        let mut bytes = [0; N];
        if usize::from(self.len) != N {
            return Err(Refusal::TlvLength);
        }
        self.read(source, &mut bytes)?;
        Ok(bytes)
    }
}

/// The entries' range of one area, its own header left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Area {
    pub(crate) const EMPTY: Self = Self { start: 0, end: 0 };

    /// Reads an area's header at `offset`; the area must end at or before `limit`.
    pub(crate) fn read(
        source: &dyn ImageSource,
        offset: u32,
        magic: u16,
        limit: u32,
    ) -> Option<Self> {
        let (found, total) = read_pair(source, offset, limit)?;
        let end = offset.checked_add(u32::from(total))?;
        if found != magic || total < INFO_LEN || end > limit {
            return None;
        }
        Some(Self {
            start: offset.checked_add(u32::from(INFO_LEN))?,
            end,
        })
    }

    pub(crate) fn entries<'s>(&self, source: &'s dyn ImageSource) -> Entries<'s> {
        Entries {
            source,
            at: self.start,
            end: self.end,
        }
    }
}

/// Two little-endian halfwords at `offset`, which lie before `limit`.
fn read_pair(source: &dyn ImageSource, offset: u32, limit: u32) -> Option<(u16, u16)> {
    if offset.checked_add(u32::from(INFO_LEN))? > limit {
        return None;
    }
    let mut bytes = [0; INFO_LEN as usize];
    source.read_at(offset, &mut bytes).ok()?;
    let mut cursor = Cursor::new(&bytes);
    Some((cursor.u16_le().ok()?, cursor.u16_le().ok()?))
}

/// Iterator over an area's entries; an entry that does not fit ends it with one error.
#[derive(Clone)]
pub struct Entries<'s> {
    source: &'s dyn ImageSource,
    at: u32,
    end: u32,
}

impl Entries<'_> {
    fn read(&self) -> Option<TlvEntry> {
        let (kind, len) = read_pair(self.source, self.at, self.end)?;
        let offset = self.at.checked_add(u32::from(INFO_LEN))?;
        if offset.checked_add(u32::from(len))? > self.end {
            return None;
        }
        Some(TlvEntry { kind, offset, len })
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<TlvEntry, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let entry = self.read().ok_or(Refusal::TlvOverrun);
        self.at = match &entry {
            Ok(entry) => entry.offset.saturating_add(u32::from(entry.len)),
            Err(_) => self.end,
        };
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_type_has_a_place_and_every_other_one_only_in_the_vendor_range() {
        for kind in 0..=u16::MAX {
            let named = NAMES.iter().any(|(known, _)| *known == kind);
            assert_eq!(
                Place::of(kind).is_some(),
                named || is_vendor(kind),
                "{kind:#x}"
            );
        }
        assert!(!is_vendor(0xffff));
        assert!(!is_vendor(0x009f));
        assert!(is_vendor(0xfffe));
    }
}
