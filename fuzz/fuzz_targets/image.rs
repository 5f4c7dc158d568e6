//! Any bytes against every device: no panic, and what is accepted keeps its promises.
//!
//! The last byte chooses the device, so the files of the vectors are seeds as they are.

#![no_main]

use ironroot_image::{AddressRange, BootRecord, ImageSource, Keys, Policy, Verified, suites};
use libfuzzer_sys::fuzz_target;

const P256: &[u8] = include_bytes!("../../tests/vectors/mcuboot/keys/sign-p256.pub.der");
const P384: &[u8] = include_bytes!("../../tests/vectors/mcuboot/keys/sign-p384.pub.der");
const ED25519: &[u8] = include_bytes!("../../tests/vectors/mcuboot/keys/sign-ed25519.pub.der");
const RSA2048: &[u8] = include_bytes!("../../tests/vectors/mcuboot/keys/sign-rsa2048.pub.der");
const RSA3072: &[u8] = include_bytes!("../../tests/vectors/mcuboot/keys/sign-rsa3072.pub.der");

fuzz_target!(|input: &[u8]| {
    let Some(device) = input.last() else { return };
    let suite = suites::ALL[usize::from(*device & 0xf) % suites::ALL.len()];
    let key = match suite.name().split('/').next() {
        Some("p256") => P256,
        Some("p384") => P384,
        Some("rsa2048") => RSA2048,
        Some("rsa3072") => RSA3072,
        _ => ED25519,
    };
    let hash = suite.hash().of_bytes(key).unwrap();
    let (embedded, hashes) = ([key], [hash.as_slice()]);
    let keys = match (suite.signature(), device & 0x10) {
        (None, _) => Keys::Unsigned,
        (Some(_), 0) => Keys::Embedded(&embedded),
        (Some(_), _) => Keys::Hashes(&hashes),
    };
    let mut policy = Policy::new(suite, keys, 0x2000);
    policy.images = 4;
    policy.min_security_counter = (device & 0x20 != 0).then_some(5);
    policy.ram_window = Some(AddressRange {
        start: 0x2000_0000,
        len: 0x1000,
    });
    let Ok(image) = Verified::check(input, &policy) else {
        return;
    };

    assert!(image.still_stands());
    assert!(image.total_len() <= ImageSource::len(input) && image.total_len() <= 0x2000);
    assert!(image.signed_len() < image.total_len());
    let payload = image.payload();
    assert!(payload.offset >= 32 && payload.offset + payload.len <= image.signed_len());
    assert!(image.protected_tlvs().all(|entry| entry.is_ok()));
    assert!(image.dependencies().all(|dependency| dependency.image < 4));
    let mut buffer = [0; BootRecord::MAX_LEN];
    image.boot_record(&mut buffer).unwrap();
    for entry in image.component_records() {
        entry.read(image.source(), &mut buffer).unwrap();
    }
});
