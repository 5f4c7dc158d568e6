//! Objects move between parents, and credentials reach the one they are meant for.

#![cfg(feature = "full")]

mod common;
mod object_common;

use common::rc::{self, handle, parameter};
use common::{Auth, Command, Machine, Start, cc, crypto, rh};
use object_common::*;

const AES_CFB: [u16; 3] = [0x06, 128, CFB];

/// Two storage keys of a kind that may be new parents, and an object that may move to them.
fn movable(template: &Template) -> (Machine, u32, u32) {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let (object, _) = child(&mut machine, root, template, b"its auth", b"");
    (machine, root, object)
}

#[test]
fn a_duplicate_is_imported_loaded_and_still_itself() {
    for new_parent in [
        Template::storage().name_alg(SHA384),
        Template::storage_rsa(1024),
    ] {
        let (mut machine, _, object) = movable(&Template::hmac().movable());
        let new_parent = primary(&mut machine, &new_parent).handle;
        let [public, name, _] = read_public(&mut machine, object).unwrap();
        for (key, symmetric) in [
            (&b""[..], &[NULL][..]),
            (b"", &AES_CFB),
            (&[9; 16], &AES_CFB),
        ] {
            let [inner, moved, seed] =
                duplicate(&mut machine, object, new_parent, key, symmetric).unwrap();
            let key = if key.is_empty() { &inner[..] } else { key };
            assert_eq!(key.is_empty(), symmetric == [NULL]);
            let private = import(
                &mut machine,
                new_parent,
                key,
                &public,
                &moved,
                &seed,
                symmetric,
            )
            .unwrap();
            let loaded = try_load(&mut machine, new_parent, &private, &public).unwrap();
            assert_eq!(read_public(&mut machine, loaded).unwrap()[1], name);
            machine.flush(loaded).unwrap();
        }
    }
}

#[test]
fn a_key_given_for_the_inner_wrapping_is_not_given_back() {
    let (mut machine, root, object) = movable(&Template::hmac().movable());
    let [inner, ..] = duplicate(&mut machine, object, root, &[9; 16], &AES_CFB).unwrap();
    assert_eq!(inner, b"");
    let [inner, ..] = duplicate(&mut machine, object, root, b"", &AES_CFB).unwrap();
    assert_eq!(inner.len(), 16);
    let [again, ..] = duplicate(&mut machine, object, root, b"", &AES_CFB).unwrap();
    assert_ne!(inner, again);
}

#[test]
fn without_any_wrapping_a_duplicate_is_the_sensitive_area() {
    let template = Template::sealed().movable();
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let (object, made) = child(&mut machine, root, &template, b"auth", b"the data");
    let [inner, moved, seed] = duplicate(&mut machine, object, rh::NULL, b"", &[NULL]).unwrap();
    assert_eq!((inner, seed), (vec![], vec![]));
    let mut reader = common::Reader(&moved);
    let area = reader.sized();
    reader.end();
    let mut reader = common::Reader(area);
    assert_eq!(reader.u16(), 0x08);
    assert_eq!(reader.sized(), [&b"auth"[..], &[0; 28]].concat());
    let seed_value = reader.sized();
    let data = reader.sized();
    assert_eq!(data, b"the data");
    assert!(made.public.ends_with(&hash(SHA256, &[seed_value, data])));
    // An inner wrapping alone: digest and area in CFB.
    let [key, moved, seed] = duplicate(&mut machine, object, rh::NULL, b"", &AES_CFB).unwrap();
    assert_eq!(seed, b"");
    let mut plain = moved.clone();
    crypto::aes_cfb(&key, &[0; 16], &mut plain, false);
    let whole = sized(area);
    let integrity = hash(SHA256, &[&whole, &name_of(&made.public)]);
    assert_eq!(plain, [sized(&integrity), whole].concat());
    let private = import(
        &mut machine,
        root,
        &key,
        &made.public,
        &moved,
        b"",
        &AES_CFB,
    )
    .unwrap();
    let loaded = try_load(&mut machine, root, &private, &made.public).unwrap();
    assert_eq!(unseal(&mut machine, loaded, b"auth").unwrap(), b"the data");
}

