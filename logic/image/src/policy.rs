//! What a device demands of an image.

use crate::encryption::Scheme;
use crate::{Header, Refusal, Suite};

/// How the device knows its signers.
#[derive(Debug, Clone, Copy)]
pub enum Keys<'a> {
    /// The device holds the public keys (DER); the image names one by its hash.
    Embedded(&'a [&'a [u8]]),
    /// The device holds hashes of the public keys, made with the suite's hash; the image brings the
    /// key (MCUboot's hardware-key mode).
    Hashes(&'a [&'a [u8]]),
    /// The device takes a hash alone. Only with a suite that has no signature: both must say so.
    Unsigned,
}

/// Which slot an image stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The slot images run from (or the first of equal ones).
    Primary,
    /// The slot candidates are written to.
    Secondary,
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    /// First address.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

impl AddressRange {
    /// Whether `len` bytes from `start` lie inside and do not wrap.
    #[must_use]
    pub fn contains(&self, start: u32, len: u32) -> bool {
        let (Some(end), Some(own_end)) = (start.checked_add(len), self.start.checked_add(self.len))
        else {
            return false;
        };
        start >= self.start && end <= own_end
    }
}

/// What a device demands of an image. [`new`](Self::new) is strict; change what differs.
///
/// Rules without a field here are not negotiable: see the crate's front page.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// Hash and signature algorithm.
    pub suite: &'a Suite,
    /// Whom the device trusts.
    pub keys: Keys<'a>,
    /// Number of this image on the device.
    pub image: u8,
    /// How many images the device has; dependencies on others are refused.
    pub images: u8,
    /// Where the image stands.
    pub slot: Slot,
    /// How far the image may reach from the start of its slot, TLVs included: the slot's size less
    /// what the update strategy keeps for itself (its trailer).
    pub size_limit: u32,
    /// The device's security counter: the image must carry one at least as high. `None`: not enforced.
    pub min_security_counter: Option<u32>,
    /// Where an image flagged RAM-load may go, whole, TLVs included. `None`: such images are refused.
    pub ram_window: Option<AddressRange>,
    /// Flash address of the slot, which an image flagged ROM-fixed must name. `None`: not compared.
    pub rom_address: Option<u32>,
    /// Vendor identifier that the image must carry. `None`: not compared.
    pub vendor_uuid: Option<[u8; 16]>,
    /// Device class identifier that the image must carry. `None`: not compared.
    pub class_uuid: Option<[u8; 16]>,
    /// How images may be encrypted; plain ones are accepted as well. `None`: encrypted ones are refused.
    ///
    /// The verification sees plain text: give a slot of encrypted images through
    /// [`Decrypted`](crate::encryption::Decrypted), and one of installed images, or RAM, directly.
    pub encryption: Option<Scheme>,
}

impl<'a> Policy<'a> {
    /// The highest number of images a device can have: the trailer keeps the number in four bits.
    pub const MAX_IMAGES: u8 = 16;

    /// A single-image device without counter, RAM loading or further bindings.
    #[must_use]
    pub const fn new(suite: &'a Suite, keys: Keys<'a>, size_limit: u32) -> Self {
        Self {
            suite,
            keys,
            image: 0,
            images: 1,
            slot: Slot::Primary,
            size_limit,
            min_security_counter: None,
            ram_window: None,
            rom_address: None,
            vendor_uuid: None,
            class_uuid: None,
            encryption: None,
        }
    }

    /// An unsigned device must say so twice, and stored hashes have the suite's length.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let hash_len = usize::from(self.suite.hash().len);
        let sound = match self.keys {
            Keys::Unsigned => self.suite.signature().is_none(),
            Keys::Embedded(keys) => self.suite.signature().is_some() && !keys.is_empty(),
            Keys::Hashes(hashes) => {
                self.suite.signature().is_some()
                    && !hashes.is_empty()
                    && hashes.iter().all(|hash| hash.len() == hash_len)
            }
        };
        if sound {
            Ok(())
        } else {
            Err(Refusal::BadPolicy)
        }
    }

    /// What the header asks for must be what the device can do. `total` is the image with its TLVs.
    pub(crate) fn check_header(&self, header: &Header, total: u32) -> Result<(), Refusal> {
        use crate::Flags;
        if header.flags.has(Flags::NON_BOOTABLE) {
            return Err(Refusal::NotBootable);
        }
        if header.flags.has(Flags::RAM_LOAD) {
            let window = self.ram_window.ok_or(Refusal::RamLoadUnexpected)?;
            if !window.contains(header.load_address, total) {
                return Err(Refusal::LoadAddress);
            }
        }
        if header.flags.has(Flags::ROM_FIXED)
            && self
                .rom_address
                .is_some_and(|address| address != header.load_address)
        {
            return Err(Refusal::RomAddress);
        }
        Ok(())
    }

    /// Whether the device can read the payload at all. Which scheme it is, the TLVs say.
    pub(crate) fn check_encoding(&self, header: &Header) -> Result<(), Refusal> {
        if header.flags.encrypted() && self.encryption.is_none() {
            return Err(match self.slot {
                Slot::Primary => Refusal::EncryptedInPrimary,
                Slot::Secondary => Refusal::EncryptionUnsupported,
            });
        }
        if header.flags.compressed() {
            return Err(Refusal::CompressionUnsupported);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suites;

    #[test]
    fn a_window_takes_only_what_lies_inside_without_wrapping() {
        let window = AddressRange {
            start: 0x1000,
            len: 0x100,
        };
        assert!(window.contains(0x1000, 0x100));
        assert!(window.contains(0x10ff, 1));
        assert!(!window.contains(0x0fff, 0x10));
        assert!(!window.contains(0x1000, 0x101));
        assert!(!window.contains(0x1001, 0x100));
        assert!(!window.contains(0x1001, u32::MAX));
        let top = AddressRange {
            start: u32::MAX - 0xff,
            len: 0x100,
        };
        assert!(!top.contains(u32::MAX, 1), "a window must not wrap either");
    }

    #[test]
    fn a_policy_that_contradicts_itself_is_refused() {
        let hash = [0u8; 32];
        let (whole, short): ([&[u8]; 1], [&[u8]; 1]) = ([&hash], [&hash[1..]]);
        let check = |suite, keys| Policy::new(suite, keys, 0x1000).check();
        let bad = Err(Refusal::BadPolicy);
        assert_eq!(check(&suites::P256_SHA256, Keys::Unsigned), bad);
        assert_eq!(check(&suites::P256_SHA256, Keys::Embedded(&[])), bad);
        assert_eq!(check(&suites::P256_SHA256, Keys::Hashes(&[])), bad);
        assert_eq!(check(&suites::P256_SHA256, Keys::Hashes(&short)), bad);
        assert_eq!(check(&suites::UNSIGNED_SHA256, Keys::Hashes(&whole)), bad);
        assert_eq!(check(&suites::UNSIGNED_SHA256, Keys::Unsigned), Ok(()));
        assert_eq!(check(&suites::P256_SHA256, Keys::Hashes(&whole)), Ok(()));
    }
}
