//! Byte strings with a most length, kept inline: the `TPM2B` of the specification.

use super::{Input, Marshal, Output, Unmarshal};
use crate::rc::{Rc, Result};
use ironroot_crypto::{Secret, ct_eq};

/// Copies as much as both have; the caller made them equally long. `copy_from_slice` would keep a panic for the case that
/// they are not.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// Up to `N` bytes. Not for secrets.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<const N: usize> {
    len: u16,
    bytes: [u8; N],
}

impl<const N: usize> Bytes<N> {
    /// No bytes.
    pub(crate) const EMPTY: Self = Self {
        len: 0,
        bytes: [0; N],
    };

    /// A copy of `bytes`; `None` if they are more than `N`.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut new = Self::EMPTY;
        copy(new.bytes.get_mut(..bytes.len())?, bytes);
        new.len = u16::try_from(bytes.len()).ok()?;
        Some(new)
    }

    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// How many bytes.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<const N: usize> Default for Bytes<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> PartialEq for Bytes<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<const N: usize> Eq for Bytes<N> {}

impl<const N: usize> core::fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<const N: usize> Unmarshal for Bytes<N> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        Self::new(input.sized(N)?).ok_or(Rc::SIZE)
    }
}

impl<const N: usize> Marshal for Bytes<N> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.sized(self.as_slice())
    }
}

/// Up to `N` secret bytes: wiped when dropped, compared in constant time, seen only through `expose`.
/// The length is not secret.
pub(crate) struct SecretBytes<const N: usize> {
    len: u16,
    bytes: Secret<N>,
}

impl<const N: usize> SecretBytes<N> {
    /// No bytes.
    pub(crate) const EMPTY: Self = Self {
        len: 0,
        bytes: Secret::zeroed(),
    };

    /// A copy of `bytes`; `None` if they are more than `N`.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut new = Self::EMPTY;
        new.bytes.expose_mut(|all| {
            copy(all.get_mut(..bytes.len())?, bytes);
            Some(())
        })?;
        new.len = u16::try_from(bytes.len()).ok()?;
        Some(new)
    }

    /// `len` bytes that `fill` writes; `None` if that is more than `N`.
    pub(crate) fn filled(len: usize, fill: impl FnOnce(&mut [u8])) -> Option<Self> {
        let mut new = Self::EMPTY;
        new.bytes.expose_mut(|all| all.get_mut(..len).map(fill))?;
        new.len = u16::try_from(len).ok()?;
        Some(new)
    }

    /// What `write` writes.
    ///
    /// # Errors
    /// What `write` says; `FAILURE`: it does not fit.
    pub(crate) fn written(write: impl FnOnce(&mut Output<'_>) -> Result<()>) -> Result<Self> {
        let mut new = Self::EMPTY;
        let len = new.bytes.expose_mut(|all| {
            let mut out = Output::new(all);
            write(&mut out)?;
            Ok::<_, Rc>(out.len())
        })?;
        new.len = u16::try_from(len).map_err(|_| Rc::FAILURE)?;
        Ok(new)
    }

    /// Lets `f` change the bytes in place.
    pub(crate) fn expose_mut<R>(&mut self, f: impl FnOnce(&mut [u8]) -> R) -> R {
        let len = usize::from(self.len);
        self.bytes
            .expose_mut(|all| f(all.get_mut(..len).unwrap_or_default()))
    }

    /// Shows the bytes to `f`.
    pub(crate) fn expose<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        let len = usize::from(self.len);
        self.bytes
            .expose(|all| f(all.get(..len).unwrap_or_default()))
    }

    /// A second copy; said aloud because each copy must be wiped, too.
    #[must_use]
    pub(crate) fn duplicate(&self) -> Self {
        self.expose(Self::new).unwrap_or(Self::EMPTY)
    }

    /// Whether `other` holds the same bytes, in constant time for equal lengths.
    pub(crate) fn matches(&self, other: &[u8]) -> bool {
        self.expose(|bytes| ct_eq(bytes, other))
    }

    /// How many bytes.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keeps the first `len` bytes; no more than there are.
    #[cfg_attr(
        not(feature = "full"),
        allow(dead_code, reason = "only RSA has secrets whose length shows late")
    )]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(u16::try_from(len).unwrap_or(u16::MAX));
    }

    /// Takes zeroes from the end, as the specification asks for auth values (Part 1, section 19.6.5).
    pub(crate) fn without_trailing_zeros(mut self) -> Self {
        let kept = self.expose(|bytes| {
            bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 1)
        });
        self.len = u16::try_from(kept).unwrap_or(self.len);
        self
    }
}

impl<const N: usize> Default for SecretBytes<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> Unmarshal for SecretBytes<N> {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        Self::new(input.sized(N)?).ok_or(Rc::SIZE)
    }
}

impl<const N: usize> Marshal for SecretBytes<N> {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        self.expose(|bytes| out.sized(bytes))
    }
}
