//! Why an image is refused.

use core::fmt;

/// The one reason, of possibly many, for which an image is refused: the first that was found.
///
/// The number (`refusal as u8`) is what a fault record carries; it never changes its meaning.
/// [`describe`](Self::describe) gives the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)] // each variant's meaning is its line in the table below
pub enum Refusal {
    Unreadable = 1,
    BadPolicy = 2,
    BadKey = 3,
    FaultDetected = 4,

    NoImage = 10,
    HeaderSize = 11,
    ReservedWord = 12,
    UnknownFlags = 13,
    ConflictingFlags = 14,
    TooLarge = 15,
    Truncated = 16,

    EncryptedInPrimary = 20,
    EncryptionUnsupported = 21,
    CompressionUnsupported = 22,
    NotBootable = 23,
    RamLoadUnexpected = 24,
    LoadAddress = 25,
    RomAddress = 26,
    EncryptionScheme = 27,
    ContentKeyMissing = 28,
    ContentKey = 29,

    ProtectedArea = 30,
    UnprotectedArea = 31,
    TlvOverrun = 32,
    UnknownTlv = 33,
    MisplacedTlv = 34,
    DuplicateTlv = 35,
    TlvLength = 36,

    HashMissing = 40,
    HashType = 41,
    HashMismatch = 42,

    SignatureMissing = 50,
    SignatureWithoutKey = 51,
    KeyWithoutSignature = 52,
    KeyForm = 53,
    UnknownKey = 54,
    SignatureType = 55,
    SignatureInvalid = 56,
    PureMissing = 57,
    PureUnexpected = 58,
    PureNeedsMemory = 59,

    CounterMissing = 60,
    CounterTooLow = 61,
    DependencyMalformed = 62,
    DependencyImpossible = 63,
    BootRecordMalformed = 64,
    ComponentRecordMalformed = 65,
    VendorMismatch = 66,
    ClassMismatch = 67,

    KeyRevoked = 70,
    TooFewSignatures = 71,
}

/// Every refusal with its words.
const WORDS: &[(Refusal, &str)] = &[
    (Refusal::Unreadable, "the storage cannot be read"),
    (Refusal::BadPolicy, "the device's policy contradicts itself"),
    (Refusal::BadKey, "a key of the policy is not of its type"),
    (
        Refusal::FaultDetected,
        "two looks at one check disagree: a fault or an attack",
    ),
    (Refusal::NoImage, "no image: the header magic is missing"),
    (Refusal::HeaderSize, "the header size is too small"),
    (
        Refusal::ReservedWord,
        "the header's reserved word is not zero",
    ),
    (
        Refusal::UnknownFlags,
        "the header has flags without a meaning",
    ),
    (
        Refusal::ConflictingFlags,
        "the header's flags exclude each other",
    ),
    (Refusal::TooLarge, "the image does not fit the slot"),
    (
        Refusal::Truncated,
        "the image ends before its announced end",
    ),
    (
        Refusal::EncryptedInPrimary,
        "encrypted, in the primary slot",
    ),
    (
        Refusal::EncryptionUnsupported,
        "encrypted, which is not supported",
    ),
    (
        Refusal::CompressionUnsupported,
        "compressed, which is not supported",
    ),
    (Refusal::NotBootable, "marked as not bootable"),
    (
        Refusal::RamLoadUnexpected,
        "wants to be loaded into RAM, which is not supported",
    ),
    (
        Refusal::LoadAddress,
        "does not fit the allowed RAM at its load address",
    ),
    (Refusal::RomAddress, "built for another flash address"),
    #[cfg(feature = "encryption")]
    (
        Refusal::EncryptionScheme,
        "encrypted by another scheme than the device's",
    ),
    #[cfg(feature = "encryption")]
    (
        Refusal::ContentKeyMissing,
        "encrypted, but its key is missing",
    ),
    #[cfg(feature = "encryption")]
    (
        Refusal::ContentKey,
        "its key cannot be unwrapped: encrypted for another device, or altered",
    ),
    (
        Refusal::ProtectedArea,
        "the protected TLV area is missing or malformed",
    ),
    (
        Refusal::UnprotectedArea,
        "the TLV area is missing, malformed or too long",
    ),
    (Refusal::TlvOverrun, "a TLV runs out of its area"),
    (Refusal::UnknownTlv, "a TLV of unknown type"),
    (
        Refusal::MisplacedTlv,
        "a TLV stands in the wrong area, protected or not",
    ),
    (
        Refusal::DuplicateTlv,
        "a TLV occurs twice that may occur once",
    ),
    (Refusal::TlvLength, "a TLV has the wrong length"),
    (Refusal::HashMissing, "the image has no hash"),
    (Refusal::HashType, "the hash is not of the device's type"),
    (
        Refusal::HashMismatch,
        "the hash does not match: the image was altered or damaged",
    ),
    (Refusal::SignatureMissing, "the image has no signature"),
    (
        Refusal::SignatureWithoutKey,
        "a signature without a key TLV before it",
    ),
    (
        Refusal::KeyWithoutSignature,
        "a key TLV without a signature behind it",
    ),
    (
        Refusal::KeyForm,
        "the key TLV is not of the device's form (hash or whole key)",
    ),
    (
        Refusal::UnknownKey,
        "signed, but by no key this device trusts",
    ),
    (
        Refusal::SignatureType,
        "the trusted key's signature is not of the device's type",
    ),
    (
        Refusal::SignatureInvalid,
        "the signature under a trusted key is invalid",
    ),
    (
        Refusal::PureMissing,
        "signed over its hash, not over the whole image",
    ),
    (
        Refusal::PureUnexpected,
        "signed over the whole image, not over its hash",
    ),
    (Refusal::CounterMissing, "the security counter is missing"),
    (
        Refusal::CounterTooLow,
        "the security counter is below the device's: a rollback",
    ),
    (Refusal::DependencyMalformed, "a dependency is malformed"),
    (
        Refusal::DependencyImpossible,
        "a dependency that this device can never satisfy",
    ),
    (Refusal::BootRecordMalformed, "the boot record is malformed"),
    (
        Refusal::ComponentRecordMalformed,
        "a component record is malformed",
    ),
    (Refusal::VendorMismatch, "for another vendor's device"),
    (Refusal::ClassMismatch, "for another class of device"),
    (Refusal::KeyRevoked, "signed, but only by revoked keys"),
    (
        Refusal::TooFewSignatures,
        "too few of the trusted keys signed it",
    ),
];

