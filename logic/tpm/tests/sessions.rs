//! Authorisation by password and by HMAC session, parameter encryption, audit: Part 1, sections 18, 19 and 21.
//!
//! Every good answer's HMACs were checked by the test kit's own arithmetic before a test sees it.

// RSA, SHA-1 and SHA-512 are part of what is tried.
#![cfg(feature = "full")]

mod common;

use common::crypto::Hash;
use common::{Auth, Cipher, Command, Machine, Start, attribute, cc, keys, rc, rh};
use ironroot_tpm::Profile;

const HASHES: [Hash; 8] = [
    Hash::Sha1,
    Hash::Sha256,
    Hash::Sha384,
    Hash::Sha512,
    Hash::Sm3,
    Hash::Sha3_256,
    Hash::Sha3_384,
    Hash::Sha3_512,
];
const CIPHERS: [Cipher; 5] = [
    Cipher::Xor,
    Cipher::Aes(128),
    Cipher::Aes(192),
    Cipher::Aes(256),
    Cipher::Sm4,
];

fn get_random(len: u16) -> Command {
    Command::new(cc::GET_RANDOM).u16(len)
}

/// To be authorised by the owner; changes the owner's auth value, its first parameter, to `new`.
fn change_owner(new: &[u8]) -> Command {
    Command::new(cc::HIERARCHY_CHANGE_AUTH)
        .handle(rh::OWNER)
        .sized(new)
}

fn owned(auth: &[u8]) -> Machine {
    let mut machine = Machine::new();
    machine.own(auth);
    machine
}

#[test]
fn a_password_authorises_and_trailing_zeros_do_not_count() {
    let mut machine = owned(b"owner\0\0");
    assert_eq!(
        machine
            .send(&change_owner(b"owner"), &mut [Auth::password(b"owner")])
            .map(|_| ()),
        Ok(())
    );
    assert_eq!(
        machine
            .send(
                &change_owner(b"owner"),
                &mut [Auth::password(b"owner\0\0\0")]
            )
            .map(|_| ()),
        Ok(())
    );
    for wrong in [
        &b""[..],
        b"owne",
        b"ownerx",
        b"Owner",
        b"\0owner",
        b"owner\0x",
    ] {
        let refused = machine.send(&change_owner(b"x"), &mut [Auth::password(wrong)]);
        assert_eq!(
            refused.unwrap_err(),
            rc::session(rc::BAD_AUTH, 1),
            "{wrong:?}"
        );
    }
}

#[test]
fn a_command_that_needs_authorisation_is_refused_without() {
    let mut machine = Machine::new();
    assert_eq!(
        machine.send(&change_owner(b"x"), &mut []).unwrap_err(),
        rc::AUTH_MISSING
    );
}

#[test]
fn a_password_comes_with_nothing_but_continue_session() {
    let mut machine = Machine::new();
    let command = change_owner(b"x");
    let area = |nonce: &[u8], attributes: u8| {
        let mut area = rh::PASSWORD.to_be_bytes().to_vec();
        area.extend((nonce.len() as u16).to_be_bytes());
        area.extend(nonce);
        area.extend([attributes, 0, 0]);
        area
    };
    assert_eq!(
        machine.code(&command.frame(Some(&area(&[1; 16], 1)))),
        rc::session(rc::NONCE, 1)
    );
    for bit in [0x02, 0x04, 0x20, 0x40, 0x80] {
        assert_eq!(
            machine.code(&command.frame(Some(&area(&[], bit)))),
            rc::session(rc::ATTRIBUTES, 1),
            "{bit:#x}"
        );
    }
    for bit in [0x08, 0x10] {
        let code = machine.code(&command.frame(Some(&area(&[], bit))));
        assert_eq!(code, rc::session(rc::RESERVED_BITS, 1), "{bit:#x}");
    }
    assert_eq!(machine.code(&command.frame(Some(&area(&[], 0)))), 0);
}

