//! Objects are made, protected, loaded, read and unsealed; and what must not be is refused with the right code.

#![cfg(feature = "full")]

mod common;
mod object_common;

use common::rc::{self, handle, parameter};
use common::{Auth, Command, Machine, cc, rh};
use ironroot_tpm::Profile;
use object_common::*;

#[test]
fn a_primary_object_follows_from_seed_template_and_data() {
    let mut machine = Machine::new();
    let first = primary(&mut machine, &Template::storage());
    assert_eq!(first.name, name_of(&first.public));
    assert_eq!(first.creation_hash, hash(SHA256, &[&first.creation]));
    let again = primary(&mut machine, &Template::storage());
    assert_eq!((&again.public, &again.name), (&first.public, &first.name));
    assert_ne!(again.handle, first.handle);
    let in_null = try_primary(&mut machine, rh::NULL, &Template::storage(), b"", b"").unwrap();
    let in_endorsement = try_primary(
        &mut machine,
        rh::ENDORSEMENT,
        &Template::storage(),
        b"",
        b"",
    )
    .unwrap();
    let other_unique = Template::storage().unique(&[0, 1, 7, 0, 0]);
    let other_unique = primary(&mut machine, &other_unique);
    let with_data =
        try_primary(&mut machine, rh::OWNER, &Template::storage(), b"", b"data").unwrap();
    let all = [&first, &in_null, &in_endorsement, &other_unique, &with_data];
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            assert_ne!(one.public, other.public);
        }
    }
    // The auth value is no part of it.
    let with_auth =
        try_primary(&mut machine, rh::OWNER, &Template::storage(), b"auth", b"").unwrap();
    assert_eq!(with_auth.public, first.public);
    machine.reset();
    assert_eq!(
        primary(&mut machine, &Template::storage()).public,
        first.public
    );
    let in_null_now = try_primary(&mut machine, rh::NULL, &Template::storage(), b"", b"").unwrap();
    assert_ne!(in_null_now.public, in_null.public);
}

#[test]
fn an_rsa_primary_is_the_same_from_the_search_and_from_the_cache() {
    let mut machine = Machine::new();
    let command = creation(
        cc::CREATE_PRIMARY,
        rh::OWNER,
        &Template::storage_rsa(1024).bytes(),
        b"",
        b"",
    );
    let bytes = machine.sealed(&command, &mut [Auth::password(b"")]);
    let mut response = vec![0; 4096];
    let suspended = |machine: &mut Machine, response: &mut [u8]| {
        let progress = machine
            .tpm()
            .begin(ironroot_tpm::Locality::ZERO, &bytes, response);
        machine.tpm().cancel(response);
        progress.done().is_none()
    };
    assert!(suspended(&mut machine, &mut response));
    let searched = primary(&mut machine, &Template::storage_rsa(1024));
    assert!(
        !suspended(&mut machine, &mut response),
        "the second time it is at hand"
    );
    let kept = primary(&mut machine, &Template::storage_rsa(1024));
    assert_eq!(kept.public, searched.public);
    machine.reset();
    assert!(suspended(&mut machine, &mut response), "power took it away");
    assert_eq!(
        primary(&mut machine, &Template::storage_rsa(1024)).public,
        searched.public
    );
}

#[test]
fn a_cached_key_does_not_outlive_its_seed() {
    let mut machine = Machine::new();
    let before = primary(&mut machine, &Template::storage_rsa(1024));
    let clear = Command::new(cc::CLEAR).handle(rh::PLATFORM);
    machine.send(&clear, &mut [Auth::password(b"")]).unwrap();
    let after = primary(&mut machine, &Template::storage_rsa(1024));
    assert_ne!(after.public, before.public);
}

#[test]
fn creation_data_tell_parent_locality_and_the_callers_words() {
    let mut machine = Machine::new();
    let command = creation(
        cc::CREATE_PRIMARY,
        rh::OWNER,
        &Template::storage().bytes(),
        b"",
        b"",
    );
    let reply = machine
        .send(&command.locality(3), &mut [Auth::password(b"")])
        .unwrap();
    let mut reader = reply.reader();
    reader.sized();
    let nothing = hash(SHA256, &[]);
    let owner = sized(&rh::OWNER.to_be_bytes());
    let expected = [
        &[0; 4],
        &sized(&nothing)[..],
        &[1 << 3],
        &NULL.to_be_bytes(),
        &owner,
        &owner,
        &sized(b"outside"),
    ];
    assert_eq!(reader.sized(), expected.concat());
    let parent = reply.handle;
    let [public, name, qualified_name] = read_public(&mut machine, parent).unwrap();
    assert_eq!(name, name_of(&public));
    let expected = [
        &words(&[SHA256])[..],
        &hash(SHA256, &[&rh::OWNER.to_be_bytes(), &name]),
    ]
    .concat();
    assert_eq!(qualified_name, expected);
    let (object, made) = child(&mut machine, parent, &Template::hmac(), b"", b"");
    let expected = [
        &[0; 4],
        &sized(&nothing)[..],
        &[1],
        &SHA256.to_be_bytes(),
        &sized(&name),
        &sized(&qualified_name),
        &sized(b"outside"),
    ];
    assert_eq!(made.creation, expected.concat());
    assert_eq!(made.creation_hash, hash(SHA256, &[&made.creation]));
    assert_eq!(
        &made.ticket[..6],
        [&[0x80, 0x21][..], &rh::OWNER.to_be_bytes()].concat()
    );
    let [_, own_name, own_qualified] = read_public(&mut machine, object).unwrap();
    let expected = [
        &words(&[SHA256])[..],
        &hash(SHA256, &[&qualified_name, &own_name]),
    ]
    .concat();
    assert_eq!(own_qualified, expected);
}

