//! First stage: bytes of a slot become a candidate whose structure is sound.
//!
//! Nothing is hashed here, so this is cheap: header rules, extents, every TLV inside its area, in
//! the area it belongs to, as often as it may occur, and what the header asks of the device. A
//! [`Candidate`] is still whatever an attacker wrote; [`Candidate::verify`] is the second stage.

use crate::encryption::Scheme;
use crate::tlv::{Area, Entries, Place, TlvEntry};
use crate::{Header, ImageSource, Policy, Refusal, SignatureCount, Verified, peek, tlv};

/// An image whose structure is sound. Not verified yet.
#[derive(Debug)]
pub struct Candidate<'p, S> {
    pub(crate) source: S,
    pub(crate) policy: &'p Policy<'p>,
    pub(crate) structure: Structure,
}

/// What the first stage found, whatever the kind of source: nothing below here is compiled per source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Structure {
    pub(crate) header: Header,
    pub(crate) layout: Layout,
    pub(crate) found: Found,
}

/// Where the parts of an image lie. All within the policy's size limit and the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Bytes from the start that hash and signature cover.
    pub(crate) signed_len: u32,
    /// Bytes from the start to the end of the TLVs.
    pub(crate) total_len: u32,
    pub(crate) protected: Area,
    pub(crate) unprotected: Area,
}

/// The TLVs that may occur once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    pub(crate) hash: Option<TlvEntry>,
    pub(crate) pure: Option<TlvEntry>,
    pub(crate) counter: Option<TlvEntry>,
    pub(crate) boot_record: Option<TlvEntry>,
    pub(crate) vendor_uuid: Option<TlvEntry>,
    pub(crate) class_uuid: Option<TlvEntry>,
    pub(crate) content_key: Option<(Scheme, TlvEntry)>,
}

impl<'p, S: ImageSource> Candidate<'p, S> {
    /// Reads the image at the start of `source` and checks its structure against `policy`.
    ///
    /// # Errors
    /// The first [`Refusal`] found, in the order: policy, header, encoding, extents, header demands,
    /// TLVs.
    pub fn parse(source: S, policy: &'p Policy<'p>) -> Result<Self, Refusal> {
        let structure = Structure::read(&source, policy)?;
        Ok(Self {
            source,
            policy,
            structure,
        })
    }

    /// The header. **Not verified**: good for ordering slots and for messages.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.structure.header
    }

    /// Length of the image with its TLVs, from the start of the slot: what has to be copied.
    #[must_use]
    pub const fn total_len(&self) -> u32 {
        self.structure.layout.total_len
    }

    /// Second stage: hash, signatures, counter and every other rule.
    ///
    /// # Errors
    /// The first [`Refusal`] found.
    pub fn verify(self) -> Result<Verified<S>, Refusal> {
        crate::verify::verify(self)
    }

    /// Whose signatures the image carries, each under a known key checked. For words about a refusal; it
    /// decides nothing.
    ///
    /// # Errors
    /// The first [`Refusal`] of hash or signatures; that they are too few is none.
    pub fn count_signatures(&self) -> Result<SignatureCount, Refusal> {
        crate::verify::count(self)
    }
}

impl Structure {
    #[inline(never)] // one copy for every kind of source
    fn read(source: &dyn ImageSource, policy: &Policy<'_>) -> Result<Self, Refusal> {
        policy.check()?;
        let header = peek(source)?;
        policy.check_encoding(&header)?;
        let layout = Layout::read(source, &header, policy.size_limit)?;
        policy.check_header(&header, layout.total_len)?;
        let found = Found::collect(source, &layout, policy)?;
        found.check_encryption(&header, policy)?;
        Ok(Self {
            header,
            layout,
            found,
        })
    }
}

