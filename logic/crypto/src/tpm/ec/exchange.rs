//! Key agreement in which both sides have a static and an ephemeral key (TPM2_ZGen_2Phase).
//!
//! Plain ECDH is two multiplications: [`EcScalar::multiply`].

use super::{Curve, EcPoint, EcScalar, MAX_COORDINATE_LEN, Number};
use crate::CryptoError;
use crate::bytes::copy_prefix;

/// How the two keys of a side become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Agreement {
    /// Full MQV (SP 800-56A revision 3, section 5.7.2.3.1).
    Mqv,
    /// SM2's (GM/T 0003.3, section 6.1), up to the shared point.
    Sm2,
}

/// The shared point of two sides. Its x-coordinate, and for SM2 its y-coordinate, is the secret: wipe it.
///
/// `own` are this side's static and ephemeral keys, `peer` the other side's points. [`CryptoError::InvalidKey`] when the
/// curves differ, and for the one chance in 2^224 that there is no such point.
pub fn agree(
    agreement: Agreement,
    own: (&EcScalar, &EcScalar),
    peer: (&EcPoint, &EcPoint),
) -> Result<EcPoint, CryptoError> {
    let ((own_static, own_ephemeral), (peer_static, peer_ephemeral)) = (own, peer);
    let half = |point: &EcPoint| associated(agreement, point);
    let own_half = half(&own_ephemeral.public()?)?;
    let peer_half = half(peer_ephemeral)?;
    match agreement {
        Agreement::Mqv => {
            let secret = own_ephemeral.multiply_add(&own_half, own_static)?;
            let sum = peer_half.multiply(peer_static)?.add(peer_ephemeral)?;
            secret.multiply(&sum)
        }
        Agreement::Sm2 => {
            let secret = own_static.multiply_add(&own_half, own_ephemeral)?;
            let sum = peer_half.multiply(peer_ephemeral)?.add(peer_static)?;
            secret.multiply(&sum)
        }
    }
}

/// The associate value of an ephemeral point: the lower half of its x-coordinate, and a bit above.
fn associated(agreement: Agreement, point: &EcPoint) -> Result<EcScalar, CryptoError> {
    let half = point.curve().bits().div_ceil(2);
    let bits = match agreement {
        Agreement::Mqv => half,
        // One bit fewer: w = half - 1.
        Agreement::Sm2 => half.saturating_sub(1),
    };
    EcScalar::new(point.curve(), &lower_bits(point.curve(), point.x(), bits))
}

/// 2^bits + (x mod 2^bits).
fn lower_bits(curve: Curve, x: &[u8], bits: usize) -> Number {
    let mut number = [0; MAX_COORDINATE_LEN];
    let start = MAX_COORDINATE_LEN.saturating_sub(curve.coordinate_len());
    copy_prefix(number.get_mut(start..).unwrap_or(&mut []), x);
    for (byte, low) in number.iter_mut().rev().zip((0usize..).step_by(8)) {
        let kept = bits.saturating_sub(low).min(8) as u32;
        *byte &= 0xff_u8.checked_shr(8u32.saturating_sub(kept)).unwrap_or(0);
        if (low..low.saturating_add(8)).contains(&bits) {
            *byte |= 1 << (bits & 7);
        }
    }
    number
}
