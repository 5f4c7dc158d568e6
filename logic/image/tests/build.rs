//! Images built here are imgtool's byte for byte, and pass the verifier.

mod common;

use common::{Vector, directory, vectors};
use ironroot_image::build::{self, BuildError, KeyForm, Mark, Placement, Recipe, Reserve, pad};
use ironroot_image::trailer::{Alignment, Layout};
use ironroot_image::{
    BootRecord, Dependency, Flags, Keys, Policy, Refusal, Verified, Version, suites,
};
use std::fs;

const VERSION: Version = Version {
    major: 1,
    minor: 2,
    revision: 3,
    build: 4,
};

fn vector(file: &str) -> Vector {
    vectors()
        .into_iter()
        .find(|v| v.file == file)
        .unwrap_or_else(|| panic!("{file}"))
}

fn payload(vector: &Vector) -> Vec<u8> {
    let name = vector.payload.as_ref().unwrap();
    fs::read(directory().join(format!("payload/{name}.bin"))).unwrap()
}

fn key(name: &str) -> Vec<u8> {
    fs::read(directory().join(format!("keys/sign-{name}.pub.der"))).unwrap()
}

/// Builds with the signature that imgtool made, and compares all bytes.
fn rebuilds(file: &str, recipe: &Recipe<'_>) {
    let vector = vector(file);
    let expected = fs::read(directory().join(file)).unwrap();
    let mut out = vec![0xee; 0x4000];
    let unsigned = recipe.assemble(&payload(&vector), &mut out).unwrap();
    let signed = recipe.key.is_some();
    let len = usize::from(vector.tlvs.last().unwrap().len);
    let signature = signed.then(|| &expected[expected.len() - len..]);
    let image = unsigned.finish(signature).unwrap();
    assert!(
        image == expected,
        "{file}: other bytes than imgtool's ({})",
        vector.made_by
    );
}

#[test]
fn imgtools_images_are_rebuilt_byte_for_byte() {
    let (p256, rsa, ed) = (key("p256"), key("rsa3072"), key("ed25519"));
    let p256_hash = Some(KeyForm::Hash(&p256));
    let dependency = |image, major, minor, revision, build| Dependency {
        image,
        minimum: Version {
            major,
            minor,
            revision,
            build,
        },
    };

    rebuilds(
        "valid/none-sha256.bin",
        &Recipe::new(&suites::UNSIGNED_SHA256, None, VERSION),
    );
    rebuilds(
        "valid/none-sha384.bin",
        &Recipe::new(&suites::UNSIGNED_SHA384, None, VERSION),
    );
    let plain = Recipe::new(&suites::P256_SHA256, p256_hash, VERSION);
    rebuilds("valid/p256.bin", &plain);
    rebuilds("valid/p256-app-17.bin", &plain);
    rebuilds(
        "valid/p256-hdr200.bin",
        &Recipe {
            header_size: 0x200,
            ..plain
        },
    );
    rebuilds(
        "valid/p256-fullkey.bin",
        &Recipe {
            key: Some(KeyForm::Whole(&p256)),
            ..plain
        },
    );
    rebuilds(
        "valid/p256-seccnt-max.bin",
        &Recipe {
            security_counter: Some(u32::MAX),
            ..plain
        },
    );
    let dependencies = [dependency(1, 1, 0, 0, 0), dependency(2, 2, 3, 4, 5)];
    rebuilds(
        "valid/p256-dep2.bin",
        &Recipe {
            dependencies: &dependencies,
            ..plain
        },
    );
    rebuilds(
        "valid/p256-ramload.bin",
        &Recipe {
            placement: Placement::Ram(0x2000_0000),
            ..plain
        },
    );
    rebuilds(
        "valid/p256-romfixed.bin",
        &Recipe {
            placement: Placement::Rom(0x10000),
            ..plain
        },
    );
    rebuilds(
        "valid/p256-combo.bin",
        &Recipe {
            security_counter: Some(5),
            boot_record: Some("SPE"),
            dependencies: &[dependency(1, 1, 0, 0, 0)],
            vendor_uuid: Some(0xcfbf_f0d1_9375_5685_968c_48ce_8b15_ae17_u128.to_be_bytes()),
            class_uuid: Some(0x7343_c8b8_95da_55d2_ac65_bd05_c7c8_b5ec_u128.to_be_bytes()),
            custom: &[(0xa1, &[0xde, 0xad, 0xbe, 0xef])],
            ..plain
        },
    );
    let pure = Recipe::new(&suites::ED25519_PURE, Some(KeyForm::Hash(&ed)), VERSION);
    rebuilds("valid/ed25519-pure.bin", &pure);
    rebuilds(
        "valid/ed25519-pure-prot.bin",
        &Recipe {
            security_counter: Some(9),
            ..pure
        },
    );
    let sha512 = Recipe::new(&suites::ED25519_SHA512, Some(KeyForm::Hash(&ed)), VERSION);
    rebuilds("valid/ed25519-sha512.bin", &sha512);
    let rsa = Recipe::new(&suites::RSA3072_SHA256, Some(KeyForm::Whole(&rsa)), VERSION);
    rebuilds("valid/rsa3072-fullkey.bin", &rsa);
}

