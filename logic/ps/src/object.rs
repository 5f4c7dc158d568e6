//! An object as it lies in Internal Trusted Storage: head, nonce, sealed data. The front page has the
//! layout.

use crate::MAX_OBJECT_SIZE;
use ironroot_codec::Cursor;
use ironroot_psa_api::storage::{CreateFlags, StorageUid};
use ironroot_psa_api::{ClientId, Error};

/// Bytes of the head, which are authenticated.
pub(crate) const HEAD_LEN: usize = 24;
/// Bytes of the nonce.
pub(crate) const NONCE_LEN: usize = 12;
/// Bytes of the tag.
pub(crate) const TAG_LEN: usize = 16;
/// Where the sealed data begin.
pub(crate) const BODY: usize = HEAD_LEN + NONCE_LEN;
/// Longest stored object.
pub(crate) const MAX_STORED: usize = BODY + MAX_OBJECT_SIZE + TAG_LEN;

const FORMAT: [u8; 4] = *b"PS1\0";

/// Whose object and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) client: ClientId,
    pub(crate) uid: StorageUid,
}

/// What stands before the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) name: Name,
    pub(crate) flags: CreateFlags,
    /// Never more than [`MAX_OBJECT_SIZE`].
    size: u32,
}

impl Head {
    /// Nothing if `size` is too large.
    pub(crate) fn new(name: Name, flags: CreateFlags, size: usize) -> Option<Self> {
        if size > MAX_OBJECT_SIZE {
            return None;
        }
        Some(Self {
            name,
            flags,
            size: u32::try_from(size).ok()?,
        })
    }

    pub(crate) fn to_bytes(self) -> [u8; HEAD_LEN] {
        let mut bytes = [0; HEAD_LEN];
        let client = self.name.client.get().to_le_bytes();
        let uid = self.name.uid.get().to_le_bytes();
        let fields: [&[u8]; 5] = [
            &FORMAT,
            &client,
            &uid,
            &self.flags.0.to_le_bytes(),
            &self.size.to_le_bytes(),
        ];
        let field_bytes = fields.iter().flat_map(|field| field.iter());
        for (place, byte) in bytes.iter_mut().zip(field_bytes) {
            *place = *byte;
        }
        bytes
    }

    /// `DataCorrupt` unless every field makes sense.
    pub(crate) fn parse(bytes: &[u8; HEAD_LEN]) -> Result<Self, Error> {
        Self::read(Cursor::new(bytes)).ok_or(Error::DataCorrupt)
    }

    fn read(mut bytes: Cursor<'_>) -> Option<Self> {
        if bytes.array().ok()? != FORMAT {
            return None;
        }
        let client = ClientId::new(bytes.i32_le().ok()?)?;
        let uid = StorageUid::new(bytes.u64_le().ok()?)?;
        let flags = CreateFlags(bytes.u32_le().ok()?);
        let size = usize::try_from(bytes.u32_le().ok()?).ok()?;
        if !flags.are_defined() || !bytes.is_empty() {
            return None;
        }
        Self::new(Name { client, uid }, flags, size)
    }

    /// Bytes of data.
    pub(crate) const fn size(&self) -> usize {
        self.size as usize
    }

    /// Bytes of data and tag.
    pub(crate) const fn sealed_len(&self) -> usize {
        self.size().saturating_add(TAG_LEN)
    }

    /// Bytes of the whole object.
    pub(crate) const fn stored_len(&self) -> usize {
        self.sealed_len().saturating_add(BODY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let name = Name {
            client: ClientId::new(-2).unwrap(),
            uid: StorageUid::new(0x1122_3344_5566_7788).unwrap(),
        };
        Head::new(name, CreateFlags::WRITE_ONCE, 0x0304).unwrap()
    }

    #[test]
    fn a_head_survives_the_trip_and_has_the_layout_of_the_front_page() {
        let bytes = head().to_bytes();
        let expected = [
            b'P', b'S', b'1', 0, 0xfe, 0xff, 0xff, 0xff, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22,
            0x11, 1, 0, 0, 0, 4, 3, 0, 0,
        ];
        assert_eq!(bytes, expected);
        assert_eq!(Head::parse(&bytes), Ok(head()));
        assert_eq!(head().stored_len(), 36 + 0x304 + 16);
    }

    #[test]
    fn heads_that_make_no_sense_are_refused() {
        let good = head().to_bytes();
        let broken = |at: usize, bytes: &[u8]| {
            let mut head = good;
            head[at..at + bytes.len()].copy_from_slice(bytes);
            Head::parse(&head)
        };
        for format in 0..4 {
            assert_eq!(broken(format, &[0xff]), Err(Error::DataCorrupt));
        }
        assert_eq!(broken(4, &[0; 4]), Err(Error::DataCorrupt)); // nobody's
        assert_eq!(broken(8, &[0; 8]), Err(Error::DataCorrupt)); // uid zero
        assert_eq!(broken(16, &[8]), Err(Error::DataCorrupt)); // unknown flag
        assert_eq!(broken(20, &2049u32.to_le_bytes()), Err(Error::DataCorrupt));
        assert_eq!(broken(20, &[0xff; 4]), Err(Error::DataCorrupt));
        assert!(broken(20, &2048u32.to_le_bytes()).is_ok());
        assert_eq!(Head::new(head().name, CreateFlags::NONE, 2049), None);
    }
}
