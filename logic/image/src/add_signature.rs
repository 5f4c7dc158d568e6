//! One more signature for an image that is built: [`AddSignature`].
//!
//! Nothing that is signed changes, so the signatures that the image has stay good. The new pair of key and
//! signature goes to the end of the unprotected area.

use crate::build::{BuildError, KeyForm};
use crate::candidate::Layout;
use crate::encryption::{Decrypted, Decryption};
use crate::source::copy;
use crate::tlv::{self, INFO_LEN};
use crate::{ImageSource, Refusal, Suite, peek};
use ironroot_codec::Writer;
use ironroot_crypto::hash::Digest;

/// The longest key: RSA-3072 as PKCS#1 DER is 398 bytes.
const MAX_NAME: usize = 416;

/// A built image that takes one more signature.
#[derive(Debug)]
pub struct AddSignature<'b> {
    suite: &'static Suite,
    buffer: &'b mut [u8],
    layout: Layout,
    digest: Digest,
    form: Option<u16>,
}

impl<'b> AddSignature<'b> {
    /// Looks at the image at the start of `buffer`, which needs room behind it: erased bytes, all zero or all
    /// one, of a slot or of nothing.
    ///
    /// `suite` is how the new key signs; its hash must be the image's.
    ///
    /// # Errors
    /// [`BuildError::NotAnImage`] when structure or hash are not in order, [`BuildError::Signature`] for a
    /// suite without signature, or one of another hash or another way to sign than the image's,
    /// [`BuildError::Encryption`] for an encrypted image that is not in the clear: its hash cannot be checked.
    pub fn open(suite: &'static Suite, buffer: &'b mut [u8]) -> Result<Self, BuildError> {
        let header = peek(&*buffer).map_err(BuildError::NotAnImage)?;
        let unreadable = |error| match error {
            BuildError::NotAnImage(Refusal::HashMismatch) if header.flags.encrypted() => {
                BuildError::Encryption
            }
            other => other,
        };
        let found = Found::look(suite, &&*buffer).map_err(unreadable)?;
        Ok(Self::new(suite, buffer, found))
    }

    /// The same for an image that is encrypted for the device with this key: hash and signatures are over the plain
    /// text. It stays encrypted.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`BuildError::NotAnImage`] when the key does not open it as well,
    /// [`BuildError::Encryption`] for a suite that signs the image itself.
    pub fn open_encrypted(
        suite: &'static Suite,
        buffer: &'b mut [u8],
        decryption: &Decryption<'_>,
    ) -> Result<Self, BuildError> {
        if suite.signature().is_some_and(|kind| kind.pure) {
            return Err(BuildError::Encryption);
        }
        let plain = Decrypted::open(&*buffer, decryption).map_err(BuildError::NotAnImage)?;
        let found = Found::look(suite, &plain)?;
        Ok(Self::new(suite, buffer, found))
    }