#[test]
fn the_session_area_is_as_long_as_it_says_and_holds_one_to_three_sessions() {
    let mut machine = Machine::new();
    let password = [&rh::PASSWORD.to_be_bytes()[..], &[0, 0, 1, 0, 0]].concat();
    let command = change_owner(b"");
    let good = command.frame(Some(&password));
    assert_eq!(machine.code(&good), 0);
    for size in (0..9).chain([u32::MAX, 0x8000_0000, 14, 100]) {
        let mut wrong = good.clone();
        wrong[14..18].copy_from_slice(&size.to_be_bytes());
        let expected = if size < 9 { rc::AUTHSIZE } else { rc::SIZE };
        assert_eq!(machine.code(&wrong), expected, "{size} bytes");
    }
    // Ten bytes: the second session ends after one byte.
    let mut wrong = good.clone();
    wrong[14..18].copy_from_slice(&10u32.to_be_bytes());
    assert_eq!(machine.code(&wrong), rc::session(rc::INSUFFICIENT, 2));
    let mut machine = Machine::new();
    for len in 10..good.len() {
        let mut short = good[..len].to_vec();
        short[2..6].copy_from_slice(&(len as u32).to_be_bytes());
        assert_ne!(machine.code(&short), 0, "{len} bytes");
    }
    let mut audit = machine.start(Start::hmac());
    let mut other = machine.start(Start::hmac().cipher(Cipher::Xor));
    let mut third = machine.start(Start::hmac().cipher(Cipher::Xor));
    let mut fourth = machine.start(Start::hmac());
    let mut auths = [
        audit
            .plain_use()
            .attributes(attribute::AUDIT | attribute::CONTINUE)
            .into(),
        other
            .plain_use()
            .attributes(attribute::ENCRYPT | attribute::CONTINUE)
            .into(),
        third
            .plain_use()
            .attributes(attribute::DECRYPT | attribute::CONTINUE)
            .into(),
        fourth
            .plain_use()
            .attributes(attribute::AUDIT | attribute::CONTINUE)
            .into(),
    ];
    let hash = Command::new(cc::HASH)
        .sized(b"data")
        .u16(0x0b)
        .u32(rh::NULL);
    assert_eq!(machine.send(&hash, &mut auths).unwrap_err(), rc::AUTHSIZE);
    assert!(machine.send(&hash, &mut auths[..3]).is_ok());
}

#[test]
fn an_unbound_session_proves_the_auth_value_with_any_hash() {
    for hash in HASHES {
        let mut machine = owned(b"one");
        let mut session = machine.start(Start::hmac().hash(hash));
        let command = change_owner(b"two");
        assert!(
            machine
                .send(
                    &command,
                    &mut [session.auth(b"one").auth_after(b"two").into()]
                )
                .is_ok()
        );
        let refused = machine.send(&command, &mut [session.auth(b"one").into()]);
        assert_eq!(refused.unwrap_err(), rc::session(rc::BAD_AUTH, 1));
        // A refusal leaves the session as it was: the same nonce is still good.
        assert!(
            machine
                .send(&command, &mut [session.auth(b"two").into()])
                .is_ok()
        );
    }
}

#[test]
fn no_bit_of_a_proved_command_can_be_changed() {
    let mut machine = owned(b"auth");
    let mut session = machine.start(Start::hmac());
    let command = change_owner(b"auth");
    let good = machine.sealed(&command, &mut [session.auth(b"auth").into()]);
    // Behind the header and the handle: nonce, attributes, HMAC and parameters.
    for at in (18 + 6..good.len()).step_by(3) {
        let mut wrong = good.clone();
        wrong[at] ^= 0x01;
        assert_ne!(machine.code(&wrong), 0, "byte {at}");
    }
    assert_eq!(machine.code(&good), 0);
    // The nonce rolled: the same bytes are nothing any more.
    assert_eq!(machine.code(&good), rc::session(rc::BAD_AUTH, 1));
}

#[test]
fn a_bound_session_needs_no_auth_value_until_it_changes() {
    let mut machine = owned(b"one");
    let mut session = machine.start(Start::hmac().bind(rh::OWNER, b"one"));
    assert!(
        machine
            .send(
                &change_owner(b"one"),
                &mut [session.auth(b"one").bound().into()]
            )
            .is_ok()
    );
    // What it is not bound to needs its own.
    machine.change_auth(rh::ENDORSEMENT, b"", b"other");
    let endorsement = Command::new(cc::HIERARCHY_CHANGE_AUTH)
        .handle(rh::ENDORSEMENT)
        .sized(b"other");
    let refused = machine.send(&endorsement, &mut [session.auth(b"other").bound().into()]);
    assert_eq!(refused.unwrap_err(), rc::session(rc::BAD_AUTH, 1));
    assert!(
        machine
            .send(&endorsement, &mut [session.auth(b"other").into()])
            .is_ok()
    );
    // Another auth value ends the binding, the old one brings it back.
    machine.change_auth(rh::OWNER, b"one", b"two");
    let refused = machine.send(
        &change_owner(b"two"),
        &mut [session.auth(b"two").bound().into()],
    );
    assert_eq!(refused.unwrap_err(), rc::session(rc::BAD_AUTH, 1));
    assert!(
        machine
            .send(&change_owner(b"two"), &mut [session.auth(b"two").into()])
            .is_ok()
    );
    machine.change_auth(rh::OWNER, b"two", b"one");
    assert!(
        machine
            .send(
                &change_owner(b"one"),
                &mut [session.auth(b"one").bound().into()]
            )
            .is_ok()
    );
}

