//! Fixed-width numbers for private keys, and small public powers to check them.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{MontyForm, MontyMultiplier, U2048, U3072, Uint};

use crate::bytes::copy_prefix;

pub(super) const LIMBS_2048: usize = U2048::LIMBS;
pub(super) const LIMBS_3072: usize = U3072::LIMBS;
pub(super) const LIMBS_1024: usize = LIMBS_2048 / 2;
pub(super) const LIMBS_1536: usize = LIMBS_3072 / 2;

/// Left to right, one bit at a time: the exponents in use have two bits set, so that a window
/// would cost more than it saves, in stack above all.
#[inline(never)]
pub(super) fn power<const LIMBS: usize>(
    base: &Uint<LIMBS>,
    exponent: u32,
    params: &FixedMontyParams<LIMBS>,
) -> Uint<LIMBS> {
    let mut multiplier = <FixedMontyForm<LIMBS> as MontyForm>::Multiplier::from(params);
    let base = FixedMontyForm::new(base, params);
    let mut power = base;
    for bit in (0..exponent.checked_ilog2().unwrap_or(0)).rev() {
        multiplier.square_assign(&mut power);
        if (exponent >> bit) & 1 == 1 {
            multiplier.mul_assign(&mut power, &base);
        }
    }
    power.retrieve()
}

/// A big-endian number; shorter ones are padded.
pub(super) fn read<const LIMBS: usize>(bytes: &[u8]) -> Uint<LIMBS> {
    Uint::from_be_slice_truncated(bytes, Uint::<LIMBS>::BITS)
}

/// Writes a number big-endian over all of `out`, which has the number's length.
pub(super) fn write<const LIMBS: usize>(number: &Uint<LIMBS>, out: &mut [u8]) {
    copy_prefix(out, number.to_be_bytes().as_slice());
}

/// A long number modulo a short one, in constant time.
pub(super) fn reduce<const FULL: usize, const HALF: usize>(
    number: &Uint<FULL>,
    params: &FixedMontyParams<HALF>,
) -> FixedMontyForm<HALF> {
    FixedMontyForm::new(&number.rem(params.modulus().as_nz_ref()), params)
}
