//! Nonces recovered from signatures by whoever knows the key: have they a bias?
//!
//! CVE-2019-11090, CVE-2019-16863 (TPM-FAIL) and TPMScan (2024): TPMs whose nonces had zeros at their top, or the same
//! bits again and again; some hundred signatures then give the key away by a lattice. Who knows the key needs no
//! lattice: the nonce follows from one signature, and its bits can be counted.
//!
//! 1,000 signatures of each scheme, 10,000 with `IRONROOT_FULL=1`, or as many as `IRONROOT_NONCES` says.

#![cfg(all(
    feature = "tpm-p224",
    feature = "tpm-p384",
    feature = "tpm-p521",
    feature = "tpm-bn",
    feature = "tpm-sm"
))]

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U576};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::{Curve, EcScalar, EcSignature};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};

fn count() -> u32 {
    if let Ok(count) = std::env::var("IRONROOT_NONCES") {
        count.parse().expect("a number")
    } else if std::env::var_os("IRONROOT_FULL").is_some() {
        10_000
    } else {
        1_000
    }
}

/// Numbers modulo the order of a curve.
struct Order(FixedMontyParams<{ U576::LIMBS }>);

type Number = FixedMontyForm<{ U576::LIMBS }>;

impl Order {
    fn of(curve: Curve) -> Self {
        let n = Odd::new(number(curve.parameters().n)).unwrap();
        Self(FixedMontyParams::new_vartime(n))
    }

    fn number(&self, bytes: &[u8]) -> Number {
        FixedMontyForm::new(&number(bytes).rem(self.0.modulus().as_nz_ref()), &self.0)
    }
}

fn number(bytes: &[u8]) -> U576 {
    U576::from_be_slice_truncated(bytes, U576::BITS)
}

/// The number in as many bytes as the order has.
fn bytes(curve: Curve, number: &Number) -> Vec<u8> {
    let bytes = number.retrieve().to_be_bytes();
    let bytes = bytes.as_slice();
    bytes[bytes.len() - curve.coordinate_len()..].to_vec()
}

/// What is wrong with numbers that should be uniform below the order, if anything is.
///
/// Each bit is as often one as zero; all values of the top byte and of the lowest one are equally frequent (chi-square
/// of 256 cells). The limits are five and six standard deviations; all keys and nonces here come from fixed seeds, so
/// that what passes once passes always. All orders here begin so near a power of two that their numbers are uniform
/// to one part in ten thousand; a first byte of one bit, P-521's, is taken with seven of the next.
fn bias(curve: Curve, numbers: &[Vec<u8>]) -> Option<String> {
    let total = numbers.len() as f64;
    let unused = numbers[0].len() * 8 - curve.bits();
    let bit = |number: &[u8], place: usize| (number[place / 8] >> (7 - place % 8)) & 1;
    for place in unused..numbers[0].len() * 8 {
        let ones = numbers
            .iter()
            .filter(|number| bit(number, place) == 1)
            .count() as f64;
        if (ones - total / 2.0).abs() > 5.0 * total.sqrt() / 2.0 {
            return Some(format!("bit {place} is one {ones} times of {total}"));
        }
    }
    let top = |number: &Vec<u8>| (0..8).fold(0, |byte, at| (byte << 1) | bit(number, unused + at));
    uneven(curve, "top", numbers.iter().map(top)).or_else(|| {
        uneven(
            curve,
            "lowest",
            numbers.iter().map(|number| number[number.len() - 1]),
        )
    })
}

/// Whether some values of a byte come too often, or all of them too evenly.
fn uneven(curve: Curve, name: &str, values: impl Iterator<Item = u8>) -> Option<String> {
    let mut cells = [0u32; 256];
    values.for_each(|value| cells[usize::from(value)] += 1);
    let total: u32 = cells.iter().sum();
    let expected = f64::from(total) / 256.0;
    let squares = cells
        .iter()
        .map(|seen| (f64::from(*seen) - expected).powi(2) / expected);
    let chi_square: f64 = squares.sum();
    println!("{curve:?}: {name} byte, chi-square {chi_square:.1} (255 expected, {total} numbers)");
    let bad = (chi_square - 255.0).abs() > 6.0 * (2.0 * 255.0f64).sqrt();
    bad.then(|| format!("{name} byte: chi-square {chi_square}"))
}

