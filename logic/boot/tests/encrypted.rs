//! Encrypted images on a device that loads to RAM: opened in RAM, judged there, and never elsewhere.

mod common;

use common::{Bench, spec};
use ironroot_boot::trailer_ops::{self, FlashSource, Request};
use ironroot_boot::{Demands, Image, Reason, Slot};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_image::Refusal;
use ironroot_image::build::Encryption;
use ironroot_image::encryption::{ContentKey, Decryption, schemes};

const DEVICE_KEY: [u8; 16] = *b"key of a device.";
const DECRYPTION: Decryption<'static> = Decryption::new(&schemes::KEY_WRAP_AES128, &DEVICE_KEY);
const PAYLOAD: &[u8] = b"what nobody may read on the way to the device";

/// Version 2, encrypted for the device that has `device_key`.
fn encrypted(device_key: &[u8]) -> Vec<u8> {
    let mut drbg = Drbg::new(&Secret::new([9; 32]), b"test");
    let key = ContentKey::generate(DECRYPTION.scheme(), &mut drbg).unwrap();
    let wrapped = key.wrap(device_key, &mut drbg).unwrap();
    let image = common::Spec {
        payload: PAYLOAD,
        ..spec(2)
    };
    image.build_for(Some(&Encryption {
        key: &key,
        wrapped: wrapped.as_slice(),
        clear: false,
    }))
}

fn bench() -> Bench {
    let mut bench = Bench::in_the_field();
    bench.decryption = Some(DECRYPTION);
    bench
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn an_encrypted_update_is_plain_in_ram_and_stays_encrypted_on_flash() {
    for image in Image::ALL {
        let mut bench = bench();
        let bytes = encrypted(&DEVICE_KEY);
        assert!(!contains(&bytes, &PAYLOAD[..16]));
        bench.install(image, Slot::B, &bytes, Request::Trial);
        let (booted, _) = bench.boot_with(|launch| launch.payload(image).to_vec());
        let (outcome, payload) = booted.unwrap();
        assert_eq!(*outcome.versions.get(image), 2);
        // Padded with zeros to whole cipher blocks, as imgtool does.
        assert!(payload.starts_with(PAYLOAD));
        assert!(payload[PAYLOAD.len()..].iter().all(|byte| *byte == 0));
        let mut on_flash = vec![0; bytes.len()];
        let slot = bench.slot(image, Slot::B);
        ironroot_platform::Flash::read(&slot, 0, &mut on_flash).unwrap();
        assert_eq!(on_flash, bytes);
    }
}

#[test]
fn an_encrypted_update_reverts_like_any_other() {
    let mut bench = bench();
    bench.install(
        Image::Secure,
        Slot::B,
        &encrypted(&DEVICE_KEY),
        Request::Trial,
    );
    assert_eq!(bench.boot().unwrap().majors(), (2, 1));
    assert_eq!(bench.boot().unwrap().majors(), (1, 1));
}

#[test]
fn what_cannot_be_opened_or_was_altered_is_refused_and_the_other_slot_runs() {
    let good = encrypted(&DEVICE_KEY);
    let mut payload_bit = good.clone();
    payload_bit[0x20 + 3] ^= 1;
    let mut wrapped_bit = good.clone();
    // The content key's TLV is the last.
    let wrapped = wrapped_bit.len() - 1;
    wrapped_bit[wrapped] ^= 1;
    let mut no_flag = good.clone();
    no_flag[16] &= !0x04;
    let table: [(&str, Vec<u8>, Refusal); 4] = [
        (
            "for another device",
            encrypted(b"another device's"),
            Refusal::ContentKey,
        ),
        ("a payload bit", payload_bit, Refusal::HashMismatch),
        ("a bit of the wrapped key", wrapped_bit, Refusal::ContentKey),
        (
            "the flag taken off",
            no_flag,
            Refusal::EncryptionUnsupported,
        ),
    ];
    for (name, bytes, refusal) in table {
        let mut bench = bench();
        bench.install(Image::Secure, Slot::B, &bytes, Request::Trial);
        let outcome = bench.boot().unwrap();
        assert_eq!(outcome.majors(), (1, 1), "{name}");
        let refused = (Image::Secure, Slot::B, Reason::Image(refusal));
        assert_eq!(outcome.refusals(), [refused], "{name}");
    }
}

#[test]
fn a_device_without_a_key_takes_no_encrypted_image() {
    let mut bench = Bench::in_the_field();
    bench.install(
        Image::Secure,
        Slot::B,
        &encrypted(&DEVICE_KEY),
        Request::Trial,
    );
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.majors(), (1, 1));
    let refusal = Reason::Image(Refusal::EncryptionUnsupported);
    assert_eq!(outcome.refusals(), [(Image::Secure, Slot::B, refusal)]);
}

#[test]
fn a_plain_image_still_boots_on_a_device_with_a_key() {
    let mut bench = bench();
    bench.install(Image::Secure, Slot::B, &spec(3).build(), Request::Trial);
    assert_eq!(bench.boot().unwrap().majors(), (3, 1));
}

#[test]
fn the_update_service_judges_an_encrypted_image_as_the_bootloader_does() {
    let mut bench = bench();
    for (bytes, verdict) in [
        (encrypted(&DEVICE_KEY), Ok(2)),
        (
            encrypted(b"another device's"),
            Err(Reason::Image(Refusal::ContentKey)),
        ),
    ] {
        bench.install(Image::Secure, Slot::B, &bytes, Request::Trial);
        let root_keys = bench.root_keys;
        let region = bench.slot(Image::Secure, Slot::B);
        let demands = Demands {
            image: Image::Secure,
            slot: Slot::B,
            root_key: &root_keys.secure,
            suites: common::SUITES,
            size_limit: trailer_ops::layout(&region).unwrap().swap_info(),
            counter: 0,
            counter_limit: 1000,
            window: None,
            decryption: Some(DECRYPTION),
        };
        let judged = demands.examine(FlashSource(&region));
        assert_eq!(judged.map(|verified| verified.version().major), verdict);
    }
}