#[test]
fn creation_data_tell_the_pcrs_that_the_caller_names() {
    let mut machine = Machine::new();
    let selection = [
        &1u32.to_be_bytes()[..],
        &words(&[SHA256]),
        &[3, 0b101, 0, 0],
    ]
    .concat();
    let command = Command::new(cc::CREATE_PRIMARY)
        .handle(rh::OWNER)
        .sized(&[0; 4])
        .sized(&Template::storage().bytes())
        .sized(b"")
        .raw(&selection);
    let reply = machine.send(&command, &mut [Auth::password(b"")]).unwrap();
    let mut reader = reply.reader();
    reader.sized();
    let expected = [&selection[..], &sized(&hash(SHA256, &[&[0; 64]]))].concat();
    assert!(reader.sized().starts_with(&expected));
}

#[test]
fn sealed_data_come_back_with_their_auth_value() {
    for parent in [
        Template::storage(),
        Template::storage_rsa(1024),
        Template::storage_aes(),
    ] {
        let mut machine = Machine::new();
        let parent = primary(&mut machine, &parent);
        let (object, made) = child(
            &mut machine,
            parent.handle,
            &Template::sealed(),
            b"auth",
            b"the secret",
        );
        assert_eq!(
            unseal(&mut machine, object, b"auth").unwrap(),
            b"the secret"
        );
        assert_eq!(
            unseal(&mut machine, object, b"auth\0").unwrap(),
            b"the secret"
        );
        assert_eq!(
            unseal(&mut machine, object, b"wrong").unwrap_err(),
            rc::session(rc::BAD_AUTH, 1)
        );
        assert!(!made.private.windows(10).any(|part| part == b"the secret"));
        let (longest, _) = child(
            &mut machine,
            parent.handle,
            &Template::sealed(),
            b"",
            &[5; 128],
        );
        assert_eq!(unseal(&mut machine, longest, b"").unwrap(), [5; 128]);
    }
}

#[test]
fn only_sealed_data_are_unsealed() {
    let mut machine = Machine::new();
    let parent = primary(&mut machine, &Template::storage()).handle;
    assert_eq!(
        unseal(&mut machine, parent, b"").unwrap_err(),
        handle(bad::TYPE, 1)
    );
    let (key, _) = child(&mut machine, parent, &Template::hmac(), b"", b"");
    assert_eq!(
        unseal(&mut machine, key, b"").unwrap_err(),
        handle(rc::ATTRIBUTES, 1)
    );
    let sequence = Command::new(cc::HASH_SEQUENCE_START).sized(b"").u16(SHA256);
    let sequence = machine.send(&sequence, &mut []).unwrap().handle;
    assert_eq!(
        unseal(&mut machine, sequence, b"").unwrap_err(),
        handle(bad::TYPE, 1)
    );
    assert_eq!(
        read_public(&mut machine, sequence).unwrap_err(),
        bad::SEQUENCE
    );
    assert_eq!(
        unseal(&mut machine, 0x8000_0009, b"").unwrap_err(),
        rc::REFERENCE_H0
    );
}

#[test]
fn every_kind_of_object_is_made_loaded_and_loaded_again() {
    let mut machine = Machine::new();
    let parent = primary(&mut machine, &Template::storage()).handle;
    let templates = [
        Template::storage(),
        Template::storage_rsa(1024),
        Template::storage_aes(),
        Template::signing(3),
        Template::signing(4),
        Template::signing(5),
        Template::signing_rsa(1024),
        Template::hmac(),
        Template::cipher(128),
        Template::cipher(192),
        Template::cipher(256),
        Template::derivation(),
        Template::hmac().name_alg(SHA1),
        Template::hmac().name_alg(SHA384),
        Template::hmac().name_alg(SHA512),
    ];
    for template in templates {
        let (object, made) = child(&mut machine, parent, &template, b"auth", b"");
        let [public, ..] = read_public(&mut machine, object).unwrap();
        assert_eq!(public, made.public);
        let given = template.bytes();
        let same = given.len() - template.unique.len();
        assert_eq!(public[..same], given[..same]);
        assert_ne!(public, given);
        machine.flush(object).unwrap();
        let second = try_create(&mut machine, parent, &template, b"", b"").unwrap();
        assert_ne!(
            second.public, made.public,
            "an ordinary object is new each time"
        );
    }
}

