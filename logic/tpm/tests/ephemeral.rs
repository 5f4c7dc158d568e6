//! Commit, EC_Ephemeral, ZGen_2Phase, ECC_Encrypt and ECC_Decrypt, seen from the other side: the equations that the
//! protocols rest on, worked out here with keys that the test knows.
#![cfg(feature = "full")]

mod common;
mod object_common;
mod state_common;

use common::{Command, Machine, Reader, crypto, rc, rh};
use ironroot_crypto::tpm::ec::exchange::{Agreement, agree};
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use object_common::{ECDH, ECDSA, NULL, SHA256, Template, attr, bad, load_external, primary};
use object_common::{sensitive, sized, words};
use state_common::open;

const COMMIT: u32 = 0x18b;
const EC_EPHEMERAL: u32 = 0x18e;
const Z_GEN: u32 = 0x18d;
const ECDAA: u16 = 0x1a;
const ECMQV: u16 = 0x1d;
const KDF2: u16 = 0x21;
const P256: u16 = 3;

/// A `TPM2B_ECC_POINT`.
fn point(point: &EcPoint) -> Vec<u8> {
    sized(&[sized(point.x()), sized(point.y())].concat())
}

/// Reads one; `None`: it is empty.
fn read_point(reader: &mut Reader<'_>) -> Option<EcPoint> {
    let bytes = reader.sized();
    let mut inner = Reader(bytes);
    let (x, y) = (inner.sized(), inner.sized());
    inner.end();
    (!x.is_empty()).then(|| EcPoint::new(Curve::P256, x, y).unwrap())
}

fn scalar(seed: u8) -> EcScalar {
    EcScalar::reduced(Curve::P256, &crypto::sha256(&[&[seed]])).unwrap()
}

fn private(seed: u8) -> Vec<u8> {
    scalar(seed).expose(|bytes| bytes.to_vec())
}

/// A key that signs with ECDAA, or exchanges, whose private number the test knows.
fn key(machine: &mut Machine, seed: u8, attributes: u32, scheme: &[u16]) -> (u32, EcScalar) {
    let own = scalar(seed);
    let public = own.public().unwrap();
    let template = Template {
        kind: 0x23,
        name_alg: SHA256,
        attributes: attr::USER | attr::NO_DA | attributes,
        policy: Vec::new(),
        parameters: words(&[&[NULL][..], scheme, &[P256, NULL]].concat()),
        unique: [sized(public.x()), sized(public.y())].concat(),
    };
    let secret = sensitive(0x23, b"", b"", &private(seed));
    let handle = load_external(machine, &secret, &template.bytes(), rh::NULL).unwrap();
    (handle, own)
}

fn anonymous(machine: &mut Machine) -> (u32, EcScalar) {
    key(machine, 1, attr::SIGN, &[ECDAA, SHA256, 0])
}

fn exchanging(machine: &mut Machine) -> (u32, EcScalar) {
    key(machine, 2, attr::DECRYPT, &[NULL])
}

fn commit(key: u32, p1: &[u8], s2: &[u8], y2: &[u8]) -> Command {
    Command::new(COMMIT).handle(key).raw(p1).sized(s2).sized(y2)
}

/// No point.
const NONE: [u8; 6] = [0, 4, 0, 0, 0, 0];
/// SHA-256 of it is the x-coordinate of a point of P-256; the other coordinate was worked out by Python.
const BASENAME: &[u8] = b"basename 0";
const BASENAME_Y: &str = "1cb9c2e77b64af67cf65e875766830023465fe85e3ffd5116442acf946ab79c5";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

struct Committed {
    k: Option<EcPoint>,
    l: Option<EcPoint>,
    e: Option<EcPoint>,
    count: u16,
}

fn committed(machine: &mut Machine, command: &Command) -> Committed {
    let reply = machine.send(command, &mut open()).unwrap();
    let mut reader = reply.reader();
    let made = Committed {
        k: read_point(&mut reader),
        l: read_point(&mut reader),
        e: read_point(&mut reader),
        count: reader.u16(),
    };
    reader.end();
    made
}

