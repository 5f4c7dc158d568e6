//! Any bytes as an HSS/LMS key and signature: no panic, and nothing but the two good signatures verifies.
//!
//! The first byte chooses a good signature (RFC 8554, appendix F) to alter, or none. To alter: pairs of a place
//! (2 bytes) and a value. None: 60 bytes of key, then the signature.

#![no_main]

use ironroot_crypto::lms::{HSS_PUBLIC_KEY_LEN, HssPublicKey};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

struct Case {
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let text = include_str!("../../logic/crypto/testdata/lms_rfc8554.txt");
    let all = |name: &str| -> Vec<Vec<u8>> {
        let lines = text.lines().filter_map(|line| line.split_once(" = "));
        lines
            .filter(|(found, _)| *found == name)
            .map(|(_, hex)| unhex(hex))
            .collect()
    };
    let (keys, messages, signatures) = (all("public"), all("message"), all("signature"));
    let cases = keys.into_iter().zip(messages).zip(signatures);
    cases
        .map(|((key, message), signature)| Case {
            key,
            message,
            signature,
        })
        .collect()
});

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap() as u8;
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| digit(&pair[0]) << 4 | digit(&pair[1]))
        .collect()
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else {
        return;
    };
    let Some(case) = CASES.get(usize::from(*choice)) else {
        let Some((key, signature)) = rest.split_at_checked(HSS_PUBLIC_KEY_LEN) else {
            return;
        };
        let Ok(key) = HssPublicKey::from_bytes(key) else {
            return;
        };
        let _ = key.verify(b"message", signature);
        return;
    };
    let key = HssPublicKey::from_bytes(&case.key).unwrap();
    let mut signature = case.signature.clone();
    for change in rest.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
        if let Some(byte) = signature.get_mut(place) {
            *byte = change[2];
        }
    }
    if rest.len() % 3 == 1 {
        signature.truncate(usize::from(rest[rest.len() - 1]) * 16);
    }
    let same = signature == case.signature;
    assert_eq!(key.verify(&case.message, &signature).is_ok(), same);
});
