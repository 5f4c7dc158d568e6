//! Errors, in the numbers of both versions.
//!
//! MCUmgr, SMP Protocol Specification, "Minimal response": `mcumgr_err_t` for SMP itself and for version 1,
//! `img_mgmt_err_code_t` for the image group in version 2.

use super::cbor::Encoder;
use crate::Fault;
use ironroot_boot::Reason;
use ironroot_image::Refusal;

const IMAGE_GROUP: u32 = 1;

/// Why a request is not answered with what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    /// `mcumgr_err_t`.
    code: u8,
    /// What the device said, with the image group's own number.
    image: Option<(u8, Fault)>,
}

impl Failure {
    const fn smp(code: u8) -> Self {
        Self { code, image: None }
    }

    /// The request cannot be read, or lacks something.
    pub(super) const INVALID: Self = Self::smp(3);
    /// The answer does not fit.
    pub(super) const TOO_LARGE: Self = Self::smp(7);
    /// There is no such command.
    pub(super) const NOT_SUPPORTED: Self = Self::smp(8);
    /// A later version of the protocol.
    pub(super) const TOO_NEW: Self = Self::smp(13);

    /// Writes the error as the answer.
    pub(super) fn write(self, version: u8, out: &mut Encoder<'_>) {
        match self.image {
            Some((code, _)) if version != 0 => {
                out.map(1);
                out.text(b"err");
                out.map(2);
                out.uint("group", IMAGE_GROUP);
                out.uint("rc", code.into());
            }
            Some((_, fault)) => {
                out.map(2);
                out.uint("rc", self.code.into());
                out.words("rsn", fault.words().as_bytes());
            }
            None => {
                out.map(1);
                out.uint("rc", self.code.into());
            }
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let (code, image) = match fault {
            // MGMT_ERR_EINVAL; INVALID_SLOT, INVALID_LENGTH, INVALID_IMAGE_DATA_OVERRUN
            Fault::NoSuchSlot => (3, 14),
            Fault::Length => (3, 21),
            Fault::Overrun => (3, 31),
            // EBADSTATE; NO_FREE_SLOT, CURRENT_VERSION_IS_NEWER, IMAGE_ALREADY_PENDING,
            // IMAGE_SETTING_TEST_TO_ACTIVE_DENIED
            Fault::LastGood | Fault::Interrupted => (6, 9),
            Fault::NotNewer => (6, 27),
            Fault::State => (6, 28),
            Fault::AlreadyConfirmed => (6, 33),
            // ENOENT; NO_IMAGE
            Fault::NotThere => (5, 3),
            // EUNKNOWN; FLASH_WRITE_FAILED
            Fault::Flash(_) => (1, 12),
            // ECORRUPT
            Fault::Refused(reason) => (9, refusal(reason)),
        };
        Self {
            code,
            image: Some((image, fault)),
        }
    }
}

/// The image group's number for a refused image.
const fn refusal(reason: Reason) -> u8 {
    match reason {
        // INVALID_IMAGE_HEADER_MAGIC
        Reason::Image(Refusal::NoImage) => 23,
        // INVALID_IMAGE_TOO_LARGE
        Reason::Image(Refusal::TooLarge) => 30,
        // INVALID_LENGTH
        Reason::Image(Refusal::Truncated) => 21,
        // INVALID_FLASH_ADDRESS
        Reason::Image(Refusal::LoadAddress | Refusal::RomAddress) => 25,
        // NO_TLVS
        Reason::Image(Refusal::ProtectedArea | Refusal::UnprotectedArea) => 4,
        // HASH_NOT_FOUND
        Reason::Image(Refusal::HashMissing) => 8,
        // INVALID_HASH
        Reason::Image(Refusal::HashMismatch | Refusal::SignatureInvalid) => 24,
        // FLASH_READ_FAILED
        Reason::Image(Refusal::Unreadable) => 11,
        // INVALID_IMAGE_HEADER
        _ => 22,
    }
}