#[test]
fn a_session_bound_with_a_wrong_auth_value_proves_nothing() {
    let mut machine = owned(b"right");
    let mut session = machine.start(Start::hmac().bind(rh::OWNER, b"wrong"));
    let refused = machine.send(
        &change_owner(b"x"),
        &mut [session.auth(b"right").bound().into()],
    );
    assert_eq!(refused.unwrap_err(), rc::session(rc::BAD_AUTH, 1));
}

#[test]
fn a_salt_is_agreed_upon_with_a_key_on_a_curve_and_with_rsa() {
    let mut machine = Machine::new();
    for key in [
        keys::storage_ecc(&mut machine, rh::NULL, b""),
        keys::storage_rsa(&mut machine, rh::NULL, b""),
    ] {
        let (encrypted, salt) = key.salt();
        let start = Start::hmac().salt(key.handle, &encrypted, &salt);
        let mut session = machine.start(start.clone().cipher(Cipher::Aes(128)));
        let both = attribute::CONTINUE | attribute::ENCRYPT;
        let reply = machine
            .send(
                &get_random(32),
                &mut [session.plain_use().attributes(both).into()],
            )
            .unwrap();
        assert_eq!(reply.reader().sized().len(), 32);
        // Salted and bound.
        let mut session = machine.start(start.clone().bind(rh::OWNER, b""));
        assert!(
            machine
                .send(&change_owner(b""), &mut [session.auth(b"").bound().into()])
                .is_ok()
        );
        // Another salt.
        let mut session = machine.start(Start::hmac().salt(key.handle, &encrypted, &[0; 32]));
        let refused = machine.send(&change_owner(b""), &mut [session.auth(b"").into()]);
        assert_eq!(refused.unwrap_err(), rc::session(rc::BAD_AUTH, 1));
        // A salt that is none.
        let mut spoilt = encrypted.clone();
        spoilt[40] ^= 1;
        let refused = machine.send(
            &Start::hmac().salt(key.handle, &spoilt, &salt).command(),
            &mut [],
        );
        assert_eq!(refused.unwrap_err(), rc::parameter(rc::VALUE, 2));
        let refused = machine.send(
            &Start::hmac().salt(key.handle, &[], &salt).command(),
            &mut [],
        );
        assert_eq!(refused.unwrap_err(), rc::parameter(rc::VALUE, 2));
        machine.flush(key.handle).unwrap();
    }
    // A salt without a key.
    let refused = machine.send(
        &Start::hmac().salt(rh::NULL, &[1; 32], &[]).command(),
        &mut [],
    );
    assert_eq!(refused.unwrap_err(), rc::parameter(rc::VALUE, 2));
}

#[test]
fn start_auth_session_refuses_what_it_cannot_use() {
    let mut machine = Machine::new();
    let refusal =
        |machine: &mut Machine, start: Start| machine.send(&start.command(), &mut []).unwrap_err();
    let with_nonce = |len| Start {
        nonce_len: len,
        ..Start::hmac()
    };
    for len in [0, 1, 15, 33, 64] {
        assert_eq!(
            refusal(&mut machine, with_nonce(len)),
            rc::parameter(rc::SIZE, 1),
            "{len} bytes"
        );
    }
    for len in [65, 200] {
        assert_eq!(
            refusal(&mut machine, with_nonce(len)),
            rc::parameter(rc::SIZE, 1),
            "{len} bytes"
        );
    }
    assert_eq!(
        refusal(&mut machine, with_nonce(21).hash(Hash::Sha1)),
        rc::parameter(rc::SIZE, 1)
    );
    let kind = |kind| Start {
        kind,
        ..Start::hmac()
    };
    for number in [2, 4, 255] {
        assert_eq!(
            refusal(&mut machine, kind(number)),
            rc::parameter(rc::VALUE, 3)
        );
    }
    let symmetric = |words: &[u16]| {
        let command = Command::new(cc::START_AUTH_SESSION)
            .handle(rh::NULL)
            .handle(rh::NULL);
        let command = command.sized(&[7; 16]).sized(&[]).u8(0);
        words
            .iter()
            .fold(command, |command, word| command.u16(*word))
            .u16(0x0b)
    };
    let cases: [(&[u16], u32); 5] = [
        (&[0x06, 128, 0x42], rc::MODE),
        (&[0x06, 129, 0x43], rc::VALUE),
        (&[0x0a, 0x10], rc::HASH),
        (&[0x26, 128, 0x43], rc::SYMMETRIC),
        (&[0x01], rc::SYMMETRIC),
    ];
    for (words, code) in cases {
        assert_eq!(
            machine.send(&symmetric(words), &mut []).unwrap_err(),
            rc::parameter(code, 4),
            "{words:x?}"
        );
    }
    let hash = Command {
        params: [&[0, 16][..], &[7; 16], &[0, 0, 0, 0, 0x10, 0, 0x10]].concat(),
        ..symmetric(&[])
    };
    assert_eq!(
        machine.send(&hash, &mut []).unwrap_err(),
        rc::parameter(rc::HASH, 5)
    );
    assert_eq!(
        refusal(&mut machine, Start::hmac().bind(0x8000_0003, b"")),
        rc::REFERENCE_H0 + 1
    );
    assert_eq!(
        refusal(&mut machine, Start::hmac().salt(0x8000_0003, &[], &[])),
        rc::REFERENCE_H0
    );
    assert_eq!(
        refusal(&mut machine, Start::hmac().salt(rh::OWNER, &[], &[])),
        rc::handle(rc::VALUE, 1)
    );
}