impl Layout {
    pub(crate) fn read(
        source: &dyn ImageSource,
        header: &Header,
        limit: u32,
    ) -> Result<Self, Refusal> {
        let payload_end = header.payload_end().ok_or(Refusal::TooLarge)?;
        let signed_len = header.signed_len().ok_or(Refusal::TooLarge)?;
        if signed_len > limit {
            return Err(Refusal::TooLarge);
        }
        let limit = limit.min(source.len());
        if signed_len > limit {
            return Err(Refusal::Truncated);
        }
        let protected = if header.protected_size == 0 {
            Area::EMPTY
        } else {
            Area::read(source, payload_end, tlv::PROTECTED_MAGIC, signed_len)
                .filter(|area| area.end == signed_len)
                .ok_or(Refusal::ProtectedArea)?
        };
        let unprotected = Area::read(source, signed_len, tlv::UNPROTECTED_MAGIC, limit)
            .ok_or(Refusal::UnprotectedArea)?;
        Ok(Self {
            signed_len,
            total_len: unprotected.end,
            protected,
            unprotected,
        })
    }

    pub(crate) fn protected_entries<'s>(&self, source: &'s dyn ImageSource) -> Entries<'s> {
        self.protected.entries(source)
    }

    pub(crate) fn unprotected_entries<'s>(&self, source: &'s dyn ImageSource) -> Entries<'s> {
        self.unprotected.entries(source)
    }
}

impl Found {
    /// Walks both areas once: every entry whole, known, in its place, and not more often than allowed.
    fn collect(
        source: &dyn ImageSource,
        layout: &Layout,
        policy: &Policy<'_>,
    ) -> Result<Self, Refusal> {
        let mut found = Self::default();
        let areas = [
            (Place::Protected, layout.protected_entries(source)),
            (Place::Unprotected, layout.unprotected_entries(source)),
        ];
        for (place, entries) in areas {
            for entry in entries {
                found.enter(place, entry?, policy)?;
            }
        }
        Ok(found)
    }

    fn enter(&mut self, place: Place, entry: TlvEntry, policy: &Policy<'_>) -> Result<(), Refusal> {
        match Place::of(entry.kind) {
            None => return Err(Refusal::UnknownTlv),
            Some(right) if right != place => return Err(Refusal::MisplacedTlv),
            Some(_) => {}
        }
        let once = match entry.kind {
            tlv::SHA256 | tlv::SHA384 | tlv::SHA512 => &mut self.hash,
            tlv::SIG_PURE => &mut self.pure,
            tlv::SECURITY_COUNTER => &mut self.counter,
            tlv::BOOT_RECORD => &mut self.boot_record,
            tlv::VENDOR_UUID => &mut self.vendor_uuid,
            tlv::CLASS_UUID => &mut self.class_uuid,
            kind if tlv::ENCRYPTION.contains(&kind) => {
                let scheme = policy.encryption.ok_or(Refusal::EncryptionUnsupported)?;
                return match self.content_key.replace((scheme, entry)) {
                    None => Ok(()),
                    Some(_) => Err(Refusal::DuplicateTlv),
                };
            }
            // The header does not say so, so what describes it contradicts it.
            kind if tlv::COMPRESSION.contains(&kind) => {
                return Err(Refusal::CompressionUnsupported);
            }
            _ => return Ok(()),
        };
        if once.replace(entry).is_some() {
            Err(Refusal::DuplicateTlv)
        } else {
            Ok(())
        }
    }

    /// Flag and content key belong together, and are of the device's scheme.
    fn check_encryption(&self, header: &Header, policy: &Policy<'_>) -> Result<(), Refusal> {
        match (&self.content_key, policy.encryption) {
            // `Policy::check_encoding` refused the flag if there is no scheme.
            (None, Some(_)) if header.flags.encrypted() => Err(Refusal::ContentKeyMissing),
            (None, _) => Ok(()),
            (Some(_), _) if !header.flags.encrypted() => Err(Refusal::EncryptionUnsupported),
            (Some((scheme, entry)), _) => scheme.check(header, entry),
        }
    }
}
