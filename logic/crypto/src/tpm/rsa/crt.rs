//! The private power by the Chinese remainder theorem, blinded and checked, without an inversion.
//!
//! Wanted is m^d. With a random r:
//!
//! ```text
//! t = r·(p + q)      b = m·t^e
//! W = (b^(d−1) mod p)·q + (b^(d−1) mod q)·p         which is b^(d−1)·(p + q) modulo n
//! m^d = W·m·t^(e−2)·r
//! ```
//!
//! because b^(d−1)·m·t^(e−1) = m^d·t^(ed−1) = m^d, and t is r·(p + q). Raising to d − 1 instead of d makes up for the
//! division by the blinding factor, and the factor p + q for that of Garner's recombination. Both were inversions, in
//! constant time or of masked numbers, and a tenth of all that a private operation took.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{CtEq, Limb, NonZero, Odd, U64, Uint};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::montgomery::Power;
use super::power::{read, write};
use super::powers::{both, small_power};
use super::random_bytes;
use crate::drbg::Drbg;
use crate::{CryptoError, wipe};

/// The numbers of a key (RFC 8017, section 3.2): p and q are its primes, in no order.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Crt<const FULL: usize, const HALF: usize> {
    n: Uint<FULL>,
    e: u32,
    p: Uint<HALF>,
    q: Uint<HALF>,
    /// d − 1 modulo p − 1.
    dp_less_1: Uint<HALF>,
    /// d − 1 modulo q − 1.
    dq_less_1: Uint<HALF>,
}

impl<const FULL: usize, const HALF: usize> Crt<FULL, HALF> {
    pub(super) fn new(n: &[u8], e: u32, prime: &[u8]) -> Result<Self, CryptoError> {
        let (p, q) = Self::other_prime(n, prime)?;
        if bool::from(p.ct_eq(&q)) {
            return Err(CryptoError::InvalidKey);
        }
        let numbers = || {
            Some(Self {
                n: read(n),
                e,
                dp_less_1: small_inverse::<FULL, HALF>(e, &p)?.wrapping_sub(&Uint::ONE),
                dq_less_1: small_inverse::<FULL, HALF>(e, &q)?.wrapping_sub(&Uint::ONE),
                p: *p,
                q: *q,
            })
        };
        numbers().ok_or(CryptoError::InvalidKey)
    }

    /// Both primes, if the one given divides n and they have half its length.
    pub(super) fn other_prime(
        n: &[u8],
        prime: &[u8],
    ) -> Result<(Zeroizing<Uint<HALF>>, Zeroizing<Uint<HALF>>), CryptoError> {
        let n = read::<FULL>(n);
        let bytes = usize::try_from(Uint::<HALF>::BITS / 8).unwrap_or(0);
        if prime.len() != bytes {
            return Err(CryptoError::InvalidKey);
        }
        let p = Zeroizing::new(read::<HALF>(prime));
        // Modulo 2^k a division is a multiplication. If p does not divide n, the product tells.
        let inverse = p
            .invert_mod2k_vartime(Uint::<HALF>::BITS)
            .into_option()
            .ok_or(CryptoError::InvalidKey)?;
        let inverse = Zeroizing::new(inverse);
        let q = Zeroizing::new(n.resize::<HALF>().wrapping_mul(&*inverse));
        let product = p.resize::<FULL>().wrapping_mul(&q.resize::<FULL>());
        if !bool::from(product.ct_eq(&n)) {
            return Err(CryptoError::InvalidKey);
        }
        Ok((p, q))
    }

    /// The private power in place.
    pub(super) fn apply(&self, bytes: &mut [u8], drbg: &mut Drbg) -> Result<(), CryptoError> {
        let message = Zeroizing::new(read::<FULL>(bytes));
        let n = odd(&self.n)?;
        // Whether the input is below n is public: it came from outside, or it is an encoding, which always is.
        if message.cmp_vartime(n.as_ref()).is_ge() {
            return Err(CryptoError::DataLength);
        }
        let params = FixedMontyParams::new_vartime(n);
        let result = self.blinded_power(&message, &params, drbg);
        match result {
            Ok(result) if small_power(&result, self.e).retrieve() == *message => {
                write(&Zeroizing::new(result.retrieve()), bytes);
                Ok(())
            }
            _ => {
                wipe(bytes);
                Err(CryptoError::Corruption)
            }
        }
    }