#[test]
fn what_may_not_move_is_not_duplicated() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let policy = duplication_policy();
    let (fixed, _) = child(
        &mut machine,
        root,
        &Template::hmac().policy(&policy),
        b"",
        b"",
    );
    let refused = duplicate(&mut machine, fixed, root, b"", &[NULL]).unwrap_err();
    assert_eq!(refused, handle(rc::ATTRIBUTES, 1));
    let (moving, _) = child(&mut machine, root, &Template::hmac().movable(), b"", b"");
    let refusals = [
        (
            moving,
            b"".as_slice(),
            [NULL].as_slice(),
            handle(bad::TYPE, 2),
        ),
        (root, b"key", &[NULL], parameter(rc::SIZE, 1)),
        (root, &[1; 15], &AES_CFB, parameter(rc::SIZE, 1)),
        (root, &[1; 32], &AES_CFB, parameter(rc::SIZE, 1)),
        (root, b"", &[0x26, 128, CFB], parameter(rc::SYMMETRIC, 2)),
        (root, b"", &[0x06, 100, CFB], parameter(rc::VALUE, 2)),
    ];
    for (new_parent, key, symmetric, code) in refusals {
        let refused = duplicate(&mut machine, moving, new_parent, key, symmetric).unwrap_err();
        assert_eq!(refused, code);
    }
    let (symmetric_parent, _) = child(&mut machine, root, &Template::storage_aes(), b"", b"");
    let refused = duplicate(&mut machine, moving, symmetric_parent, b"", &[NULL]).unwrap_err();
    assert_eq!(refused, handle(bad::TYPE, 2));
    // A password is not what the command wants, whatever the object allows.
    let command = Command::new(cc::DUPLICATE)
        .handle(moving)
        .handle(root)
        .sized(b"")
        .u16(NULL);
    assert!(machine.send(&command, &mut [Auth::password(b"")]).is_err());
}

#[test]
fn encrypted_duplication_wants_both_wrappings_out_and_in() {
    let template = Template::hmac().movable().with(attr::ENCRYPTED_DUPLICATION);
    let (mut machine, root, object) = movable(&template);
    let public = read_public(&mut machine, object).unwrap()[0].clone();
    let refused = duplicate(&mut machine, object, root, b"", &[NULL]).unwrap_err();
    assert_eq!(refused, parameter(rc::SYMMETRIC, 2));
    let refused = duplicate(&mut machine, object, rh::NULL, b"", &AES_CFB).unwrap_err();
    assert_eq!(refused, handle(rc::HIERARCHY, 2));
    let [key, moved, seed] = duplicate(&mut machine, object, root, b"", &AES_CFB).unwrap();
    let refused = import(&mut machine, root, b"", &public, &moved, &seed, &[NULL]).unwrap_err();
    assert_eq!(refused, parameter(rc::ATTRIBUTES, 1));
    let refused = import(&mut machine, root, &key, &public, &moved, b"", &AES_CFB).unwrap_err();
    assert_eq!(refused, parameter(rc::ATTRIBUTES, 4));
    import(&mut machine, root, &key, &public, &moved, &seed, &AES_CFB).unwrap();
}

