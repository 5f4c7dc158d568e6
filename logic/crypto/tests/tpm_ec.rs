//! Six curves against OpenSSL, Wycheproof and a model in Python, and what must be refused.

#![cfg(all(
    feature = "tpm-sha1",
    feature = "tpm-p224",
    feature = "tpm-p384",
    feature = "tpm-p521",
    feature = "tpm-bn",
    feature = "tpm-sm"
))]

mod common;

use common::{Record, vectors};
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_crypto::{CryptoError, Secret};
use wycheproof::TestResult;

fn curve(record: &Record) -> Curve {
    match record.text("curve") {
        "p256" => Curve::P256,
        "p384" => Curve::P384,
        "p521" => Curve::P521,
        "p224" => Curve::P224,
        "bn256" => Curve::BnP256,
        "sm2" => Curve::Sm2P256,
        other => panic!("unknown curve {other}"),
    }
}

/// Of OpenSSL, and of the model for the curves that it does not have.
fn all_vectors() -> Vec<Record> {
    [vectors("tpm_ec.txt"), vectors("tpm_curves.txt")].concat()
}

fn drbg(seed: u8) -> Drbg {
    Drbg::new(&Secret::new([seed; 32]), b"test")
}

fn bytes(scalar: &EcScalar) -> Vec<u8> {
    scalar.expose(<[u8]>::to_vec)
}

const HASHES: [(&str, HashAlgorithm); 4] = [
    ("sha1", HashAlgorithm::Sha1),
    ("sha256", HashAlgorithm::Sha256),
    ("sha384", HashAlgorithm::Sha384),
    ("sha512", HashAlgorithm::Sha512),
];

#[test]
fn public_keys_shared_points_and_scalars_are_those_of_others() {
    let records = all_vectors();
    assert_eq!(records.len(), 60);
    for record in records {
        let curve = curve(&record);
        let d = EcScalar::new(curve, &record.bytes("d")).unwrap();
        let public = d.public().unwrap();
        assert_eq!(public.x(), record.bytes("x"));
        assert_eq!(public.y(), record.bytes("y"));
        assert_eq!(d.multiply(&EcPoint::generator(curve).unwrap()), Ok(public));
        let peer = EcPoint::new(curve, &record.bytes("peer_x"), &record.bytes("peer_y")).unwrap();
        assert_eq!(d.multiply(&peer).unwrap().x(), record.bytes("shared"));
        let extra = EcScalar::from_extra_bits(curve, &record.bytes("extra_bits")).unwrap();
        assert_eq!(bytes(&extra), record.bytes("extra_scalar"));
        let number = |name| EcScalar::new(curve, &record.bytes(name)).unwrap();
        let sum = number("k").multiply_add(&number("t"), &d).unwrap();
        assert_eq!(bytes(&sum), record.bytes("k_plus_t_d"));
    }
}

#[test]
fn signatures_of_others_hold_and_changed_ones_do_not() {
    for record in all_vectors() {
        let curve = curve(&record);
        let public = EcPoint::new(curve, &record.bytes("x"), &record.bytes("y")).unwrap();
        for (name, algorithm) in HASHES {
            let part = |what: &str| record.bytes(&format!("{name}_{what}"));
            let (digest, r, s) = (part("digest"), part("r"), part("s"));
            assert_eq!(digest.len(), algorithm.digest_len());
            assert_eq!(public.verify(&digest, &r, &s), Ok(()), "{curve:?} {name}");
            let flipped = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                *bytes.last_mut().unwrap() ^= 1;
                bytes
            };
            // Of a digest longer than the order the end does not count.
            let mut other = digest.clone();
            other[0] ^= 1;
            let zero = vec![0; curve.coordinate_len()];
            let n = curve.parameters().n;
            for (digest, r, s) in [
                (&other[..], &r[..], &s[..]),
                (&digest, &flipped(&r), &s),
                (&digest, &r, &flipped(&s)),
                (&digest, &s, &r),
                (&digest, &zero, &s),
                (&digest, &r, &zero),
                (&digest, &zero, &zero),
                (&digest, n, &s),
                (&digest, &r, n),
                (&digest, &[], &s),
                (&digest, &r, &[]),
                (&digest, &[&[1], &r[..]].concat(), &s),
            ] {
                let verified = public.verify(digest, r, s);
                assert_eq!(verified, Err(CryptoError::Verification));
            }
            // Leading zeros are no other number.
            assert_eq!(public.verify(&digest, &[&[0], &r[..]].concat(), &s), Ok(()));
        }
    }
}

