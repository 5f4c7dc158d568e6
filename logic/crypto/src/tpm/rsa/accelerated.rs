//! Powers by AWS-LC (feature `aws-lc`): the functions of [`montgomery`] with the same results.
//!
//! Should AWS-LC refuse for want of memory, [`montgomery`] does it: a search must not take that for a composite number.
//! Decision 0018 says what is known of the time that AWS-LC takes.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{EncodedUint, Odd, Uint};
use ironroot_port_aws_lc::{Modulus, Power as TheirPower, Refused};
use zeroize::Zeroizing;

use super::MAX_MODULUS_LEN;
use super::montgomery::{self, Power};
use super::power::read;

/// As [`montgomery::power`].
pub(super) fn power<const LIMBS: usize>(
    base: &FixedMontyForm<LIMBS>,
    exponent: &Uint<LIMBS>,
) -> FixedMontyForm<LIMBS> {
    let params = base.params();
    let power = modulo(Modulus::new, params.modulus(), |modulus, out| {
        let base = Zeroizing::new(base.retrieve());
        modulus.power(bytes(&base).as_slice(), bytes(exponent).as_slice(), out)
    });
    power.map_or_else(
        |_| montgomery::power(base, exponent),
        |power| FixedMontyForm::new(&power, params),
    )
}

/// As [`montgomery::power_of_two`].
pub(super) fn power_of_two<const LIMBS: usize>(
    exponent: &Uint<LIMBS>,
    params: &FixedMontyParams<LIMBS>,
) -> FixedMontyForm<LIMBS> {
    let two = Uint::<LIMBS>::from_u32(2);
    let power = modulo(Modulus::new, params.modulus(), |modulus, out| {
        modulus.power(bytes(&two).as_slice(), bytes(exponent).as_slice(), out)
    });
    power.map_or_else(
        |_| montgomery::power_of_two(exponent, params),
        |power| FixedMontyForm::new(&power, params),
    )
}

