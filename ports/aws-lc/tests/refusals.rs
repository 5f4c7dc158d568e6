//! What is refused: every argument out of its range, and never a result that is no number.

use ironroot_port_aws_lc::{Curve, MAX_POINT_LEN, Modulus, Power, Refused};

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// 1, as long as the curve's scalars.
fn one(curve: Curve) -> Vec<u8> {
    let mut one = vec![0; curve.coordinate_len()];
    *one.last_mut().unwrap() = 1;
    one
}

fn base_point(curve: Curve) -> Vec<u8> {
    let mut point = vec![0; curve.point_len()];
    curve.multiply_base(&one(curve), &mut point).unwrap();
    point
}

/// SEC 2, version 2.0, section 2.4.2.
#[test]
fn one_times_the_base_point_is_the_base_point() {
    let x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    let y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    assert_eq!(base_point(Curve::P256), bytes(&format!("04{x}{y}")));
}

#[test]
fn lengths_are_those_of_the_curve() {
    for curve in Curve::ALL {
        let (one, point) = (one(curve), base_point(curve));
        for wrong in [curve.coordinate_len() - 1, curve.coordinate_len() + 1] {
            let scalar = vec![1; wrong];
            let mut out = point.clone();
            assert_eq!(curve.multiply_base(&scalar, &mut out), Err(Refused));
            assert_eq!(curve.multiply(&scalar, &point, &mut out), Err(Refused));
            assert_eq!(curve.sum(&scalar, &one, &point, &mut out), Err(Refused));
            assert_eq!(curve.sum(&one, &scalar, &point, &mut out), Err(Refused));
            assert_eq!(curve.verify(&point, &scalar, &one, &one), Err(Refused));
        }
        for wrong in [0, 1, curve.point_len() - 1] {
            let mut out = vec![0; wrong];
            assert_eq!(curve.multiply_base(&one, &mut out), Err(Refused));
            assert_eq!(out, vec![0; wrong]);
            let mut out = point.clone();
            assert_eq!(
                curve.multiply(&one, &point[..wrong], &mut out),
                Err(Refused)
            );
        }
        let mut out = [0; MAX_POINT_LEN + 1];
        assert_eq!(curve.multiply_base(&one, &mut out), Err(Refused));
    }
}

#[test]
fn a_point_beside_the_curve_is_refused() {
    for curve in Curve::ALL {
        let mut out = vec![0; curve.point_len()];
        let point = base_point(curve);
        for (place, bit) in [
            (0, 1),
            (0, 2),
            (1, 1),
            (curve.coordinate_len(), 1),
            (point.len() - 1, 1),
        ] {
            let mut beside = point.clone();
            beside[place] ^= bit;
            assert_eq!(curve.multiply(&one(curve), &beside, &mut out), Err(Refused));
            assert_eq!(
                curve.verify(&beside, &one(curve), &one(curve), &one(curve)),
                Err(Refused)
            );
        }
        let mut nothing = vec![0; curve.point_len()];
        assert_eq!(
            curve.multiply(&one(curve), &nothing, &mut out),
            Err(Refused)
        );
        nothing[0] = 4;
        assert_eq!(
            curve.multiply(&one(curve), &nothing, &mut out),
            Err(Refused)
        );
    }
}

#[test]
fn the_point_at_infinity_is_no_result() {
    for curve in Curve::ALL {
        let point = base_point(curve);
        let zero = vec![0; curve.coordinate_len()];
        let mut out = vec![0x55; curve.point_len()];
        assert_eq!(curve.multiply_base(&zero, &mut out), Err(Refused));
        assert_eq!(curve.multiply(&zero, &point, &mut out), Err(Refused));
        assert_eq!(curve.sum(&zero, &zero, &point, &mut out), Err(Refused));
        // G and its opposite, which has the same x.
        let mut opposite = point.clone();
        let less_one = minus_one(curve);
        curve.multiply(&less_one, &point, &mut opposite).unwrap();
        let x = 1..1 + curve.coordinate_len();
        assert_eq!(opposite[x.clone()], point[x]);
        assert_ne!(opposite, point);
        assert_eq!(
            curve.sum(&one(curve), &one(curve), &opposite, &mut out),
            Err(Refused)
        );
        assert_eq!(
            curve.sum(&one(curve), &less_one, &point, &mut out),
            Err(Refused)
        );
    }
}