#[test]
fn signatures_made_here_hold_for_every_digest_length() {
    let mut drbg = drbg(1);
    for curve in Curve::ALL {
        let key = EcScalar::random(curve, &mut drbg).unwrap();
        let (public, other) = (key.public().unwrap(), EcPoint::generator(curve).unwrap());
        for len in [0, 1, 20, 31, 32, 33, 48, 64] {
            let digest = vec![0xa5; len];
            let signature = key.sign(&digest, &mut drbg).unwrap();
            assert_eq!(signature.r().len(), curve.coordinate_len());
            assert_eq!(public.verify(&digest, signature.r(), signature.s()), Ok(()));
            let refused = other.verify(&digest, signature.r(), signature.s());
            assert_eq!(refused, Err(CryptoError::Verification));
        }
    }
}

/// Nonces come from key, digest and fresh randomness: the same all over make the same signature, any other a
/// wholly different one.
#[test]
fn each_signature_has_a_nonce_of_its_own() {
    for curve in Curve::ALL {
        let key = |seed| EcScalar::random(curve, &mut drbg(seed)).unwrap();
        let r = |key: &EcScalar, digest: &[u8], seed| {
            key.sign(digest, &mut drbg(seed)).unwrap().r().to_vec()
        };
        let first = r(&key(1), &[1; 32], 1);
        assert_eq!(r(&key(1), &[1; 32], 1), first);
        assert_ne!(r(&key(1), &[1; 32], 2), first);
        assert_ne!(r(&key(1), &[2; 32], 1), first);
        assert_ne!(r(&key(1), &[1; 31], 1), first);
        assert_ne!(r(&key(2), &[1; 32], 1), first);
    }
}

/// TPM-FAIL and TPMScan: nonces that were short or not uniform. k = (z + r·d)/s, so the test knows it; its
/// bits must be as often one as zero. With 400 signatures the limit is five standard deviations.
#[test]
fn nonces_have_no_bias() {
    use p256::elliptic_curve::PrimeField;
    use p256::elliptic_curve::ops::Reduce;
    use p256::{FieldBytes, Scalar};
    let scalar = |bytes: &[u8]| {
        let bytes = <[u8; 32]>::try_from(bytes).unwrap();
        <Scalar as Reduce<FieldBytes>>::reduce(&bytes.into())
    };
    const COUNT: u32 = 400;
    let mut drbg = drbg(3);
    let key = EcScalar::random(Curve::P256, &mut drbg).unwrap();
    let d = scalar(&bytes(&key));
    let mut ones = [0u32; 256];
    for index in 0..COUNT {
        let digest = digest(HashAlgorithm::Sha256, &index.to_be_bytes());
        let signature = key.sign(digest.as_slice(), &mut drbg).unwrap();
        let (z, r, s) = (
            scalar(digest.as_slice()),
            scalar(signature.r()),
            scalar(signature.s()),
        );
        let k: [u8; 32] = ((z + r * d) * s.invert().unwrap()).to_repr().into();
        for (bit, ones) in ones.iter_mut().enumerate() {
            *ones += u32::from(k[bit / 8] >> (7 - bit % 8)) & 1;
        }
    }
    let (mean, limit) = (COUNT / 2, 5 * COUNT.isqrt() / 2);
    // The order of P-256 begins with 32 ones and 32 zeros, so that a whole 256 bits are as good as uniform.
    for (bit, ones) in ones.iter().enumerate() {
        assert!(
            ones.abs_diff(mean) <= limit,
            "bit {bit} is one {ones} times of {COUNT}"
        );
    }
}

