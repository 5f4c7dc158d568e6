//! Numbers of fixed width as bytes, and the public power.

use crypto_bigint::Uint;
use zeroize::Zeroizing;

use super::powers::public_power;
use crate::CryptoError;
use crate::bytes::copy_prefix;

/// A big-endian number; shorter ones are padded.
pub(super) fn read<const LIMBS: usize>(bytes: &[u8]) -> Uint<LIMBS> {
    Uint::from_be_slice_truncated(bytes, Uint::<LIMBS>::BITS)
}

/// Writes a number big-endian over all of `out`, which has the number's length.
pub(super) fn write<const LIMBS: usize>(number: &Uint<LIMBS>, out: &mut [u8]) {
    copy_prefix(out, Zeroizing::new(number.to_be_bytes()).as_slice());
}

/// `bytes` to the power of `e` modulo `n`, in place; all are public.
pub(super) fn public<const LIMBS: usize>(
    n: &[u8],
    e: u32,
    bytes: &mut [u8],
) -> Result<(), CryptoError> {
    let n = read::<LIMBS>(n)
        .to_odd()
        .into_option()
        .ok_or(CryptoError::InvalidKey)?;
    let base = read::<LIMBS>(bytes);
    if base.cmp_vartime(n.as_ref()).is_ge() {
        return Err(CryptoError::DataLength);
    }
    write(&public_power(&base, e, &n), bytes);
    Ok(())
}