#[test]
fn a_spoilt_duplicate_is_not_imported() {
    let (mut machine, root, object) = movable(&Template::hmac().movable());
    let public = read_public(&mut machine, object).unwrap()[0].clone();
    let [key, moved, seed] = duplicate(&mut machine, object, root, b"", &AES_CFB).unwrap();
    let mut try_import =
        |key: &[u8], public: &[u8], moved: &[u8], seed: &[u8], symmetric: &[u16]| {
            import(&mut machine, root, key, public, moved, seed, symmetric)
        };
    try_import(&key, &public, &moved, &seed, &AES_CFB).unwrap();
    for at in (2..moved.len()).step_by(5) {
        let mut changed = moved.clone();
        changed[at] ^= 4;
        let refused = try_import(&key, &public, &changed, &seed, &AES_CFB).unwrap_err();
        assert_eq!(refused, parameter(rc::INTEGRITY, 3), "byte {at}");
    }
    let mut other_key = key.clone();
    other_key[3] ^= 1;
    let refused = try_import(&other_key, &public, &moved, &seed, &AES_CFB).unwrap_err();
    let expected = [rc::INTEGRITY, rc::SIZE, rc::INSUFFICIENT].map(|code| parameter(code, 3));
    assert!(expected.contains(&refused), "{refused:#x}");
    let refused = try_import(b"", &public, &moved, &seed, &AES_CFB).unwrap_err();
    assert_eq!(refused, parameter(rc::SIZE, 1));
    let refused = try_import(&key, &public, &moved, &seed, &[NULL]).unwrap_err();
    assert_eq!(refused, parameter(rc::SIZE, 1));
    let refused = try_import(&key, &public, &moved, &seed[..seed.len() - 1], &AES_CFB).unwrap_err();
    assert_eq!(refused, parameter(rc::INSUFFICIENT, 4));
    let mut off_curve = seed.clone();
    off_curve[9] ^= 1;
    let refused = try_import(&key, &public, &moved, &off_curve, &AES_CFB).unwrap_err();
    assert_eq!(refused, parameter(bad::ECC_POINT, 4));
    let mut other_public = public.clone();
    other_public[6] ^= 4;
    let refused = try_import(&key, &other_public, &moved, &seed, &AES_CFB).unwrap_err();
    assert_eq!(refused, parameter(rc::INTEGRITY, 3));
    let mut fixed = public.clone();
    fixed[7] |= 0x10;
    let refused = try_import(&key, &fixed, &moved, &seed, &AES_CFB).unwrap_err();
    assert_eq!(refused, parameter(rc::ATTRIBUTES, 2));
}

/// A key from outside, wrapped for nobody: the sensitive area in the clear.
fn from_outside(sensitive: &[u8]) -> Vec<u8> {
    sized(sensitive)
}

#[test]
fn keys_from_outside_are_imported_if_their_halves_belong_together() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    for label in ["ecc", "rsa", "derivation"] {
        let public = vector(&format!("{label}_public"));
        let sensitive = vector(&format!("{label}_sensitive"));
        let area = from_outside(&sensitive);
        let private = import(&mut machine, root, b"", &public, &area, b"", &[NULL]).unwrap();
        let loaded = try_load(&mut machine, root, &private, &public).unwrap();
        machine.flush(loaded).unwrap();
        let mut other = sensitive.clone();
        *other.last_mut().unwrap() ^= 2;
        let refused = import(
            &mut machine,
            root,
            b"",
            &public,
            &from_outside(&other),
            b"",
            &[NULL],
        );
        assert_eq!(refused.unwrap_err(), bad::BINDING, "{label}");
        let refused = import(
            &mut machine,
            root,
            b"",
            &public,
            &area[..area.len() - 1],
            b"",
            &[NULL],
        );
        assert_eq!(
            refused.unwrap_err(),
            parameter(rc::INSUFFICIENT, 3),
            "{label}"
        );
        let longer = [&area[..], &[0]].concat();
        let refused = import(&mut machine, root, b"", &public, &longer, b"", &[NULL]);
        assert_eq!(refused.unwrap_err(), parameter(rc::SIZE, 3), "{label}");
        let other_kind = [&[0, 0x25][..], &sensitive[2..]].concat();
        let refused = import(
            &mut machine,
            root,
            b"",
            &public,
            &from_outside(&other_kind),
            b"",
            &[NULL],
        );
        let code = refused.unwrap_err();
        assert!(
            [parameter(bad::TYPE, 3), parameter(rc::SIZE, 3)].contains(&code),
            "{label}: {code:#x}"
        );
    }
}