fn sign(key: u32, count: u16, digest: &[u8]) -> Command {
    Command::new(0x15d)
        .handle(key)
        .sized(digest)
        .raw(&words(&[ECDAA, SHA256, count]))
        .raw(&[0x80, 0x24, 0x40, 0, 0, 7, 0, 0])
}

/// Nonce and s.
fn signature(machine: &mut Machine, command: &Command) -> (Vec<u8>, EcScalar) {
    let reply = machine.send(command, &mut open()).unwrap();
    let mut reader = reply.reader();
    assert_eq!((reader.u16(), reader.u16()), (ECDAA, SHA256));
    let nonce = reader.sized().to_vec();
    let s = EcScalar::new(Curve::P256, reader.sized()).unwrap();
    reader.end();
    (nonce, s)
}

/// H(nonce ‖ digest) as a number.
fn challenge(nonce: &[u8], digest: &[u8]) -> EcScalar {
    EcScalar::reduced(Curve::P256, &crypto::sha256(&[nonce, digest])).unwrap()
}

#[test]
fn a_signature_opens_its_commitment_and_fits_the_key() {
    let mut machine = Machine::new();
    let (handle, own) = anonymous(&mut machine);
    // Without a point, E = [r]G; then [s]G = E + [T]Q.
    let made = committed(&mut machine, &commit(handle, &NONE, b"", b""));
    assert!(made.k.is_none() && made.l.is_none());
    let digest = crypto::sha256(&[b"message"]);
    let (nonce, s) = signature(&mut machine, &sign(handle, made.count, &digest));
    let t = challenge(&nonce, &digest);
    let right = t.multiply(&own.public().unwrap()).unwrap();
    assert!(s.public().unwrap() == made.e.unwrap().add(&right).unwrap());
    // A commitment is used once.
    assert_eq!(
        machine
            .send(&sign(handle, made.count, &digest), &mut open())
            .unwrap_err()
            & 0xff,
        rc::VALUE
    );
}

#[test]
fn the_basename_gives_two_points_and_a_signature_ties_them() {
    let mut machine = Machine::new();
    let (handle, own) = anonymous(&mut machine);
    let p1 = scalar(9).public().unwrap();
    let y2 = hex(BASENAME_Y);
    let p2 = EcPoint::new(Curve::P256, &crypto::sha256(&[BASENAME]), &y2).unwrap();
    let made = committed(&mut machine, &commit(handle, &point(&p1), BASENAME, &y2));
    let (k, l, e) = (made.k.unwrap(), made.l.unwrap(), made.e.unwrap());
    assert!(k == own.multiply(&p2).unwrap());
    let digest = crypto::sha256(&[b"message"]);
    let (nonce, s) = signature(&mut machine, &sign(handle, made.count, &digest));
    let t = challenge(&nonce, &digest);
    assert!(s.multiply(&p2).unwrap() == l.add(&t.multiply(&k).unwrap()).unwrap());
    // E is [r]P1 with the same r: P1 = [x]G, so [x]([s]G - [T]Q) = E.
    let r = s.public().unwrap().add(
        &t.multiply(&own.public().unwrap())
            .unwrap()
            .negate()
            .unwrap(),
    );
    assert!(scalar(9).multiply(&r.unwrap()).unwrap() == e);
    // Without a first point there is no E.
    let made = committed(&mut machine, &commit(handle, &NONE, BASENAME, &y2));
    assert!(made.k.is_some() && made.e.is_none());
}

