//! Objects of the library, freed when dropped. The library overwrites all memory that it gives back.

use aws_lc_sys::{BIGNUM, BN_CTX, BN_MONT_CTX, EC_KEY, EC_POINT, ECDSA_SIG};
use core::ptr::NonNull;

use crate::Refused;

/// What the library allocates.
///
/// # Safety
///
/// `free` is the library's own for this type.
pub(crate) unsafe trait Allocated {
    /// # Safety
    ///
    /// `object` came from the library, is whole, and nobody uses it any more.
    unsafe fn free(object: *mut Self);
}

/// What the library can make of nothing.
///
/// # Safety
///
/// `fresh` gives a whole object that is the caller's, or null.
pub(crate) unsafe trait Fresh: Allocated {
    fn fresh() -> *mut Self;
}

macro_rules! allocated {
    ($($object:ty: $free:path;)*) => {$(
        // SAFETY: named after the type, in the library's headers beside its constructor.
        unsafe impl Allocated for $object {
            unsafe fn free(object: *mut Self) {
                // SAFETY: the caller's promise is the library's condition.
                unsafe { $free(object) }
            }
        }
    )*};
}

allocated! {
    BIGNUM: aws_lc_sys::BN_free;
    BN_CTX: aws_lc_sys::BN_CTX_free;
    BN_MONT_CTX: aws_lc_sys::BN_MONT_CTX_free;
    EC_KEY: aws_lc_sys::EC_KEY_free;
    EC_POINT: aws_lc_sys::EC_POINT_free;
    ECDSA_SIG: aws_lc_sys::ECDSA_SIG_free;
}

macro_rules! fresh {
    ($($object:ty: $new:path;)*) => {$(
        // SAFETY: named after the type, in the library's headers.
        unsafe impl Fresh for $object {
            fn fresh() -> *mut Self {
                // SAFETY: it takes nothing and may be called at any time.
                unsafe { $new() }
            }
        }
    )*};
}

fresh! {
    BIGNUM: aws_lc_sys::BN_new;
    BN_CTX: aws_lc_sys::BN_CTX_new;
    EC_KEY: aws_lc_sys::EC_KEY_new;
    ECDSA_SIG: aws_lc_sys::ECDSA_SIG_new;
}

/// The only owner of an object.
pub(crate) struct Owned<T: Allocated>(NonNull<T>);

impl<T: Allocated> Owned<T> {
    /// Takes what a constructor of the library gave: null when memory has run out, or its arguments were refused.
    ///
    /// # Safety
    ///
    /// Unless null, the object is whole and nobody else's.
    pub(crate) unsafe fn new(object: *mut T) -> Result<Self, Refused> {
        NonNull::new(object).map(Self).ok_or(Refused)
    }

    /// An empty object; refused when memory has run out.
    pub(crate) fn fresh() -> Result<Self, Refused>
    where
        T: Fresh,
    {
        // SAFETY: the promise of `Fresh`.
        unsafe { Self::new(T::fresh()) }
    }

    /// For functions that read it.
    pub(crate) fn get(&self) -> *const T {
        self.0.as_ptr()
    }

    /// For functions that change it.
    pub(crate) fn get_mut(&mut self) -> *mut T {
        self.0.as_ptr()
    }

    /// For functions that take it over.
    pub(crate) fn give(self) -> *mut T {
        let object = self.0.as_ptr();
        core::mem::forget(self);
        object
    }
}

impl<T: Allocated> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: it came from the library, and this was its only owner.
        unsafe { T::free(self.0.as_ptr()) }
    }
}
