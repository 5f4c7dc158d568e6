//! The test kit itself: what it is built from gives the values of the standards.

mod common;

use common::crypto::{self, Hash};
use common::{Command, Machine, cc};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

// RFC 4231, test case 2.
#[test]
fn the_clients_hmac_is_that_of_the_standard() {
    let wanted = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_eq!(
        crypto::hmac(
            Hash::Sha256,
            b"Jefe",
            &[b"what do ya want ", b"for nothing?"]
        ),
        wanted
    );
}

// SP 800-38A, F.3.13 (CFB128-AES128).
#[test]
fn the_clients_cfb_is_that_of_the_standard() {
    let key = hex("2b7e151628aed2a6abf7158809cf4f3c");
    let iv = hex("000102030405060708090a0b0c0d0e0f");
    let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    let mut data = plain.clone();
    crypto::aes_cfb(&key, &iv, &mut data, true);
    assert_eq!(
        data,
        hex("3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b")
    );
    crypto::aes_cfb(&key, &iv, &mut data, false);
    assert_eq!(data, plain);
}

#[test]
fn a_command_without_sessions_is_answered() {
    let mut machine = Machine::new();
    let reply = machine
        .send(&Command::new(cc::GET_RANDOM).u16(16), &mut [])
        .unwrap();
    assert_eq!(reply.reader().sized().len(), 16);
}