#[test]
fn objects_that_another_tpm_protects_under_a_parent_are_loaded_under_the_same_parent_here() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    for label in ["ecc", "rsa"] {
        let of = |what: &str| vector(&format!("{label}_{what}"));
        let area = from_outside(&of("sensitive"));
        let private = import(&mut machine, root, b"", &of("public"), &area, b"", &[NULL]).unwrap();
        let parent = try_load(&mut machine, root, &private, &of("public")).unwrap();
        let sealed = try_load(
            &mut machine,
            parent,
            &of("sealed_private"),
            &of("sealed_public"),
        )
        .unwrap();
        let data = format!("sealed under {label}");
        assert_eq!(
            unseal(&mut machine, sealed, b"auth").unwrap(),
            data.as_bytes()
        );
        try_load(&mut machine, parent, &of("key_private"), &of("key_public")).unwrap();
        // What was duplicated there to this parent arrives here, with and without an inner wrapping.
        let public = vector("moving_public");
        let (moved, seed) = (of("outer_duplicate"), of("outer_seed"));
        import(&mut machine, parent, b"", &public, &moved, &seed, &[NULL]).unwrap();
        let (moved, seed, key) = (of("inner_duplicate"), of("inner_seed"), of("inner_key"));
        let private = import(&mut machine, parent, &key, &public, &moved, &seed, &AES_CFB).unwrap();
        try_load(&mut machine, parent, &private, &public).unwrap();
        // And what was encrypted there for this parent's name.
        let command = Command::new(ACTIVATE_CREDENTIAL)
            .handle(parent)
            .handle(parent)
            .sized(&of("credential"))
            .sized(&of("credential_secret"));
        let auths = &mut [Auth::password(b""), Auth::password(b"")];
        let reply = machine.send(&command, auths).unwrap();
        let credential = format!("credential of {label}");
        assert_eq!(reply.reader().sized(), credential.as_bytes());
    }
}

// What tpm2-tools and openssl send: big numbers without their leading zeros.
#[test]
fn a_duplicate_wrapped_with_a_short_coordinate_is_imported() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let area = from_outside(&vector("ecc_sensitive"));
    let key = vector("ecc_public");
    let private = import(&mut machine, root, b"", &key, &area, b"", &[NULL]).unwrap();
    let parent = try_load(&mut machine, root, &private, &key).unwrap();
    let (public, moved) = (vector("short_public"), vector("short_duplicate"));
    let sent = vector("short_seed");
    assert_eq!(sent[..2], [0, 31]);
    let private = import(&mut machine, parent, b"", &public, &moved, &sent, &[NULL]).unwrap();
    let loaded = try_load(&mut machine, parent, &private, &public).unwrap();
    assert_eq!(
        unseal(&mut machine, loaded, b"short").unwrap(),
        b"wrapped without a TPM"
    );
    // The same point, written in full, is another agreement.
    let whole = [&[0, 32, 0][..], &sent[2..]].concat();
    let refused = import(&mut machine, parent, b"", &public, &moved, &whole, &[NULL]);
    assert_eq!(refused.unwrap_err(), parameter(rc::INTEGRITY, 3));
}

// libtpms issue 619: an auth value longer than the parent's digest made a length wrap around.
#[test]
fn an_auth_value_longer_than_the_parents_digest_is_imported_or_refused_but_harmless() {
    let mut machine = Machine::new();
    for alg in [SHA1, SHA256] {
        let parent = primary(&mut machine, &Template::storage().name_alg(alg)).handle;
        let make = |name_alg: u16, auth: &[u8]| {
            let seed = vec![1; hash(name_alg, &[]).len()];
            let unique = hash(name_alg, &[&seed, b"data"]);
            let template = Template::sealed()
                .without(attr::FIXED)
                .name_alg(name_alg)
                .unique(&sized(&unique));
            (
                template.bytes(),
                from_outside(&sensitive(0x08, auth, &seed, b"data")),
            )
        };
        let (public, area) = make(SHA512, &[7; 64]);
        let private = import(&mut machine, parent, b"", &public, &area, b"", &[NULL]).unwrap();
        let loaded = try_load(&mut machine, parent, &private, &public).unwrap();
        assert_eq!(unseal(&mut machine, loaded, &[7; 64]).unwrap(), b"data");
        let (public, area) = make(alg, &[7; 64]);
        let refused = import(&mut machine, parent, b"", &public, &area, b"", &[NULL]).unwrap_err();
        assert_eq!(refused, parameter(rc::SIZE, 3));
        // Under a parent that may leave, the object is judged when it is loaded.
        let (loose, _) = child(
            &mut machine,
            parent,
            &Template::storage().name_alg(alg).without(attr::FIXED),
            b"",
            b"",
        );
        let private = import(&mut machine, loose, b"", &public, &area, b"", &[NULL]).unwrap();
        let refused = try_load(&mut machine, loose, &private, &public).unwrap_err();
        assert_eq!(refused, parameter(rc::SIZE, 1));
    }
}

