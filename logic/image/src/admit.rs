//! What can be said of an image when only its first bytes are there: before a slot is erased for it.

use crate::tlv::INFO_LEN;
use crate::{HEADER_LEN, Header, Policy, Refusal};

impl Policy<'_> {
    /// Judges the header of an image that will have `total` bytes, TLVs included. Everything is refused here
    /// that the header alone gives away. **Nothing is verified**: the same checks come again, with all
    /// others, when the image is there.
    ///
    /// # Errors
    /// The first [`Refusal`] found.
    pub fn admit(&self, header: &[u8; HEADER_LEN as usize], total: u32) -> Result<Header, Refusal> {
        self.check()?;
        let header = Header::parse(header)?;
        self.check_encoding(&header)?;
        let signed = header.signed_len().ok_or(Refusal::TooLarge)?;
        if total > self.size_limit || signed > self.size_limit {
            return Err(Refusal::TooLarge);
        }
        if signed.saturating_add(u32::from(INFO_LEN)) > total {
            return Err(Refusal::Truncated);
        }
        self.check_header(&header, total)?;
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddressRange, Flags, Keys, suites};

    const HASHES: &[&[u8]] = &[&[0; 32]];

    fn policy() -> Policy<'static> {
        Policy {
            ram_window: Some(AddressRange {
                start: 0x1000,
                len: 0x300,
            }),
            ..Policy::new(&suites::P256_SHA256, Keys::Hashes(HASHES), 0x800)
        }
    }

    fn header() -> Header {
        Header {
            load_address: 0x1000,
            header_size: 32,
            protected_size: 12,
            payload_size: 0x100,
            flags: Flags::RAM_LOAD,
            version: crate::Version::new(1, 0, 0),
        }
    }

    fn admit(header: Header, total: u32) -> Result<Header, Refusal> {
        policy().admit(&header.to_bytes(), total)
    }

    #[test]
    fn a_header_that_the_device_can_take_is_admitted() {
        assert_eq!(admit(header(), 0x200), Ok(header()));
        // Signed part and an empty TLV area, to the byte.
        assert_eq!(admit(header(), 32 + 12 + 0x100 + 4), Ok(header()));
    }

    #[test]
    fn what_the_header_alone_gives_away_is_refused() {
        let with = |change: fn(&mut Header)| {
            let mut header = header();
            change(&mut header);
            admit(header, 0x200)
        };
        let refused = |change| with(change).unwrap_err();
        assert_eq!(refused(|h| h.header_size = 31), Refusal::HeaderSize);
        assert_eq!(refused(|h| h.flags = Flags(1)), Refusal::UnknownFlags);
        assert_eq!(refused(|h| h.payload_size = 0x800), Refusal::TooLarge);
        assert_eq!(refused(|h| h.payload_size = u32::MAX), Refusal::TooLarge);
        assert_eq!(refused(|h| h.payload_size = 0x200), Refusal::Truncated);
        assert_eq!(refused(|h| h.load_address = 0xfff), Refusal::LoadAddress);
        assert_eq!(refused(|h| h.load_address = 0x1101), Refusal::LoadAddress);
        assert_eq!(
            refused(|h| h.flags = Flags::NON_BOOTABLE),
            Refusal::NotBootable
        );
        assert_eq!(
            refused(|h| h.flags = Flags::ENCRYPTED_AES128),
            Refusal::EncryptedInPrimary
        );
        assert_eq!(
            refused(|h| h.flags = Flags::COMPRESSED_LZMA2),
            Refusal::CompressionUnsupported
        );
    }

    #[test]
    fn the_announced_length_is_held_against_slot_and_header() {
        assert_eq!(
            admit(header(), 32 + 12 + 0x100 + 3),
            Err(Refusal::Truncated)
        );
        assert_eq!(admit(header(), 0), Err(Refusal::Truncated));
        assert_eq!(admit(header(), 0x801), Err(Refusal::TooLarge));
        assert_eq!(admit(header(), u32::MAX), Err(Refusal::TooLarge));
        let mut noise = header().to_bytes();
        noise[0] ^= 1;
        assert_eq!(policy().admit(&noise, 0x200), Err(Refusal::NoImage));
    }
}