#[test]
fn padding_is_imgtools_byte_for_byte() {
    let slot_size = 0x2000u32;
    let table = [
        (
            "trailer/p256-pad-a1-m8.bin",
            Alignment::Eight,
            1,
            Mark::Trial,
            0xff,
        ),
        (
            "trailer/p256-confirm-a8-m8.bin",
            Alignment::Eight,
            8,
            Mark::Confirmed,
            0xff,
        ),
        (
            "trailer/p256-pad-a16-m16.bin",
            Alignment::Sixteen,
            16,
            Mark::Trial,
            0xff,
        ),
        (
            "trailer/p256-confirm-a32-m32.bin",
            Alignment::ThirtyTwo,
            32,
            Mark::Confirmed,
            0xff,
        ),
        (
            "trailer/p256-confirm-a8-m32.bin",
            Alignment::ThirtyTwo,
            8,
            Mark::Confirmed,
            0xff,
        ),
        (
            "trailer/p256-erased0.bin",
            Alignment::Eight,
            8,
            Mark::Confirmed,
            0x00,
        ),
    ];
    for (file, alignment, write_unit, mark, erased) in table {
        let expected = fs::read(directory().join(file)).unwrap();
        let end = vector(file).header.unwrap().end as usize;
        let mut slot = expected.clone();
        slot[end..].fill(0x77);
        let layout = Layout::new(slot_size, alignment).unwrap();
        let reserved = reserve(alignment, write_unit, 8).bytes().unwrap();
        pad(&mut slot, end, &layout, reserved, mark, erased).unwrap();
        assert!(slot == expected, "{file}");
    }
    let layout = Layout::new(slot_size, Alignment::Eight).unwrap();
    let mut slot = vec![0; slot_size as usize];
    let full = slot.len() - 240;
    let mut pad = |len, reserved| pad(&mut slot, len, &layout, reserved, Mark::Trial, 0xff);
    assert_eq!(pad(full, 240), Ok(()));
    assert_eq!(pad(full + 1, 240), Err(BuildError::SlotTooSmall));
    assert_eq!(pad(0, 0x2001), Err(BuildError::SlotTooSmall));
    // imgtool's sums: 8 × 3 × 8 + 4 × 8 + 16, and 2 × 8 + 16 for overwriting.
    let swap = reserve(Alignment::Eight, 8, 8);
    assert_eq!(swap.bytes(), Some(240));
    let overwrite = Reserve {
        overwrite_only: true,
        ..swap
    };
    assert_eq!(overwrite.bytes(), Some(32));
    assert_eq!(reserve(Alignment::Eight, 8, u32::MAX).bytes(), None);
    // Two keys more: 2 × 16, or 2 × align_up(113, 8) when the TLV is saved.
    for (content_key, more) in [(16, 32), (113, 240), (u32::MAX, 0)] {
        let with_keys = Reserve {
            content_key,
            ..swap
        };
        let expected = (more > 0).then_some(240 + more);
        assert_eq!(with_keys.bytes(), expected);
        let overwriting = Reserve {
            overwrite_only: true,
            ..with_keys
        };
        assert_eq!(overwriting.bytes(), Some(32), "overwriting keeps no keys");
    }
}

fn reserve(alignment: Alignment, write_unit: u32, max_sectors: u32) -> Reserve {
    Reserve {
        alignment,
        write_unit,
        max_sectors,
        overwrite_only: false,
        content_key: 0,
    }
}