#[test]
fn numbers_that_are_no_scalars_are_refused() {
    for curve in Curve::ALL {
        let len = curve.coordinate_len();
        let n = curve.parameters().n;
        let new = |number: &[u8]| EcScalar::new(curve, number).map(|scalar| self::bytes(&scalar));
        let mut above = n.to_vec();
        *above.last_mut().unwrap() += 1;
        let mut below = n.to_vec();
        *below.last_mut().unwrap() -= 1;
        let long = [&[1], n].concat();
        for wrong in [
            &[][..],
            &[0],
            &vec![0; len],
            n,
            &above,
            &vec![0xff; len],
            &long,
        ] {
            assert_eq!(new(wrong), Err(CryptoError::InvalidKey));
        }
        assert_eq!(new(&below), Ok(below.clone()));
        assert_eq!(new(&[5]).unwrap().last(), Some(&5));
        assert_eq!(new(&[&[0, 0], &below[..]].concat()), Ok(below));
        for len in [0, 1, curve.extra_bits_len() - 1, curve.extra_bits_len() + 1] {
            let refused = EcScalar::from_extra_bits(curve, &vec![1; len]).err();
            assert_eq!(refused, Some(CryptoError::DataLength));
        }
    }
}

#[test]
fn extra_bits_of_all_zeros_and_all_ones_are_scalars_too() {
    for curve in Curve::ALL {
        let from = |byte| EcScalar::from_extra_bits(curve, &vec![byte; curve.extra_bits_len()]);
        let one = bytes(&from(0).unwrap());
        assert_eq!(one.iter().map(|byte| u32::from(*byte)).sum::<u32>(), 1);
        assert_eq!(from(0).unwrap().public(), EcPoint::generator(curve));
        assert!(from(0xff).unwrap().public().is_ok());
    }
}

#[test]
fn points_that_are_none_are_refused() {
    for curve in Curve::ALL {
        let parameters = curve.parameters();
        let (x, y, p) = (parameters.x, parameters.y, parameters.p);
        let refused = |x: &[u8], y: &[u8]| {
            assert_eq!(
                EcPoint::new(curve, x, y).err(),
                Some(CryptoError::InvalidKey)
            );
        };
        let mut off = y.to_vec();
        *off.last_mut().unwrap() ^= 1;
        let zero = vec![0; curve.coordinate_len()];
        refused(x, &off);
        refused(y, x);
        refused(&zero, &zero);
        refused(&[], &[]);
        refused(p, y);
        refused(x, p);
        refused(&vec![0xff; curve.coordinate_len()], y);
        refused(&[&[1], x].concat(), y);
        // A coordinate plus the prime is the same number modulo it, and still refused.
        let mut carry = 0;
        let mut sum = x.to_vec();
        for (digit, other) in sum.iter_mut().zip(p).rev() {
            let value = u16::from(*digit) + u16::from(*other) + carry;
            (*digit, carry) = (value as u8, value >> 8);
        }
        if carry == 0 {
            refused(&sum, y);
        } else {
            refused(&[&[1], &sum[..]].concat(), y);
        }
        assert!(EcPoint::new(curve, &[&[0], x].concat(), y).is_ok());
    }
}

#[test]
fn points_add_as_scalars_do() {
    let mut drbg = drbg(4);
    for curve in Curve::ALL {
        let random = |drbg: &mut Drbg| EcScalar::random(curve, drbg).unwrap();
        let (a, b, one) = (
            random(&mut drbg),
            random(&mut drbg),
            EcScalar::new(curve, &[1]).unwrap(),
        );
        let sum = a.multiply_add(&one, &b).unwrap();
        let (point_a, point_b) = (a.public().unwrap(), b.public().unwrap());
        assert_eq!(point_a.add(&point_b), sum.public());
        assert_eq!(
            point_a.add(&point_a),
            EcScalar::new(curve, &[2]).unwrap().multiply(&point_a)
        );
        let opposite = point_a.negate().unwrap();
        assert_eq!(opposite.x(), point_a.x());
        assert_ne!(opposite.y(), point_a.y());
        assert_eq!(opposite.negate(), Ok(point_a));
        assert_eq!(point_a.add(&opposite).err(), Some(CryptoError::InvalidKey));
        // ECDH both ways.
        assert_eq!(a.multiply(&point_b), b.multiply(&point_a));
    }
}

