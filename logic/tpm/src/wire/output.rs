//! Writing an answer.

use crate::rc::{Rc, Result};
use ironroot_codec::Writer;

/// Where an answer is written. It not fitting is a fault of ours: `FAILURE`.
pub(crate) struct Output<'a>(Writer<'a>);

/// A type that has a wire form.
pub(crate) trait Marshal {
    /// Writes the value.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    fn marshal(&self, out: &mut Output<'_>) -> Result<()>;
}

impl<'a> Output<'a> {
    /// Writes into `buffer`.
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self(Writer::new(buffer))
    }

    /// One value.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn put<T: Marshal + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.marshal(self)
    }

    /// Bytes as they are.
    ///
    /// # Errors
    /// `FAILURE`: they do not fit.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.put(bytes).map_err(|_| Rc::FAILURE)
    }

    /// Bytes as a sized buffer (`TPM2B`).
    ///
    /// # Errors
    /// `FAILURE`: they do not fit, or are more than a size field can say.
    pub(crate) fn sized(&mut self, bytes: &[u8]) -> Result<()> {
        let len = u16::try_from(bytes.len()).map_err(|_| Rc::FAILURE)?;
        self.put(&len)?;
        self.raw(bytes)
    }

    /// A sized buffer whose content is what `write` writes.
    ///
    /// # Errors
    /// What `write` says; `FAILURE`.
    pub(crate) fn sized_with(&mut self, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let start = self.len();
        self.put(&0u16)?;
        write(self)?;
        let len = self
            .len()
            .checked_sub(start)
            .and_then(|len| len.checked_sub(2));
        let len = len
            .and_then(|len| u16::try_from(len).ok())
            .ok_or(Rc::FAILURE)?;
        self.0
            .patch(start, &len.to_be_bytes())
            .map_err(|_| Rc::FAILURE)
    }

    /// A structure as a sized buffer.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn sized_structure<T: Marshal>(&mut self, value: &T) -> Result<()> {
        self.sized_with(|out| out.put(value))
    }

    /// Overwrites bytes written before.
    ///
    /// # Errors
    /// `FAILURE`: nothing was written there.
    pub(crate) fn patch(&mut self, position: usize, bytes: &[u8]) -> Result<()> {
        self.0.patch(position, bytes).map_err(|_| Rc::FAILURE)
    }

    /// How many bytes were written.
    pub(crate) fn len(&self) -> usize {
        self.0.written().len()
    }

    /// What was written.
    pub(crate) fn written(&self) -> &[u8] {
        self.0.written()
    }

    /// What was written, to be changed in place.
    pub(crate) fn finish(self) -> &'a mut [u8] {
        self.0.finish()
    }
}

macro_rules! number {
    ($($type:ty)*) => {
        $(impl Marshal for $type {
            fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
                out.raw(&self.to_be_bytes())
            }
        })*
    };
}
number!(u8 u16 u32 u64 i32);

impl Marshal for bool {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&u8::from(*self))
    }
}