/// Signs digests that differ, recovers each nonce, and checks the first ones against the signature's own equation.
fn nonces(
    curve: Curve,
    sign: impl Fn(&EcScalar, &[u8], &mut Drbg) -> EcSignature,
    nonce: impl Fn(&Order, &Number, &[u8], &EcSignature) -> Number,
) -> Vec<Vec<u8>> {
    let mut drbg = Drbg::new(&Secret::new([curve.bits() as u8; 32]), b"nonces");
    let key = EcScalar::random(curve, &mut drbg).unwrap();
    let order = Order::of(curve);
    let d = key.expose(|bytes| order.number(bytes));
    (0..count())
        .map(|index| {
            let digest = digest(HashAlgorithm::Sha256, &index.to_be_bytes());
            let signature = sign(&key, digest.as_slice(), &mut drbg);
            bytes(curve, &nonce(&order, &d, digest.as_slice(), &signature))
        })
        .collect()
}

/// k = (z + r·d)/s. A digest of 256 bits is cut to the order's length.
fn ecdsa_nonce(order: &Order, d: &Number, digest: &[u8], signature: &EcSignature) -> Number {
    let z = &digest[..digest.len().min(signature.r().len())];
    let (z, r, s) = (
        order.number(z),
        order.number(signature.r()),
        order.number(signature.s()),
    );
    z.add(&r.mul(d))
        .mul(&s.invert_vartime().into_option().unwrap())
}

fn ecdsa(curve: Curve) {
    let sign = |key: &EcScalar, digest: &[u8], drbg: &mut Drbg| key.sign(digest, drbg).unwrap();
    let nonces = nonces(curve, sign, ecdsa_nonce);
    is_the_point(curve, &nonces);
    assert_eq!(bias(curve, &nonces), None);
}

/// That what was recovered is the nonce: x(k·G) is r. Of the first signature, made again.
fn is_the_point(curve: Curve, nonces: &[Vec<u8>]) {
    let mut drbg = Drbg::new(&Secret::new([curve.bits() as u8; 32]), b"nonces");
    let key = EcScalar::random(curve, &mut drbg).unwrap();
    let digest = digest(HashAlgorithm::Sha256, &[0; 4]);
    let signature = key.sign(digest.as_slice(), &mut drbg).unwrap();
    let k = EcScalar::new(curve, &nonces[0]).unwrap();
    let order = Order::of(curve);
    let x = bytes(curve, &order.number(k.public().unwrap().x()));
    assert_eq!(x, signature.r());
}

#[test]
fn nonces_of_ecdsa_on_p256_have_no_bias() {
    ecdsa(Curve::P256);
}

#[test]
fn nonces_of_ecdsa_on_p384_have_no_bias() {
    ecdsa(Curve::P384);
}

#[test]
fn nonces_of_ecdsa_on_p521_have_no_bias() {
    ecdsa(Curve::P521);
}

#[test]
fn nonces_of_ec_schnorr_have_no_bias() {
    for curve in [Curve::P256, Curve::P384, Curve::BnP256] {
        let sign = |key: &EcScalar, digest: &[u8], drbg: &mut Drbg| {
            key.sign_schnorr(HashAlgorithm::Sha256, digest, drbg)
                .unwrap()
        };
        // k = s - r·d
        let nonces = nonces(curve, sign, |order, d, _, signature| {
            let (r, s) = (order.number(signature.r()), order.number(signature.s()));
            s.sub(&r.mul(d))
        });
        assert_eq!(bias(curve, &nonces), None);
    }
}

