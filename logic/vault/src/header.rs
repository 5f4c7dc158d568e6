//! What stands at the beginning of a sector.
//!
//! | offset | field |
//! |---|---|
//! | 0 | magic and format version, "IRV1" |
//! | 4 | sector number, from 1 |
//! | 8 | number of the oldest sector that is still needed |
//! | 12 | generation: commits are counted from here on |
//! | 16 | where the sector before ended |
//! | 20 | flags; bit 0: the header itself is the commit of its generation |
//! | 22 | salt of all nonces of this sector |
//! | 32 | the last tag of the sector before |
//! | 48 | tag over all of the above |

use crate::VaultError;
use crate::bytes::{array, put, u16_at, u32_at};
use crate::cipher::{Cipher, Salt, Tag, nonce};
use crate::layout::HEADER_LEN;

const MAGIC: [u8; 4] = *b"IRV1";
const COMMITS: u16 = 1;
const SIGNED: usize = 48;

pub(crate) type HeaderBytes = [u8; HEADER_LEN as usize];

#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) number: u32,
    pub(crate) tail: u32,
    pub(crate) generation: u32,
    pub(crate) previous_end: u32,
    pub(crate) commits: bool,
    pub(crate) salt: Salt,
    pub(crate) previous_tag: Tag,
    pub(crate) tag: Tag,
}

impl Header {
    /// Whether the hardware counter at `anchor` says that this sector was really begun: a commit that
    /// needs it was acknowledged.
    pub(crate) fn is_acknowledged(&self, anchor: u32) -> bool {
        if self.commits {
            self.generation <= anchor
        } else {
            self.generation < anchor
        }
    }

    /// Signs the header and gives its bytes; `tag` is filled in.
    pub(crate) fn seal(&mut self, cipher: &Cipher) -> Result<HeaderBytes, VaultError> {
        let mut bytes: HeaderBytes = [0; HEADER_LEN as usize];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 4, &self.number.to_le_bytes());
        put(&mut bytes, 8, &self.tail.to_le_bytes());
        put(&mut bytes, 12, &self.generation.to_le_bytes());
        put(&mut bytes, 16, &self.previous_end.to_le_bytes());
        put(
            &mut bytes,
            20,
            &(if self.commits { COMMITS } else { 0 }).to_le_bytes(),
        );
        put(&mut bytes, 22, &self.salt);
        put(&mut bytes, 32, &self.previous_tag);
        let (signed, _) = bytes.split_at(SIGNED);
        cipher.seal(&nonce(&self.salt, 0), signed, &mut [], &mut self.tag)?;
        put(&mut bytes, SIGNED, &self.tag);
        Ok(bytes)
    }

    /// The sector number that the bytes claim, if they look like a header at all.
    pub(crate) fn claimed_number(bytes: &[u8]) -> Option<u32> {
        (bytes.first_chunk() == Some(&MAGIC))
            .then(|| u32_at(bytes, 4))
            .flatten()
    }

    /// The header, if it is authentic.
    pub(crate) fn open(bytes: &HeaderBytes, cipher: &Cipher) -> Result<Self, VaultError> {
        let header = Self::parse(bytes).ok_or(VaultError::Tampered)?;
        let (signed, _) = bytes.split_at(SIGNED);
        cipher.open(&nonce(&header.salt, 0), signed, &mut [], &header.tag)?;
        Ok(header)
    }

    /// What the bytes say, true or not.
    pub(crate) fn parse(bytes: &HeaderBytes) -> Option<Self> {
        let flags = u16_at(bytes, 20)?;
        if flags & !COMMITS != 0 {
            return None;
        }
        Some(Self {
            number: Self::claimed_number(bytes)?,
            tail: u32_at(bytes, 8)?,
            generation: u32_at(bytes, 12)?,
            previous_end: u32_at(bytes, 16)?,
            commits: flags == COMMITS,
            salt: array(bytes, 22)?,
            previous_tag: array(bytes, 32)?,
            tag: array(bytes, SIGNED)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_crypto::Secret;

    fn header() -> Header {
        Header {
            number: 7,
            tail: 5,
            generation: 90,
            previous_end: 4000,
            commits: true,
            salt: [1; 10],
            previous_tag: [2; 16],
            tag: [0; 16],
        }
    }

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        let cipher = Cipher::new(&Secret::new([3; 32]));
        let mut written = header();
        let bytes = written.seal(&cipher).unwrap();
        assert_eq!(Header::claimed_number(&bytes), Some(7));
        let read = Header::open(&bytes, &cipher).unwrap();
        assert_eq!((read.number, read.tail, read.generation), (7, 5, 90));
        assert_eq!((read.previous_end, read.commits), (4000, true));
        assert_eq!(
            (read.salt, read.previous_tag, read.tag),
            ([1; 10], [2; 16], written.tag)
        );
    }

    #[test]
    fn every_flipped_bit_and_another_key_is_refused() {
        let cipher = Cipher::new(&Secret::new([3; 32]));
        let bytes = header().seal(&cipher).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::open(&flipped, &cipher).is_err(), "bit {bit}");
        }
        assert!(Header::open(&bytes, &Cipher::new(&Secret::new([4; 32]))).is_err());
    }

    #[test]
    fn a_header_counts_once_a_commit_in_its_sector_was_acknowledged() {
        let commits = Header {
            commits: true,
            ..header()
        };
        let begins = Header {
            commits: false,
            ..header()
        };
        for (anchor, commits_counts, begins_counts) in
            [(89, false, false), (90, true, false), (91, true, true)]
        {
            assert_eq!(commits.is_acknowledged(anchor), commits_counts);
            assert_eq!(begins.is_acknowledged(anchor), begins_counts);
        }
    }
}
