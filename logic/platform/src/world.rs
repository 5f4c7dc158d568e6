//! Memory of somebody the partition manager does not trust: checked once, then only copied.

use crate::PartitionIndex;

/// A range as the other side named it: hostile until checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub base: u32,
    /// Length in bytes.
    pub len: u32,
}

/// Whose rights an access is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryOwner {
    /// The non-secure world as it called: its own privilege and its own memory protection apply.
    NonSecure,
    /// A partition: only what its own manifest and image give it.
    Partition(PartitionIndex),
}

/// What is to be done with a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The owner must be able to read all of it.
    Read,
    /// The owner must be able to read and write all of it.
    Write,
}

/// The owner has no such right on all of the range, or the range wraps, or is not aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryError;

/// A range that passed [`ClientMemory::check`]. Only the port can make one (it calls
/// [`CheckedSpan::vouch`]); everyone else can only narrow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedSpan {
    base: u32,
    len: u32,
    access: Access,
}

impl CheckedSpan {
    /// For ports, inside `check`, once the owner's right on all of `span` is proven.
    #[must_use]
    pub const fn vouch(span: Span, access: Access) -> Self {
        Self {
            base: span.base,
            len: span.len,
            access,
        }
    }

    /// A span of no bytes.
    pub const EMPTY: Self = Self {
        base: 0,
        len: 0,
        access: Access::Read,
    };

    /// First byte.
    #[must_use]
    pub const fn base(&self) -> u32 {
        self.base
    }
    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }
    /// Whether it has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Whether it may be written.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        matches!(self.access, Access::Write)
    }

    /// The `len` bytes from `offset`, or nothing when they are not all inside.
    #[must_use]
    pub fn slice(&self, offset: u32, len: u32) -> Option<Self> {
        if offset.checked_add(len)? > self.len {
            return None;
        }
        Some(Self {
            base: self.base.checked_add(offset)?,
            len,
            access: self.access,
        })
    }
}

/// Access to memory of clients. Bytes are copied exactly once; nothing is ever borrowed, because the
/// owner can change them at any moment.
pub trait ClientMemory {
    /// Proves that `owner` itself could do `access` on every byte of `span`.
    ///
    /// # Errors
    /// [`MemoryError`] for anything else: secure memory named by the non-secure world, a span that
    /// wraps, crosses a border between two attributions or is not mapped. An empty span passes.
    fn check(
        &self,
        owner: MemoryOwner,
        span: Span,
        access: Access,
    ) -> Result<CheckedSpan, MemoryError>;

    /// Copies `out.len()` bytes from the start of `from`; the shorter of the two lengths is copied
    /// and returned.
    fn copy_in(&self, from: CheckedSpan, out: &mut [u8]) -> usize;

    /// Copies `data` to the start of `to`; the shorter of the two lengths is copied and returned, none
    /// if `to` was not checked for writing.
    fn copy_out(&mut self, to: CheckedSpan, data: &[u8]) -> usize;

    /// Copies from one client's memory to another's; the shorter length is copied and returned. The
    /// two may overlap; the result is then as if the source had been copied first.
    fn transfer(&mut self, from: CheckedSpan, to: CheckedSpan) -> usize;
}

impl<M: ClientMemory + ?Sized> ClientMemory for &mut M {
    fn check(
        &self,
        owner: MemoryOwner,
        span: Span,
        access: Access,
    ) -> Result<CheckedSpan, MemoryError> {
        (**self).check(owner, span, access)
    }
    fn copy_in(&self, from: CheckedSpan, out: &mut [u8]) -> usize {
        (**self).copy_in(from, out)
    }
    fn copy_out(&mut self, to: CheckedSpan, data: &[u8]) -> usize {
        (**self).copy_out(to, data)
    }
    fn transfer(&mut self, from: CheckedSpan, to: CheckedSpan) -> usize {
        (**self).transfer(from, to)
    }
}
