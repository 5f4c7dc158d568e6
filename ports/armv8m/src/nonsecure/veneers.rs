//! The gates into the secure world, as the import object of the secure image names them.
//!
//! TF-M's names and signatures, so the same import object serves programs written for either. The
//! symbols come from the object that `cargo xtask` makes while it links the secure image; an image that
//! calls one of these functions without linking it does not link.

use core::marker::PhantomData;

/// A handle or a status: what the call veneers take and return.
pub type Handle = i32;

/// `PSA_ERROR_PROGRAMMER_ERROR`: what [`call`] answers by itself when the control word cannot hold the
/// request.
const PROGRAMMER_ERROR: i32 = -129;

/// One input vector. Arm Platform Security Architecture Firmware Framework 1.0, 4.3.4 `psa_invec`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct InVec<'a> {
    base: *const u8,
    len: usize,
    memory: PhantomData<&'a [u8]>,
}

impl<'a> InVec<'a> {
    /// Lends `bytes` to the secure world for the time of a call.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            base: bytes.as_ptr(),
            len: bytes.len(),
            memory: PhantomData,
        }
    }
}

/// One output vector. Firmware Framework 1.0, 4.3.4 `psa_outvec`.
#[derive(Debug)]
#[repr(C)]
pub struct OutVec<'a> {
    base: *mut u8,
    len: usize,
    memory: PhantomData<&'a mut [u8]>,
}

impl<'a> OutVec<'a> {
    /// Lends `bytes` to the secure world for the time of a call.
    #[must_use]
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        Self {
            base: bytes.as_mut_ptr(),
            len: bytes.len(),
            memory: PhantomData,
        }
    }

    /// One that nothing can be written to.
    const fn none() -> Self {
        Self {
            base: core::ptr::NonNull::dangling().as_ptr(),
            len: 0,
            memory: PhantomData,
        }
    }

    /// Sets the length to what it was made with, or less.
    pub(super) const fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    /// Its capacity before a call, the bytes written after it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written, or nothing can be.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The veneers themselves.
///
/// They are safe to call in Rust's sense where every argument is a number: the secure world takes any
/// value. `tfm_psa_call_veneer` writes to memory and is `unsafe`.
pub mod raw {
    use super::{Handle, InVec, OutVec};

    unsafe extern "C" {
        /// Version of the Firmware Framework, `0x0101`.
        pub safe fn tfm_psa_framework_version_veneer() -> u32;
        /// Version of a service, 0 for none.
        pub safe fn tfm_psa_version_veneer(service: u32) -> u32;
        /// Opens a connection.
        pub safe fn tfm_psa_connect_veneer(service: u32, version: u32) -> Handle;
        /// Closes a connection.
        pub safe fn tfm_psa_close_veneer(handle: Handle);

        /// Calls a service.
        ///
        /// # Safety
        /// The secure world writes to every output vector that the control word counts, within what the
        /// caller could write itself, and updates the vector array.
        pub fn tfm_psa_call_veneer(
            handle: Handle,
            control: u32,
            in_vec: *const InVec<'_>,
            out_vec: *mut OutVec<'_>,
        ) -> i32;
    }
}

/// Packs the control word: request type in bits 0 to 15, outputs in 16 to 18, inputs in 24 to 26.
///
/// `None` when a number does not fit its field. Types are signed; negative ones are the framework's own.
#[must_use]
pub fn control_word(request: i32, inputs: usize, outputs: usize) -> Option<u32> {
    let request = i16::try_from(request).ok()?;
    if inputs > 7 || outputs > 7 {
        return None;
    }
    let inputs = u32::try_from(inputs).ok()?;
    let outputs = u32::try_from(outputs).ok()?;
    Some(u32::from(request.cast_unsigned()) | outputs << 16 | inputs << 24)
}

/// `psa_call`: afterwards each output vector's length is what the service wrote.
///
/// Firmware Framework 1.0, 4.3.3. The status is the service's, or the framework's own for a request that
/// was refused.
#[inline]
pub fn call(handle: Handle, request: i32, inputs: &[InVec<'_>], outputs: &mut [OutVec<'_>]) -> i32 {
    let Some(control) = control_word(request, inputs.len(), outputs.len()) else {
        return PROGRAMMER_ERROR;
    };
    // SAFETY: the control word counts exactly the vectors of the two slices, and each output vector
    // borrows its memory exclusively until the call is over.
    unsafe { raw::tfm_psa_call_veneer(handle, control, inputs.as_ptr(), outputs.as_mut_ptr()) }
}

/// Most vectors in one call, inputs and outputs together (`PSA_MAX_IOVEC`).
pub const MAX_VECTORS: usize = 4;

/// [`call`] with plain slices; also tells how much was written to each output.
pub fn call_slices<'a>(
    handle: Handle,
    request: i32,
    inputs: &[&'a [u8]],
    outputs: impl Iterator<Item = &'a mut [u8]>,
) -> (i32, [usize; MAX_VECTORS]) {
    let mut in_vec = [InVec::new(&[]); MAX_VECTORS];
    for (place, input) in in_vec.iter_mut().zip(inputs) {
        *place = InVec::new(input);
    }
    let mut out_vec = [const { OutVec::none() }; MAX_VECTORS];
    let mut count = 0;
    for output in outputs {
        match out_vec.get_mut(count) {
            Some(place) => *place = OutVec::new(output),
            None => return (PROGRAMMER_ERROR, [0; MAX_VECTORS]),
        }
        count += 1;
    }
    let (Some(in_vec), Some(used)) = (in_vec.get(..inputs.len()), out_vec.get_mut(..count)) else {
        return (PROGRAMMER_ERROR, [0; MAX_VECTORS]);
    };
    let status = call(handle, request, in_vec, used);
    (status, out_vec.map(|output| output.len()))
}