#[test]
fn every_cipher_and_hash_encrypts_both_ways() {
    for hash in HASHES {
        for cipher in CIPHERS {
            let mut machine = owned(b"owner");
            let mut session = machine.start(
                Start::hmac()
                    .hash(hash)
                    .cipher(cipher)
                    .bind(rh::OWNER, b"owner"),
            );
            // Decrypted by the session that authorises: the auth value is part of the key though the session is bound.
            let decrypt = attribute::CONTINUE | attribute::DECRYPT;
            let command = change_owner(b"a new and longer value");
            let used = session.auth(b"owner").bound().attributes(decrypt);
            assert!(
                machine.send(&command, &mut [used.into()]).is_ok(),
                "{hash:?} {cipher:?}"
            );
            let new = b"a new and longer value";
            assert!(
                machine
                    .send(&change_owner(new), &mut [Auth::password(new)])
                    .is_ok()
            );
            // Both ways: the digest is that of what was meant, not of what was sent.
            let both = decrypt | attribute::ENCRYPT;
            let command = Command::new(cc::HASH).sized(b"abc").u16(0x0b).u32(rh::NULL);
            let reply = machine
                .send(&command, &mut [session.plain_use().attributes(both).into()])
                .unwrap();
            assert_eq!(
                reply.reader().sized(),
                common::crypto::sha256(&[b"abc"]),
                "{hash:?} {cipher:?}"
            );
            // Nothing to encrypt.
            let empty = Command::new(cc::HASH).sized(b"").u16(0x0b).u32(rh::NULL);
            assert!(
                machine
                    .send(&empty, &mut [session.plain_use().attributes(both).into()])
                    .is_ok()
            );
        }
    }
}

#[test]
fn three_sessions_share_the_work_and_the_first_is_tied_to_the_others_nonces() {
    let mut machine = owned(b"owner");
    let mut auth = machine.start(Start::hmac().bind(rh::OWNER, b"owner"));
    let mut decrypt = machine.start(Start::hmac().cipher(Cipher::Aes(128)).hash(Hash::Sha384));
    let mut encrypt = machine.start(Start::hmac().cipher(Cipher::Xor).hash(Hash::Sha512));
    let create = |auth: &[u8]| {
        let sensitive = [&(auth.len() as u16).to_be_bytes()[..], auth, &[0, 0]].concat();
        let words: [u16; 8] = [0x06, 128, 0x43, 0x10, 3, 0x10, 0, 0];
        let words: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let template = [&[0, 0x23, 0, 0x0b, 0, 3, 4, 0x72, 0, 0][..], &words].concat();
        Command::new(cc::CREATE_PRIMARY)
            .handle(rh::OWNER)
            .sized(&sensitive)
            .sized(&template)
            .sized(b"")
            .u32(0)
    };
    for (second, third) in [
        (attribute::DECRYPT, attribute::ENCRYPT),
        (attribute::ENCRYPT, attribute::DECRYPT),
    ] {
        let mut auths = [
            auth.auth(b"owner").bound().into(),
            decrypt
                .plain_use()
                .attributes(second | attribute::CONTINUE)
                .into(),
            encrypt
                .plain_use()
                .attributes(third | attribute::CONTINUE)
                .into(),
        ];
        let reply = machine.send(&create(b"secret"), &mut auths).unwrap();
        machine.flush(reply.handle).unwrap();
    }
    // One for both.
    let both = attribute::DECRYPT | attribute::ENCRYPT | attribute::CONTINUE;
    let mut auths = [
        auth.auth(b"owner").bound().into(),
        decrypt.plain_use().attributes(both).into(),
    ];
    assert!(machine.send(&create(b"secret"), &mut auths).is_ok());
    // A password with an encrypting session besides: nobody ties that one.
    let mut auths = [
        Auth::password(b"owner"),
        decrypt.plain_use().attributes(both).into(),
    ];
    assert!(machine.send(&create(b"secret"), &mut auths).is_ok());
}