#[test]
fn a_symmetric_parent_takes_duplicates_without_an_outer_wrapping_only() {
    let (mut machine, root, object) = movable(&Template::hmac().movable());
    let public = read_public(&mut machine, object).unwrap()[0].clone();
    let (parent, _) = child(&mut machine, root, &Template::storage_aes(), b"", b"");
    let [key, moved, _] = duplicate(&mut machine, object, rh::NULL, b"", &AES_CFB).unwrap();
    let private = import(&mut machine, parent, &key, &public, &moved, b"", &AES_CFB).unwrap();
    try_load(&mut machine, parent, &private, &public).unwrap();
    let [_, moved, seed] = duplicate(&mut machine, object, root, b"", &[NULL]).unwrap();
    let refused = import(&mut machine, parent, b"", &public, &moved, &seed, &[NULL]).unwrap_err();
    assert_eq!(refused, handle(bad::TYPE, 1));
    let refused = import(&mut machine, object, b"", &public, &moved, &seed, &[NULL]).unwrap_err();
    assert!([handle(bad::TYPE, 1), rc::session(rc::BAD_AUTH, 1)].contains(&refused));
}

fn rewrap(
    machine: &mut Machine,
    old: u32,
    new: u32,
    moved: &[u8],
    name: &[u8],
    seed: &[u8],
) -> Result<[Vec<u8>; 2], u32> {
    let command = Command::new(REWRAP)
        .handle(old)
        .handle(new)
        .sized(moved)
        .sized(name)
        .sized(seed);
    let reply = machine.send(&command, &mut [Auth::password(b"")])?;
    let mut reader = reply.reader();
    let parts = [reader.sized().to_vec(), reader.sized().to_vec()];
    reader.end();
    Ok(parts)
}

#[test]
fn a_duplicate_is_rewrapped_for_another_parent_without_being_opened() {
    let (mut machine, first, object) = movable(&Template::hmac().movable());
    let second = primary(&mut machine, &Template::storage_rsa(1024)).handle;
    let [public, name, _] = read_public(&mut machine, object).unwrap();
    let [key, moved, seed] = duplicate(&mut machine, object, first, b"", &AES_CFB).unwrap();
    let [rewrapped, new_seed] = rewrap(&mut machine, first, second, &moved, &name, &seed).unwrap();
    import(
        &mut machine,
        second,
        &key,
        &public,
        &rewrapped,
        &new_seed,
        &AES_CFB,
    )
    .unwrap();
    let [bare, nothing] = rewrap(&mut machine, first, rh::NULL, &moved, &name, &seed).unwrap();
    assert_eq!(nothing, b"");
    import(&mut machine, first, &key, &public, &bare, b"", &AES_CFB).unwrap();
    let [wrapped, seed_again] = rewrap(&mut machine, rh::NULL, first, &bare, &name, b"").unwrap();
    import(
        &mut machine,
        first,
        &key,
        &public,
        &wrapped,
        &seed_again,
        &AES_CFB,
    )
    .unwrap();
    let refusals = [
        (
            first,
            second,
            &moved,
            &name,
            &b""[..],
            handle(rc::HANDLE, 1),
        ),
        (
            rh::NULL,
            second,
            &moved,
            &name,
            &seed[..],
            handle(rc::HANDLE, 1),
        ),
        (
            first,
            second,
            &moved,
            &name[1..].to_vec(),
            &seed,
            parameter(rc::INTEGRITY, 1),
        ),
        (
            first,
            second,
            &bare,
            &name,
            &seed,
            parameter(rc::INTEGRITY, 1),
        ),
        (second, first, &moved, &name, &seed, parameter(rc::VALUE, 3)),
        (first, object, &moved, &name, &seed, handle(bad::TYPE, 2)),
    ];
    for (at, (old, new, moved, name, seed, code)) in refusals.into_iter().enumerate() {
        let refused = rewrap(&mut machine, old, new, moved, name, seed).unwrap_err();
        assert!(
            refused == code
                || refused == parameter(rc::INSUFFICIENT, 1)
                || refused == parameter(rc::SIZE, 1),
            "line {at}: {refused:#x}"
        );
    }
}

fn make_credential(
    machine: &mut Machine,
    key: u32,
    credential: &[u8],
    name: &[u8],
) -> Result<[Vec<u8>; 2], u32> {
    let command = Command::new(MAKE_CREDENTIAL)
        .handle(key)
        .sized(credential)
        .sized(name);
    let reply = machine.send(&command, &mut [])?;
    let mut reader = reply.reader();
    let parts = [reader.sized().to_vec(), reader.sized().to_vec()];
    reader.end();
    Ok(parts)
}

