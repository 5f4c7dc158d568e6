//! HSS/LMS against RFC 8554 and another implementation's signatures, and what a lax verifier takes.

mod common;

use common::{Record, vectors};
use ironroot_crypto::CryptoError;
use ironroot_crypto::lms::{
    HSS_PUBLIC_KEY_LEN, HssPublicKey, LMS_PUBLIC_KEY_LEN, OtsType, SignatureSource, TreeType,
};
use std::cell::Cell;

struct Case {
    key: HssPublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

fn case(record: &Record) -> Case {
    Case {
        key: HssPublicKey::from_bytes(&record.bytes("public")).unwrap(),
        message: record.bytes("message"),
        signature: record.bytes("signature"),
    }
}

/// A short one: H5, W4.
fn small() -> Case {
    let all = vectors("lms_pyhsslms.txt");
    let found = all.iter().find(|r| r.text("name").starts_with("h5/w4"));
    case(found.unwrap())
}

/// RFC 8554's first: two levels of H5, W8.
fn two_levels() -> Case {
    case(&vectors("lms_rfc8554.txt")[0])
}

const REFUSED: Result<(), CryptoError> = Err(CryptoError::Verification);

#[test]
fn signatures_of_rfc_8554_verify() {
    let all = vectors("lms_rfc8554.txt");
    assert_eq!(all.len(), 2);
    for record in all {
        let Case {
            key,
            message,
            signature,
        } = case(&record);
        assert_eq!(key.levels(), 2);
        assert_eq!(key.verify(&message, &signature), Ok(()));
        assert_eq!(key.to_bytes().as_slice(), record.bytes("public"));
    }
}

#[test]
fn signatures_of_another_implementation_verify_for_every_width_height_and_number_of_levels() {
    let mut seen = Vec::new();
    for record in vectors("lms_pyhsslms.txt") {
        let Case {
            key,
            message,
            signature,
        } = case(&record);
        assert_eq!(
            key.verify(&message, &signature),
            Ok(()),
            "{}",
            record.text("name")
        );
        let other = [&message[..], b"x"].concat();
        assert_eq!(key.verify(&other, &signature), REFUSED);
        seen.push((key.levels(), key.top().tree(), key.top().ots()));
    }
    for tree in TreeType::ALL {
        assert!(seen.iter().any(|(_, found, _)| *found == tree), "{tree:?}");
    }
    for ots in OtsType::ALL {
        assert!(seen.iter().any(|(_, _, found)| *found == ots), "{ots:?}");
    }
    for levels in [1, 3, 8] {
        assert!(seen.iter().any(|(found, ..)| *found == levels));
    }
}

#[test]
fn the_message_may_come_in_any_pieces() {
    let Case {
        key,
        message,
        signature,
    } = two_levels();
    for size in [1, 7, 64, 1000] {
        let source = signature.as_slice();
        let mut verification = key.start(&source).unwrap();
        for piece in message.chunks(size) {
            verification.update(piece);
        }
        assert_eq!(verification.finish(), Ok(()));
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_signature_is_refused() {
    let Case {
        key,
        message,
        signature,
    } = small();
    for at in 0..signature.len() {
        let mut wrong = signature.clone();
        wrong[at] ^= 1 << (at % 8);
        assert_eq!(key.verify(&message, &wrong), REFUSED, "byte {at}");
    }
    // Every bit of what says what is claimed: levels, leaf, types.
    let tree_type = 4 + 4 + 4 + 32 * 68;
    for at in (0..12).chain(tree_type..tree_type + 4) {
        for bit in 0..8 {
            let mut wrong = signature.clone();
            wrong[at] ^= 1 << bit;
            assert_eq!(
                key.verify(&message, &wrong),
                REFUSED,
                "byte {at}, bit {bit}"
            );
        }
    }
}

#[test]
fn a_flipped_bit_in_the_signature_of_a_lower_tree_or_in_its_key_is_refused() {
    let Case {
        key,
        message,
        signature,
    } = two_levels();
    let upper = 4 + 1292;
    for at in (upper - 40..upper + LMS_PUBLIC_KEY_LEN + 48).chain([20, 700]) {
        let mut wrong = signature.clone();
        wrong[at] ^= 0x10;
        assert_eq!(key.verify(&message, &wrong), REFUSED, "byte {at}");
    }
}

#[test]
fn a_flipped_bit_of_key_or_message_is_refused() {
    let Case {
        key,
        message,
        signature,
    } = small();
    for at in 0..message.len() {
        let mut wrong = message.clone();
        wrong[at] ^= 0x80;
        assert_eq!(key.verify(&wrong, &signature), REFUSED);
    }
    let bytes = key.to_bytes();
    for at in 0..HSS_PUBLIC_KEY_LEN {
        for bit in 0..8 {
            let mut wrong = bytes;
            wrong[at] ^= 1 << bit;
            if let Ok(other) = HssPublicKey::from_bytes(&wrong) {
                assert_eq!(other.verify(&message, &signature), REFUSED, "byte {at}");
            }
        }
    }
}

#[test]
fn a_signature_has_exactly_its_length() {
    for Case {
        key,
        message,
        signature,
    } in [small(), two_levels()]
    {
        for len in (0..signature.len())
            .step_by(13)
            .chain([signature.len() - 1])
        {
            assert_eq!(
                key.verify(&message, &signature[..len]),
                REFUSED,
                "{len} bytes"
            );
        }
        for extra in [1, 4, 32, 56] {
            let mut long = signature.clone();
            long.resize(signature.len() + extra, 0);
            assert_eq!(key.verify(&message, &long), REFUSED);
        }
    }
}

#[test]
fn a_leaf_outside_the_tree_is_refused() {
    let Case {
        key,
        message,
        signature,
    } = small();
    for leaf in [32, 33, 1 << 31, u32::MAX] {
        let mut wrong = signature.clone();
        wrong[4..8].copy_from_slice(&u32::to_be_bytes(leaf));
        assert_eq!(key.verify(&message, &wrong), REFUSED);
    }
}

#[test]
fn the_number_of_levels_is_the_keys() {
    let Case {
        key,
        message,
        signature,
    } = two_levels();
    for levels in [1, 3, 8] {
        let other = HssPublicKey::new(levels, *key.top()).unwrap();
        assert_eq!(other.verify(&message, &signature), REFUSED);
    }
    // The lower tree's signature by itself is good under the lower tree's key, and under no other.
    let lower =
        HssPublicKey::from_bytes(&[&[0, 0, 0, 1], &signature[1296..1352]].concat()).unwrap();
    let alone = [&[0; 4], &signature[1352..]].concat();
    assert_eq!(lower.verify(&message, &alone), Ok(()));
    let top = HssPublicKey::new(1, *key.top()).unwrap();
    assert_eq!(top.verify(&message, &alone), REFUSED);
    // Nor is the signature of the lower tree's key one of a message.
    let key_signature = [&[0; 4], &signature[4..1296]].concat();
    assert_eq!(top.verify(&signature[1296..1352], &key_signature), Ok(()));
    assert_eq!(key.verify(&signature[1296..1352], &key_signature), REFUSED);
}

#[test]
fn keys_of_other_types_lengths_and_levels_are_none() {
    let good = small().key.to_bytes();
    let with = |at: usize, value: u32| {
        let mut bytes = good;
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        HssPublicKey::from_bytes(&bytes).map(|key| key.to_bytes())
    };
    let none = Err(CryptoError::InvalidKey);
    for levels in [0, 9, u32::MAX] {
        assert_eq!(with(0, levels), none);
    }
    // 10 and 5 are the first types with 24 bytes (SP 800-208).
    for tree in [0, 4, 10, u32::MAX] {
        assert_eq!(with(4, tree), none);
    }
    for ots in [0, 5, u32::MAX] {
        assert_eq!(with(8, ots), none);
    }
    assert!(with(0, 8).is_ok());
    for len in [0, 3, 4, 59] {
        let short = HssPublicKey::from_bytes(&good[..len]);
        assert_eq!(short, Err(CryptoError::Encoding));
    }
    let long = [&good[..], &[0]].concat();
    assert_eq!(HssPublicKey::from_bytes(&long), Err(CryptoError::Encoding));
}

/// Fails at one of its reads.
struct Broken<'a> {
    bytes: &'a [u8],
    left: Cell<u32>,
}

impl SignatureSource for Broken<'_> {
    fn len(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn read_at(&self, offset: u32, out: &mut [u8]) -> Result<(), CryptoError> {
        let left = self
            .left
            .get()
            .checked_sub(1)
            .ok_or(CryptoError::Verification)?;
        self.left.set(left);
        self.bytes.read_at(offset, out)
    }
}

#[test]
fn a_source_that_fails_at_any_read_is_a_refusal() {
    let Case {
        key,
        message,
        signature,
    } = small();
    let verify = |reads| {
        let source = Broken {
            bytes: &signature,
            left: Cell::new(reads),
        };
        let mut verification = key.start(&source)?;
        verification.update(&message);
        let verdict = verification.finish();
        verdict.map(|()| reads - source.left.get())
    };
    let needed = verify(u32::MAX).unwrap();
    assert!(needed > 67 + 5);
    for reads in 0..needed {
        assert_eq!(
            verify(reads),
            Err(CryptoError::Verification),
            "{reads} reads"
        );
    }
}
