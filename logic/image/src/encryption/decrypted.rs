//! An encrypted slot, read as plain text.

use super::{Decryption, MAX_WRAPPED_KEY, PayloadCipher};
use crate::candidate::Layout;
use crate::{ImageSource, Refusal, SourceError, peek, tlv};

/// A source that decrypts what it reads. An image that is not encrypted comes through as it is.
///
/// Hand it to [`Candidate::parse`](crate::Candidate::parse): hash and signature are then checked over the
/// plain text. The [`source`](crate::Verified::source) of the verified image is this again, so that reading
/// it gives what has to be installed.
pub struct Decrypted<S> {
    source: S,
    cipher: Option<PayloadCipher>,
}

impl<S: ImageSource> Decrypted<S> {
    /// Reads the header, finds the content key and unwraps it. Nothing is verified yet.
    ///
    /// # Errors
    /// What [`peek`] and the walk over the TLVs refuse; [`Refusal::ContentKeyMissing`],
    /// [`Refusal::DuplicateTlv`], [`Refusal::EncryptionScheme`] when the image is encrypted by another
    /// scheme; as [`Decryption::unwrap_key`].
    pub fn open(source: S, decryption: &Decryption<'_>) -> Result<Self, Refusal> {
        let cipher = open(&source, decryption)?;
        Ok(Self { source, cipher })
    }

    /// A source that needs no decryption: a primary slot, or RAM. For devices that treat all slots alike.
    #[must_use]
    pub const fn plain(source: S) -> Self {
        Self {
            source,
            cipher: None,
        }
    }

    /// A source with a cipher that is known already: after a restart in the middle of a swap.
    #[must_use]
    pub const fn with_cipher(source: S, cipher: PayloadCipher) -> Self {
        Self {
            source,
            cipher: Some(cipher),
        }
    }

    /// The cipher, for swaps that encrypt again; `None` when the image is not encrypted.
    #[must_use]
    pub const fn cipher(&self) -> Option<&PayloadCipher> {
        self.cipher.as_ref()
    }

    /// Gives the cipher away, dropping the source.
    #[must_use]
    pub fn into_cipher(self) -> Option<PayloadCipher> {
        self.cipher
    }
}

#[inline(never)] // one copy for every kind of source
fn open(
    source: &dyn ImageSource,
    decryption: &Decryption<'_>,
) -> Result<Option<PayloadCipher>, Refusal> {
    let scheme = decryption.scheme();
    let header = peek(source)?;
    if !header.flags.encrypted() {
        return Ok(None);
    }
    let layout = Layout::read(source, &header, source.len())?;
    let mut found = None;
    for entry in layout.unprotected_entries(source) {
        let entry = entry?;
        if tlv::ENCRYPTION.contains(&entry.kind) && found.replace(entry).is_some() {
            return Err(Refusal::DuplicateTlv);
        }
    }
    let entry = found.ok_or(Refusal::ContentKeyMissing)?;
    scheme.check(&header, &entry)?;
    let mut buffer = [0; MAX_WRAPPED_KEY];
    let key = decryption.unwrap_key(entry.read(source, &mut buffer)?)?;
    Ok(Some(PayloadCipher::new(key, &header)))
}

impl<S: ImageSource> ImageSource for Decrypted<S> {
    fn len(&self) -> u32 {
        self.source.len()
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError> {
        self.source.read_at(offset, out)?;
        if let Some(cipher) = &self.cipher {
            cipher.apply(offset, out);
        }
        Ok(())
    }

    fn contiguous(&self, offset: u32, len: u32) -> Option<&[u8]> {
        match self.cipher {
            None => self.source.contiguous(offset, len),
            Some(_) => None,
        }
    }
}

// The cipher is a secret, and the source may be anything.
impl<S> core::fmt::Debug for Decrypted<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.cipher.is_some() {
            "Decrypted"
        } else {
            "Decrypted (was never encrypted)"
        })
    }
}