// The C code looked for the size where two bytes need not be, and for as many bytes as it said.
#[test]
fn cve_2023_1018_a_first_parameter_that_reaches_beyond_the_command_is_refused() {
    let mut machine = Machine::new();
    for cipher in CIPHERS {
        let mut session = machine.start(Start::hmac().cipher(cipher));
        let decrypt = attribute::CONTINUE | attribute::DECRYPT;
        let stir = |params: &[u8]| Command::new(cc::STIR_RANDOM).raw(params);
        let cases: [(&[u8], u32); 7] = [
            (&[], rc::INSUFFICIENT),
            (&[0], rc::INSUFFICIENT),
            (&[0xff], rc::INSUFFICIENT),
            (&[0, 1], rc::SIZE),
            (&[0, 3, 1, 2], rc::SIZE),
            (&[0xff, 0xff, 1, 2], rc::SIZE),
            (&[0x0f, 0xe0], rc::SIZE),
        ];
        for (params, code) in cases {
            let refused = machine.send(
                &stir(params),
                &mut [session.plain_use().attributes(decrypt).into()],
            );
            assert_eq!(refused.unwrap_err(), rc::session(code, 1), "{params:?}");
        }
        for params in [&[0, 0][..], &[0, 2, 1, 2]] {
            assert!(
                machine
                    .send(
                        &stir(params),
                        &mut [session.plain_use().attributes(decrypt).into()]
                    )
                    .is_ok()
            );
        }
        machine.flush(session.handle).unwrap();
    }
}

#[test]
fn encryption_needs_a_cipher_a_parameter_and_only_one_session() {
    let mut machine = Machine::new();
    let mut none = machine.start(Start::hmac());
    let mut aes = machine.start(Start::hmac().cipher(Cipher::Aes(128)));
    let mut other = machine.start(Start::hmac().cipher(Cipher::Aes(128)));
    let refusal = |machine: &mut Machine, command: &Command, auths: &mut [Auth<'_>]| {
        let bytes = machine.sealed(command, auths);
        machine.code(&bytes)
    };
    let encrypt = attribute::CONTINUE | attribute::ENCRYPT;
    let decrypt = attribute::CONTINUE | attribute::DECRYPT;
    let mut auths = [none.plain_use().attributes(encrypt).into()];
    assert_eq!(
        refusal(&mut machine, &get_random(8), &mut auths),
        rc::session(rc::SYMMETRIC, 1)
    );
    // GetRandom's parameter is a number.
    let mut auths = [
        aes.plain_use().attributes(encrypt).into(),
        other.plain_use().attributes(decrypt).into(),
    ];
    let command = Command::new(cc::GET_RANDOM).sized(b"");
    assert_eq!(
        refusal(&mut machine, &command, &mut auths),
        rc::session(rc::ATTRIBUTES, 2)
    );
    // StirRandom answers with nothing.
    let command = Command::new(cc::STIR_RANDOM).sized(b"x");
    let mut auths = [aes.plain_use().attributes(encrypt).into()];
    assert_eq!(
        refusal(&mut machine, &command, &mut auths),
        rc::session(rc::ATTRIBUTES, 1)
    );
    let mut auths = [
        aes.plain_use().attributes(encrypt).into(),
        other.plain_use().attributes(encrypt).into(),
    ];
    assert_eq!(
        refusal(&mut machine, &get_random(8), &mut auths),
        rc::session(rc::ATTRIBUTES, 2)
    );
    let mut auths = [aes.plain_use().into()];
    assert_eq!(
        refusal(&mut machine, &get_random(8), &mut auths),
        rc::session(rc::ATTRIBUTES, 1)
    );
    let mut auths = [Auth::password(b"")];
    assert_eq!(
        refusal(&mut machine, &get_random(8), &mut auths),
        rc::session(rc::HANDLE, 1)
    );
}