#[test]
fn commit_refuses_what_is_no_point_and_keys_that_do_not_sign_so() {
    let mut machine = Machine::new();
    let (handle, _) = anonymous(&mut machine);
    let (exchanging, _) = exchanging(&mut machine);
    let (plain, _) = key(&mut machine, 3, attr::SIGN, &[ECDSA, SHA256]);
    let hmac = primary(&mut machine, &Template::hmac()).handle;
    let p1 = scalar(9).public().unwrap();
    let mut off = point(&p1);
    off[9] ^= 1;
    let y2 = hex(BASENAME_Y);
    for (command, code) in [
        (
            commit(handle, &off, b"", b""),
            rc::parameter(bad::ECC_POINT, 1),
        ),
        (
            commit(handle, &NONE, b"basename 1", &y2),
            rc::parameter(bad::ECC_POINT, 2),
        ),
        (
            commit(handle, &NONE, BASENAME, b""),
            rc::parameter(rc::SIZE, 3),
        ),
        (commit(handle, &NONE, b"", &y2), rc::parameter(rc::SIZE, 3)),
        (
            commit(handle, &[0, 0], b"", b""),
            rc::parameter(rc::SIZE, 1),
        ),
        (commit(handle, &NONE, b"", b"").u8(0), rc::SIZE),
        (
            commit(exchanging, &NONE, b"", b""),
            rc::handle(bad::SCHEME, 1),
        ),
        (commit(plain, &NONE, b"", b""), rc::handle(bad::SCHEME, 1)),
        (commit(hmac, &NONE, b"", b""), rc::handle(bad::KEY, 1)),
    ] {
        assert_eq!(machine.send(&command, &mut open()).unwrap_err(), code);
    }
    // None of them opened a commitment.
    let made = committed(&mut machine, &commit(handle, &NONE, b"", b""));
    assert_eq!(made.count, 0);
}

#[test]
fn the_last_128_commitments_are_open() {
    let mut machine = Machine::new();
    let (handle, _) = anonymous(&mut machine);
    let digest = crypto::sha256(&[b"message"]);
    for number in 0..130 {
        let command = Command::new(EC_EPHEMERAL).u16(P256);
        let reply = machine.send(&command, &mut []).unwrap();
        let mut reader = reply.reader();
        read_point(&mut reader).unwrap();
        assert_eq!(reader.u16(), number);
    }
    let mut may = |count: u16| {
        machine
            .send(&sign(handle, count, &digest), &mut open())
            .is_ok()
    };
    assert!(!may(0) && !may(1) && may(2) && !may(2) && may(129) && !may(130) && !may(128 + 256));
    // A reset closes all, and makes the numbers anew; a resume keeps them.
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    let (handle, _) = anonymous(&mut machine);
    let mut may = |count: u16| {
        machine
            .send(&sign(handle, count, &digest), &mut open())
            .is_ok()
    };
    assert!(may(3) && !may(3));
    machine.reset();
    let (handle, _) = anonymous(&mut machine);
    assert!(
        machine
            .send(&sign(handle, 4, &digest), &mut open())
            .is_err()
    );
}

fn ephemeral(machine: &mut Machine) -> (EcPoint, u16) {
    let reply = machine
        .send(&Command::new(EC_EPHEMERAL).u16(P256), &mut [])
        .unwrap();
    let mut reader = reply.reader();
    let made = (read_point(&mut reader).unwrap(), reader.u16());
    reader.end();
    made
}

fn z_gen(key: u32, theirs: [&EcPoint; 2], scheme: u16, count: u16) -> Command {
    Command::new(Z_GEN)
        .handle(key)
        .raw(&point(theirs[0]))
        .raw(&point(theirs[1]))
        .u16(scheme)
        .u16(count)
}

#[test]
fn both_sides_of_a_two_phase_exchange_come_to_the_same_points() {
    let mut machine = Machine::new();
    let (handle, own) = exchanging(&mut machine);
    let (their_static, their_ephemeral) = (scalar(20), scalar(21));
    let theirs = [
        &their_static.public().unwrap(),
        &their_ephemeral.public().unwrap(),
    ];
    let (public, count) = ephemeral(&mut machine);
    let command = z_gen(handle, theirs, ECDH, count);
    let reply = machine.send(&command, &mut open()).unwrap();
    let mut reader = reply.reader();
    let own_public = own.public().unwrap();
    assert!(read_point(&mut reader).unwrap() == their_static.multiply(&own_public).unwrap());
    assert!(read_point(&mut reader).unwrap() == their_ephemeral.multiply(&public).unwrap());
    reader.end();
    assert_eq!(
        machine.send(&command, &mut open()).unwrap_err(),
        rc::parameter(rc::VALUE, 4)
    );
    let (public, count) = ephemeral(&mut machine);
    let reply = machine
        .send(&z_gen(handle, theirs, ECMQV, count), &mut open())
        .unwrap();
    let mut reader = reply.reader();
    let (them, us) = ((&their_static, &their_ephemeral), (&own_public, &public));
    let expected = agree(Agreement::Mqv, them, us).unwrap();
    assert!(read_point(&mut reader).unwrap() == expected);
    assert!(read_point(&mut reader).is_none());
}