#[test]
fn a_changed_private_area_is_not_loaded() {
    let mut machine = Machine::new();
    let parent = primary(&mut machine, &Template::storage()).handle;
    let made = try_create(&mut machine, parent, &Template::sealed(), b"", b"data").unwrap();
    for at in (0..made.private.len()).step_by(7) {
        let mut private = made.private.clone();
        private[at] ^= 1;
        let code = try_load(&mut machine, parent, &private, &made.public).unwrap_err();
        let expected = [
            parameter(rc::INTEGRITY, 1),
            parameter(rc::SIZE, 1),
            parameter(rc::INSUFFICIENT, 1),
        ];
        assert!(expected.contains(&code), "byte {at}: {code:#x}");
    }
    let other = try_create(&mut machine, parent, &Template::sealed(), b"", b"more").unwrap();
    let swapped = try_load(&mut machine, parent, &made.private, &other.public);
    assert_eq!(swapped.unwrap_err(), parameter(rc::INTEGRITY, 1));
    let empty = try_load(&mut machine, parent, &[], &made.public);
    assert_eq!(empty.unwrap_err(), parameter(rc::SIZE, 1));
    let stranger = primary(&mut machine, &Template::storage().unique(&[0, 1, 1, 0, 0])).handle;
    let elsewhere = try_load(&mut machine, stranger, &made.private, &made.public);
    assert_eq!(elsewhere.unwrap_err(), parameter(rc::INTEGRITY, 1));
    let (no_parent, _) = child(&mut machine, parent, &Template::hmac(), b"", b"");
    let under_no_parent = try_load(&mut machine, no_parent, &made.private, &made.public);
    assert_eq!(under_no_parent.unwrap_err(), handle(bad::TYPE, 1));
}

