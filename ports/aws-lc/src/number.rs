//! Numbers of the library, from and to bytes. Big-endian.

use aws_lc_sys::{BIGNUM, BN_bin2bn, BN_bn2bin_padded};
use core::ptr::null_mut;

use crate::owned::Owned;
use crate::{Refused, succeeded};

pub(crate) type Number = Owned<BIGNUM>;

impl Number {
    /// As wide as the bytes are, leading zeros included: the width is no secret, the number may be.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Refused> {
        // SAFETY: reads `len` bytes from the pointer; null as third argument asks for a new object.
        let number = unsafe { BN_bin2bn(bytes.as_ptr(), bytes.len(), null_mut()) };
        // SAFETY: it is new, or null.
        unsafe { Self::new(number) }
    }

    /// Fills `out`, with zeros in front. Refused if the number is longer.
    pub(crate) fn write(&self, out: &mut [u8]) -> Result<(), Refused> {
        // SAFETY: writes exactly `len` bytes, or none.
        succeeded(unsafe { BN_bn2bin_padded(out.as_mut_ptr(), out.len(), self.get()) })
    }
}
