//! Powers modulo an odd number: RSA, and the search for its primes.

use aws_lc_sys::{
    BIGNUM, BN_CTX, BN_MONT_CTX, BN_MONT_CTX_new_consttime, BN_MONT_CTX_new_for_modulus,
    BN_mod_exp_mont, BN_mod_exp_mont_consttime, BN_mod_exp_mont_consttime_x2,
};

use crate::number::Number;
use crate::owned::Owned;
use crate::{Refused, succeeded};

/// Room for intermediate results.
type Workspace = Owned<BN_CTX>;

/// What prepares a modulus: one of the two that [`Modulus`] names.
type Prepare = unsafe extern "C" fn(*const BIGNUM, *mut BN_CTX) -> *mut BN_MONT_CTX;

/// An odd number of whole bytes, the first of which is not zero, and what Montgomery's multiplication wants of it. It
/// may be a secret; its length is none.
pub struct Modulus {
    number: Number,
    montgomery: Owned<BN_MONT_CTX>,
    len: usize,
}

/// One of two powers that are worked out together.
pub struct Power<'a> {
    /// Modulo what.
    pub modulus: &'a Modulus,
    /// As long as the modulus, and below it.
    pub base: &'a [u8],
    /// All its bytes are looked at, whatever they hold.
    pub exponent: &'a [u8],
    /// As long as the modulus; where the result goes.
    pub out: &'a mut [u8],
}

impl Modulus {
    /// A modulus that may be a secret. Refused if it is even, 1, or begins with a zero.
    pub fn new(bytes: &[u8]) -> Result<Self, Refused> {
        Self::prepared(bytes, BN_MONT_CTX_new_consttime)
    }

    /// A modulus that is no secret, in less time. Refused likewise.
    pub fn of_public_key(bytes: &[u8]) -> Result<Self, Refused> {
        Self::prepared(bytes, BN_MONT_CTX_new_for_modulus)
    }

    fn prepared(bytes: &[u8], prepare: Prepare) -> Result<Self, Refused> {
        let (first, last) = bytes.first().zip(bytes.last()).ok_or(Refused)?;
        if *first == 0 || last & 1 == 0 || bytes == [1] {
            return Err(Refused);
        }
        let number = Number::from_bytes(bytes)?;
        let mut workspace = Workspace::fresh()?;
        // SAFETY: both are whole.
        let montgomery = unsafe { prepare(number.get(), workspace.get_mut()) };
        // SAFETY: it is new, or null.
        let montgomery = unsafe { Owned::new(montgomery) }?;
        Ok(Self {
            number,
            montgomery,
            len: bytes.len(),
        })
    }

    /// Writes base^exponent; the same time for all numbers of one length. Lengths as in [`Power`].
    pub fn power(&self, base: &[u8], exponent: &[u8], out: &mut [u8]) -> Result<(), Refused> {
        let (base, exponent) = (self.operand(base)?, Number::from_bytes(exponent)?);
        let (mut result, mut workspace) = (Number::fresh()?, Workspace::fresh()?);
        // SAFETY: all are whole; `montgomery` was made for this modulus.
        succeeded(unsafe {
            BN_mod_exp_mont_consttime(
                result.get_mut(),
                base.get(),
                exponent.get(),
                self.number.get(),
                workspace.get_mut(),
                self.montgomery.get(),
            )
        })?;
        self.write(&result, out)
    }

    /// Writes base^exponent, where the exponent is public and short; the base may be a secret.
    pub fn small_power(&self, base: &[u8], exponent: u32, out: &mut [u8]) -> Result<(), Refused> {
        let base = self.operand(base)?;
        let exponent = Number::from_bytes(&exponent.to_be_bytes())?;
        let (mut result, mut workspace) = (Number::fresh()?, Workspace::fresh()?);
        // SAFETY: as above.
        succeeded(unsafe {
            BN_mod_exp_mont(
                result.get_mut(),
                base.get(),
                exponent.get(),
                self.number.get(),
                workspace.get_mut(),
                self.montgomery.get(),
            )
        })?;
        self.write(&result, out)
    }

    fn operand(&self, bytes: &[u8]) -> Result<Number, Refused> {
        // Another width would not be wrong, but slower, and would show.
        if bytes.len() != self.len {
            return Err(Refused);
        }
        Number::from_bytes(bytes)
    }

    fn write(&self, number: &Number, out: &mut [u8]) -> Result<(), Refused> {
        if out.len() != self.len {
            return Err(Refused);
        }
        number.write(out)
    }
}

impl Power<'_> {
    /// Writes two powers as [`Modulus::power`] does. For moduli of equal length this may take less than one after the
    /// other: processors with AVX-512 IFMA work on both at once.
    pub fn both([one, other]: [Power<'_>; 2]) -> Result<(), Refused> {
        let bases = (
            one.modulus.operand(one.base)?,
            other.modulus.operand(other.base)?,
        );
        let exponents = (
            Number::from_bytes(one.exponent)?,
            Number::from_bytes(other.exponent)?,
        );
        let mut results = (Number::fresh()?, Number::fresh()?);
        let mut workspace = Workspace::fresh()?;
        // SAFETY: all are whole; each `montgomery` was made for its modulus.
        succeeded(unsafe {
            BN_mod_exp_mont_consttime_x2(
                results.0.get_mut(),
                bases.0.get(),
                exponents.0.get(),
                one.modulus.number.get(),
                one.modulus.montgomery.get(),
                results.1.get_mut(),
                bases.1.get(),
                exponents.1.get(),
                other.modulus.number.get(),
                other.modulus.montgomery.get(),
                workspace.get_mut(),
            )
        })?;
        one.modulus.write(&results.0, one.out)?;
        other.modulus.write(&results.1, other.out)
    }
}