#[test]
fn what_does_not_fit_together_is_not_made() {
    use attr::*;
    let mut machine = Machine::new();
    let parent = primary(&mut machine, &Template::storage()).handle;
    let made =
        |template: Template, auth: &'static [u8], data: &'static [u8]| (template, auth, data);
    let table = [
        // Attributes among each other.
        (
            made(Template::signing(3).without(FIXED_TPM), b"", b""),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(Template::signing(3).without(FIXED_PARENT), b"", b""),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(Template::signing(3).without(ORIGIN), b"", b"data"),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(Template::signing(3).without(ORIGIN), b"", b""),
            rc::ATTRIBUTES,
            2,
        ),
        (made(Template::signing(3), b"", b"data"), rc::ATTRIBUTES, 2),
        (
            made(Template::signing(3).without(SIGN), b"", b""),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(Template::signing(3).with(ENCRYPTED_DUPLICATION), b"", b""),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(Template::signing(3).with(FIRMWARE_LIMITED), b"", b""),
            rc::RESERVED_BITS,
            2,
        ),
        (
            made(Template::signing(3).with(SVN_LIMITED), b"", b""),
            rc::RESERVED_BITS,
            2,
        ),
        (
            made(Template::storage().with(SIGN), b"", b""),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(Template::storage().without(DECRYPT), b"", b""),
            rc::ATTRIBUTES,
            2,
        ),
        (made(Template::sealed(), b"", b""), rc::ATTRIBUTES, 2),
        (
            made(Template::sealed().with(ORIGIN), b"", b""),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(Template::sealed().with(RESTRICTED), b"", b"data"),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(
                Template::storage_aes().without(ORIGIN),
                b"",
                b"0123456789abcdef",
            ),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(
                Template::derivation().without(ORIGIN),
                b"",
                b"0123456789abcdef",
            ),
            rc::ATTRIBUTES,
            2,
        ),
        (
            made(Template::signing(3).with(1 << 20), b"", b""),
            rc::RESERVED_BITS,
            2,
        ),
        (
            made(Template::signing(3).with(1), b"", b""),
            rc::RESERVED_BITS,
            2,
        ),
        // Schemes by type and use (CVE-2025-2884).
        (
            made(Template::signing(3).with(DECRYPT), b"", b""),
            bad::SCHEME,
            2,
        ),
        (
            made(
                Template::signing(3)
                    .with(RESTRICTED)
                    .parameters(&[NULL, NULL, 3, NULL]),
                b"",
                b"",
            ),
            bad::SCHEME,
            2,
        ),
        (
            made(
                Template::signing(3).parameters(&[NULL, ECDH, SHA256, 3, NULL]),
                b"",
                b"",
            ),
            bad::SCHEME,
            2,
        ),
        (
            made(
                Template::signing(3).parameters(&[NULL, RSASSA, SHA256, 3, NULL]),
                b"",
                b"",
            ),
            bad::SCHEME,
            2,
        ),
        (
            made(
                Template::signing(3).parameters(&[NULL, 0x05, SHA256, 3, NULL]),
                b"",
                b"",
            ),
            bad::SCHEME,
            2,
        ),
        (
            made(
                Template::signing_rsa(1024).parameters(&[NULL, ECDSA, SHA256, 1024, 0, 0]),
                b"",
                b"",
            ),
            rc::VALUE,
            2,
        ),
        (
            made(
                Template::signing_rsa(1024).parameters(&[NULL, OAEP, SHA256, 1024, 0, 0]),
                b"",
                b"",
            ),
            bad::SCHEME,
            2,
        ),
        (
            made(
                Template::storage().parameters(&[6, 128, CFB, ECDH, SHA256, 3, NULL]),
                b"",
                b"",
            ),
            bad::SCHEME,
            2,
        ),
        (
            made(Template::hmac().parameters(&[ECDSA, SHA256]), b"", b""),
            rc::VALUE,
            2,
        ),
        (
            made(Template::hmac().parameters(&[RSASSA, SHA256]), b"", b""),
            rc::VALUE,
            2,
        ),
        (
            made(Template::hmac().parameters(&[NULL]), b"", b""),
            bad::SCHEME,
            2,
        ),
        (
            made(Template::hmac().parameters(&[0x0a, SHA256, 0x22]), b"", b""),
            bad::SCHEME,
            2,
        ),
        (
            made(Template::hmac().parameters(&[0x0a, SHA256, 0x99]), b"", b""),
            bad::KDF,
            2,
        ),
        (
            made(Template::sealed().parameters(&[0x05, SHA256]), b"", b"data"),
            bad::SCHEME,
            2,
        ),
        (
            made(
                Template::derivation().parameters(&[0x0a, SHA256, 0x20]),
                b"",
                b"",
            ),
            bad::SCHEME,
            2,
        ),
        (
            made(
                Template::derivation().parameters(&[0x0a, NULL, 0x22]),
                b"",
                b"",
            ),
            rc::HASH,
            2,
        ),
        (
            made(
                Template::signing(3).parameters(&[NULL, ECDSA, NULL, 3, NULL]),
                b"",
                b"",
            ),
            rc::HASH,
            2,
        ),
        (
            made(
                Template::signing(3).parameters(&[NULL, ECDSA, SHA256, 3, 0x20, SHA256]),
                b"",
                b"",
            ),
            bad::KDF,
            2,
        ),
        // Ciphers of parents, and of nobody else.
        (
            made(
                Template::signing(3).parameters(&[6, 128, CFB, ECDSA, SHA256, 3, NULL]),
                b"",
                b"",
            ),
            rc::SYMMETRIC,
            2,
        ),
        (
            made(
                Template::storage().parameters(&[NULL, NULL, 3, NULL]),
                b"",
                b"",
            ),
            rc::SYMMETRIC,
            2,
        ),
        (
            made(
                Template::storage().parameters(&[6, 128, CBC, NULL, 3, NULL]),
                b"",
                b"",
            ),
            rc::MODE,
            2,
        ),
        (
            made(
                Template::storage().parameters(&[6, 256, CFB, NULL, 3, NULL]),
                b"",
                b"",
            ),
            rc::SYMMETRIC,
            2,
        ),
        (
            made(Template::storage().name_alg(SHA384), b"", b""),
            rc::HASH,
            2,
        ),
        (
            made(
                Template::storage().parameters(&[0x13, 128, CFB, NULL, 3, NULL]),
                b"",
                b"",
            ),
            rc::SYMMETRIC,
            2,
        ),
        (made(Template::cipher(64), b"", b""), rc::VALUE, 2),
        (
            made(Template::cipher(128).parameters(&[6, 128, 0x99]), b"", b""),
            rc::MODE,
            2,
        ),
        (
            made(Template::cipher(128).parameters(&[NULL]), b"", b""),
            rc::SYMMETRIC,
            2,
        ),
        // Numbers.
        (made(Template::signing(6), b"", b""), bad::CURVE, 2),
        (made(Template::signing(0), b"", b""), bad::CURVE, 2),
        (made(Template::signing_rsa(512), b"", b""), rc::VALUE, 2),
        (
            made(
                Template::signing_rsa(1024).parameters(&[NULL, NULL, 1024, 0, 3]),
                b"",
                b"",
            ),
            rc::RANGE,
            2,
        ),
        (
            made(
                Template::signing_rsa(1024).parameters(&[NULL, NULL, 1024, 1, 0]),
                b"",
                b"",
            ),
            rc::RANGE,
            2,
        ),
        (
            made(
                Template::signing_rsa(1024).parameters(&[NULL, NULL, 1024, 1, 5]),
                b"",
                b"",
            ),
            rc::RANGE,
            2,
        ),
        (
            made(Template::signing(3).name_alg(NULL), b"", b""),
            rc::HASH,
            2,
        ),
        (
            made(Template::signing(3).name_alg(0x11), b"", b""),
            rc::HASH,
            2,
        ),
        (
            made(Template::signing(3).policy(&[1; 20]), b"", b""),
            rc::SIZE,
            2,
        ),
        (
            made(Template::signing(3).policy(&[1; 65]), b"", b""),
            rc::SIZE,
            2,
        ),
        (
            made(Template::signing(3).unique(&[0; 3]), b"", b""),
            rc::SIZE,
            2,
        ),
        (
            made(Template::signing(3).unique(&[0; 5]), b"", b""),
            rc::SIZE,
            2,
        ),
        (made(Template::signing(3), &[1; 33], b""), rc::SIZE, 1),
        (made(Template::signing(3), &[1; 65], b""), rc::SIZE, 1),
        (made(Template::sealed(), b"", &[1; 129]), rc::SIZE, 1),
        (
            made(Template::hmac().without(ORIGIN), b"", &[1; 65]),
            rc::SIZE,
            1,
        ),
        (
            made(Template::cipher(128).without(ORIGIN), b"", &[1; 15]),
            bad::KEY_SIZE,
            1,
        ),
        (
            made(Template::cipher(256).without(ORIGIN), b"", &[1; 16]),
            bad::KEY_SIZE,
            1,
        ),
    ];
    for (at, ((template, auth, data), code, number)) in table.into_iter().enumerate() {
        let refused = try_create(&mut machine, parent, &template, auth, data);
        assert_eq!(refused.unwrap_err(), parameter(code, number), "line {at}");
    }
    let unknown = Template {
        kind: 0x99,
        ..Template::hmac()
    };
    assert_eq!(
        try_create(&mut machine, parent, &unknown, b"", b"").unwrap_err(),
        parameter(bad::TYPE, 2)
    );
}

