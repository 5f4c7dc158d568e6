//! Modular powers for public values, in variable time.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{U2048, U3072, Uint};

use crate::CryptoError;

pub(super) const LIMBS_2048: usize = U2048::LIMBS;
pub(super) const LIMBS_3072: usize = U3072::LIMBS;
#[cfg(feature = "rsa-private")]
pub(super) const LIMBS_1024: usize = LIMBS_2048 / 2;
#[cfg(feature = "rsa-private")]
pub(super) const LIMBS_1536: usize = LIMBS_3072 / 2;

/// `output` = `base`^`exponent` mod `modulus`, all big-endian, all public.
///
/// The modulus must be odd. [`CryptoError::Verification`] when `base` is not below it.
pub(super) fn public_power<const LIMBS: usize>(
    modulus: &[u8],
    exponent: u32,
    base: &[u8],
    output: &mut [u8],
) -> Result<(), CryptoError> {
    let modulus = read::<LIMBS>(modulus)
        .to_odd()
        .into_option()
        .ok_or(CryptoError::InvalidKey)?;
    let base = read::<LIMBS>(base);
    if base.cmp_vartime(modulus.as_ref()).is_ge() {
        return Err(CryptoError::Verification);
    }
    let power = power(&base, exponent, &FixedMontyParams::new_vartime(modulus));
    write(&power, output);
    Ok(())
}

/// Left to right, one bit at a time: the exponents in use have two bits set, so that a window
/// would cost more than it saves, in stack above all.
pub(super) fn power<const LIMBS: usize>(
    base: &Uint<LIMBS>,
    exponent: u32,
    params: &FixedMontyParams<LIMBS>,
) -> Uint<LIMBS> {
    let base = FixedMontyForm::new(base, params);
    let mut power = base;
    let mut below = exponent.checked_ilog2().unwrap_or(0);
    while below > 0 {
        // Square down to the next bit that is set, or to the end.
        let rest = exponent & (1u32 << below).wrapping_sub(1);
        let next = rest.checked_ilog2().unwrap_or(0);
        power = power.square_repeat_vartime(below.wrapping_sub(next));
        if rest != 0 {
            power = power.mul(&base);
        }
        below = next;
    }
    power.retrieve()
}

/// A big-endian number; shorter ones are padded.
pub(super) fn read<const LIMBS: usize>(bytes: &[u8]) -> Uint<LIMBS> {
    Uint::from_be_slice_truncated(bytes, Uint::<LIMBS>::BITS)
}

/// Writes a number big-endian over all of `out`, which has the number's length.
pub(super) fn write<const LIMBS: usize>(number: &Uint<LIMBS>, out: &mut [u8]) {
    for (to, from) in out.iter_mut().zip(number.to_be_bytes().as_slice()) {
        *to = *from;
    }
}

/// A long number modulo a short one, in constant time.
#[cfg(feature = "rsa-private")]
pub(super) fn reduce<const FULL: usize, const HALF: usize>(
    number: &Uint<FULL>,
    params: &FixedMontyParams<HALF>,
) -> FixedMontyForm<HALF> {
    FixedMontyForm::new(&number.rem(params.modulus().as_nz_ref()), params)
}