#[test]
fn keys_of_two_curves_do_not_mix() {
    let mut drbg = drbg(5);
    let scalar = EcScalar::random(Curve::P256, &mut drbg).unwrap();
    let other = EcScalar::random(Curve::P384, &mut drbg).unwrap();
    let point = other.public().unwrap();
    let wrong = Some(CryptoError::InvalidKey);
    assert_eq!(scalar.multiply(&point).err(), wrong);
    assert_eq!(scalar.public().unwrap().add(&point).err(), wrong);
    assert_eq!(scalar.multiply_add(&scalar, &other).err(), wrong);
    assert_eq!(scalar.multiply_add(&other, &scalar).err(), wrong);
}

#[test]
fn ecdsa_is_judged_as_wycheproof_does() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let mut seen = 0;
    for (name, curve, algorithm) in [
        (
            TestName::EcdsaSecp224r1Sha256P1363,
            Curve::P224,
            HashAlgorithm::Sha256,
        ),
        (
            TestName::EcdsaSecp224r1Sha512P1363,
            Curve::P224,
            HashAlgorithm::Sha512,
        ),
        (
            TestName::EcdsaSecp256r1Sha256P1363,
            Curve::P256,
            HashAlgorithm::Sha256,
        ),
        (
            TestName::EcdsaSecp256r1Sha512P1363,
            Curve::P256,
            HashAlgorithm::Sha512,
        ),
        (
            TestName::EcdsaSecp384r1Sha384P1363,
            Curve::P384,
            HashAlgorithm::Sha384,
        ),
        (
            TestName::EcdsaSecp384r1Sha512P1363,
            Curve::P384,
            HashAlgorithm::Sha512,
        ),
        (
            TestName::EcdsaSecp521r1Sha512P1363,
            Curve::P521,
            HashAlgorithm::Sha512,
        ),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let len = curve.coordinate_len();
            let (x, y) = group.key.key[1..].split_at(len);
            let public = EcPoint::new(curve, x, y).unwrap();
            for test in group.tests {
                let digest = digest(algorithm, &test.msg);
                // r and s are halves; whoever gives a TPM other lengths gives other numbers.
                let verified = test.sig.len() == 2 * len && {
                    let (r, s) = test.sig.split_at(len);
                    public.verify(digest.as_slice(), r, s).is_ok()
                };
                assert_eq!(
                    verified,
                    test.result == TestResult::Valid,
                    "{name:?} {}",
                    test.tc_id
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 1000, "{seen}");
}

#[test]
fn ecdh_is_judged_as_wycheproof_does() {
    use wycheproof::ecdh::{TestName, TestSet};
    let (mut agreed, mut refused) = (0, 0);
    for (name, curve) in [
        (TestName::EcdhSecp224r1Ecpoint, Curve::P224),
        (TestName::EcdhSecp256r1Ecpoint, Curve::P256),
        (TestName::EcdhSecp384r1Ecpoint, Curve::P384),
        (TestName::EcdhSecp521r1Ecpoint, Curve::P521),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let private = EcScalar::new(curve, &test.private_key).unwrap();
                let point = match test.public_key.as_slice() {
                    [4, coordinates @ ..] if coordinates.len() == 2 * curve.coordinate_len() => {
                        let (x, y) = coordinates.split_at(curve.coordinate_len());
                        EcPoint::new(curve, x, y)
                    }
                    // A TPM has no compressed points.
                    _ => Err(CryptoError::Encoding),
                };
                match point.and_then(|point| private.multiply(&point)) {
                    Ok(shared) => {
                        assert_ne!(test.result, TestResult::Invalid, "{name:?} {}", test.tc_id);
                        assert_eq!(shared.x(), test.shared_secret.as_slice());
                        agreed += 1;
                    }
                    Err(_) => {
                        assert_ne!(test.result, TestResult::Valid, "{name:?} {}", test.tc_id);
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(agreed > 500 && refused > 10, "{agreed} {refused}");
}