#[test]
fn a_session_that_is_none_is_named_by_its_number() {
    let mut machine = Machine::new();
    let area = |handles: &[u32]| -> Vec<u8> {
        let one = |handle: &u32| [&handle.to_be_bytes()[..], &[0, 0, 0x81, 0, 0]].concat();
        handles.iter().flat_map(one).collect()
    };
    let command = get_random(8);
    let code =
        |machine: &mut Machine, handles: &[u32]| machine.code(&command.frame(Some(&area(handles))));
    assert_eq!(code(&mut machine, &[0x0200_0000]), rc::REFERENCE_S0);
    let session = machine.start(Start::hmac());
    assert_eq!(
        code(&mut machine, &[session.handle, 0x0200_0009]),
        rc::REFERENCE_S0 + 1
    );
    assert_eq!(
        code(&mut machine, &[session.handle, session.handle]),
        rc::session(rc::HANDLE, 2)
    );
    assert_eq!(
        code(&mut machine, &[session.handle | 0x0100_0000]),
        rc::session(rc::HANDLE, 1)
    );
    for handle in [0x8000_0000, rh::OWNER, 0, 0x0100_0000, 0x4000_0008] {
        assert_eq!(
            code(&mut machine, &[handle]),
            rc::session(rc::VALUE, 1),
            "{handle:#x}"
        );
    }
    let trial = machine.start(Start::trial());
    let area = [&trial.handle.to_be_bytes()[..], &[0, 0, 1, 0, 0]].concat();
    let bytes = change_owner(b"x").frame(Some(&area));
    assert_eq!(machine.code(&bytes), rc::session(rc::ATTRIBUTES, 1));
}

#[test]
fn a_session_that_is_not_to_go_on_ends_with_the_command_that_succeeds() {
    let mut machine = Machine::new();
    let mut session = machine.start(Start::hmac());
    let refused = machine.send(
        &change_owner(b""),
        &mut [session.auth(b"wrong").attributes(0).into()],
    );
    assert_eq!(refused.unwrap_err(), rc::session(rc::BAD_AUTH, 1));
    assert!(
        machine
            .send(
                &change_owner(b""),
                &mut [session.auth(b"").attributes(0).into()]
            )
            .is_ok()
    );
    let refused = machine.send(&change_owner(b""), &mut [session.auth(b"").into()]);
    assert_eq!(refused.unwrap_err(), rc::REFERENCE_S0);
    assert_eq!(
        machine.flush(session.handle).unwrap_err(),
        rc::parameter(rc::HANDLE, 1)
    );
}

#[test]
fn an_audit_is_exclusive_until_another_command_comes_between() {
    let mut machine = Machine::new();
    let mut audit = machine.start(Start::hmac());
    let mut other = machine.start(Start::hmac());
    let on = attribute::AUDIT | attribute::CONTINUE;
    let exclusive = on | attribute::AUDIT_EXCLUSIVE;
    let send = |machine: &mut Machine, session: &mut common::Session, attributes: u8| {
        let reply = machine.send(
            &get_random(8),
            &mut [session.plain_use().attributes(attributes).into()],
        )?;
        Ok::<u8, u32>(reply.attributes[0])
    };
    assert_eq!(send(&mut machine, &mut audit, on), Ok(exclusive));
    assert_eq!(send(&mut machine, &mut audit, exclusive), Ok(exclusive));
    // A command that could be audited and is not.
    machine.send(&get_random(8), &mut []).unwrap();
    assert_eq!(
        send(&mut machine, &mut audit, exclusive),
        Err(rc::EXCLUSIVE)
    );
    assert_eq!(send(&mut machine, &mut audit, on), Ok(on));
    // Its audit begins anew.
    let reset = on | attribute::AUDIT_RESET;
    assert_eq!(send(&mut machine, &mut audit, reset), Ok(exclusive));
    assert_eq!(send(&mut machine, &mut audit, exclusive), Ok(exclusive));
    // Commands that take no sessions cannot be audited, and leave it.
    let flushed = machine.start(Start::hmac());
    assert_eq!(
        send(&mut machine, &mut audit, reset).map(|bits| bits & 2),
        Ok(2)
    );
    machine.flush(flushed.handle).unwrap();
    assert_eq!(send(&mut machine, &mut audit, exclusive), Ok(exclusive));
    // Another audit takes it over.
    assert_eq!(send(&mut machine, &mut other, on), Ok(exclusive));
    assert_eq!(
        send(&mut machine, &mut audit, exclusive),
        Err(rc::EXCLUSIVE)
    );
    assert_eq!(send(&mut machine, &mut other, exclusive), Ok(exclusive));
    // A refused command changes nothing of it.
    let refused = machine.send(&change_owner(b"x"), &mut [Auth::password(b"wrong")]);
    assert_eq!(refused.unwrap_err(), rc::session(rc::BAD_AUTH, 1));
    assert_eq!(send(&mut machine, &mut other, exclusive), Ok(exclusive));
    // Both say something about an audit.
    for bits in [attribute::AUDIT_EXCLUSIVE, attribute::AUDIT_RESET] {
        let bits = bits | attribute::CONTINUE;
        let used = audit.auth(b"").attributes(bits);
        let refused = machine
            .send(&change_owner(b""), &mut [used.into()])
            .unwrap_err();
        assert_eq!(refused, rc::session(rc::ATTRIBUTES, 1));
    }
    // One audit at a time, and none by a policy session.
    let mut auths = [
        audit.plain_use().attributes(on).into(),
        other.plain_use().attributes(on).into(),
    ];
    assert_eq!(
        machine.send(&get_random(8), &mut auths).unwrap_err(),
        rc::session(rc::ATTRIBUTES, 2)
    );
    let mut policy = machine.start(Start::policy());
    let mut auths = [policy.plain_use().attributes(on).into()];
    assert_eq!(
        machine.send(&get_random(8), &mut auths).unwrap_err(),
        rc::session(rc::ATTRIBUTES, 1)
    );
}

