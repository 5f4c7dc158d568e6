//! CertifyX509: the parts put together are a certificate whose signature is right; and what is refused.
//!
//! That openssl takes such a certificate is shown by `tests/tpm/tools/certificate.sh`.
#![cfg(feature = "full")]

mod common;
mod object_common;
mod state_common;

use common::{Auth, Command, Machine, Reader, crypto, rc};
use object_common::{NULL, RSASSA, SHA256, SHA384, Template, attr, bad, primary, words};
use state_common::open;

const RSAPSS: u16 = 0x16;
const ECDSA: u16 = 0x18;

/// One DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut all = vec![tag];
    match content.len() {
        len @ 0..=0x7f => all.push(len as u8),
        len @ 0x80..=0xff => all.extend([0x81, len as u8]),
        len => all.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    all.extend(content);
    all
}

fn name(text: &str) -> Vec<u8> {
    let value = der(0x0c, &[text.as_bytes()]);
    der(
        0x30,
        &[&der(0x31, &[&der(0x30, &[&[6, 3, 0x55, 4, 3], &value])])],
    )
}

fn validity() -> Vec<u8> {
    der(
        0x30,
        &[
            &der(0x17, &[b"260101000000Z"]),
            &der(0x17, &[b"360101000000Z"]),
        ],
    )
}

fn extension(oid: &[u8], bits: &[u8]) -> Vec<u8> {
    der(0x30, &[oid, &[1, 1, 0xff], &der(4, &[&der(3, &[bits])])])
}

/// keyUsage: digitalSignature is 0x80, keyCertSign 0x04.
fn usage(bits: &[u8]) -> Vec<u8> {
    extension(&[6, 3, 0x55, 0x1d, 0x0f], bits)
}

/// tcg-tpmaObject.
fn attributes(attributes: u32) -> Vec<u8> {
    let bits = [&[0][..], &attributes.to_be_bytes()].concat();
    extension(&[6, 7, 0x67, 0x81, 5, 0x0a, 1, 1, 1], &bits)
}

fn extensions(list: &[&[u8]]) -> Vec<u8> {
    der(0xa3, &[&der(0x30, list)])
}

fn partial(extensions: &[u8]) -> Vec<u8> {
    der(
        0x30,
        &[&name("issuer"), &validity(), &name("subject"), extensions],
    )
}

fn certify(object: u32, key: u32, scheme: &[u16], partial: &[u8]) -> Command {
    Command::new(0x197)
        .handle(object)
        .handle(key)
        .sized(b"")
        .raw(&words(scheme))
        .sized(partial)
}

fn send(machine: &mut Machine, command: &Command) -> Result<Vec<u8>, u32> {
    let mut auths = [Auth::password(b""), Auth::password(b"")];
    machine.send(command, &mut auths).map(|reply| reply.params)
}

/// The first element, and what follows it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (head, len) = match bytes[1] {
        0x81 => (3, bytes[2].into()),
        0x82 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        len => (2, len.into()),
    };
    bytes.split_at(head + len)
}

fn content(element: &[u8]) -> &[u8] {
    let head = match element[1] {
        0x81 => 3,
        0x82 => 4,
        _ => 2,
    };
    &element[head..]
}