#[test]
fn a_key_given_by_the_caller_is_the_key() {
    let mut machine = Machine::new();
    let parent = primary(&mut machine, &Template::storage()).handle;
    let cipher = Template::cipher(128).without(attr::ORIGIN);
    child(&mut machine, parent, &cipher, b"", b"0123456789abcdef");
    let hmac = Template::hmac().without(attr::ORIGIN);
    child(&mut machine, parent, &hmac, b"", &[7; 64]);
    // A duplicable parent may come from outside.
    let moving = Template::storage_aes().without(attr::FIXED | attr::ORIGIN);
    child(&mut machine, parent, &moving, b"", b"0123456789abcdef");
}

#[test]
fn children_are_bound_as_tightly_as_their_parent() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let (loose, _) = child(
        &mut machine,
        root,
        &Template::storage().without(attr::FIXED),
        b"",
        b"",
    );
    let refused = |machine: &mut Machine, parent: u32, template: &Template| {
        try_create(machine, parent, template, b"", b"").unwrap_err()
    };
    let attributes = parameter(rc::ATTRIBUTES, 2);
    assert_eq!(refused(&mut machine, loose, &Template::hmac()), attributes);
    let encrypted = Template::hmac()
        .without(attr::FIXED_TPM)
        .with(attr::ENCRYPTED_DUPLICATION);
    assert_eq!(refused(&mut machine, loose, &encrypted), attributes);
    // Fixed to the parent, which itself may move: allowed.
    child(
        &mut machine,
        loose,
        &Template::hmac().without(attr::FIXED_TPM),
        b"",
        b"",
    );
    child(
        &mut machine,
        loose,
        &Template::hmac().without(attr::FIXED),
        b"",
        b"",
    );
    // A storage key that cannot leave protects as its parent does; one that can, as it likes.
    let stronger = Template::storage()
        .without(attr::FIXED_TPM)
        .parameters(&[6, 256, CFB, NULL, 3, NULL]);
    assert_eq!(
        refused(&mut machine, loose, &stronger),
        parameter(rc::SYMMETRIC, 2)
    );
    child(
        &mut machine,
        loose,
        &stronger.without(attr::FIXED_PARENT),
        b"",
        b"",
    );
}

