//! Where the bytes of an image come from.

/// The storage failed, or the range is not inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceError;

/// Bytes of a slot, from its start.
///
/// Every check reads through this, so what is verified is what the source gives at that time.
/// **Verify what you run**: give the RAM copy that will be executed, not the flash it came from, or
/// make sure that nobody can change the flash until the image runs.
pub trait ImageSource {
    /// How many bytes can be read.
    fn len(&self) -> u32;

    /// Fills `out` from `offset` on.
    ///
    /// # Errors
    /// [`SourceError`] when the range is not all inside, or the storage fails.
    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError>;

    /// The range as a slice, where the source lies in memory. Signatures over the whole image
    /// (pure Ed25519) need it; everything else is read in pieces.
    fn contiguous(&self, offset: u32, len: u32) -> Option<&[u8]> {
        let _ = (offset, len);
        None
    }

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Copies as many bytes as the shorter of the two has; there is no length to get wrong.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

impl ImageSource for [u8] {
    fn len(&self) -> u32 {
        // More than 4 GiB cannot be addressed by the format; the rest is out of reach.
        u32::try_from(<[u8]>::len(self)).unwrap_or(u32::MAX)
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError> {
        let len = u32::try_from(out.len()).map_err(|_| SourceError)?;
        let bytes = self.contiguous(offset, len).ok_or(SourceError)?;
        copy(out, bytes);
        Ok(())
    }

    fn contiguous(&self, offset: u32, len: u32) -> Option<&[u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        self.get(start..end)
    }
}

impl<S: ImageSource + ?Sized> ImageSource for &S {
    fn len(&self) -> u32 {
        (**self).len()
    }
    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), SourceError> {
        (**self).read_at(offset, out)
    }
    fn contiguous(&self, offset: u32, len: u32) -> Option<&[u8]> {
        (**self).contiguous(offset, len)
    }
}