#[test]
fn a_credential_reaches_the_object_it_is_for() {
    for key in [
        Template::storage(),
        Template::storage_rsa(1024),
        Template::storage().name_alg(SHA384),
    ] {
        let mut machine = Machine::new();
        let key = primary(&mut machine, &key).handle;
        let object = primary(&mut machine, &Template::signing(3)).handle;
        let public = read_public(&mut machine, key).unwrap()[0].clone();
        let name = read_public(&mut machine, object).unwrap()[1].clone();
        // Whoever makes it has the public key only.
        let external = load_external(&mut machine, &[], &public, rh::NULL).unwrap();
        let [blob, secret] =
            make_credential(&mut machine, external, b"the credential", &name).unwrap();
        let mut activate = |object: u32, blob: &[u8], secret: &[u8]| {
            let command = Command::new(ACTIVATE_CREDENTIAL)
                .handle(object)
                .handle(key)
                .sized(blob)
                .sized(secret);
            let reply = machine.send(&command, &mut [Auth::password(b""), Auth::password(b"")])?;
            Ok::<_, u32>(reply.reader().sized().to_vec())
        };
        assert_eq!(activate(object, &blob, &secret).unwrap(), b"the credential");
        assert_eq!(
            activate(key, &blob, &secret).unwrap_err(),
            parameter(rc::INTEGRITY, 1)
        );
        for at in (2..blob.len()).step_by(3) {
            let mut changed = blob.clone();
            changed[at] ^= 0x10;
            assert_eq!(
                activate(object, &changed, &secret).unwrap_err(),
                parameter(rc::INTEGRITY, 1)
            );
        }
        let cut = activate(object, &blob[..blob.len() - 1], &secret).unwrap_err();
        assert_eq!(cut, parameter(rc::INTEGRITY, 1));
        let cut = activate(object, &blob, &secret[..secret.len() - 1]).unwrap_err();
        assert!([parameter(rc::VALUE, 2), parameter(rc::INSUFFICIENT, 2)].contains(&cut));
        let too_long = make_credential(&mut machine, key, &[1; 49], &name).unwrap_err();
        assert_eq!(too_long, parameter(rc::SIZE, 1));
    }
}

#[test]
fn only_storage_keys_take_credentials() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let signer = primary(&mut machine, &Template::signing(3)).handle;
    let (symmetric, _) = child(&mut machine, root, &Template::storage_aes(), b"", b"");
    for key in [signer, symmetric] {
        let refused = make_credential(&mut machine, key, b"x", b"name").unwrap_err();
        assert_eq!(refused, handle(bad::TYPE, 1));
        let command = Command::new(ACTIVATE_CREDENTIAL)
            .handle(root)
            .handle(key)
            .sized(b"")
            .sized(b"");
        let refused = machine
            .send(&command, &mut [Auth::password(b""), Auth::password(b"")])
            .unwrap_err();
        assert_eq!(refused, handle(bad::TYPE, 2));
    }
}

#[test]
fn an_imported_key_keeps_its_auth_value_and_policy() {
    let (mut machine, root, object) = movable(&Template::hmac().movable());
    let public = read_public(&mut machine, object).unwrap()[0].clone();
    let [_, moved, seed] = duplicate(&mut machine, object, root, b"", &[NULL]).unwrap();
    let private = import(&mut machine, root, b"", &public, &moved, &seed, &[NULL]).unwrap();
    let loaded = try_load(&mut machine, root, &private, &public).unwrap();
    let change = Command::new(OBJECT_CHANGE_AUTH)
        .handle(loaded)
        .handle(root)
        .sized(b"new");
    let wrong = machine
        .send(&change, &mut [Auth::password(b"wrong")])
        .unwrap_err();
    assert_eq!(wrong, rc::session(rc::BAD_AUTH, 1));
    machine
        .send(&change, &mut [Auth::password(b"its auth")])
        .unwrap();
    // Moving on needs the policy again.
    duplicate(&mut machine, loaded, root, b"", &[NULL]).unwrap();
    let session = machine.start(Start::hmac());
    machine.flush(session.handle).unwrap();
}