#[test]
fn only_a_parent_has_children() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let (sealed, _) = child(&mut machine, root, &Template::sealed(), b"", b"data");
    let (derivation, _) = child(&mut machine, root, &Template::derivation(), b"", b"");
    for parent in [sealed, derivation] {
        let refused = try_create(&mut machine, parent, &Template::hmac(), b"", b"");
        assert_eq!(refused.unwrap_err(), handle(bad::TYPE, 1));
    }
    let public = read_public(&mut machine, root).unwrap()[0].clone();
    let external = load_external(&mut machine, &[], &public, rh::OWNER).unwrap();
    // Its auth value is not there to be given.
    let refused = try_create(&mut machine, external, &Template::hmac(), b"", b"");
    assert_eq!(refused.unwrap_err(), rc::AUTH_UNAVAILABLE);
}

#[test]
fn a_loaded_child_of_every_origin_is_made_in_one_command() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage());
    let same = try_create_loaded(
        &mut machine,
        rh::OWNER,
        &Template::storage().bytes(),
        b"",
        b"",
    )
    .unwrap();
    assert_eq!((same.public, same.private), (root.public.clone(), vec![]));
    assert_eq!(same.name, root.name);
    let template = Template::sealed().bytes();
    let ordinary =
        try_create_loaded(&mut machine, root.handle, &template, b"auth", b"data").unwrap();
    assert_eq!(
        unseal(&mut machine, ordinary.handle, b"auth").unwrap(),
        b"data"
    );
    let again = try_load(
        &mut machine,
        root.handle,
        &ordinary.private,
        &ordinary.public,
    )
    .unwrap();
    assert_eq!(unseal(&mut machine, again, b"auth").unwrap(), b"data");
    let trailing = [&template[..], &[0]].concat();
    let refused = try_create_loaded(&mut machine, root.handle, &trailing, b"", b"data");
    assert_eq!(refused.unwrap_err(), parameter(rc::SIZE, 2));
    let refused = try_create_loaded(&mut machine, root.handle, &template[..9], b"", b"data");
    assert_eq!(refused.unwrap_err(), parameter(rc::INSUFFICIENT, 2));
}

#[test]
fn derived_objects_are_those_of_another_tpm() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let (public, sensitive) = (vector("derivation_public"), vector("derivation_sensitive"));
    let private = import(
        &mut machine,
        root,
        b"",
        &public,
        &sized(&sensitive),
        b"",
        &[NULL],
    )
    .unwrap();
    let parent = try_load(&mut machine, root, &private, &public).unwrap();
    for kind in ["hmac", "aes", "p256", "p384"] {
        let label = format!("label {kind}");
        let data = [sized(label.as_bytes()), sized(b"context")].concat();
        for (place, data) in [("template", &[][..]), ("data", &data)] {
            let template = vector(&format!("derived_{kind}_{place}"));
            let made = try_create_loaded(&mut machine, parent, &template, b"", data).unwrap();
            assert_eq!(
                made.public,
                vector(&format!("derived_{kind}_{place}_public")),
                "{kind}, {place}"
            );
            assert_eq!(made.private, b"");
            machine.flush(made.handle).unwrap();
        }
    }
    let template = vector("derived_hmac_template");
    let unfixed = [&template[..4], &[0, 4, 0, 0x40], &template[8..]].concat();
    let refused = try_create_loaded(&mut machine, parent, &unfixed, b"", b"").unwrap_err();
    assert_eq!(refused, parameter(rc::ATTRIBUTES, 2));
    let from_here = [&template[..4], &[0, 4, 0, 0x70], &template[8..]].concat();
    let refused = try_create_loaded(&mut machine, parent, &from_here, b"", b"").unwrap_err();
    assert_eq!(refused, parameter(rc::ATTRIBUTES, 2));
    let rsa = Template::signing_rsa(1024)
        .without(attr::FIXED_TPM | attr::ORIGIN)
        .unique(&[0; 4]);
    let refused = try_create_loaded(&mut machine, parent, &rsa.bytes(), b"", b"").unwrap_err();
    assert_eq!(refused, parameter(bad::TYPE, 2));
    let refused = try_create_loaded(&mut machine, parent, &template, b"", &[0]).unwrap_err();
    assert_eq!(refused, parameter(rc::INSUFFICIENT, 1));
}

