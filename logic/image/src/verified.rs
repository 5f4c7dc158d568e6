//! The proof that an image passed every check.

use crate::candidate::Structure;
use crate::source::copy;
use crate::tlv::{self, Entries, TlvEntry};
use crate::verify::Proof;
use crate::{Candidate, Dependency, Header, ImageSource, Refusal, Version};
use ironroot_crypto::hash::Digest;

/// A range of bytes within an image, from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// First byte.
    pub offset: u32,
    /// Length in bytes.
    pub len: u32,
}

/// An image that passed every check of its policy. Only [`Candidate::verify`] builds one, so whoever
/// demands a `Verified` cannot be handed anything else.
///
/// It speaks for the bytes its source gave during verification; see [`ImageSource`].
#[derive(Debug)]
pub struct Verified<S> {
    source: S,
    structure: Structure,
    proof: Proof,
}

impl<S: ImageSource> Verified<S> {
    /// Both stages at once.
    ///
    /// # Errors
    /// The first [`Refusal`] found.
    pub fn check(source: S, policy: &crate::Policy<'_>) -> Result<Self, Refusal> {
        Candidate::parse(source, policy)?.verify()
    }

    pub(crate) fn new(candidate: Candidate<'_, S>, proof: Proof) -> Self {
        let Candidate {
            source, structure, ..
        } = candidate;
        Self {
            source,
            structure,
            proof,
        }
    }

    /// Whether the decisions behind this value still stand. Ask right before the jump: it costs a few
    /// instructions, and a fault that came after the verification has one more thing to hit.
    #[must_use]
    pub fn still_stands(&self) -> bool {
        self.proof.ledger.is_complete()
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.structure.header
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.structure.header.version
    }

    /// The image hash: over header, payload and protected TLVs.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        self.proof.digest.as_slice()
    }

    /// Hash of the public key that signed, the first of the device's if several did; `None` on a device
    /// without signatures.
    #[must_use]
    pub fn signer(&self) -> Option<&[u8]> {
        self.proof.signer.as_ref().map(Digest::as_slice)
    }

    /// Which of the device's keys signed and count: bit n for key n of the policy's.
    #[must_use]
    pub const fn signing_keys(&self) -> u32 {
        self.proof.keys
    }

    /// The security counter, if the image carries one.
    #[must_use]
    pub const fn security_counter(&self) -> Option<u32> {
        self.proof.security_counter
    }

    /// Where the payload lies in the image.
    #[must_use]
    pub fn payload(&self) -> Extent {
        Extent {
            offset: u32::from(self.structure.header.header_size),
            len: self.structure.header.payload_size,
        }
    }

    /// Length of the image with its TLVs. **Copy or start nothing beyond**: what follows in the slot
    /// is not signed.
    #[must_use]
    pub const fn total_len(&self) -> u32 {
        self.structure.layout.total_len
    }

    /// How many bytes from the start hash and signature cover.
    #[must_use]
    pub const fn signed_len(&self) -> u32 {
        self.structure.layout.signed_len
    }

    /// The bytes that were verified.
    #[must_use]
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// The wrapped content key, when the image is or was encrypted: for a trailer that keeps it in this
    /// form. Not signed, but the image could not be read without it.
    #[must_use]
    pub fn content_key_tlv(&self) -> Option<TlvEntry> {
        self.structure.found.content_key.map(|(_, entry)| entry)
    }

    /// Every protected (signed) TLV, in order.
    #[must_use]
    pub fn protected_tlvs(&self) -> Entries<'_> {
        self.structure.layout.protected_entries(&self.source)
    }

    /// The protected TLVs of one type, for instance a vendor's.
    pub fn custom(&self, kind: u16) -> impl Iterator<Item = TlvEntry> + '_ {
        self.protected_tlvs()
            .filter_map(Result::ok)
            .filter(move |entry| entry.kind == kind)
    }

    /// The dependencies on other images.
    pub fn dependencies(&self) -> impl Iterator<Item = Dependency> + '_ {
        self.custom(tlv::DEPENDENCY)
            .filter_map(|entry| Dependency::read(&entry, &self.source).ok())
    }

    /// The boot record, if the image carries one, with the image hash filled in: ready for the shared
    /// data area. `buffer` needs [`BootRecord::MAX_LEN`](crate::BootRecord::MAX_LEN) bytes.
    ///
    /// # Errors
    /// [`Refusal::TlvLength`] when `buffer` is too small, [`Refusal::Unreadable`].
    pub fn boot_record<'b>(&self, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Refusal> {
        let Some(entry) = self.structure.found.boot_record else {
            return Ok(None);
        };
        let len = entry.read(&self.source, buffer)?.len();
        let record = buffer.get_mut(..len).ok_or(Refusal::TlvLength)?;
        // The measurement is the last item, so its bytes are the record's last ones; that it is there
        // and as long as the hash was checked before.
        let digest = self.proof.digest.as_slice();
        let at = len
            .checked_sub(digest.len())
            .ok_or(Refusal::BootRecordMalformed)?;
        let place = record.get_mut(at..).ok_or(Refusal::BootRecordMalformed)?;
        copy(place, digest);
        Ok(Some(record))
    }

    /// The records of components packed inside the payload ([`tlv::COMPONENT_RECORD`]), in order.
    /// Each is a complete boot record: [`TlvEntry::read`] it into
    /// [`BootRecord::MAX_LEN`](crate::BootRecord::MAX_LEN) bytes.
    pub fn component_records(&self) -> impl Iterator<Item = TlvEntry> + '_ {
        self.custom(tlv::COMPONENT_RECORD)
    }
}