    /// The module's equations. That r has a common divisor with n, and the result is wrong, nobody will meet.
    fn blinded_power(
        &self,
        message: &Uint<FULL>,
        params: &FixedMontyParams<FULL>,
        drbg: &mut Drbg,
    ) -> Result<Zeroizing<FixedMontyForm<FULL>>, CryptoError> {
        let r = Zeroizing::new(random::<FULL>(params, drbg));
        let sum = self.p.resize::<FULL>().wrapping_add(&self.q.resize());
        let sum = Zeroizing::new(FixedMontyForm::new(&Zeroizing::new(sum), params));
        let t = Zeroizing::new(r.mul(&sum));
        let power = Zeroizing::new(small_power(&t, self.e.wrapping_sub(2)));
        let factor = Zeroizing::new(FixedMontyForm::new(message, params).mul(&power));
        let blinded = Zeroizing::new(factor.mul(&t.square()).retrieve());
        let scaled = FixedMontyForm::new(&*self.scaled_power(&blinded)?, params);
        Ok(Zeroizing::new(Zeroizing::new(scaled).mul(&factor).mul(&r)))
    }

    /// base^(d−1)·(p + q).
    fn scaled_power(&self, base: &Uint<FULL>) -> Result<Zeroizing<Uint<FULL>>, CryptoError> {
        let (p, q) = (Zeroizing::new(odd(&self.p)?), Zeroizing::new(odd(&self.q)?));
        let base_p = Zeroizing::new(base.rem(p.as_nz_ref()));
        let base_q = Zeroizing::new(base.rem(q.as_nz_ref()));
        let [of_p, of_q] = both([
            Power {
                base: &base_p,
                exponent: &self.dp_less_1,
                modulus: &p,
            },
            Power {
                base: &base_q,
                exponent: &self.dq_less_1,
                modulus: &q,
            },
        ]);
        let of_p = Zeroizing::new(of_p.resize::<FULL>().wrapping_mul(&self.q.resize::<FULL>()));
        let of_q = Zeroizing::new(of_q.resize::<FULL>().wrapping_mul(&self.p.resize::<FULL>()));
        // Each product is below n.
        let n = NonZero::new(self.n).into_option();
        let n = n.ok_or(CryptoError::Corruption)?;
        Ok(Zeroizing::new(of_p.add_mod(&of_q, &n)))
    }
}

fn random<const LIMBS: usize>(
    params: &FixedMontyParams<LIMBS>,
    drbg: &mut Drbg,
) -> FixedMontyForm<LIMBS> {
    let len = usize::try_from(Uint::<LIMBS>::BITS / 8).unwrap_or(0);
    let bytes = random_bytes(drbg, len);
    let number = Zeroizing::new(read::<LIMBS>(bytes.get(..len).unwrap_or(&[])));
    // Whatever is read, in Montgomery form it is some number below the modulus.
    FixedMontyForm::new(&number.rem(params.modulus().as_nz_ref()), params)
}

/// 1/e modulo prime − 1 = (1 + (prime − 1)·k)/e, where k is −1/(prime − 1) modulo e.
fn small_inverse<const FULL: usize, const HALF: usize>(
    e: u32,
    prime: &Uint<HALF>,
) -> Option<Uint<HALF>> {
    let order = Zeroizing::new(prime.wrapping_sub(&Uint::ONE).resize::<FULL>());
    let divisor = NonZero::<Limb>::new(Limb::from_u32(e)).into_option()?;
    let odd_e: Odd<U64> = U64::from_u32(e).to_odd().into_option()?;
    let rest = U64::from_word(order.rem_limb(divisor).0);
    let inverse = rest.invert_odd_mod(&odd_e).into_option()?;
    let k = odd_e.as_ref().wrapping_sub(&inverse).resize::<FULL>();
    let dividend = Zeroizing::new(order.wrapping_mul(&k).wrapping_add(&Uint::ONE));
    let (quotient, _) = dividend.div_rem_limb(divisor);
    Some(quotient.resize::<HALF>())
}

fn odd<const LIMBS: usize>(number: &Uint<LIMBS>) -> Result<Odd<Uint<LIMBS>>, CryptoError> {
    number.to_odd().into_option().ok_or(CryptoError::Corruption)
}