#[test]
fn an_auth_value_is_changed_in_what_is_loaded_next() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let (object, made) = child(&mut machine, root, &Template::sealed(), b"old", b"data");
    let change = |machine: &mut Machine, object: u32, parent: u32, auth: &[u8], new: &[u8]| {
        let command = Command::new(OBJECT_CHANGE_AUTH)
            .handle(object)
            .handle(parent)
            .sized(new);
        let reply = machine.send(&command, &mut [Auth::password(auth)])?;
        Ok::<_, u32>(reply.reader().sized().to_vec())
    };
    let private = change(&mut machine, object, root, b"old", b"new").unwrap();
    assert_eq!(unseal(&mut machine, object, b"old").unwrap(), b"data");
    let changed = try_load(&mut machine, root, &private, &made.public).unwrap();
    assert_eq!(unseal(&mut machine, changed, b"new").unwrap(), b"data");
    assert_eq!(
        unseal(&mut machine, changed, b"old").unwrap_err(),
        rc::session(rc::BAD_AUTH, 1)
    );
    let too_long = change(&mut machine, object, root, b"old", &[1; 33]);
    assert_eq!(too_long.unwrap_err(), parameter(rc::SIZE, 1));
    let stranger = primary(&mut machine, &Template::storage().unique(&[0, 1, 1, 0, 0])).handle;
    let other_parent = change(&mut machine, object, stranger, b"old", b"new");
    assert_eq!(other_parent.unwrap_err(), handle(bad::TYPE, 2));
    let no_parent = change(&mut machine, object, object, b"old", b"new");
    assert_eq!(no_parent.unwrap_err(), handle(bad::TYPE, 2));
    let primary_object = change(&mut machine, root, root, b"", b"new");
    assert_eq!(primary_object.unwrap_err(), handle(bad::TYPE, 2));
}

#[test]
fn slots_run_out_and_are_used_again() {
    let mut machine = Machine::with_profile(&Profile::PC_CLIENT);
    let root = primary(&mut machine, &Template::storage()).handle;
    let (first, made) = child(&mut machine, root, &Template::sealed(), b"", b"first");
    child(&mut machine, root, &Template::sealed(), b"", b"second");
    let full = try_load(&mut machine, root, &made.private, &made.public);
    assert_eq!(full.unwrap_err(), rc::OBJECT_MEMORY);
    let full = try_primary(&mut machine, rh::OWNER, &Template::storage(), b"", b"");
    assert_eq!(full.unwrap_err(), rc::OBJECT_MEMORY);
    let public = read_public(&mut machine, root).unwrap()[0].clone();
    let full = load_external(&mut machine, &[], &public, rh::OWNER);
    assert_eq!(full.unwrap_err(), rc::OBJECT_MEMORY);
    machine.flush(first).unwrap();
    assert_eq!(
        unseal(&mut machine, first, b"").unwrap_err(),
        rc::REFERENCE_H0
    );
    let again = try_load(&mut machine, root, &made.private, &made.public).unwrap();
    assert_eq!(again, first);
}

// CVE-2026-6726: what was in a slot was seen by what was loaded into it next.
#[test]
fn nothing_of_an_object_is_left_for_the_next_one_in_its_slot() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let (secret, made) = child(
        &mut machine,
        root,
        &Template::sealed(),
        b"auth",
        &[0x5a; 128],
    );
    machine.flush(secret).unwrap();
    // The same public area without a sensitive part, in the same slot.
    let partial = load_external(&mut machine, &[], &made.public, rh::NULL).unwrap();
    assert_eq!(partial, secret);
    for auth in [&b"auth"[..], b""] {
        assert_eq!(
            unseal(&mut machine, partial, auth).unwrap_err(),
            rc::AUTH_UNAVAILABLE
        );
    }
    machine.flush(partial).unwrap();
    // A shorter secret does not show the longer one's end.
    let (short, _) = child(&mut machine, root, &Template::sealed(), b"", b"x");
    assert_eq!(short, secret);
    assert_eq!(unseal(&mut machine, short, b"").unwrap(), b"x");
    machine.flush(short).unwrap();
    let sequence = Command::new(cc::HASH_SEQUENCE_START).sized(b"").u16(SHA256);
    let sequence = machine.send(&sequence, &mut []).unwrap().handle;
    assert_eq!(sequence, secret);
    assert_eq!(
        unseal(&mut machine, sequence, b"auth").unwrap_err(),
        rc::session(rc::BAD_AUTH, 1)
    );
}

