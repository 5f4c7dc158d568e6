//! Points of the NIST curves.
//!
//! A point is written as 4, x, y (SEC 1, section 2.3.3, without compression), a scalar as many bytes long as x.

use aws_lc_sys::{
    EC_GROUP, EC_KEY, EC_KEY_set_group, EC_KEY_set_public_key, EC_POINT, EC_POINT_mul,
    EC_POINT_new, EC_POINT_oct2point, EC_POINT_point2oct, EC_group_p224, EC_group_p256,
    EC_group_p384, EC_group_p521, ECDSA_SIG, ECDSA_SIG_set0, ECDSA_do_verify,
    point_conversion_form_t,
};
use core::ptr::{null, null_mut};

use crate::number::Number;
use crate::owned::Owned;
use crate::{Refused, succeeded};

/// Length of the longest coordinate, in bytes: P-521.
const MAX_COORDINATE_LEN: usize = 66;

/// Length of the longest point, in bytes.
pub const MAX_POINT_LEN: usize = 1 + 2 * MAX_COORDINATE_LEN;

/// The first byte of a point.
const UNCOMPRESSED: u8 = 4;

/// A curve of SP 800-186.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// P-224.
    P224,
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl Curve {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::P224, Self::P256, Self::P384, Self::P521];

    /// Length of a coordinate and of a scalar in bytes.
    pub const fn coordinate_len(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => MAX_COORDINATE_LEN,
        }
    }

    /// Length of a point in bytes.
    pub const fn point_len(self) -> usize {
        1 + 2 * self.coordinate_len()
    }

    /// Writes k·G, in constant time.
    ///
    /// `k` is below the order: others are right too, but take a time of their own.
    pub fn multiply_base(self, k: &[u8], out: &mut [u8]) -> Result<(), Refused> {
        let k = self.scalar(k)?;
        let mut product = self.empty()?;
        // SAFETY: the group lives for ever, all objects are whole; null stands for "no other product" and for "no
        // workspace of the caller's".
        succeeded(unsafe {
            EC_POINT_mul(
                self.group(),
                product.get_mut(),
                k.get(),
                null(),
                null(),
                null_mut(),
            )
        })?;
        self.write(&product, out)
    }

    /// Writes k·Q, in constant time; `k` as above.
    pub fn multiply(self, k: &[u8], q: &[u8], out: &mut [u8]) -> Result<(), Refused> {
        let (k, q) = (self.scalar(k)?, self.point(q)?);
        let mut product = self.empty()?;
        // SAFETY: as above; null stands for "no multiple of the base point".
        succeeded(unsafe {
            EC_POINT_mul(
                self.group(),
                product.get_mut(),
                null(),
                q.get(),
                k.get(),
                null_mut(),
            )
        })?;
        self.write(&product, out)
    }

    /// Writes u·G + v·Q, in constant time; `u` and `v` as above.
    pub fn sum(self, u: &[u8], v: &[u8], q: &[u8], out: &mut [u8]) -> Result<(), Refused> {
        let (u, v, q) = (self.scalar(u)?, self.scalar(v)?, self.point(q)?);
        let mut sum = self.empty()?;
        // SAFETY: as above.
        succeeded(unsafe {
            EC_POINT_mul(
                self.group(),
                sum.get_mut(),
                u.get(),
                q.get(),
                v.get(),
                null_mut(),
            )
        })?;
        self.write(&sum, out)
    }

    /// Checks the ECDSA signature (r, s) by the key q (FIPS 186-5, section 6.4.2): quicker than [`sum`](Self::sum),
    /// since nothing is secret. `z` is the number that the digest became, as long as a scalar.
    ///
    /// Refused when it is wrong, and when r or s is zero or not below the order.
    pub fn verify(self, q: &[u8], z: &[u8], r: &[u8], s: &[u8]) -> Result<(), Refused> {
        let key = self.key(&self.point(q)?)?;
        let mut digest = [0; MAX_COORDINATE_LEN];
        let digest = self.digest_of(z, &mut digest)?;
        let signature = signature(Number::from_bytes(r)?, Number::from_bytes(s)?)?;
        // SAFETY: reads `len` bytes of the digest and two whole objects.
        succeeded(unsafe {
            ECDSA_do_verify(digest.as_ptr(), digest.len(), signature.get(), key.get())
        })
    }

    fn group(self) -> *const EC_GROUP {
        let group: unsafe extern "C" fn() -> *const EC_GROUP = match self {
            Self::P224 => EC_group_p224,
            Self::P256 => EC_group_p256,
            Self::P384 => EC_group_p384,
            Self::P521 => EC_group_p521,
        };
        // SAFETY: each takes nothing and gives the address of a constant.
        unsafe { group() }
    }

    /// A digest that becomes the number `z`: the library takes the first bits of one that is longer than the order.
    fn digest_of<'a>(
        self,
        z: &[u8],
        digest: &'a mut [u8; MAX_COORDINATE_LEN],
    ) -> Result<&'a [u8], Refused> {
        let digest = digest.get_mut(..self.coordinate_len()).ok_or(Refused)?;
        if z.len() != digest.len() {
            return Err(Refused);
        }
        digest.copy_from_slice(z);
        let surplus = match self {
            Self::P521 => 7,
            Self::P224 | Self::P256 | Self::P384 => 0,
        };
        for _ in 0..surplus {
            let mut carry = 0;
            for byte in digest.iter_mut().rev() {
                (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
            }
        }
        Ok(digest)
    }

    fn scalar(self, bytes: &[u8]) -> Result<Number, Refused> {
        if bytes.len() != self.coordinate_len() {
            return Err(Refused);
        }
        Number::from_bytes(bytes)
    }

    /// The point at infinity; where a result goes.
    fn empty(self) -> Result<Owned<EC_POINT>, Refused> {
        // SAFETY: the group is a constant.
        let point = unsafe { EC_POINT_new(self.group()) };
        // SAFETY: it is new, or null.
        unsafe { Owned::new(point) }
    }

    /// Refused unless it is on the curve.
    fn point(self, bytes: &[u8]) -> Result<Owned<EC_POINT>, Refused> {
        // The library would read a hybrid form, too.
        if bytes.len() != self.point_len() || bytes.first() != Some(&UNCOMPRESSED) {
            return Err(Refused);
        }
        let mut point = self.empty()?;
        // SAFETY: reads `len` bytes into a whole object of the same group.
        succeeded(unsafe {
            EC_POINT_oct2point(
                self.group(),
                point.get_mut(),
                bytes.as_ptr(),
                bytes.len(),
                null_mut(),
            )
        })?;
        Ok(point)
    }

    fn write(self, point: &Owned<EC_POINT>, out: &mut [u8]) -> Result<(), Refused> {
        if out.len() != self.point_len() {
            return Err(Refused);
        }
        let form = point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED;
        // SAFETY: writes at most `len` bytes.
        let written = unsafe {
            EC_POINT_point2oct(
                self.group(),
                point.get(),
                form,
                out.as_mut_ptr(),
                out.len(),
                null_mut(),
            )
        };
        // The point at infinity is one byte.
        succeeded((written == out.len()).into())
    }

    fn key(self, public: &Owned<EC_POINT>) -> Result<Owned<EC_KEY>, Refused> {
        let mut key = Owned::<EC_KEY>::fresh()?;
        // SAFETY: the object is whole, the group a constant.
        succeeded(unsafe { EC_KEY_set_group(key.get_mut(), self.group()) })?;
        // SAFETY: copies a whole point of the same group.
        succeeded(unsafe { EC_KEY_set_public_key(key.get_mut(), public.get()) })?;
        Ok(key)
    }
}

fn signature(r: Number, s: Number) -> Result<Owned<ECDSA_SIG>, Refused> {
    let mut signature = Owned::<ECDSA_SIG>::fresh()?;
    // SAFETY: takes both numbers over. It fails only for null, which neither is.
    succeeded(unsafe { ECDSA_SIG_set0(signature.get_mut(), r.give(), s.give()) })?;
    Ok(signature)
}