/// The order of the base point, less one (SP 800-186, section 3.2.1).
fn minus_one(curve: Curve) -> Vec<u8> {
    let f = |count| "f".repeat(count);
    bytes(&match curve {
        Curve::P224 => f(28) + "16a2e0b8f03e13dd29455c5c2a3c",
        Curve::P256 => {
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550".to_owned()
        }
        Curve::P384 => f(48) + "c7634d81f4372ddf581a0db248b0a77aecec196accc52972",
        Curve::P521 => {
            "01".to_owned()
                + &f(64)
                + "fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386408"
        }
    })
}

#[test]
fn signature_numbers_out_of_range_are_refused() {
    for curve in Curve::ALL {
        let point = base_point(curve);
        let mut order = minus_one(curve);
        *order.last_mut().unwrap() += 1;
        let zero = vec![0; curve.coordinate_len()];
        // By the key 1, with the nonce 1, of the digest 0: r is the x of G, s the same modulo the order.
        let x = &point[1..1 + curve.coordinate_len()];
        assert_eq!(curve.verify(&point, &zero, x, x), Ok(()));
        for wrong in [&zero, &order, &vec![0xff; curve.coordinate_len()]] {
            assert_eq!(curve.verify(&point, &zero, wrong, x), Err(Refused));
            assert_eq!(curve.verify(&point, &zero, x, wrong), Err(Refused));
        }
        assert_eq!(curve.verify(&point, &one(curve), x, x), Err(Refused));
    }
}

#[test]
fn an_even_or_padded_modulus_is_refused() {
    let even = [0x80, 0, 0, 0, 0, 0, 0, 2];
    for wrong in [&[] as &[u8], &[0], &[1], &[2], &[0, 3], &even, &[0; 8]] {
        assert!(Modulus::new(wrong).is_err(), "{wrong:?}");
        assert!(Modulus::of_public_key(wrong).is_err(), "{wrong:?}");
    }
    assert!(Modulus::new(&[3]).is_ok());
}

#[test]
fn operands_are_as_long_as_the_modulus_and_below_it() {
    let modulus = Modulus::new(&[0x80, 0, 0, 0, 0, 0, 0, 3]).unwrap();
    let (base, mut out) = ([0x7f; 8], [0x55; 8]);
    assert_eq!(modulus.power(&base[..7], &[2], &mut out), Err(Refused));
    assert_eq!(modulus.power(&[1; 9], &[2], &mut out), Err(Refused));
    assert_eq!(modulus.power(&base, &[2], &mut out[..7]), Err(Refused));
    assert_eq!(
        modulus.power(&[0x80, 0, 0, 0, 0, 0, 0, 3], &[2], &mut out),
        Err(Refused)
    );
    assert_eq!(modulus.small_power(&[0xff; 8], 3, &mut out), Err(Refused));
    let mut other = [0; 7];
    let pair = |one, out: &mut [u8], other: &mut [u8]| {
        Power::both(
            [(one, out), (&base as &[u8], other)].map(|(base, out)| Power {
                modulus: &modulus,
                base,
                exponent: &[2],
                out,
            }),
        )
    };
    assert_eq!(pair(&[0xff; 8], &mut out, &mut [0; 8]), Err(Refused));
    assert_eq!(pair(&base, &mut out, &mut other), Err(Refused));
    assert_eq!(other, [0; 7]);
}

#[test]
fn every_power_modulo_a_small_number_is_right() {
    for n in (3..100_u8).step_by(2) {
        let modulus = Modulus::new(&[n]).unwrap();
        let public = Modulus::of_public_key(&[n]).unwrap();
        for base in 0..n {
            let mut expected = 1 % n;
            for exponent in 0..20 {
                let (mut power, mut small) = ([0], [0]);
                modulus.power(&[base], &[0, exponent], &mut power).unwrap();
                public
                    .small_power(&[base], exponent.into(), &mut small)
                    .unwrap();
                assert_eq!(
                    ([expected], [expected]),
                    (power, small),
                    "{base}^{exponent} mod {n}"
                );
                expected = (u16::from(expected) * u16::from(base) % u16::from(n)) as u8;
            }
        }
    }
}