#[test]
fn a_two_phase_exchange_refuses_what_does_not_fit_and_keeps_the_number_open() {
    let mut machine = Machine::new();
    let (handle, _) = exchanging(&mut machine);
    let (fixed, _) = key(&mut machine, 5, attr::DECRYPT, &[ECDH, SHA256]);
    let (signing, _) = key(&mut machine, 6, attr::SIGN, &[NULL]);
    let theirs = scalar(20).public().unwrap();
    let good = [&theirs, &theirs];
    let (_, count) = ephemeral(&mut machine);
    let mut off_static = z_gen(handle, good, ECDH, count);
    off_static.params[9] ^= 1;
    let mut off_ephemeral = z_gen(handle, good, ECDH, count);
    off_ephemeral.params[70 + 9] ^= 1;
    for (command, code) in [
        (off_static, rc::parameter(bad::ECC_POINT, 1)),
        (off_ephemeral, rc::parameter(bad::ECC_POINT, 2)),
        (
            z_gen(handle, good, NULL, count),
            rc::parameter(bad::SCHEME, 3),
        ),
        (
            z_gen(handle, good, ECDSA, count),
            rc::parameter(bad::SCHEME, 3),
        ),
        (
            z_gen(fixed, good, ECMQV, count),
            rc::parameter(bad::SCHEME, 3),
        ),
        (
            z_gen(handle, good, ECDH, count + 1),
            rc::parameter(rc::VALUE, 4),
        ),
        (
            z_gen(signing, good, ECDH, count),
            rc::handle(rc::ATTRIBUTES, 1),
        ),
        (z_gen(handle, good, ECDH, count).u8(0), rc::SIZE),
    ] {
        assert_eq!(machine.send(&command, &mut open()).unwrap_err(), code);
    }
    machine
        .send(&z_gen(fixed, good, ECDH, count), &mut open())
        .unwrap();
    let unknown = Command::new(EC_EPHEMERAL).u16(0x99);
    assert_eq!(
        machine.send(&unknown, &mut []).unwrap_err(),
        rc::parameter(bad::CURVE, 1)
    );
}

fn encrypt(key: u32, message: &[u8], scheme: &[u16]) -> Command {
    Command::new(0x199)
        .handle(key)
        .sized(message)
        .raw(&words(scheme))
}

fn decrypt(key: u32, c1: &EcPoint, c2: &[u8], c3: &[u8], scheme: &[u16]) -> Command {
    Command::new(0x19a)
        .handle(key)
        .raw(&point(c1))
        .sized(c2)
        .sized(c3)
        .raw(&words(scheme))
}

/// KDF2 with SHA-256 (ISO 18033-2): H(z ‖ 1) ‖ H(z ‖ 2) …, over the data.
fn masked(shared: &EcPoint, data: &[u8]) -> Vec<u8> {
    let mut mask = Vec::new();
    for counter in 1u32.. {
        if mask.len() >= data.len() {
            break;
        }
        mask.extend(crypto::sha256(&[
            shared.x(),
            shared.y(),
            &counter.to_be_bytes(),
        ]));
    }
    data.iter()
        .zip(mask)
        .map(|(byte, mask)| byte ^ mask)
        .collect()
}

