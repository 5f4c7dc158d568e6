//! The private power by the Chinese remainder theorem, blinded and checked.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{CtEq, Limb, NonZero, Odd, U64, Uint};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::montgomery::{power, small_power};
use super::power::{read, write};
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
    dp: Uint<HALF>,
    dq: Uint<HALF>,
    q_inverse: Uint<HALF>,
}

impl<const FULL: usize, const HALF: usize> Crt<FULL, HALF> {
    pub(super) fn new(n: &[u8], e: u32, prime: &[u8]) -> Result<Self, CryptoError> {
        let (p, q) = Self::other_prime(n, prime)?;
        let numbers = || {
            let odd_p = p.to_odd().into_option()?;
            let q_mod_p = Zeroizing::new(q.rem(odd_p.as_nz_ref()));
            Some(Self {
                n: read(n),
                e,
                dp: small_inverse::<FULL, HALF>(e, &p)?,
                dq: small_inverse::<FULL, HALF>(e, &q)?,
                q_inverse: q_mod_p.invert_odd_mod(&odd_p).into_option()?,
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

    /// The power of message·r^e, times 1/r.
    fn blinded_power(
        &self,
        message: &Uint<FULL>,
        params: &FixedMontyParams<FULL>,
        drbg: &mut Drbg,
    ) -> Result<Zeroizing<FixedMontyForm<FULL>>, CryptoError> {
        let Blinding { r, inverse } = Blinding::new(params, drbg)?;
        let factor = Zeroizing::new(small_power(&r, self.e));
        let blinded = FixedMontyForm::new(message, params).mul(&factor);
        let blinded = Zeroizing::new(blinded.retrieve());
        let powered = Zeroizing::new(self.power_by_remainders(&blinded)?);
        let result = FixedMontyForm::new(&powered, params).mul(&inverse);
        Ok(Zeroizing::new(result))
    }

    /// Garner's recombination: m2 + q·(q⁻¹·(m1 − m2) mod p).
    fn power_by_remainders(&self, input: &Uint<FULL>) -> Result<Uint<FULL>, CryptoError> {
        let params_p = Zeroizing::new(FixedMontyParams::new(odd(&self.p)?));
        let params_q = Zeroizing::new(FixedMontyParams::new(odd(&self.q)?));
        let m1 = Zeroizing::new(power(&reduce(input, &params_p), &self.dp));
        let m2 = Zeroizing::new(power(&reduce(input, &params_q), &self.dq).retrieve());
        // Into the form of p any number of its length goes, below p or not.
        let m2_mod_p = Zeroizing::new(FixedMontyForm::new(&m2, &params_p));
        let q_inverse = Zeroizing::new(FixedMontyForm::new(&self.q_inverse, &params_p));
        let h = Zeroizing::new(m1.sub(&m2_mod_p).mul(&q_inverse).retrieve());
        let high = h.resize::<FULL>().wrapping_mul(&self.q.resize::<FULL>());
        Ok(high.wrapping_add(&m2.resize::<FULL>()))
    }
}

/// A random r modulo n, and its inverse.
struct Blinding<const FULL: usize> {
    r: Zeroizing<FixedMontyForm<FULL>>,
    inverse: Zeroizing<FixedMontyForm<FULL>>,
}

impl<const FULL: usize> Blinding<FULL> {
    fn new(params: &FixedMontyParams<FULL>, drbg: &mut Drbg) -> Result<Self, CryptoError> {
        // Only multiples of a prime factor have no inverse; nobody has met one.
        for _ in 0..4 {
            let r = Zeroizing::new(random::<FULL>(params, drbg));
            let mask = Zeroizing::new(random::<FULL>(params, drbg));
            // The inversion takes a time that depends on its input, so that is a number that tells nothing of r:
            // 1/r = mask/(r·mask).
            let masked = Zeroizing::new(r.mul(&mask));
            if let Some(inverse) = masked.invert_vartime().into_option() {
                return Ok(Self {
                    r,
                    inverse: Zeroizing::new(inverse.mul(&mask)),
                });
            }
        }
        Err(CryptoError::Corruption)
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

/// A long number modulo a short one, in constant time.
fn reduce<const FULL: usize, const HALF: usize>(
    number: &Uint<FULL>,
    params: &FixedMontyParams<HALF>,
) -> FixedMontyForm<HALF> {
    FixedMontyForm::new(&number.rem(params.modulus().as_nz_ref()), params)
}

fn odd<const LIMBS: usize>(number: &Uint<LIMBS>) -> Result<Odd<Uint<LIMBS>>, CryptoError> {
    number.to_odd().into_option().ok_or(CryptoError::Corruption)
}