/// Puts the certificate's signed part together from what was sent and what came back, and checks its digest and
/// signature. `given`: the caller said the algorithm.
fn check(machine: &mut Machine, key: u32, partial: &[u8], answer: &[u8], given: bool) -> Vec<u8> {
    let mut reader = Reader(answer);
    let (added, digest) = (reader.sized(), reader.sized());
    let (version, rest) = split(content(added));
    assert_eq!(version, [0xa0, 3, 2, 1, 2]);
    let (serial, rest) = split(rest);
    assert!(serial[0] == 2 && (20..=21).contains(&serial[1]) && serial[2] < 0x80);
    let sent = content(partial);
    let (algorithm, sent, rest) = match given {
        true => (split(sent).0, split(sent).1, rest),
        false => (split(rest).0, sent, split(rest).1),
    };
    let (public, rest) = split(rest);
    assert!(rest.is_empty());
    let (issuer, sent) = split(sent);
    let (validity, sent) = split(sent);
    let (subject, extensions) = split(sent);
    let parts = [
        version, serial, algorithm, issuer, validity, subject, public, extensions,
    ];
    let tbs = der(0x30, &parts);
    assert_eq!(digest, crypto::sha256(&[&tbs]));
    let verify = Command::new(0x177).handle(key).sized(digest).raw(reader.0);
    machine.send(&verify, &mut []).unwrap();
    tbs
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_certificate_is_put_together_and_signed_for_keys_of_every_kind() {
    let mut machine = Machine::new();
    let signer = primary(
        &mut machine,
        &Template::signing(3).parameters(&[NULL, NULL, 3, NULL]),
    );
    let rsa = primary(
        &mut machine,
        &Template::signing_rsa(2048).parameters(&[NULL, NULL, 2048, 0, 0]),
    );
    let usage = usage(&[7, 0x80]);
    for (curve, oid) in [
        (3u16, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7][..]),
        (4, &[0x2b, 0x81, 4, 0, 0x22]),
        (5, &[0x2b, 0x81, 4, 0, 0x23]),
    ] {
        let subject = primary(&mut machine, &Template::signing(curve));
        let partial = partial(&extensions(&[&usage]));
        let command = certify(subject.handle, signer.handle, &[ECDSA, SHA256], &partial);
        let answer = send(&mut machine, &command).unwrap();
        let tbs = check(&mut machine, signer.handle, &partial, &answer, false);
        assert!(contains(&tbs, oid));
        // The serial number depends on what is certified, not on chance.
        let again = send(&mut machine, &command).unwrap();
        assert_eq!(Reader(&answer).sized(), Reader(&again).sized());
        machine.flush(subject.handle).unwrap();
    }
    for scheme in [RSASSA, RSAPSS] {
        let partial = partial(&extensions(&[
            &attributes(attr::FIXED | attr::ORIGIN | attr::USER | attr::NO_DA | attr::SIGN),
            &usage,
        ]));
        let command = certify(rsa.handle, rsa.handle, &[scheme, SHA256], &partial);
        let answer = send(&mut machine, &command).unwrap();
        let tbs = check(&mut machine, rsa.handle, &partial, &answer, false);
        let modulus = &rsa.public[rsa.public.len() - 256..];
        assert!(contains(&tbs, modulus));
    }
    // The caller may say the algorithm himself.
    let algorithm = der(0x30, &[&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
    let extensions = extensions(&[&usage]);
    let parts: [&[u8]; 5] = [&algorithm, &name("i"), &validity(), &name("s"), &extensions];
    let partial = der(0x30, &parts);
    let command = certify(rsa.handle, signer.handle, &[ECDSA, SHA256], &partial);
    let answer = send(&mut machine, &command).unwrap();
    check(&mut machine, signer.handle, &partial, &answer, true);
}

#[test]
fn extensions_must_say_what_the_key_is() {
    let mut machine = Machine::new();
    let signer = primary(&mut machine, &Template::signing(3)).handle;
    let storage = primary(&mut machine, &Template::storage()).handle;
    let own = attr::FIXED | attr::ORIGIN | attr::USER | attr::NO_DA | attr::SIGN;
    let value = rc::parameter(rc::VALUE, 3);
    let signs = usage(&[7, 0x80]);
    let mut try_one = |object: u32, list: &[&[u8]]| {
        let command = certify(object, signer, &[NULL], &partial(&extensions(list)));
        send(&mut machine, &command).map(drop)
    };
    assert_eq!(try_one(signer, &[&signs]), Ok(()));
    assert_eq!(try_one(signer, &[&usage(&[1, 0x86])]), Ok(()));
    assert_eq!(try_one(signer, &[&usage(&[6, 0x40])]), Ok(()));
    assert_eq!(try_one(signer, &[&attributes(own), &signs]), Ok(()));
    // keyEncipherment of a restricted key that decrypts; and of one that signs.
    assert_eq!(try_one(storage, &[&usage(&[5, 0x20])]), Ok(()));
    assert_eq!(try_one(signer, &[&usage(&[5, 0x20])]), Err(value));
    assert_eq!(try_one(storage, &[&signs]), Err(value));
    assert_eq!(try_one(signer, &[&usage(&[3, 0x08])]), Err(value));
    assert_eq!(
        try_one(signer, &[&attributes(own ^ attr::NO_DA), &signs]),
        Err(rc::handle(rc::ATTRIBUTES, 1))
    );
    assert_eq!(
        try_one(signer, &[&usage(&[6, 0x80, 0x40])]),
        Err(rc::parameter(rc::RESERVED_BITS, 3))
    );
    // Each is said once, whichever of the two is right.
    let other = usage(&[5, 0x20]);
    for list in [[&signs[..], &signs], [&signs, &other], [&other, &signs]] {
        assert_eq!(try_one(signer, &list), Err(value));
    }
    let twice = [attributes(own), attributes(own)];
    assert_eq!(try_one(signer, &[&twice[0], &twice[1], &signs]), Err(value));
    assert_eq!(try_one(signer, &[]), Err(value));
    assert_eq!(try_one(signer, &[&attributes(own)]), Err(value));
    assert_eq!(try_one(signer, &[&usage(&[7, 0xc1])]), Err(value));
    assert_eq!(try_one(signer, &[&signs[..4]]), Err(value));
    assert_eq!(try_one(signer, &[&der(0x31, &[&signs])]), Err(value));
}

#[test]
fn partial_certificates_are_read_with_care() {
    let mut machine = Machine::new();
    let signer = primary(&mut machine, &Template::signing(3)).handle;
    let hmac = primary(&mut machine, &Template::hmac()).handle;
    let storage = primary(&mut machine, &Template::storage()).handle;
    let cipher = primary(&mut machine, &Template::cipher(128).with(attr::SIGN)).handle;
    let list = der(0x30, &[&usage(&[7, 0x80])]);
    let extensions = der(0xa3, &[&list]);
    let good = partial(&extensions);
    let (value, size) = (rc::parameter(rc::VALUE, 3), rc::parameter(rc::SIZE, 3));
    let three: [&[u8]; 3] = [&name("i"), &validity(), &name("s")];
    let with = |more: &[&[u8]]| der(0x30, &[&three.concat(), &more.concat()]);
    for (bytes, code) in [
        (Vec::new(), value),
        (vec![0x30], size),
        (vec![0x30, 0x80, 0, 0], size),
        (der(0x31, &[&good]), size),
        ([&good[..], &[0]].concat(), size),
        (with(&[]), value),
        (with(&[&extensions, &extensions]), value),
        (with(&[three[0], three[0], &extensions]), value),
        (with(&[&[0x02, 1, 1], &extensions]), value),
        (der(0x30, &[three[0], three[1], &extensions]), value),
        // Another order than that of a certificate.
        (
            der(0x30, &[&extensions, three[0], three[1], three[2]]),
            value,
        ),
        (
            der(0x30, &[three[0], &extensions, three[1], three[2]]),
            value,
        ),
        (
            der(0x30, &[three[0], three[1], &extensions, three[2]]),
            value,
        ),
        (with(&[&extensions, three[0]]), value),
        // Bytes behind the list.
        (with(&[&der(0xa3, &[&list, &[0]])]), value),
        (with(&[&der(0xa3, &[&list, &list])]), value),
        (with(&[&der(0xa3, &[])]), value),
        (with(&[&extensions[..extensions.len() - 1]]), value),
    ] {
        let command = certify(signer, signer, &[NULL], &bytes);
        assert_eq!(
            send(&mut machine, &command).unwrap_err(),
            code,
            "{bytes:x?}"
        );
    }
    for len in 0..good.len() {
        let command = certify(signer, signer, &[NULL], &good[..len]);
        assert!(send(&mut machine, &command).is_err(), "{len} bytes");
    }
    let mut reserved = certify(signer, signer, &[NULL], &good);
    reserved.params.splice(..2, [0, 1, 7]);
    for (command, code) in [
        (reserved, rc::parameter(rc::SIZE, 1)),
        (
            certify(signer, storage, &[NULL], &good),
            rc::handle(bad::KEY, 2),
        ),
        // `sign` of a cipher means that it encrypts.
        (
            certify(signer, cipher, &[NULL], &good),
            rc::handle(bad::KEY, 2),
        ),
        (
            certify(signer, signer, &[ECDSA, SHA384], &good),
            rc::parameter(bad::SCHEME, 2),
        ),
        (certify(hmac, signer, &[NULL], &good), rc::handle(0x081, 1)),
        (
            certify(signer, hmac, &[NULL], &good),
            rc::handle(bad::SCHEME, 2),
        ),
    ] {
        assert_eq!(send(&mut machine, &command).unwrap_err(), code);
    }
    let alone = certify(signer, signer, &[NULL], &good);
    assert_eq!(
        machine.send(&alone, &mut open()).unwrap_err(),
        rc::AUTH_MISSING
    );
}

#[test]
fn no_change_of_a_byte_does_more_than_be_refused() {
    let mut machine = Machine::new();
    let signer = primary(&mut machine, &Template::signing(3)).handle;
    let good = partial(&extensions(&[&usage(&[7, 0x80])]));
    let (mut taken, mut refused) = (0, 0);
    for at in 0..good.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = good.clone();
            changed[at] ^= change;
            let command = certify(signer, signer, &[NULL], &changed);
            match send(&mut machine, &command) {
                // What the TPM does not have to understand it signs as it is.
                Ok(answer) => {
                    check(&mut machine, signer, &changed, &answer, false);
                    taken += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(taken > 50 && refused > 50, "{taken} {refused}");
}