    fn new(suite: &'static Suite, buffer: &'b mut [u8], found: Found) -> Self {
        let Found {
            layout,
            digest,
            form,
        } = found;
        Self {
            suite,
            buffer,
            layout,
            digest,
            form,
        }
    }
    /// The image hash: what a signature is over, unless it is pure.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        self.digest.as_slice()
    }

    /// Header, payload and protected area: what a pure signature is over, if the image is not encrypted.
    #[must_use]
    pub fn signed_region(&self) -> &[u8] {
        let region = self.buffer.get(..self.layout.signed_len as usize);
        region.unwrap_or_default()
    }

    /// The form in which the image names the keys that signed it so far.
    #[must_use]
    pub fn key_form<'k>(&self, der: &'k [u8]) -> Option<KeyForm<'k>> {
        self.form.map(|form| match form {
            tlv::PUBKEY => KeyForm::Whole(der),
            _ => KeyForm::Hash(der),
        })
    }

    /// Whether that key can sign at all: for a signer whose signatures are precious.
    ///
    /// # Errors
    /// [`BuildError::AlreadySigned`] when its signature is there.
    pub fn check(&self, key: KeyForm<'_>) -> Result<(), BuildError> {
        self.name(key, |kind, name| {
            match names(self.buffer, &self.layout, kind, name) {
                true => Err(BuildError::AlreadySigned),
                false => Ok(()),
            }
        })
    }

    /// The key TLV: its type and its data.
    fn name<R>(
        &self,
        key: KeyForm<'_>,
        then: impl FnOnce(u16, &[u8]) -> Result<R, BuildError>,
    ) -> Result<R, BuildError> {
        match key {
            KeyForm::Whole(der) => then(tlv::PUBKEY, der),
            KeyForm::Hash(der) => {
                let hash = self.suite.hash().of_bytes(der);
                then(
                    tlv::KEYHASH,
                    hash.map_err(|_| BuildError::TooLarge)?.as_slice(),
                )
            }
        }
    }

    /// Adds key and signature, and gives the new length of the image.
    ///
    /// # Errors
    /// [`BuildError::AlreadySigned`] when that key's signature is there, [`BuildError::BufferFull`] when there
    /// is no room, [`BuildError::SlotTooSmall`] when what is behind the image is not erased,
    /// [`BuildError::TooLarge`].
    pub fn finish(mut self, key: KeyForm<'_>, signature: &[u8]) -> Result<usize, BuildError> {
        self.check(key)?;
        let kind = self.suite.signature().ok_or(BuildError::Signature)?;
        let marker: &[u8] = if kind.pure && self.form.is_none() {
            &[1]
        } else {
            &[]
        };
        let mut copy_of_name = [0; MAX_NAME];
        let (key_kind, len) = self.name(key, |key_kind, name| {
            let place = copy_of_name.get_mut(..<[u8]>::len(name));
            copy(place.ok_or(BuildError::TooLarge)?, name);
            Ok((key_kind, <[u8]>::len(name)))
        })?;
        let name = copy_of_name.get(..len).unwrap_or_default();
        self.append(&[
            (tlv::SIG_PURE, marker),
            (key_kind, name),
            (kind.tlv, signature),
        ])
    }

    /// Adds entries, but for empty ones, to the end of the unprotected area.
    fn append(&mut self, entries: &[(u16, &[u8])]) -> Result<usize, BuildError> {
        let Self { buffer, layout, .. } = self;
        let start = layout.total_len as usize;
        let (image, room) = buffer
            .split_at_mut_checked(start)
            .ok_or(BuildError::BufferFull)?;
        let mut len = 0_usize;
        for (_, data) in entries.iter().filter(|(_, data)| !data.is_empty()) {
            len = len
                .saturating_add(usize::from(INFO_LEN))
                .saturating_add(<[u8]>::len(data));
        }
        let room = room.get_mut(..len).ok_or(BuildError::BufferFull)?;
        let erased = |value: u8| room.iter().all(|byte| *byte == value);
        if !erased(0xff) && !erased(0) {
            return Err(BuildError::SlotTooSmall);
        }
        // The area's length first: it may not be able to say the new one, and then nothing has changed.
        let area = layout.signed_len as usize;
        let total = start.saturating_add(len).saturating_sub(area);
        let total = u16::try_from(total).map_err(|_| BuildError::TooLarge)?;
        let place = image.get_mut(area.saturating_add(2)..).unwrap_or_default();
        copy(place, &total.to_le_bytes());
        let mut writer = Writer::new(room);
        for (kind, data) in entries.iter().filter(|(_, data)| !data.is_empty()) {
            writer.tlv(*kind, data)?;
        }
        Ok(start.saturating_add(len))
    }
}

/// What an image is before it is signed once more.
struct Found {
    layout: Layout,
    digest: Digest,
    form: Option<u16>,
}

impl Found {
    /// Structure and hash of the plain text.
    fn look(suite: &'static Suite, source: &dyn ImageSource) -> Result<Self, BuildError> {
        let header = peek(source).map_err(BuildError::NotAnImage)?;
        let layout = Layout::read(source, &header, u32::MAX).map_err(BuildError::NotAnImage)?;
        let kind = suite.signature().ok_or(BuildError::Signature)?;
        let hash = suite.hash();
        let digest = hash
            .of(source, layout.signed_len)
            .map_err(BuildError::NotAnImage)?;
        let (mut hashed, mut pure, mut form) = (false, false, None);
        for entry in layout.unprotected_entries(source) {
            let entry = entry.map_err(BuildError::NotAnImage)?;
            match entry.kind {
                tlv::KEYHASH | tlv::PUBKEY => form = Some(entry.kind),
                tlv::SIG_PURE => pure = true,
                kind if kind == hash.tlv => {
                    let mut stored = [0; 64];
                    let stored = entry
                        .read(source, &mut stored)
                        .map_err(BuildError::NotAnImage)?;
                    if stored != digest.as_slice() {
                        return Err(BuildError::NotAnImage(Refusal::HashMismatch));
                    }
                    hashed = true;
                }
                _ => {}
            }
        }
        if !hashed || form.is_some() && pure != kind.pure {
            return Err(BuildError::Signature);
        }
        Ok(Self {
            layout,
            digest,
            form,
        })
    }
}

/// Whether the image has a key TLV that says exactly this.
fn names(source: &[u8], layout: &Layout, kind: u16, name: &[u8]) -> bool {
    layout.unprotected_entries(&source).any(|entry| {
        entry.is_ok_and(|entry| {
            let at = entry.offset;
            entry.kind == kind && source.contiguous(at, entry.len.into()) == Some(name)
        })
    })
}