#[test]
fn component_records_come_out_of_a_verified_image_in_order() {
    let record = |component| BootRecord {
        component,
        version: "1.0.0",
        signer: &[0x11; 32],
        algorithm: "SHA256",
        measurement: &[0x22; 32],
    };
    let components = [record("ps"), record("echo")];
    let mut recipe = Recipe::new(&suites::UNSIGNED_SHA256, None, VERSION);
    recipe.components = &components;
    recipe.custom = &[(0x20a0, b"mine"), (0x20a0, b"again")];
    let mut out = [0; 1024];
    let image = recipe
        .assemble(b"payload", &mut out)
        .unwrap()
        .finish(None)
        .unwrap();
    let policy = Policy::new(&suites::UNSIGNED_SHA256, Keys::Unsigned, 1024);
    let verified = Verified::check(&*image, &policy).unwrap();
    let mut names = vec![];
    for entry in verified.component_records() {
        let mut buffer = [0; BootRecord::MAX_LEN];
        let data = entry.read(verified.source(), &mut buffer).unwrap();
        names.push(BootRecord::parse(data).unwrap().component.to_owned());
    }
    assert_eq!(names, ["ps", "echo"]);
    assert_eq!(verified.custom(0x20a0).count(), 2);
    assert_eq!(verified.header().flags, Flags(0));
}

#[test]
fn a_component_record_that_is_none_is_refused() {
    let mut recipe = Recipe::new(&suites::UNSIGNED_SHA256, None, VERSION);
    recipe.custom = &[(0x10a0, b"\xa5 no record")];
    let mut out = [0; 1024];
    let image = recipe
        .assemble(b"payload", &mut out)
        .unwrap()
        .finish(None)
        .unwrap();
    let policy = Policy::new(&suites::UNSIGNED_SHA256, Keys::Unsigned, 1024);
    let refusal = Verified::check(&*image, &policy).unwrap_err();
    assert_eq!(refusal, Refusal::ComponentRecordMalformed);
}

#[test]
fn what_cannot_be_built_is_refused_with_its_reason() {
    let p256 = key("p256");
    let unsigned = Recipe::new(&suites::UNSIGNED_SHA256, None, VERSION);
    let build = |recipe: &Recipe<'_>, payload: &[u8], room: usize| {
        let mut out = vec![0; room];
        recipe
            .assemble(payload, &mut out)
            .and_then(|image| image.finish(None).map(|_| ()))
    };
    assert_eq!(build(&unsigned, b"x", 73), Ok(()));
    assert_eq!(
        build(
            &Recipe {
                non_bootable: true,
                ..unsigned
            },
            b"x",
            73
        ),
        Ok(())
    );
    assert_eq!(build(&unsigned, b"x", 72), Err(BuildError::BufferFull));
    assert_eq!(build(&unsigned, b"x", 10), Err(BuildError::BufferFull));
    let small_header = Recipe {
        header_size: 31,
        ..unsigned
    };
    assert_eq!(build(&small_header, b"x", 200), Err(BuildError::HeaderSize));
    let foreign = Recipe {
        custom: &[(0x50, b"1234")],
        ..unsigned
    };
    assert_eq!(build(&foreign, b"x", 200), Err(BuildError::CustomType));
    let long_type = Recipe {
        boot_record: Some("thirteen char"),
        ..unsigned
    };
    assert_eq!(build(&long_type, b"x", 400), Err(BuildError::BootRecord));
    let big = vec![0; 0xfff0];
    let too_long = Recipe {
        custom: &[(0xa0, &big), (0xa1, &big)],
        ..unsigned
    };
    assert_eq!(build(&too_long, b"x", 0x3_0000), Err(BuildError::TooLarge));
    let keyless = Recipe::new(&suites::P256_SHA256, None, VERSION);
    assert_eq!(build(&keyless, b"x", 400), Err(BuildError::Signature));
    let with_key = build::Recipe {
        key: Some(KeyForm::Hash(&p256)),
        ..unsigned
    };
    assert_eq!(build(&with_key, b"x", 400), Err(BuildError::Signature));
    let unsigned_p256 = Recipe {
        key: Some(KeyForm::Hash(&p256)),
        ..keyless
    };
    assert_eq!(build(&unsigned_p256, b"x", 400), Err(BuildError::Signature));
}