#[test]
fn the_audit_digest_is_the_one_that_the_caller_keeps() {
    const GET_SESSION_AUDIT_DIGEST: u32 = 0x14d;
    for hash in HASHES {
        let mut machine = Machine::new();
        let mut audit = machine.start(Start::hmac().hash(hash).cipher(Cipher::Xor));
        let on = attribute::AUDIT | attribute::CONTINUE;
        let encrypted = on | attribute::ENCRYPT;
        machine
            .send(
                &get_random(8),
                &mut [audit.plain_use().attributes(on).into()],
            )
            .unwrap();
        machine
            .send(
                &get_random(8),
                &mut [audit.plain_use().attributes(encrypted).into()],
            )
            .unwrap();
        let command = Command::new(GET_SESSION_AUDIT_DIGEST)
            .handle(rh::ENDORSEMENT)
            .handle(rh::NULL)
            .handle(audit.handle)
            .sized(b"")
            .u16(0x10);
        let reply = machine
            .send(&command, &mut [Auth::password(b""), Auth::password(b"")])
            .unwrap();
        let attested = reply.reader().sized().to_vec();
        let digest = &attested[attested.len() - hash.digest_len()..];
        assert_eq!(digest, audit.audit_digest, "{hash:?}");
    }
}

#[test]
fn a_session_used_for_audit_is_bound_no_more() {
    let mut machine = owned(b"owner");
    let mut session = machine.start(Start::hmac().bind(rh::OWNER, b"owner"));
    let on = attribute::AUDIT | attribute::CONTINUE;
    assert!(
        machine
            .send(
                &change_owner(b"owner"),
                &mut [session.auth(b"owner").bound().attributes(on).into()]
            )
            .is_ok()
    );
    let refused = machine.send(
        &change_owner(b"owner"),
        &mut [session.auth(b"owner").bound().into()],
    );
    assert_eq!(refused.unwrap_err(), rc::session(rc::BAD_AUTH, 1));
    assert!(
        machine
            .send(
                &change_owner(b"owner"),
                &mut [session.auth(b"owner").into()]
            )
            .is_ok()
    );
}

