//! Pointers from C, made into something that can be trusted or refused.
//!
//! Each type here has C's layout for a pointer and stands in the signature of an `extern "C"` function.
//! None has a constructor, so a value can only have come from a caller, who promised by the function's
//! `unsafe` what the header says: valid for the length beside it, for the time of the call. What the
//! caller got wrong and can be seen (null, misaligned, wrapping) is an error.
//!
//! A call that both reads and writes the caller's memory never makes slices of it: C may let the two
//! overlap (Crypto API 1.2, 6.5.3), Rust may not. It passes [`Bytes`] and [`Room`] on to the transport,
//! which names the memory or copies it, inputs first.

use core::ptr;

use ironroot_psa_api::Error;

/// `const uint8_t *` or `const void *` with a length beside it.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct ReadPointer(*const u8);

/// `uint8_t *` or `void *` with a length beside it.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct WritePointer(*mut u8);

/// A pointer to one value that is read.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct ReadOne<T>(*const T);

/// A pointer to one value that is written, and perhaps read before.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct WriteOne<T>(*mut T);

/// Checked memory of the caller that is read. Lives as long as the call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes {
    base: *const u8,
    len: usize,
}

/// Checked memory of the caller that is written. Lives as long as the call.
#[derive(Debug)]
pub(crate) struct Room {
    base: *mut u8,
    len: usize,
    written: usize,
}

/// Not null, aligned, not around the end of the address space, no longer than an object can be.
fn check(address: usize, len: usize, alignment: usize) -> Result<(), Error> {
    let fits = isize::try_from(len).is_ok() && address.checked_add(len).is_some();
    let aligned = address & alignment.wrapping_sub(1) == 0;
    if address != 0 && fits && aligned {
        Ok(())
    } else {
        Err(Error::InvalidArgument)
    }
}

impl ReadPointer {
    /// With the length that stands beside it. No bytes need no memory: any pointer will do.
    pub(crate) fn bytes(self, len: usize) -> Result<Bytes, Error> {
        if len == 0 {
            return Ok(Bytes::of(&[]));
        }
        check(self.0 as usize, len, 1)?;
        Ok(Bytes { base: self.0, len })
    }
}

impl WritePointer {
    /// With the length that stands beside it. No bytes need no memory: any pointer will do.
    pub(crate) fn room(self, len: usize) -> Result<Room, Error> {
        if len == 0 {
            return Ok(Room::none());
        }
        check(self.0 as usize, len, 1)?;
        Ok(Room {
            base: self.0,
            len,
            written: 0,
        })
    }
}

impl Bytes {
    /// Memory of ours, which must live as long as the call.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        Self {
            base: bytes.as_ptr(),
            len: bytes.len(),
        }
    }

    #[cfg(target_os = "none")]
    pub(crate) const fn base(self) -> *const u8 {
        self.base
    }

    pub(crate) const fn len(self) -> usize {
        self.len
    }

    /// As a slice, for a call that writes no memory of the caller while it lives.
    pub(crate) fn only_read<'a>(self) -> &'a [u8] {
        // SAFETY: `check` or `of` saw that it is not null and no longer than an object can be; the
        // caller of the C function promised the rest, and its memory outlives the call. Shells that
        // use this hold no `Room` at the same time.
        unsafe { core::slice::from_raw_parts(self.base, self.len) }
    }
}

impl Room {
    /// None at all.
    pub(crate) const fn none() -> Self {
        Self {
            base: ptr::NonNull::dangling().as_ptr(),
            len: 0,
            written: 0,
        }
    }

    /// Memory of ours, which must live as long as the call.
    pub(crate) const fn of(bytes: &mut [u8]) -> Self {
        Self {
            base: bytes.as_mut_ptr(),
            len: bytes.len(),
            written: 0,
        }
    }

    #[cfg(target_os = "none")]
    pub(crate) const fn base(&self) -> *mut u8 {
        self.base
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How much of it a call filled.
    pub(crate) const fn written(&self) -> usize {
        self.written
    }

    /// The secure world says how much it wrote: no more than fits.
    #[cfg(target_os = "none")]
    pub(crate) fn set_written(&mut self, written: usize) {
        self.written = written.min(self.len);
    }

    /// As a slice, for a call that reads no memory of the caller while it lives.
    pub(crate) fn only_written<'a>(self) -> &'a mut [u8] {
        // SAFETY: as in `only_read`; shells that use this hold no `Bytes` of the caller at the same time,
        // and `self` was the only `Room` made of the pointer.
        unsafe { core::slice::from_raw_parts_mut(self.base, self.len) }
    }

    /// Copies `data` to its start.
    #[cfg(not(target_os = "none"))]
    pub(crate) fn fill(&mut self, data: &[u8]) {
        let len = data.len().min(self.len);
        // SAFETY: `len` bytes are inside both; `data` is memory of ours, which the caller's is not.
        unsafe { ptr::copy_nonoverlapping(data.as_ptr(), self.base, len) }
        self.written = len;
    }
}

impl<T: Copy> ReadOne<T> {
    /// The value.
    pub(crate) fn get(&self) -> Result<T, Error> {
        check(self.0 as usize, size_of::<T>(), align_of::<T>())?;
        // SAFETY: not null, aligned, and the caller promised a value there.
        Ok(unsafe { ptr::read(self.0) })
    }

    /// Element `index` of an array of `count`. No elements need no memory.
    pub(crate) fn element(&self, index: usize, count: usize) -> Result<T, Error> {
        let size = size_of::<T>()
            .checked_mul(count)
            .ok_or(Error::InvalidArgument)?;
        check(self.0 as usize, size, align_of::<T>())?;
        if index >= count {
            return Err(Error::InvalidArgument);
        }
        // SAFETY: inside an array that is not null, aligned, and promised to be there.
        Ok(unsafe { ptr::read(self.0.wrapping_add(index)) })
    }
}

impl<T: Copy> WriteOne<T> {
    /// Whether a value can go there. Checked before a call, so that its result has a place.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        check(self.0 as usize, size_of::<T>(), align_of::<T>())?;
        Ok(self)
    }

    /// The value before the call.
    pub(crate) fn get(&self) -> Result<T, Error> {
        ReadOne(self.0.cast_const()).get()
    }

    /// Element `index` of an array of `count`.
    pub(crate) fn element(&self, index: usize, count: usize) -> Result<T, Error> {
        ReadOne(self.0.cast_const()).element(index, count)
    }

    /// Sets the value; nothing happens where none can go.
    pub(crate) fn set(&self, value: T) {
        self.set_element(0, 1, value);
    }

    /// Sets element `index` of an array of `count`; nothing happens outside.
    pub(crate) fn set_element(&self, index: usize, count: usize, value: T) {
        let size = size_of::<T>().saturating_mul(count);
        if index < count && check(self.0 as usize, size, align_of::<T>()).is_ok() {
            // SAFETY: not null, aligned, inside; the caller promised that it can be written.
            unsafe { ptr::write(self.0.wrapping_add(index), value) }
        }
    }
}
