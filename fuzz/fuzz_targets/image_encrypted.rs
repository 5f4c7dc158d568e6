//! Any bytes as an encrypted candidate, for a device of any scheme: no panic, header and TLVs come through
//! as they are, the same bytes whatever the block size, and encrypting again gives the slot back.
//!
//! The last byte chooses the device, so the files of the vectors are seeds as they are.

#![no_main]

use ironroot_image::encryption::{Decrypted, Decryption, SavedForm, SavedKeys, schemes};
use ironroot_image::trailer::Alignment;
use ironroot_image::{ImageSource, Keys, Policy, Slot, Verified, peek, suites, tlv};
use libfuzzer_sys::fuzz_target;

/// Keys of the vectors' devices: the last 32 bytes of X25519's PKCS#8, and P-256's scalar.
const P256: &str = include_str!("../../tests/vectors/mcuboot/keys/enc-p256.pem");
const X25519: &str = include_str!("../../tests/vectors/mcuboot/keys/enc-x25519.pem");
const KW_128: &str = include_str!("../../tests/vectors/mcuboot/keys/enc-kw128.hex");
const KW_256: &str = include_str!("../../tests/vectors/mcuboot/keys/enc-kw256.hex");

fn pem(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for digit in text
        .lines()
        .filter(|line| !line.starts_with('-'))
        .flat_map(str::bytes)
    {
        let Some(value) = alphabet.iter().position(|known| *known == digit) else {
            break;
        };
        (bits, count) = (bits << 6 | value as u32, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

fn hex(text: &str) -> Vec<u8> {
    let text = text.trim();
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn key(kind: u16, len: usize) -> Vec<u8> {
    match (kind, len) {
        (tlv::ENC_EC256, _) => pem(P256)[36..68].to_vec(),
        (tlv::ENC_KW, 16) => hex(KW_128),
        (tlv::ENC_KW, _) => hex(KW_256),
        // RSA keys take too long here; what is no key must be refused as well.
        (tlv::ENC_RSA2048, _) => vec![0x30],
        _ => pem(X25519)[16..48].to_vec(),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(device) = input.last().map(|device| usize::from(*device)) else {
        return;
    };
    let scheme = schemes::ALL[device % schemes::ALL.len()];
    let private = key(scheme.tlv(), scheme.key_len());
    let decryption = Decryption::new(scheme, &private);
    for form in [SavedForm::Plain, SavedForm::Wrapped] {
        if let Some(saved) =
            SavedKeys::below(input.len() as u32, Alignment::Eight, form, &decryption)
        {
            let _ = saved.read(&input, Slot::Primary, 0xff, &decryption);
            let _ = saved.read(&input, Slot::Secondary, 0x00, &decryption);
        }
    }
    let Ok(source) = Decrypted::open(input, &decryption) else {
        return;
    };
    let header = peek(input).expect("opened");
    let mut plain = vec![0; input.len()];
    source.read_at(0, &mut plain).unwrap();
    let payload = usize::from(header.header_size)..header.payload_end().unwrap() as usize;
    match source.cipher() {
        None => assert!(plain == input && !header.flags.encrypted()),
        Some(cipher) => {
            assert!(plain[..payload.start] == input[..payload.start]);
            assert!(plain[payload.end..] == input[payload.end..]);
            let step = 1 + device * 3;
            for (index, block) in plain.clone().chunks(step).enumerate() {
                let mut again = block.to_vec();
                cipher.apply((index * step) as u32, &mut again);
                assert!(again == input[index * step..][..again.len()]);
            }
        }
    }
    let policy = Policy {
        encryption: Some(scheme),
        slot: Slot::Secondary,
        ..Policy::new(&suites::UNSIGNED_SHA256, Keys::Unsigned, 0x4000)
    };
    if let Ok(image) = Verified::check(source, &policy) {
        assert!(image.still_stands());
        assert_eq!(
            image.content_key_tlv().is_some(),
            image.header().flags.encrypted()
        );
    }
});