#[test]
fn as_many_sessions_as_the_profile_says_are_loaded() {
    let mut machine = Machine::with_profile(&Profile::PC_CLIENT);
    let sessions: Vec<_> = (0..3).map(|_| machine.start(Start::hmac())).collect();
    assert_eq!(
        sessions
            .iter()
            .map(|session| session.handle & 0xff)
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(
        machine
            .send(&Start::policy().command(), &mut [])
            .unwrap_err(),
        rc::SESSION_MEMORY
    );
    machine.flush(sessions[1].handle).unwrap();
    assert_eq!(machine.start(Start::policy()).handle, 0x0300_0001);
    // A reset ends all.
    machine.reset();
    assert_eq!(
        machine.flush(sessions[0].handle).unwrap_err(),
        rc::parameter(rc::HANDLE, 1)
    );
}

#[test]
fn a_wrong_guess_at_a_guarded_entity_counts_whatever_the_session_does() {
    // An index without NO_DA, read and written by its own auth value.
    let define = |auth: &[u8]| {
        let public = [
            &0x0150_0001u32.to_be_bytes()[..],
            &[0, 0x0b, 0, 4, 0, 4, 0, 0, 0, 8],
        ]
        .concat();
        Command::new(cc::NV_DEFINE_SPACE)
            .handle(rh::OWNER)
            .sized(auth)
            .sized(&public)
    };
    let mut machine = Machine::new();
    machine
        .send(&define(b"right"), &mut [Auth::password(b"")])
        .unwrap();
    let write = Command::new(cc::NV_WRITE)
        .named(0x0150_0001, &[])
        .named(0x0150_0001, &[])
        .sized(&[0; 8])
        .u16(0);
    assert!(
        machine
            .send(&write, &mut [Auth::password(b"right")])
            .is_ok()
    );
    let refused = machine.send(&write, &mut [Auth::password(b"wrong")]);
    assert_eq!(refused.unwrap_err(), rc::session(rc::AUTH_FAIL, 1));
    // Bound with a wrong value; the index goes; the session is still a guess at what was there.
    let mut guess = machine.start(Start::hmac().bind(0x0150_0001, b"wrong"));
    let undefine = Command::new(cc::NV_UNDEFINE_SPACE)
        .handle(rh::OWNER)
        .named(0x0150_0001, &[]);
    machine.send(&undefine, &mut [Auth::password(b"")]).unwrap();
    let on = attribute::AUDIT | attribute::CONTINUE;
    for _ in 0..2 {
        let refused = machine.send(
            &get_random(8),
            &mut [guess.plain_use().attributes(on).into()],
        );
        assert_eq!(refused.unwrap_err(), rc::session(rc::AUTH_FAIL, 1));
    }
    // Locked: not even looked at.
    let refused = machine.send(
        &get_random(8),
        &mut [guess.plain_use().attributes(on).into()],
    );
    assert_eq!(refused.unwrap_err(), rc::LOCKOUT);
    machine
        .send(&define(b"right"), &mut [Auth::password(b"")])
        .unwrap();
    let write = Command::new(cc::NV_WRITE)
        .named(0x0150_0001, &[])
        .named(0x0150_0001, &[])
        .sized(&[0; 8])
        .u16(0);
    assert_eq!(
        machine
            .send(&write, &mut [Auth::password(b"right")])
            .unwrap_err(),
        rc::LOCKOUT
    );
    // What is not guarded is not locked.
    assert!(
        machine
            .send(&change_owner(b""), &mut [Auth::password(b"")])
            .is_ok()
    );
}

#[test]
fn a_malformed_command_is_no_guess() {
    let mut machine = Machine::new();
    let command = Command::new(cc::DICTIONARY_ATTACK_LOCK_RESET).handle(rh::LOCKOUT);
    let password = [&rh::PASSWORD.to_be_bytes()[..], &[0, 0, 1, 0, 5], b"wrong"].concat();
    let second = [&0x0200_0000u32.to_be_bytes()[..], &[0, 0, 1, 0, 0]].concat();
    let bytes = command.frame(Some(&[password.clone(), second].concat()));
    assert_eq!(machine.code(&bytes), rc::REFERENCE_S0 + 1);
    assert!(machine.send(&command, &mut [Auth::password(b"")]).is_ok());
    assert_eq!(
        machine.code(&command.frame(Some(&password))),
        rc::session(rc::AUTH_FAIL, 1)
    );
    assert_eq!(
        machine
            .send(&command, &mut [Auth::password(b"")])
            .unwrap_err(),
        rc::LOCKOUT
    );
}

// The C code encrypted as many bytes of its answer as a size said that nobody had checked (2023, no number).
#[test]
fn cve_2023_of_an_answer_the_first_parameter_is_encrypted_and_nothing_behind_it() {
    for cipher in CIPHERS {
        let mut machine = Machine::new();
        let mut session = machine.start(Start::hmac().cipher(cipher));
        let encrypt = attribute::CONTINUE | attribute::ENCRYPT;
        // Nothing to encrypt.
        let used = session.plain_use().attributes(encrypt);
        let reply = machine.send(&get_random(0), &mut [used.into()]).unwrap();
        assert_eq!(reply.params, [0, 0]);
        // An empty first parameter, and a ticket behind it that stays as it is.
        let policy = machine.start(Start::policy());
        let command = Command::new(cc::POLICY_SECRET)
            .handle(rh::OWNER)
            .handle(policy.handle);
        let command = command.sized(b"").sized(b"").sized(b"").u32(0);
        let used = session.plain_use().attributes(encrypt);
        let reply = machine
            .send(&command, &mut [Auth::password(b""), used.into()])
            .unwrap();
        let null = [&[0, 0, 0x80, 0x23][..], &rh::NULL.to_be_bytes(), &[0, 0]].concat();
        assert_eq!(reply.params, null, "{cipher:?}");
        // A digest, and a ticket behind it: the client decrypts the first parameter only.
        let command = Command::new(cc::HASH).sized(b"abc").u16(0x0b).u32(rh::NULL);
        let used = session.plain_use().attributes(encrypt);
        let reply = machine.send(&command, &mut [used.into()]).unwrap();
        let digest = common::crypto::sha256(&[b"abc"]);
        let wanted = [
            &[0, 32][..],
            &digest,
            &[0x80, 0x24],
            &rh::NULL.to_be_bytes(),
            &[0, 0],
        ]
        .concat();
        assert_eq!(reply.params, wanted, "{cipher:?}");
    }
}
