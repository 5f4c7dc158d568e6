//! The vectors in `tests/vectors/mcuboot`, each with the verdict a strict device must give.

mod common;

use common::{Vector, vectors};
use ironroot_image::{Policy, Refusal, Verified, suites};

type Exception = (fn(&Vector) -> bool, Refusal, &'static str);

/// Vectors whose expected verdict needs what this crate does not do yet.
const EXCEPTIONS: &[Exception] = &[(
    |v| v.needs.as_deref() == Some("decompress"),
    Refusal::CompressionUnsupported,
    "there is no decompressor; compressed images are refused in these words",
)];

#[test]
fn every_vector_gets_the_verdict_of_a_strict_device() {
    let (mut accepted, mut refused, mut excepted) = (0, 0, 0);
    for vector in vectors() {
        let result = vector.judge();
        let exception = EXCEPTIONS.iter().find(|(applies, ..)| applies(&vector));
        match (vector.expect.as_str(), exception) {
            ("accept", Some((_, refusal, reason))) => {
                assert_eq!(result, Err(*refusal), "{}: {reason}", vector.file);
                excepted += 1;
            }
            ("accept", None) => {
                assert_eq!(result, Ok(()), "{}: {}", vector.file, vector.reason);
                accepted += 1;
            }
            ("reject", _) => {
                assert!(result.is_err(), "{}: {}", vector.file, vector.reason);
                refused += 1;
            }
            other => panic!("{}: {other:?}", vector.file),
        }
        if std::env::var_os("IRONROOT_SHOW_REASONS").is_some() {
            println!("{} {result:?}", vector.file);
        }
    }
    assert_eq!((accepted, refused, excepted), (89, 202, 1));
}

#[test]
fn refusals_name_the_reason_that_the_vector_was_made_for() {
    use Refusal::*;
    let table: &[(&str, Refusal)] = &[
        ("reject/none-flip-payload-first.bin", HashMismatch),
        ("reject/none-trunc-header.bin", UnknownFlags),
        ("reject/p256-flip-payload-last.bin", HashMismatch),
        ("reject/p256-flip-hash.bin", HashMismatch),
        ("reject/p256-flip-sig-last.bin", SignatureInvalid),
        ("reject/p256-wrongkey.bin", UnknownKey),
        ("reject/p256-forgedkeyhash.bin", SignatureInvalid),
        ("reject/p256-nokey.bin", SignatureWithoutKey),
        ("reject/p256-sig-before-key.bin", SignatureWithoutKey),
        ("reject/p256-hashonly.bin", SignatureMissing),
        ("reject/p256-good-then-bad-sig.bin", SignatureInvalid),
        ("reject/p256-nohash.bin", HashMissing),
        ("reject/p256-otherhash-signed.bin", SignatureInvalid),
        ("reject/ed25519-nosig.bin", KeyWithoutSignature),
        ("reject/rsa2048-flip-keyhash.bin", UnknownKey),
        ("reject/rsa2048-as-rsa3072.bin", SignatureType),
        ("reject/rsa2048-pss-salt20.bin", SignatureInvalid),
        ("reject/hdr-magic-v1.bin", NoImage),
        ("reject/hdr-size-ffffffff.bin", TooLarge),
        ("reject/hdr-size-wrap-prot.bin", TooLarge),
        ("reject/hdr-hdrsize-0.bin", HeaderSize),
        ("reject/flags-lzma-both.bin", ConflictingFlags),
        ("reject/flags-nonbootable.bin", NotBootable),
        ("reject/tlv-tot-plus1.bin", TlvOverrun),
        ("reject/tlv-len-ffff.bin", TlvOverrun),
        ("reject/tlv-hash-len31.bin", TlvOverrun),
        ("reject/keyhash-len33.bin", TlvLength),
        ("reject/prot-magic-edit.bin", ProtectedArea),
        ("reject/prot-tot-mismatch.bin", ProtectedArea),
        ("reject/prot-size3.bin", ProtectedArea),
        ("reject/rollback-missing.bin", CounterMissing),
        ("reject/rollback-lower.bin", CounterTooLow),
        ("reject/rollback-len2.bin", TlvLength),
        ("reject/rollback-lower-then-higher.bin", DuplicateTlv),
        ("reject/pure-len2.bin", TlvLength),
        ("reject/pure-in-digest-build.bin", PureUnexpected),
        ("divergent/hdrsize-16-consistent.bin", HeaderSize),
        ("divergent/flags-unknown-40.bin", UnknownFlags),
        ("divergent/enc-flag-no-tlv-primary.bin", ContentKeyMissing),
        ("reject/enc-flag-no-tlv-secondary.bin", ContentKeyMissing),
        ("reject/clear-in-secondary.bin", HashMismatch),
        ("reject/enc256-in-enc128-build.bin", EncryptionScheme),
        ("reject/p256-enc-ec256-128-flip-tag.bin", ContentKey),
        ("reject/p256-enc-ec256-128-flip-cipher.bin", HashMismatch),
        ("reject/p256-enc-ec256-128-len-short.bin", TlvOverrun),
        (
            "reject/p256-enc-ec256-128-noflag.bin",
            EncryptionUnsupported,
        ),
        ("reject/p256-enc-ec256-point-zero.bin", ContentKey),
        ("reject/ed25519-enc-x25519-loworder.bin", ContentKey),
        ("reject/ed25519-enc-x25519-wrongenckey.bin", ContentKey),
        ("reject/none-enc-x25519-256-flip-key.bin", ContentKey),
        ("reject/rsa2048-enc-rsa-128-flip-oaep.bin", ContentKey),
        ("reject/rsa2048-enc-rsa-wrongenckey.bin", ContentKey),
        ("reject/p256-enc-kw128-flip.bin", ContentKey),
        ("reject/p256-enc-kw256-flip.bin", ContentKey),
        ("reject/p256-enc-kw128-wrongkek.bin", ContentKey),
        (
            "reject/p384-enc-p384-imgtool-nokey.bin",
            EncryptionUnsupported,
        ),
        ("reject/p384-der-129.bin", SignatureInvalid),
        ("reject/p384-der-rlen255.bin", SignatureInvalid),
        ("divergent/p384-der-seqlen.bin", SignatureInvalid),
        ("divergent/tlv-two-hashes-equal.bin", DuplicateTlv),
        ("divergent/bad-then-good-sig.bin", SignatureInvalid),
        ("divergent/keyhash-len0.bin", TlvLength),
        ("divergent/vendor-unprotected.bin", MisplacedTlv),
        ("divergent/rollback-two-ok.bin", DuplicateTlv),
        ("divergent/rollback-unprotected.bin", MisplacedTlv),
        ("divergent/unprotected-dependency.bin", MisplacedTlv),
        ("divergent/dep-imageid255.bin", DependencyImpossible),
        ("divergent/dep-len11.bin", TlvLength),
        ("divergent/dep-self.bin", DependencyImpossible),
        ("divergent/bootrecord-short.bin", BootRecordMalformed),
        ("divergent/bootrecord-long.bin", BootRecordMalformed),
        ("divergent/ramload-low.bin", LoadAddress),
        ("divergent/p256-der-trailing.bin", SignatureInvalid),
        ("divergent/p256-der-nonminimal.bin", SignatureInvalid),
    ];
    let vectors = vectors();
    for (file, refusal) in table {
        let vector = vectors
            .iter()
            .find(|v| v.file == *file)
            .unwrap_or_else(|| panic!("{file}"));
        let result = vector.judge();
        assert_eq!(result, Err(*refusal), "{file}: {}", vector.reason);
    }
}

#[test]
fn accepted_images_show_what_the_manifest_says() {
    let accepted = vectors().into_iter().filter(|v| v.expect == "accept");
    for vector in accepted.filter(|v| EXCEPTIONS.iter().all(|(applies, ..)| !applies(v))) {
        let header = vector.header.as_ref().unwrap();
        let looked = vector.judge_and(|image| {
            assert_eq!(
                image.version().to_string(),
                header.version.replace("+0", "")
            );
            assert_eq!(image.total_len(), header.end, "{}", vector.file);
            assert_eq!(image.header().load_address, header.load_addr);
            assert_eq!(image.payload().offset, u32::from(header.hdr_size));
            assert_eq!(image.payload().len, header.img_size);
            assert_eq!(image.security_counter().is_some(), vector.has_tlv("0x0050"));
            if let Some(counter) = vector.security_counter {
                assert_eq!(image.security_counter(), Some(counter), "{}", vector.file);
            }
            let protected = vector.tlvs.iter().filter(|tlv| tlv.area == "prot");
            let found: Vec<_> = image.protected_tlvs().map(Result::unwrap).collect();
            assert_eq!(found.len(), protected.clone().count(), "{}", vector.file);
            for (entry, tlv) in found.iter().zip(protected) {
                assert_eq!(format!("{:#06x}", entry.kind), tlv.kind);
                assert_eq!(entry.len, tlv.len);
            }
            assert_eq!(image.signer().is_none(), vector.sig == "none");
            assert!(image.still_stands());
        });
        assert_eq!(looked, Ok(()), "{}", vector.file);
    }
}

#[test]
fn a_boot_record_comes_out_with_the_image_hash_at_its_end() {
    let vectors = vectors();
    let vector = vectors
        .iter()
        .find(|v| v.file == "valid/p256-hdr400-tfm.bin")
        .unwrap();
    vector.on_device(|slot, policy| {
        let image = Verified::check(slot, policy).unwrap();
        let mut buffer = [0; 256];
        let record = image.boot_record(&mut buffer).unwrap().unwrap();
        let record = ironroot_image::BootRecord::parse(record).unwrap();
        assert_eq!(record.component, "SPE");
        assert_eq!(record.measurement, image.digest());
        assert_eq!(Some(record.signer), image.signer());
        assert_eq!(image.boot_record(&mut [0; 10]), Err(Refusal::TlvLength));
    });
}

#[test]
fn a_device_refuses_what_is_meant_for_another_one() {
    let vectors = vectors();
    let find = |file| vectors.iter().find(|v| v.file == file).unwrap();
    let check = |file, change: fn(&mut Policy<'_>)| {
        find(file).on_device(|slot, policy| {
            let mut policy = *policy;
            change(&mut policy);
            Verified::check(slot, &policy).map(|_| ())
        })
    };
    let combo = "valid/p256-combo.bin";
    assert_eq!(
        check(combo, |p| p.vendor_uuid = Some([0; 16])),
        Err(Refusal::VendorMismatch)
    );
    assert_eq!(
        check(combo, |p| p.class_uuid = Some([0; 16])),
        Err(Refusal::ClassMismatch)
    );
    // UUIDv5(DNS, "example.com"), as the vector was made.
    let vendor = |p: &mut Policy<'_>| {
        p.vendor_uuid = Some(0xcfbf_f0d1_9375_5685_968c_48ce_8b15_ae17_u128.to_be_bytes());
    };
    assert_eq!(check(combo, vendor), Ok(()));
    assert_eq!(
        check("valid/p256.bin", vendor),
        Err(Refusal::VendorMismatch)
    );
    assert_eq!(
        check(combo, |p| p.images = 1),
        Err(Refusal::DependencyImpossible)
    );
    assert_eq!(
        check(combo, |p| p.image = 1),
        Ok(()),
        "it is itself the 1.0.0 it needs"
    );
    assert_eq!(check(combo, |p| p.min_security_counter = Some(5)), Ok(()));
    assert_eq!(
        check(combo, |p| p.min_security_counter = Some(6)),
        Err(Refusal::CounterTooLow)
    );
    assert_eq!(check(combo, |p| p.size_limit = 1354), Ok(()));
    assert_eq!(
        check(combo, |p| p.size_limit = 1353),
        Err(Refusal::UnprotectedArea)
    );
    assert_eq!(
        check(combo, |p| p.size_limit = 1202),
        Err(Refusal::TooLarge)
    );
    assert_eq!(
        check("valid/p256-ramload.bin", |p| p.ram_window = None),
        Err(Refusal::RamLoadUnexpected)
    );
    let rom = "valid/p256-romfixed.bin";
    assert_eq!(check(rom, |p| p.rom_address = Some(0x10000)), Ok(()));
    assert_eq!(
        check(rom, |p| p.rom_address = Some(0x20000)),
        Err(Refusal::RomAddress)
    );
    assert_eq!(
        check("valid/p256.bin", |p| p.suite = &suites::ED25519_SHA256),
        Err(Refusal::SignatureType),
        "the key is known by its hash, its signature is of another type"
    );
}
