//! The small build: P-256, SHA-256 and SHA-384, AES-128-CFB; everything else is not known.

#![cfg(not(feature = "full"))]

mod common;
mod object_common;

use common::rc::{self, parameter};
use common::{Machine, rh};
use ironroot_tpm::Profile;
use object_common::*;

#[test]
fn data_are_sealed_moved_and_kept() {
    let mut machine = Machine::with_profile(&Profile::SMALL);
    let root = primary(&mut machine, &Template::storage()).handle;
    evict(&mut machine, rh::OWNER, root, 0x8100_0001).unwrap();
    machine.flush(root).unwrap();
    let root = 0x8100_0001;
    let (object, _) = child(&mut machine, root, &Template::sealed(), b"auth", b"data");
    assert_eq!(unseal(&mut machine, object, b"auth").unwrap(), b"data");
    let (moving, made) = child(&mut machine, root, &Template::hmac().movable(), b"", b"");
    let [_, moved, seed] = duplicate(&mut machine, moving, root, b"", &[NULL]).unwrap();
    import(
        &mut machine,
        root,
        b"",
        &made.public,
        &moved,
        &seed,
        &[NULL],
    )
    .unwrap();
}

#[test]
fn what_the_build_does_not_have_is_refused_by_name() {
    let mut machine = Machine::with_profile(&Profile::SMALL);
    let root = primary(&mut machine, &Template::storage()).handle;
    let table = [
        (Template::storage_rsa(2048), parameter(bad::TYPE, 2)),
        (Template::signing(4), parameter(bad::CURVE, 2)),
        (Template::signing(5), parameter(bad::CURVE, 2)),
        (Template::cipher(256), parameter(rc::VALUE, 2)),
        (
            Template::cipher(128).parameters(&[0x06, 128, CBC]),
            parameter(rc::MODE, 2),
        ),
        (Template::hmac().name_alg(SHA1), parameter(rc::HASH, 2)),
        (Template::hmac().name_alg(SHA512), parameter(rc::HASH, 2)),
    ];
    for (template, code) in table {
        let refused = try_create(&mut machine, root, &template, b"", b"").unwrap_err();
        assert_eq!(refused, code);
    }
    child(
        &mut machine,
        root,
        &Template::hmac().name_alg(SHA384),
        b"",
        b"",
    );
}