#[test]
fn what_is_encrypted_to_a_point_is_what_its_key_decrypts() {
    let mut machine = Machine::new();
    let (handle, own) = exchanging(&mut machine);
    let scheme = [KDF2, SHA256];
    for len in [0, 1, 31, 32, 33, 500] {
        let message: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
        // Without any authorisation: it is public.
        let reply = machine
            .send(&encrypt(handle, &message, &scheme), &mut [])
            .unwrap();
        let mut reader = reply.reader();
        let c1 = read_point(&mut reader).unwrap();
        let (c2, c3) = (reader.sized(), reader.sized());
        reader.end();
        let shared = own.multiply(&c1).unwrap();
        assert_eq!(masked(&shared, c2), message);
        assert_eq!(c3, crypto::sha256(&[shared.x(), &message, shared.y()]));
        let command = decrypt(handle, &c1, c2, c3, &scheme);
        let reply = machine.send(&command, &mut open()).unwrap();
        assert_eq!(reply.reader().sized(), message);
    }
    // What the test encrypts itself.
    let ephemeral = scalar(40);
    let shared = ephemeral.multiply(&own.public().unwrap()).unwrap();
    let (c1, c2) = (
        ephemeral.public().unwrap(),
        masked(&shared, b"from outside"),
    );
    let c3 = crypto::sha256(&[shared.x(), b"from outside", shared.y()]);
    let reply = machine
        .send(&decrypt(handle, &c1, &c2, &c3, &scheme), &mut open())
        .unwrap();
    assert_eq!(reply.reader().sized(), b"from outside");
}

#[test]
fn decryption_refuses_what_was_changed_and_keys_that_do_not_decrypt() {
    let mut machine = Machine::new();
    let (handle, own) = exchanging(&mut machine);
    let (signing, _) = key(&mut machine, 6, attr::SIGN, &[NULL]);
    let storage = primary(&mut machine, &Template::storage()).handle;
    let hmac = primary(&mut machine, &Template::hmac()).handle;
    let scheme = [KDF2, SHA256];
    let ephemeral = scalar(40);
    let shared = ephemeral.multiply(&own.public().unwrap()).unwrap();
    let (c1, c2) = (ephemeral.public().unwrap(), masked(&shared, b"message"));
    let c3 = crypto::sha256(&[shared.x(), b"message", shared.y()]);
    let other = scalar(41).public().unwrap();
    let mut wrong = c2.clone();
    wrong[0] ^= 1;
    let mut off = decrypt(handle, &c1, &c2, &c3, &scheme);
    off.params[9] ^= 1;
    let untrue = rc::parameter(rc::VALUE, 3);
    for (command, code) in [
        (decrypt(handle, &c1, &wrong, &c3, &scheme), untrue),
        (decrypt(handle, &other, &c2, &c3, &scheme), untrue),
        (decrypt(handle, &c1, &c2, &c3[..31], &scheme), untrue),
        (decrypt(handle, &c1, &c2, b"", &scheme), untrue),
        (off, rc::parameter(bad::ECC_POINT, 1)),
        (
            decrypt(handle, &c1, &c2, &c3, &[NULL]),
            rc::parameter(bad::SCHEME, 4),
        ),
        (
            decrypt(handle, &c1, &c2, &c3, &[0x20, SHA256]),
            rc::parameter(bad::SCHEME, 4),
        ),
        (
            decrypt(signing, &c1, &c2, &c3, &scheme),
            rc::handle(rc::ATTRIBUTES, 1),
        ),
        (
            decrypt(storage, &c1, &c2, &c3, &scheme),
            rc::handle(rc::ATTRIBUTES, 1),
        ),
        (
            decrypt(hmac, &c1, &c2, &c3, &scheme),
            rc::handle(bad::KEY, 1),
        ),
    ] {
        assert_eq!(machine.send(&command, &mut open()).unwrap_err(), code);
    }
    for (command, code) in [
        (
            encrypt(handle, b"x", &[NULL]),
            rc::parameter(bad::SCHEME, 2),
        ),
        (
            encrypt(handle, b"x", &[0x22, SHA256]),
            rc::parameter(bad::SCHEME, 2),
        ),
        (encrypt(hmac, b"x", &scheme), rc::handle(bad::KEY, 1)),
        (
            encrypt(handle, &[0; 1025], &scheme),
            rc::parameter(rc::SIZE, 1),
        ),
    ] {
        assert_eq!(machine.send(&command, &mut []).unwrap_err(), code);
    }
}