/// [`WORDS`] as an image carries it: number and length of each, and all words in one string. A table of
/// string slices would be 550 bytes instead of 100.
static LENGTHS: [(u8, u8); WORDS.len()] = {
    let mut lengths = [(0, 0); WORDS.len()];
    let (mut from, mut to): (&[_], &mut [_]) = (WORDS, &mut lengths);
    while let (Some(((refusal, words), rest)), Some((length, left))) =
        (from.split_first(), to.split_first_mut())
    {
        assert!(words.len() <= u8::MAX as usize, "a refusal of many words");
        *length = (*refusal as u8, words.len() as u8);
        (from, to) = (rest, left);
    }
    lengths
};

const TEXT_LEN: usize = {
    let (mut from, mut len): (&[_], _) = (WORDS, 0);
    while let Some(((_, words), rest)) = from.split_first() {
        len += words.len();
        from = rest;
    }
    len
};

const TEXT: &str = {
    const BYTES: [u8; TEXT_LEN] = {
        let mut text = [0; TEXT_LEN];
        let (mut from, mut to): (&[_], &mut [u8]) = (WORDS, &mut text);
        while let Some(((_, words), rest)) = from.split_first() {
            let (place, left) = to.split_at_mut(words.len());
            place.copy_from_slice(words.as_bytes());
            (from, to) = (rest, left);
        }
        text
    };
    match core::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => panic!("words are text"),
    }
};

impl Refusal {
    /// The reason in words, for a console or a tool.
    #[must_use]
    pub fn describe(self) -> &'static str {
        let mut start = 0usize;
        for &(number, len) in &LENGTHS {
            let end = start.saturating_add(usize::from(len));
            if number == self as u8 {
                return TEXT.get(start..end).unwrap_or_default();
            }
            start = end;
        }
        "refused"
    }

    /// The refusal with this number, as a fault record carries it.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        WORDS
            .iter()
            .find(|(refusal, _)| *refusal as u8 == number)
            .map(|(refusal, _)| *refusal)
    }

    /// Every refusal, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        WORDS.iter().map(|(refusal, _)| *refusal)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

impl core::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_find_their_refusal() {
        let mut last = 0;
        for refusal in Refusal::all() {
            assert!(refusal as u8 > last, "{refusal:?}");
            last = refusal as u8;
            assert_eq!(Refusal::from_number(last), Some(refusal));
        }
        assert_eq!(Refusal::from_number(0), None);
        assert_eq!(Refusal::from_number(255), None);
    }

    #[test]
    fn each_refusal_is_described_by_its_own_words() {
        for (refusal, words) in WORDS {
            assert_eq!(refusal.describe(), *words);
        }
    }
}
