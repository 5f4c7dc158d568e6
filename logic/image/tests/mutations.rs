//! No altered image is accepted, and no byte string makes the parser leave its buffer or panic.

mod common;

use common::{Vector, vectors};
use ironroot_image::{BootRecord, Candidate, Verified, peek};
use proptest::prelude::*;
use std::sync::LazyLock;

/// One small accepted image of every kind.
static ACCEPTED: LazyLock<Vec<Vector>> = LazyLock::new(|| {
    let wanted = [
        "valid/none-sha256.bin",
        "valid/p256-app-15.bin",
        "valid/p256-fullkey.bin",
        "valid/p256-combo.bin",
        "valid/p256-twokeys.bin",
        "valid/ed25519-combo.bin",
        "valid/ed25519-pure-prot.bin",
        "valid/rsa2048.bin",
        "valid/rsa3072-fullkey.bin",
    ];
    let chosen: Vec<_> = vectors()
        .into_iter()
        .filter(|v| wanted.contains(&v.file.as_str()))
        .collect();
    assert_eq!(chosen.len(), wanted.len());
    chosen
});

fn accepted(vector: &Vector, bytes: &[u8]) -> bool {
    vector.on_device(|_, policy| Verified::check(bytes, policy).is_ok())
}

#[test]
fn any_one_bit_flip_in_an_image_is_refused() {
    // twokeys: the other key's hash and signature are unsigned and not looked at, so they may change.
    let all = ACCEPTED
        .iter()
        .filter(|v| v.file != "valid/p256-twokeys.bin");
    for vector in all {
        let mut bytes = vector.slot_bytes();
        let end = vector.header.as_ref().unwrap().end as usize;
        assert!(accepted(vector, &bytes));
        // Every bit of header, protected area and TLVs; of the payload's middle every 61st.
        let payload = 64..end.saturating_sub(600);
        let bits = (0..end * 8).filter(|bit| !payload.contains(&(bit / 8)) || bit % 61 == 0);
        for bit in bits {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !accepted(vector, &bytes),
                "{} bit {bit} of {end} bytes",
                vector.file
            );
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn an_image_cut_anywhere_is_refused_and_what_follows_it_does_not_matter() {
    for vector in ACCEPTED.iter() {
        let bytes = vector.slot_bytes();
        let end = vector.header.as_ref().unwrap().end as usize;
        for cut in (0..40).chain((40..end).step_by(29)).chain(end - 40..end) {
            assert!(
                !accepted(vector, &bytes[..cut]),
                "{} cut to {cut}",
                vector.file
            );
        }
        assert!(accepted(vector, &bytes[..end]));
        let mut longer = bytes[..end].to_vec();
        longer.resize(bytes.len(), 0x5a);
        assert!(accepted(vector, &longer));
    }
}

/// Overwrites a run of bytes, as an attacker who knows the format would: often small numbers, often
/// near a field.
fn mutation() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..8),
        any::<u16>().prop_map(|v| v.to_le_bytes().to_vec()),
        prop_oneof![
            Just(0u32),
            Just(u32::MAX),
            Just(u32::MAX - 31),
            0..0x5000u32
        ]
        .prop_map(|v| v.to_le_bytes().to_vec()),
    ];
    (prop_oneof![0..32usize, 0..1600usize], value)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_images_are_refused_without_a_panic(
        index in 0..9usize,
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let vector = &ACCEPTED[index];
        let original = vector.slot_bytes();
        let mut bytes = original.clone();
        for (at, data) in &mutations {
            bytes[*at..*at + data.len()].copy_from_slice(data);
        }
        let end = vector.header.as_ref().unwrap().end as usize;
        let signed_is_whole = bytes[..end] == original[..end];
        if accepted(vector, &bytes) && vector.file != "valid/p256-twokeys.bin" {
            prop_assert!(signed_is_whole);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 4..600)) {
        let _ = peek(bytes.as_slice());
        let _ = BootRecord::parse(&bytes);
        let _ = ironroot_image::shared_data::SharedData::parse(&bytes);
        for vector in ACCEPTED.iter() {
            let mut slot = vector.slot_bytes();
            let tlvs = vector.header.as_ref().unwrap();
            let at = (u32::from(tlvs.hdr_size) + tlvs.img_size) as usize;
            slot[at..at + bytes.len()].copy_from_slice(&bytes);
            let result = vector.on_device(|_, policy| {
                Candidate::parse(slot.as_slice(), policy).and_then(Candidate::verify).is_ok()
            });
            prop_assert!(!result);
        }
    }
}
