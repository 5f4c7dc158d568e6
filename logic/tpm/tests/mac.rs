//! MAC and MAC_Start with keys of ciphers: CMAC, against the vectors of RFC 4493.
#![cfg(feature = "full")]

mod common;
mod object_common;
mod state_common;

use common::{Command, Machine, alg, crypto, rc, rh};
use object_common::{CFB, NULL, SHA256, Template, attr, bad, load_external, primary};
use object_common::{sensitive, sized, words};
use state_common::open;

const CMAC: u16 = 0x3f;
const AES: u16 = 6;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn message() -> Vec<u8> {
    hex(
        "6bc1bee2 2e409f96 e93d7e11 7393172a ae2d8a57 1e03ac9c 9eb76fac 45af8e51
         30c81c46 a35ce411 e5fbc119 1a0a52ef f69f2445 df4f9b17 ad2b417b e66c3710",
    )
}

/// RFC 4493, section 4: length of the message and its MAC.
const VECTORS: [(usize, &str); 4] = [
    (0, "bb1d6929 e9593728 7fa37d12 9b756746"),
    (16, "070a16b4 6b4d4144 f79bdd9d d04a287c"),
    (40, "dfa66747 de9ae630 30ca3261 1497c827"),
    (64, "51f0bebf 7e3b9d92 fc497417 79363cfe"),
];

/// The RFC's key, in this mode.
fn key(machine: &mut Machine, mode: u16, attributes: u32) -> u32 {
    let (own, seed) = (hex("2b7e1516 28aed2a6 abf71588 09cf4f3c"), [5; 32]);
    let template = Template {
        kind: 0x25,
        name_alg: SHA256,
        attributes: attr::USER | attr::NO_DA | attributes,
        policy: Vec::new(),
        parameters: words(&[AES, 128, mode]),
        unique: sized(&crypto::sha256(&[&seed, &own])),
    };
    let secret = sensitive(0x25, b"", &seed, &own);
    load_external(machine, &secret, &template.bytes(), rh::NULL).unwrap()
}

fn mac(key: u32, data: &[u8], scheme: u16) -> Command {
    Command::new(0x155).handle(key).sized(data).u16(scheme)
}

#[test]
fn rfc_4493_at_once_and_in_pieces() {
    let mut machine = Machine::new();
    let message = message();
    for (mode, scheme) in [(CMAC, NULL), (CMAC, CMAC), (NULL, CMAC)] {
        let key = key(&mut machine, mode, attr::SIGN);
        for (len, expected) in VECTORS {
            let expected = hex(expected);
            let reply = machine
                .send(&mac(key, &message[..len], scheme), &mut open())
                .unwrap();
            assert_eq!(reply.reader().sized(), expected);
            let start = Command::new(0x15b).handle(key).sized(b"").u16(scheme);
            let mut sequence = machine.send(&start, &mut open()).unwrap().handle;
            for (number, piece) in message[..len].chunks(7).enumerate() {
                let update = Command::new(0x15c).named(sequence, b"").sized(piece);
                machine.send(&update, &mut open()).unwrap();
                // Saved and loaded in between.
                if number == 2 {
                    let save = Command::new(0x162).handle(sequence);
                    let context = machine.send(&save, &mut []).unwrap().params;
                    machine.flush(sequence).ok();
                    let load = Command::new(0x161).raw(&context);
                    sequence = machine.send(&load, &mut []).unwrap().handle;
                }
            }
            let complete = Command::new(0x13e)
                .named(sequence, b"")
                .sized(b"")
                .u32(rh::OWNER);
            let reply = machine.send(&complete, &mut open()).unwrap();
            let mut reader = reply.reader();
            assert_eq!(reader.sized(), expected);
            // No ticket: nothing was hashed.
            assert_eq!(reader.take(8), [0x80, 0x24, 0x40, 0, 0, 7, 0, 0]);
            reader.end();
        }
        machine.flush(key).unwrap();
    }
}

#[test]
fn a_key_that_makes_no_macs_makes_none() {
    let mut machine = Machine::new();
    let encrypting = key(&mut machine, CFB, attr::SIGN | attr::DECRYPT);
    let (open_mode, decrypting) = (
        key(&mut machine, NULL, attr::SIGN),
        key(&mut machine, NULL, attr::DECRYPT),
    );
    let fixed = key(&mut machine, CMAC, attr::SIGN);
    let hmac = primary(&mut machine, &Template::hmac()).handle;
    let curve = primary(&mut machine, &Template::signing(3)).handle;
    for (key, scheme, code) in [
        (encrypting, CMAC, rc::parameter(rc::VALUE, 2)),
        (encrypting, NULL, rc::parameter(bad::SCHEME, 2)),
        (open_mode, NULL, rc::parameter(rc::VALUE, 2)),
        (open_mode, alg::SHA256, rc::parameter(bad::SCHEME, 2)),
        (fixed, alg::SHA256, rc::parameter(rc::VALUE, 2)),
        (hmac, CMAC, rc::parameter(rc::VALUE, 2)),
        (decrypting, CMAC, rc::handle(bad::KEY, 1)),
        (curve, CMAC, rc::handle(bad::TYPE, 1)),
        (fixed, 0x99, rc::parameter(rc::SYMMETRIC, 2)),
        (fixed, 5, rc::parameter(rc::SYMMETRIC, 2)),
    ] {
        let start = Command::new(0x15b).handle(key).sized(b"").u16(scheme);
        for command in [mac(key, b"data", scheme), start] {
            assert_eq!(machine.send(&command, &mut open()).unwrap_err(), code);
        }
    }
}