#[test]
fn a_public_key_is_loaded_into_any_hierarchy_and_a_pair_into_the_null_one_only() {
    let mut machine = Machine::new();
    let (ecc, rsa) = (vector("ecc_public"), vector("rsa_public"));
    for hierarchy in [rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM, rh::NULL] {
        for public in [&ecc, &rsa] {
            let object = load_external(&mut machine, &[], public, hierarchy).unwrap();
            let [read, name, qualified_name] = read_public(&mut machine, object).unwrap();
            assert_eq!((&read, &name), (public, &name_of(public)));
            assert_eq!(qualified_name, name);
            machine.flush(object).unwrap();
        }
    }
    // A key pair: the parent's own numbers, for another use.
    let clear_restricted = |public: &[u8]| {
        let mut public = public.to_vec();
        public[5] &= !1;
        public
    };
    let sensitive = vector("ecc_sensitive");
    // Unrestricted it has no cipher.
    let head = clear_restricted(&ecc);
    let pair = [&head[..10], &words(&[NULL]), &head[16..]].concat();
    let object = load_external(&mut machine, &sensitive, &pair, rh::NULL).unwrap();
    machine.flush(object).unwrap();
    for hierarchy in [rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM] {
        let refused = load_external(&mut machine, &sensitive, &pair, hierarchy).unwrap_err();
        assert_eq!(refused, parameter(rc::HIERARCHY, 3));
    }
    let refused = load_external(&mut machine, &sensitive, &ecc, rh::NULL).unwrap_err();
    assert_eq!(refused, parameter(rc::ATTRIBUTES, 2));
    for (byte, bit) in [(7, 0x02), (7, 0x10)] {
        let mut fixed = pair.clone();
        fixed[byte] |= bit;
        let refused = load_external(&mut machine, &sensitive, &fixed, rh::NULL).unwrap_err();
        assert_eq!(refused, parameter(rc::ATTRIBUTES, 2));
    }
    let mut other = sensitive.clone();
    *other.last_mut().unwrap() ^= 1;
    let refused = load_external(&mut machine, &other, &pair, rh::NULL).unwrap_err();
    assert_eq!(refused, bad::BINDING);
    let mut off_curve = ecc.clone();
    *off_curve.last_mut().unwrap() ^= 1;
    let refused = load_external(&mut machine, &[], &off_curve, rh::NULL).unwrap_err();
    assert_eq!(refused, parameter(bad::ECC_POINT, 2));
    let kind = [&[0, 1][..], &sensitive[2..]].concat();
    let refused = load_external(&mut machine, &kind, &pair, rh::NULL).unwrap_err();
    assert_eq!(refused, parameter(bad::TYPE, 1));
    let refused = load_external(&mut machine, &sensitive[..9], &pair, rh::NULL).unwrap_err();
    assert_eq!(refused, parameter(rc::SIZE, 1));
    let refused = load_external(&mut machine, &[], &ecc, rh::LOCKOUT).unwrap_err();
    assert_eq!(refused, parameter(rc::VALUE, 3));
    let refused = load_external(&mut machine, &[], &[], rh::NULL).unwrap_err();
    assert_eq!(refused, parameter(rc::SIZE, 2));
}

#[test]
fn a_key_from_outside_without_a_name_algorithm_has_an_empty_name() {
    let mut machine = Machine::new();
    let template = Template::hmac()
        .without(attr::FIXED | attr::ORIGIN)
        .name_alg(NULL);
    let key = sensitive(0x08, b"auth", b"", &[3; 20]);
    let command = Command::new(cc::LOAD_EXTERNAL)
        .sized(&key)
        .sized(&template.bytes())
        .u32(rh::NULL);
    let reply = machine.send(&command, &mut []).unwrap();
    assert_eq!(reply.reader().sized(), b"");
    let [_, name, qualified_name] = read_public(&mut machine, reply.handle).unwrap();
    assert_eq!((name, qualified_name), (vec![], vec![]));
}

#[test]
fn a_hierarchy_that_is_off_takes_no_objects_and_loses_those_it_had() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage());
    let kept = try_primary(
        &mut machine,
        rh::ENDORSEMENT,
        &Template::storage(),
        b"",
        b"",
    )
    .unwrap();
    let off = Command::new(cc::HIERARCHY_CONTROL)
        .handle(rh::OWNER)
        .u32(rh::OWNER)
        .u8(0);
    machine.send(&off, &mut [Auth::password(b"")]).unwrap();
    assert_eq!(
        read_public(&mut machine, root.handle).unwrap_err(),
        rc::REFERENCE_H0
    );
    assert!(read_public(&mut machine, kept.handle).is_ok());
    let refused = load_external(&mut machine, &[], &root.public, rh::OWNER).unwrap_err();
    assert_eq!(refused, parameter(rc::HIERARCHY, 3));
    let refused = try_primary(&mut machine, rh::OWNER, &Template::storage(), b"", b"").unwrap_err();
    assert_eq!(refused, handle(rc::HIERARCHY, 1));
}

#[test]
fn parameters_that_are_cut_short_or_too_long_are_refused() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let command = creation(
        cc::CREATE,
        root,
        &Template::signing(3).bytes(),
        b"auth",
        b"",
    );
    for len in 0..command.params.len() {
        let mut cut = command.clone();
        cut.params.truncate(len);
        let code = machine.send(&cut, &mut [Auth::password(b"")]).unwrap_err();
        assert_eq!(
            code & 0x0ff,
            rc::INSUFFICIENT | 0x40,
            "{len} bytes: {code:#x}"
        );
    }
    let longer = command.raw(&[0]);
    assert_eq!(
        machine
            .send(&longer, &mut [Auth::password(b"")])
            .unwrap_err(),
        rc::SIZE
    );
}
