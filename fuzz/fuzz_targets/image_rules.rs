//! Past the hash: the input's hash TLV is made right, so that mutated headers and protected areas reach
//! the rules behind it. A model says what the accepted image must look like.

#![no_main]

use ironroot_codec::{Cursor, Tlvs};
use ironroot_image::{BootRecord, Keys, Policy, Verified, suites, tlv};
use libfuzzer_sys::fuzz_target;

/// Writes the right SHA-256 into the first hash TLV, if the areas are where the header says.
fn repair(image: &mut [u8]) -> Option<()> {
    let mut cursor = Cursor::new(image);
    cursor.skip(8).ok()?;
    let header = usize::from(cursor.u16_le().ok()?);
    let protected = usize::from(cursor.u16_le().ok()?);
    let signed = header
        .checked_add(cursor.u32_le().ok()? as usize)?
        .checked_add(protected)?;
    let digest = suites::UNSIGNED_SHA256
        .hash()
        .of_bytes(image.get(..signed)?)
        .ok()?;
    let mut at = signed + 4;
    for entry in Tlvs::new(image.get(at..)?).map_while(Result::ok) {
        if entry.kind == tlv::SHA256 && entry.data.len() == 32 {
            break;
        }
        at += 4 + entry.data.len();
    }
    image
        .get_mut(at + 4..at + 36)?
        .copy_from_slice(digest.as_slice());
    Some(())
}

fuzz_target!(|input: &[u8]| {
    let mut bytes = input.to_vec();
    if repair(&mut bytes).is_none() {
        return;
    }
    let mut policy = Policy::new(&suites::UNSIGNED_SHA256, Keys::Unsigned, 0x2000);
    policy.images = 3;
    policy.min_security_counter = Some(2);
    let Ok(image) = Verified::check(bytes.as_slice(), &policy) else {
        return;
    };

    // The model: an independent walk over the protected bytes.
    let signed = image.signed_len() as usize;
    let payload_end = (image.payload().offset + image.payload().len) as usize;
    let area = bytes.get(payload_end + 4..signed).unwrap_or(&[]);
    let mut counters = Vec::new();
    for entry in Tlvs::new(area) {
        let entry = entry.expect("whole entries only");
        match entry.kind {
            tlv::SECURITY_COUNTER => {
                counters.push(u32::from_le_bytes(entry.data.try_into().unwrap()))
            }
            tlv::DEPENDENCY => assert!(entry.data.len() == 12 && entry.data[0] < 3),
            tlv::BOOT_RECORD => assert!(BootRecord::MAX_LEN >= entry.data.len()),
            tlv::VENDOR_UUID | tlv::CLASS_UUID => assert_eq!(entry.data.len(), 16),
            kind => assert!(tlv::is_vendor(kind), "{kind:#x}"),
        }
    }
    assert!(counters.len() == 1 && counters[0] >= 2);
    assert_eq!(image.security_counter(), Some(counters[0]));
    let mut buffer = [0; BootRecord::MAX_LEN];
    if let Some(record) = image.boot_record(&mut buffer).unwrap() {
        assert!(record.ends_with(image.digest()));
    }
});