#[test]
fn nonces_of_sm2_have_no_bias() {
    let curve = Curve::Sm2P256;
    let sign = |key: &EcScalar, digest: &[u8], drbg: &mut Drbg| key.sign_sm2(digest, drbg).unwrap();
    // s = (k - r·d)/(1 + d), so k = s + (s + r)·d
    let nonces = nonces(curve, sign, |order, d, _, signature| {
        let (r, s) = (order.number(signature.r()), order.number(signature.s()));
        s.add(&s.add(&r).mul(d))
    });
    assert_eq!(bias(curve, &nonces), None);
}

/// The commitment of ECDAA comes from KDFa's bytes through `from_extra_bits`; the public nonce is drawn beside it.
#[test]
fn commitments_and_nonces_of_ecdaa_have_no_bias() {
    let curve = Curve::BnP256;
    let order = Order::of(curve);
    let mut drbg = Drbg::new(&Secret::new([8; 32]), b"nonces");
    let key = EcScalar::random(curve, &mut drbg).unwrap();
    let d = key.expose(|bytes| order.number(bytes));
    let (mut commitments, mut nonces) = (Vec::new(), Vec::new());
    for index in 0..count() {
        let commitment = EcScalar::random(curve, &mut drbg).unwrap();
        let message = digest(HashAlgorithm::Sha256, &index.to_be_bytes());
        let hash = HashAlgorithm::Sha256;
        let signature = key
            .sign_ecdaa(hash, &commitment, message.as_slice(), &mut drbg)
            .unwrap();
        // r = s - H(nonce ‖ digest)·d
        let challenge = digest(hash, &[signature.r(), message.as_slice()].concat());
        let t = order.number(challenge.as_slice());
        let found = bytes(curve, &order.number(signature.s()).sub(&t.mul(&d)));
        commitment.expose(|wanted| assert_eq!(found, wanted));
        commitments.push(found);
        nonces.push(signature.r().to_vec());
    }
    assert_eq!(bias(curve, &commitments), None);
    // Its first byte is never zero: 255 cells, one of them empty, are all that is to be seen of it.
    nonces.iter_mut().for_each(|nonce| nonce[0] = nonce[1]);
    assert_eq!(bias(curve, &nonces), None);
}

/// The faults that were found in TPMs are found here.
#[test]
fn a_nonce_with_a_bias_is_noticed() {
    let curve = Curve::P256;
    let mut drbg = Drbg::new(&Secret::new([7; 32]), b"control");
    let mut uniform: Vec<Vec<u8>> = Vec::new();
    for _ in 0..count() {
        let mut number = vec![0; 32];
        drbg.fill(&mut number);
        uniform.push(number);
    }
    assert_eq!(bias(curve, &uniform), None);
    let spoilt = |spoil: &dyn Fn(usize, &mut Vec<u8>)| {
        let mut numbers = uniform.clone();
        numbers
            .iter_mut()
            .enumerate()
            .for_each(|(at, number)| spoil(at, number));
        bias(curve, &numbers)
    };
    // One zero bit at the top, in one nonce of two; a nonce four bits short; one that is always odd.
    assert!(spoilt(&|at, number| number[0] &= if at % 2 == 0 { 0x7f } else { 0xff }).is_some());
    assert!(spoilt(&|_, number| number[0] &= 0x0f).is_some());
    assert!(spoilt(&|_, number| number[31] |= 1).is_some());
    // Bits in the middle that are always the same, and ones that are too often one.
    assert!(spoilt(&|_, number| number[16] = 0x5a).is_some());
    assert!(spoilt(&|at, number| number[20] |= u8::from(at % 3 == 0)).is_some());
    // Every bit fair, but the byte takes half of its values only: what counting bits does not see.
    assert!(spoilt(&|_, number| number[0] = (number[0] & 0xfe) | (number[0] >> 7)).is_some());
}