/// As [`montgomery::both`].
pub(super) fn both<const LIMBS: usize>(
    powers: [Power<'_, LIMBS>; 2],
) -> [Zeroizing<Uint<LIMBS>>; 2] {
    let mut buffers = [(); 2].map(|()| Zeroizing::new([0; MAX_MODULUS_LEN]));
    both_into(&powers, &mut buffers).map_or_else(
        |_| montgomery::both(powers),
        |()| {
            buffers.map(|buffer| Zeroizing::new(read(buffer.get(..len::<LIMBS>()).unwrap_or(&[]))))
        },
    )
}

fn both_into<const LIMBS: usize>(
    [one, other]: &[Power<'_, LIMBS>; 2],
    [one_out, other_out]: &mut [Zeroizing<[u8; MAX_MODULUS_LEN]>; 2],
) -> Result<(), Refused> {
    let prepared = |power: &Power<'_, LIMBS>| Modulus::new(bytes(power.modulus).as_slice());
    let moduli = (prepared(one)?, prepared(other)?);
    let len = len::<LIMBS>();
    TheirPower::both([
        TheirPower {
            modulus: &moduli.0,
            base: bytes(one.base).as_slice(),
            exponent: bytes(one.exponent).as_slice(),
            out: one_out.get_mut(..len).ok_or(Refused)?,
        },
        TheirPower {
            modulus: &moduli.1,
            base: bytes(other.base).as_slice(),
            exponent: bytes(other.exponent).as_slice(),
            out: other_out.get_mut(..len).ok_or(Refused)?,
        },
    ])
}

/// As [`montgomery::small_power`].
pub(super) fn small_power<const LIMBS: usize>(
    base: &FixedMontyForm<LIMBS>,
    exponent: u32,
) -> FixedMontyForm<LIMBS> {
    let params = base.params();
    let power = modulo(Modulus::of_public_key, params.modulus(), |modulus, out| {
        let base = Zeroizing::new(base.retrieve());
        modulus.small_power(bytes(&base).as_slice(), exponent, out)
    });
    power.map_or_else(
        |_| montgomery::small_power(base, exponent),
        |power| FixedMontyForm::new(&power, params),
    )
}

/// As [`montgomery::public_power`].
pub(super) fn public_power<const LIMBS: usize>(
    base: &Uint<LIMBS>,
    exponent: u32,
    n: &Odd<Uint<LIMBS>>,
) -> Uint<LIMBS> {
    let power = modulo(Modulus::of_public_key, n, |modulus, out| {
        modulus.small_power(bytes(base).as_slice(), exponent, out)
    });
    power.map_or_else(
        |_| montgomery::public_power(base, exponent, n),
        |power| *power,
    )
}

/// What `work` writes, as a number.
fn modulo<const LIMBS: usize>(
    prepare: impl FnOnce(&[u8]) -> Result<Modulus, Refused>,
    n: &Odd<Uint<LIMBS>>,
    work: impl FnOnce(&Modulus, &mut [u8]) -> Result<(), Refused>,
) -> Result<Zeroizing<Uint<LIMBS>>, Refused> {
    let modulus = prepare(bytes(n).as_slice())?;
    let mut buffer = Zeroizing::new([0; MAX_MODULUS_LEN]);
    let out = buffer.get_mut(..len::<LIMBS>()).ok_or(Refused)?;
    work(&modulus, out)?;
    Ok(Zeroizing::new(read(out)))
}

fn bytes<const LIMBS: usize>(number: &Uint<LIMBS>) -> Zeroizing<EncodedUint<LIMBS>> {
    Zeroizing::new(number.to_be_bytes())
}

/// Bytes of a number.
fn len<const LIMBS: usize>() -> usize {
    usize::try_from(Uint::<LIMBS>::BITS / 8).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tpm::rsa::montgomery::tests::{noise, sweep};
    use crypto_bigint::{U512, U1024, U1536, U2048, U4096};

    fn agrees<const LIMBS: usize>(n: Uint<LIMBS>, base: Uint<LIMBS>, exponent: Uint<LIMBS>) {
        let n = Odd::new(n.bitor(&Uint::ONE)).unwrap();
        let base = base.rem(n.as_nz_ref());
        let params = FixedMontyParams::new_vartime(n);
        let form = FixedMontyForm::new(&base, &params);
        let expected = montgomery::power(&form, &exponent);
        assert_eq!(power(&form, &exponent), expected);
        let expected_of_two = montgomery::power_of_two(&exponent, &params);
        assert_eq!(power_of_two(&exponent, &params), expected_of_two);
        for small in [1, 3, 65_535, 65_537, u32::MAX] {
            let expected = montgomery::small_power(&form, small);
            assert_eq!(small_power(&form, small), expected);
            if small > 1 {
                assert_eq!(public_power(&base, small, &n), expected.retrieve());
            }
        }
        // Beside a power modulo another number.
        let other = Odd::new(noise::<LIMBS>(9).bitor(&Uint::ONE)).unwrap();
        let other_base = noise::<LIMBS>(10).rem(other.as_nz_ref());
        let powers = || {
            let one = |base, modulus| Power {
                base,
                exponent: &exponent,
                modulus,
            };
            [one(&base, &n), one(&other_base, &other)]
        };
        assert_eq!(both(powers()), montgomery::both(powers()));
        assert_eq!(*both(powers())[0], expected.retrieve());
    }

    #[test]
    fn powers_of_512_bits_are_ours() {
        sweep::<{ U512::LIMBS }>(agrees);
    }

    #[test]
    fn powers_of_1024_bits_are_ours() {
        sweep::<{ U1024::LIMBS }>(agrees);
    }

    #[test]
    fn powers_of_1536_bits_are_ours() {
        sweep::<{ U1536::LIMBS }>(agrees);
    }

    #[test]
    fn powers_of_2048_bits_are_ours() {
        sweep::<{ U2048::LIMBS }>(agrees);
    }

    #[test]
    fn public_powers_of_4096_bits_are_ours() {
        for seed in 0..4 {
            let n = noise::<{ U4096::LIMBS }>(seed).bitor(&Uint::ONE);
            let n = Odd::new(n.bitor(&Uint::ONE.shl(4095))).unwrap();
            let base = noise::<{ U4096::LIMBS }>(seed + 100).rem(n.as_nz_ref());
            let expected = montgomery::public_power(&base, 65_537, &n);
            assert_eq!(public_power(&base, 65_537, &n), expected);
        }
    }

    #[test]
    fn what_aws_lc_refuses_is_ours() {
        // Numbers with zeros in front.
        for n in [1_u32, 3, 0x8000_0001, u32::MAX] {
            let n = Uint::<{ U512::LIMBS }>::from_u32(n);
            assert!(Modulus::new(bytes(&n).as_slice()).is_err());
            agrees(n, noise(1), noise(2));
        }
    }
}
