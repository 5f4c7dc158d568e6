//! What a device demands of an image.

use crate::encryption::Scheme;
use crate::{Header, Refusal, Signature, Suite};

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

impl Keys<'_> {
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Embedded(keys) | Self::Hashes(keys) => keys.len(),
            Self::Unsigned => 0,
        }
    }
}

/// How many of the device's keys must have signed.
///
/// Whatever it is: every signature under a known key must be valid, each key counts once, a revoked one
/// never, and signatures by unknown keys are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    /// This many different keys: 1 is any of them, their number all of them.
    Keys(u8),
    /// At least one key of each type that the device has: a hybrid of, say, ECDSA and LMS holds while one
    /// of the two is sound, and each type may have keys to spare.
    EachType,
}

/// The rules on a device's keys together. The default is any one of them, none revoked, all of the suite's
/// type.
#[derive(Debug, Clone, Copy)]
pub struct Signers<'a> {
    /// How many must have signed.
    pub required: Required,
    /// Keys whose signatures count no more: bit n for key n of [`Policy::keys`].
    pub revoked: u32,
    /// The type of each key's signature, in the order of [`Policy::keys`]; empty where all are the suite's.
    /// They share the suite's hash, and are pure or not as the suite's is.
    pub types: &'a [&'static Signature],
}

impl Signers<'_> {
    /// As many keys as a device can have.
    pub const MAX_KEYS: usize = 32;

    /// Any one key.
    pub const ANY: Self = Self {
        required: Required::Keys(1),
        revoked: 0,
        types: &[],
    };

    /// Whether so many signatures satisfy: `keys` has bit n for key n.
    pub(crate) fn satisfied_by(&self, keys: u32) -> bool {
        let counted = keys & !self.revoked;
        // Whatever is required, nothing is not enough: a rule that a fault has blanked must not let all pass.
        if core::hint::black_box(counted) == 0 {
            return false;
        }
        match self.required {
            Required::Keys(required) => count(counted) >= u32::from(required),
            // One type only: any key.
            Required::EachType if self.types.is_empty() => counted != 0,
            Required::EachType => self.types.iter().all(|wanted| {
                let mut left = counted;
                self.types.iter().any(|found| {
                    let signed = left & 1 == 1;
                    left >>= 1;
                    signed && found.tlv == wanted.tlv
                })
            }),
        }
    }

    fn check(&self, keys: usize, signature: &Signature) -> bool {
        let types = self.types.len();
        let Some(beyond) = u32::MAX.checked_shl(keys as u32) else {
            return false;
        };
        (types == 0 || types == keys)
            && self.types.iter().all(|kind| kind.pure == signature.pure)
            && self.required != Required::Keys(0)
            // Keys enough are left.
            && self.satisfied_by(!beyond)
    }
}

fn count(mut keys: u32) -> u32 {
    let mut count = 0_u32;
    while keys != 0 {
        count = count.wrapping_add(keys & 1);
        keys >>= 1;
    }
    count
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
    /// How many of them must have signed, and which do not count any more.
    pub signers: Signers<'a>,
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
            signers: Signers::ANY,
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
        let lengths = match self.keys {
            Keys::Hashes(hashes) => hashes.iter().all(|hash| hash.len() == hash_len),
            Keys::Embedded(_) | Keys::Unsigned => true,
        };
        let sound = match (self.suite.signature(), self.keys) {
            (None, Keys::Unsigned) => true,
            (None, _) | (Some(_), Keys::Unsigned) => false,
            (Some(signature), keys) => lengths && self.signers.check(keys.len(), signature),
        };
        if sound {
            Ok(())
        } else {
            Err(Refusal::BadPolicy)
        }
    }

    /// The type of signature that key `key` makes.
    pub(crate) fn signature_of(&self, key: u32) -> Option<&'static Signature> {
        let own = self.signers.types.get(key as usize).copied();
        own.or(self.suite.signature())
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

    const P256: &Signature = suites::P256_SHA256.signature().unwrap();
    const LMS: &Signature = suites::LMS_SHA256.signature().unwrap();
    const PURE: &Signature = suites::ED25519_PURE.signature().unwrap();

    #[test]
    fn rules_on_keys_that_no_image_can_meet_are_refused() {
        let hash = [0u8; 32];
        let keys: [&[u8]; 3] = [&hash; 3];
        let check = |signers| {
            let keys = Keys::Hashes(&keys);
            let policy = Policy::new(&suites::P256_SHA256, keys, 0x1000);
            Policy { signers, ..policy }.check()
        };
        let with = |required, revoked, types| {
            check(Signers {
                required,
                revoked,
                types,
            })
        };
        let bad = Err(Refusal::BadPolicy);
        for required in 1..=3 {
            assert_eq!(with(Required::Keys(required), 0, &[]), Ok(()));
        }
        for required in [0, 4, 255] {
            assert_eq!(with(Required::Keys(required), 0, &[]), bad);
        }
        assert_eq!(with(Required::Keys(2), 0b001, &[]), Ok(()));
        assert_eq!(with(Required::Keys(2), 0b101, &[]), bad, "one key is left");
        assert_eq!(with(Required::Keys(1), 0b111, &[]), bad);
        assert_eq!(with(Required::EachType, 0b011, &[]), Ok(()));
        assert_eq!(with(Required::EachType, 0b111, &[]), bad);
        assert_eq!(with(Required::EachType, 0, &[P256, LMS, LMS]), Ok(()));
        assert_eq!(with(Required::EachType, 0b010, &[P256, LMS, LMS]), Ok(()));
        assert_eq!(with(Required::EachType, 0b001, &[P256, LMS, LMS]), bad);
        assert_eq!(with(Required::EachType, 0b110, &[P256, LMS, LMS]), bad);
        assert_eq!(
            with(Required::Keys(1), 0, &[P256, LMS]),
            bad,
            "a key without type"
        );
        assert_eq!(with(Required::Keys(1), 0, &[P256, PURE, LMS]), bad);
        let many: [&[u8]; 33] = [&hash; 33];
        let policy =
            |count| Policy::new(&suites::P256_SHA256, Keys::Hashes(&many[..count]), 0x1000);
        assert_eq!(policy(33).check(), bad);
        assert_eq!(policy(31).check(), Ok(()));
    }

    #[test]
    fn every_combination_of_three_keys_satisfies_what_a_count_says() {
        for required in 1..=3 {
            for revoked in 0..8_u32 {
                for keys in 0..8_u32 {
                    let signers = Signers {
                        required: Required::Keys(required),
                        revoked,
                        types: &[],
                    };
                    let enough = (keys & !revoked).count_ones() >= u32::from(required);
                    assert_eq!(signers.satisfied_by(keys), enough);
                    let hybrid = Signers {
                        required: Required::EachType,
                        revoked,
                        types: &[P256, LMS, P256],
                    };
                    let counted = keys & !revoked;
                    let both = counted & 0b101 != 0 && counted & 0b010 != 0;
                    assert_eq!(hybrid.satisfied_by(keys), both);
                }
            }
        }
    }
}
