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
}

/// Every refusal with its words.
const WORDS: &[(Refusal, &str)] = &[
    (
        Refusal::Unreadable,
        "the storage that holds the image cannot be read",
    ),
    (
        Refusal::BadPolicy,
        "the device's own policy contradicts itself",
    ),
    (
        Refusal::BadKey,
        "a public key the policy names is not a key of its type",
    ),
    (
        Refusal::FaultDetected,
        "two looks at the same check disagree: a fault or an attack on the processor",
    ),
    (Refusal::NoImage, "no image: the header magic is missing"),
    (
        Refusal::HeaderSize,
        "the header size is smaller than a header",
    ),
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
        "the header has flags that exclude each other",
    ),
    (
        Refusal::TooLarge,
        "header, payload and protected area do not fit the slot",
    ),
    (
        Refusal::Truncated,
        "the image ends before its announced end",
    ),
    (
        Refusal::EncryptedInPrimary,
        "an encrypted image cannot stand in the primary slot",
    ),
    (
        Refusal::EncryptionUnsupported,
        "the image is encrypted and this device cannot decrypt",
    ),
    (
        Refusal::CompressionUnsupported,
        "the image is compressed and this device cannot decompress",
    ),
    (Refusal::NotBootable, "the image is marked as not bootable"),
    (
        Refusal::RamLoadUnexpected,
        "the image wants to be loaded into RAM and this device does not do that",
    ),
    (
        Refusal::LoadAddress,
        "the image does not fit the allowed RAM at its load address",
    ),
    (
        Refusal::RomAddress,
        "the image was built for another flash address",
    ),
    (
        Refusal::ProtectedArea,
        "the protected TLV area is missing or malformed",
    ),
    (
        Refusal::UnprotectedArea,
        "the TLV area is missing, malformed or runs out of the slot",
    ),
    (Refusal::TlvOverrun, "a TLV runs out of its area"),
    (Refusal::UnknownTlv, "a TLV of unknown type"),
    (
        Refusal::MisplacedTlv,
        "a TLV stands in the wrong area (signed data must be in the protected one)",
    ),
    (
        Refusal::DuplicateTlv,
        "a TLV that may occur once occurs twice",
    ),
    (Refusal::TlvLength, "a TLV has the wrong length"),
    (Refusal::HashMissing, "the image has no hash"),
    (
        Refusal::HashType,
        "the image is hashed with another algorithm than the device's",
    ),
    (
        Refusal::HashMismatch,
        "the hash does not match: the image was altered or damaged",
    ),
    (Refusal::SignatureMissing, "the image has no signature"),
    (
        Refusal::SignatureWithoutKey,
        "a signature does not say whose it is (no key TLV before it)",
    ),
    (
        Refusal::KeyWithoutSignature,
        "a key is named but no signature follows it",
    ),
    (
        Refusal::KeyForm,
        "the key is named in another form (hash or whole key) than the device uses",
    ),
    (
        Refusal::UnknownKey,
        "signed, but by no key this device trusts",
    ),
    (
        Refusal::SignatureType,
        "the signature under a trusted key is of another type than the device's",
    ),
    (
        Refusal::SignatureInvalid,
        "the signature under a trusted key is invalid",
    ),
    (
        Refusal::PureMissing,
        "the device wants a signature over the whole image, this one is over its hash",
    ),
    (
        Refusal::PureUnexpected,
        "the device wants a signature over the hash, this one is over the whole image",
    ),
    (
        Refusal::CounterMissing,
        "the image has no security counter and this device enforces one",
    ),
    (
        Refusal::CounterTooLow,
        "the security counter is below the device's: a rollback",
    ),
    (Refusal::DependencyMalformed, "a dependency is malformed"),
    (
        Refusal::DependencyImpossible,
        "a dependency on a later version of itself, or on an image this device does not have",
    ),
    (Refusal::BootRecordMalformed, "the boot record is malformed"),
    (
        Refusal::ComponentRecordMalformed,
        "a component record is malformed",
    ),
    (
        Refusal::VendorMismatch,
        "the image is for another vendor's device",
    ),
    (
        Refusal::ClassMismatch,
        "the image is for another class of device",
    ),
];

impl Refusal {
    /// The reason in words, for a console or a tool.
    #[must_use]
    pub fn describe(self) -> &'static str {
        WORDS
            .iter()
            .find(|(refusal, _)| *refusal == self)
            .map_or("refused", |(_, words)| words)
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
            assert_ne!(refusal.describe(), "refused");
        }
        assert_eq!(Refusal::from_number(0), None);
        assert_eq!(Refusal::from_number(255), None);
    }
}
