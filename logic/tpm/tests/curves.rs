//! ECDH_KeyGen, ECDH_ZGen, ECC_Parameters, TestParms: keys that the test knows, and the standards' numbers.
#![cfg(feature = "full")]

mod common;
mod object_common;
mod state_common;

use common::{Command, Machine, Reader, crypto, rc, rh};
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use object_common::{ECDSA, NULL, SHA256, Template, attr, bad, load_external, primary};
use object_common::{sensitive, sized, words};
use state_common::open;

const KEY_GEN: u32 = 0x163;
const Z_GEN: u32 = 0x154;
const PARAMETERS: u32 = 0x178;
const TEST: u32 = 0x18a;

fn read_point(curve: Curve, bytes: &[u8]) -> EcPoint {
    let mut reader = Reader(bytes);
    let (x, y) = (reader.sized(), reader.sized());
    reader.end();
    EcPoint::new(curve, x, y).unwrap()
}

fn point(point: &EcPoint) -> Vec<u8> {
    sized(&[sized(point.x()), sized(point.y())].concat())
}

/// A key that exchanges.
fn key(machine: &mut Machine, number: u16, curve: Curve) -> (u32, EcScalar) {
    let own = EcScalar::reduced(curve, &crypto::sha256(&[b"own"])).unwrap();
    let public = own.public().unwrap();
    let template = Template {
        kind: 0x23,
        name_alg: SHA256,
        attributes: attr::USER | attr::NO_DA | attr::DECRYPT,
        policy: Vec::new(),
        parameters: words(&[NULL, NULL, number, NULL]),
        unique: [sized(public.x()), sized(public.y())].concat(),
    };
    let secret = own.expose(|bytes| sensitive(0x23, b"", b"", bytes));
    let handle = load_external(machine, &secret, &template.bytes(), rh::NULL).unwrap();
    (handle, own)
}

#[test]
fn both_sides_of_an_exchange_come_to_the_same_point() {
    let mut machine = Machine::new();
    for (number, curve) in [(3, Curve::P256), (4, Curve::P384), (5, Curve::P521)] {
        let (handle, own) = key(&mut machine, number, curve);
        let reply = machine
            .send(&Command::new(KEY_GEN).handle(handle), &mut [])
            .unwrap();
        let mut reader = reply.reader();
        let shared = read_point(curve, reader.sized());
        let ephemeral = read_point(curve, reader.sized());
        reader.end();
        assert!(own.multiply(&ephemeral).unwrap() == shared);
        let command = Command::new(Z_GEN).handle(handle).raw(&point(&ephemeral));
        let reply = machine.send(&command, &mut open()).unwrap();
        let mut reader = reply.reader();
        assert!(read_point(curve, reader.sized()) == shared);
        reader.end();
        let mut off = command;
        off.params[10] ^= 1;
        assert_eq!(
            machine.send(&off, &mut open()).unwrap_err(),
            rc::parameter(bad::ECC_POINT, 1)
        );
    }
    let generator = EcPoint::generator(Curve::P256).unwrap();
    let z_gen = |key: u32| Command::new(Z_GEN).handle(key).raw(&point(&generator));
    let signing = primary(&mut machine, &Template::signing(3)).handle;
    let storage = primary(&mut machine, &Template::storage()).handle;
    let hmac = primary(&mut machine, &Template::hmac()).handle;
    for (key, code) in [
        (signing, rc::ATTRIBUTES),
        (storage, rc::ATTRIBUTES),
        (hmac, bad::KEY),
    ] {
        assert_eq!(
            machine.send(&z_gen(key), &mut open()).unwrap_err(),
            rc::handle(code, 1)
        );
    }
    assert_eq!(
        machine
            .send(&Command::new(KEY_GEN).handle(hmac), &mut [])
            .unwrap_err(),
        rc::handle(bad::KEY, 1)
    );
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn parameters_of_p_256_are_those_of_the_standard() {
    let mut machine = Machine::new();
    let reply = machine
        .send(&Command::new(PARAMETERS).u16(3), &mut [])
        .unwrap();
    let mut reader = reply.reader();
    assert_eq!((reader.u16(), reader.u16()), (3, 256));
    // SP 800-56A with SHA-256 for keys; any scheme for signatures.
    assert_eq!(
        (reader.u16(), reader.u16(), reader.u16()),
        (0x20, SHA256, NULL)
    );
    // SP 800-186, section 3.2.1.3.
    for number in [
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
        "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        "01",
    ] {
        assert_eq!(reader.sized(), hex(number));
    }
    reader.end();
    for (number, curve) in [(4, Curve::P384), (5, Curve::P521)] {
        let reply = machine
            .send(&Command::new(PARAMETERS).u16(number), &mut [])
            .unwrap();
        let mut reader = reply.reader();
        assert_eq!(
            (reader.u16(), usize::from(reader.u16())),
            (number, curve.bits())
        );
        reader.take(6);
        let numbers: Vec<_> = (0..7).map(|_| reader.sized()).collect();
        assert!(EcPoint::new(curve, numbers[3], numbers[4]).is_ok());
    }
    for number in [0u16, 1, 6, 0x99] {
        assert_eq!(
            machine
                .send(&Command::new(PARAMETERS).u16(number), &mut [])
                .unwrap_err(),
            rc::parameter(bad::CURVE, 1)
        );
    }
}

#[test]
fn parameters_are_tested_each_with_a_code_of_its_own() {
    let mut machine = Machine::new();
    let test = |list: &[u16]| Command::new(TEST).raw(&words(list));
    for good in [
        &[1, NULL, NULL, 2048, 0, 0][..],
        &[0x23, NULL, NULL, 3, NULL],
        &[0x23, NULL, ECDSA, SHA256, 4, NULL],
        &[0x25, 6, 128, 0x43],
        &[8, 5, SHA256],
        &[8, NULL],
    ] {
        machine.send(&test(good), &mut []).unwrap();
    }
    for (list, code) in [
        (&[0x99][..], bad::TYPE),
        (&[1, NULL, NULL, 2047, 0, 0], rc::VALUE),
        (&[0x23, NULL, NULL, 0x99, NULL], bad::CURVE),
        (&[0x23, NULL, 0x99, 3, NULL], bad::SCHEME),
        (&[0x25, 0x99, 128, 0x43], rc::SYMMETRIC),
        (&[0x25, 6, 128, 0x99], rc::MODE),
        (&[8, 0x99], rc::VALUE),
        (&[8, 5, 0x99], rc::HASH),
        (&[8], rc::INSUFFICIENT),
    ] {
        assert_eq!(
            machine.send(&test(list), &mut []).unwrap_err(),
            rc::parameter(code, 1),
            "{list:x?}"
        );
    }
    assert_eq!(
        machine.send(&test(&[8, NULL, 0]), &mut []).unwrap_err(),
        rc::SIZE
    );
}
