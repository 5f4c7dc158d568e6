//! Faults that other TPMs had, each tried here: docs/tpm-security-record.md has the list.

#![cfg(feature = "full")]

mod common;
mod object_common;
mod state_common;

use common::{Auth, Command, Machine, MemoryStore, TestPlatform, cc, rc, rh};
use ironroot_tpm::Profile;
use object_common::{
    ECDSA, IMPORT, Loaded, OAEP, RSASSA, SHA256, Template, attr, bad, child, duplicate, evict,
    primary, words,
};
use state_common::{capability, define, nv, select, start_error};
use std::collections::BTreeSet;

const SIGN: u32 = 0x15d;
const QUOTE: u32 = 0x158;
const CERTIFY: u32 = 0x148;
const CERTIFY_CREATION: u32 = 0x14a;
const NV_CERTIFY: u32 = 0x184;
const GET_TIME: u32 = 0x14c;
const RSA_DECRYPT: u32 = 0x159;
const RSA_ENCRYPT: u32 = 0x174;
const ENCRYPT_DECRYPT: u32 = 0x164;
const ENCRYPT_DECRYPT_2: u32 = 0x193;
const SEQUENCE_UPDATE: u32 = 0x15c;

const NULL: u16 = 0x10;
const HMAC: u16 = 0x05;
const RSAES: u16 = 0x15;
const RSAPSS: u16 = 0x16;
const ECDAA: u16 = 0x1a;
const SM2: u16 = 0x1b;
const ECSCHNORR: u16 = 0x1c;
const INDEX: u32 = 0x0180_0001;

/// What may stand where a command wants a signature's scheme, with SHA-256.
fn schemes() -> Vec<(u16, Vec<u8>)> {
    [RSASSA, RSAPSS, ECDSA, SM2, ECSCHNORR, HMAC]
        .map(|scheme| (scheme, words(&[scheme, SHA256])))
        .into_iter()
        .chain([(ECDAA, words(&[ECDAA, SHA256, 1]))])
        .collect()
}

/// Each command that signs, with an object to certify and its creation hash.
fn signing_commands(key: u32, other: &Loaded, scheme: &[u8]) -> Vec<(Command, usize)> {
    let null_ticket = [&[0x80, 0x24][..], &rh::NULL.to_be_bytes(), &[0, 0]].concat();
    let command = |code: u32, handles: &[u32]| {
        let named = |command: Command, handle: &u32| command.handle(*handle);
        handles.iter().fold(Command::new(code), named)
    };
    vec![
        (
            command(SIGN, &[key])
                .sized(&[7; 32])
                .raw(scheme)
                .raw(&null_ticket),
            1,
        ),
        (
            command(QUOTE, &[key])
                .sized(b"q")
                .raw(scheme)
                .raw(&select(SHA256, 1)),
            1,
        ),
        (
            command(CERTIFY, &[other.handle, key])
                .sized(b"q")
                .raw(scheme),
            2,
        ),
        (
            command(GET_TIME, &[rh::ENDORSEMENT, key])
                .sized(b"q")
                .raw(scheme),
            2,
        ),
        (
            command(NV_CERTIFY, &[key, rh::OWNER, INDEX])
                .sized(b"q")
                .raw(scheme)
                .u16(4)
                .u16(0),
            2,
        ),
        (
            command(CERTIFY_CREATION, &[key, other.handle])
                .sized(b"q")
                .sized(&other.creation_hash)
                .raw(scheme)
                .raw(&other.ticket),
            1,
        ),
    ]
}

/// CVE-2025-2884, CVE-2025-49133 (TCGVRT0009): the scheme that a caller named was not matched to the type of the
/// key, and CryptHmacSign read what was not there.
#[test]
fn cve_2025_2884_a_scheme_for_another_type_of_key_is_refused_by_every_command_that_signs() {
    let mut machine = Machine::new();
    let parent = primary(&mut machine, &Template::storage());
    let root = parent.handle;
    define(&mut machine, INDEX, nv::PLAIN, b"", 8).unwrap();
    let write = Command::new(cc::NV_WRITE)
        .handle(rh::OWNER)
        .handle(INDEX)
        .sized(&[1; 8])
        .u16(0);
    machine.send(&write, &mut [Auth::password(b"")]).unwrap();
    let any_hmac = Template::hmac().parameters(&[NULL]).with(attr::DECRYPT);
    let any_ecc = Template::signing(3).parameters(&[NULL, NULL, 3, NULL]);
    let any_rsa = Template::signing_rsa(1024).parameters(&[NULL, NULL, 1024, 0, 0]);
    let anonymous: [u16; 4] = [ECDSA, SM2, ECSCHNORR, ECDAA];
    let keys = [
        (any_hmac, vec![HMAC]),
        (Template::hmac(), vec![HMAC]),
        (any_ecc, anonymous.to_vec()),
        (Template::signing(3), vec![ECDSA]),
        (any_rsa, vec![RSASSA, RSAPSS]),
        (Template::signing_rsa(1024), vec![RSASSA]),
    ];
    let mut refused = 0;
    for (template, fitting) in keys {
        let data: &[u8] = if template.attributes & attr::ORIGIN == 0 {
            b"key"
        } else {
            b""
        };
        let (key, _) = child(&mut machine, root, &template, b"", data);
        for (scheme, bytes) in schemes() {
            for (command, sessions) in signing_commands(key, &parent, &bytes) {
                let mut auths = [Auth::password(b""), Auth::password(b"")];
                let answer = machine.send(&command, &mut auths[..sessions]);
                if fitting.contains(&scheme) {
                    // Anonymous schemes and SM2 have conditions of their own.
                    let ordinary = [HMAC, ECDSA, RSASSA, RSAPSS].contains(&scheme);
                    assert!(
                        answer.is_ok() || !ordinary,
                        "{:#x} {scheme:#x}",
                        command.code
                    );
                    continue;
                }
                let code = answer.expect_err("a scheme of another type");
                // Which parameter it is differs; that it is the scheme does not.
                assert_eq!(
                    code & 0xf0ff,
                    bad::SCHEME | 0x40,
                    "{:#x} {scheme:#x}",
                    command.code
                );
                refused += 1;
            }
        }
        machine.flush(key).unwrap();
    }
    assert_eq!(refused, (6 + 6 + 3 + 6 + 5 + 6) * 6);
}

fn cipher(machine: &mut Machine) -> u32 {
    let root = primary(machine, &Template::storage()).handle;
    let template = Template::cipher(128)
        .parameters(&[6, 128, NULL])
        .with(attr::SIGN);
    child(machine, root, &template, b"", b"").0
}

/// EncryptDecrypt or EncryptDecrypt2: data, and the vector to go on with.
fn crypt(
    machine: &mut Machine,
    (code, key): (u32, u32),
    (decrypt, mode, iv): (u8, u16, &[u8]),
    data: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let command = Command::new(code).handle(key);
    let command = match code {
        ENCRYPT_DECRYPT => command.u8(decrypt).u16(mode).sized(iv).sized(data),
        _ => command.sized(data).u8(decrypt).u16(mode).sized(iv),
    };
    let reply = machine.send(&command, &mut [Auth::password(b"")]).unwrap();
    let mut reader = reply.reader();
    let (data, iv) = (reader.sized().to_vec(), reader.sized().to_vec());
    reader.end();
    (data, iv)
}

/// CVE-2021-3446, CVE-2026-21444: the initialisation vector that came back was not the one to go on with.
#[test]
fn cve_2021_3446_and_cve_2026_21444_several_calls_of_encrypt_decrypt_are_one_call() {
    const CTR: u16 = 0x40;
    const ECB: u16 = 0x44;
    let mut machine = Machine::new();
    let key = cipher(&mut machine);
    let text: Vec<u8> = (0..64).collect();
    for code in [ENCRYPT_DECRYPT, ENCRYPT_DECRYPT_2] {
        for mode in CTR..=ECB {
            let first: &[u8] = if mode == ECB { &[] } else { &[0xfe; 16] };
            let at_once = crypt(&mut machine, (code, key), (0, mode, first), &text);
            assert_ne!(at_once.0, text);
            if mode != ECB {
                assert_ne!(at_once.1, first, "mode {mode:#x}");
            }
            for (decrypt, from, to) in [(0, &text, &at_once.0), (1, &at_once.0, &text)] {
                for piece in [16, 32, 48] {
                    let (mut iv, mut out) = (first.to_vec(), Vec::new());
                    for part in from.chunks(piece) {
                        let (data, next) =
                            crypt(&mut machine, (code, key), (decrypt, mode, &iv), part);
                        out.extend(data);
                        iv = next;
                    }
                    assert_eq!(&out, to, "mode {mode:#x}, pieces of {piece}");
                    assert_eq!(iv, at_once.1, "mode {mode:#x}, pieces of {piece}");
                }
            }
        }
    }
}

/// CVE-2021-3569: a message whose length nobody compared with the buffer was decrypted onto the stack.
#[test]
fn cve_2021_3569_every_padding_takes_what_fits_and_every_other_size_is_refused() {
    let mut machine = Machine::new();
    let template = Template::signing_rsa(1024)
        .parameters(&[NULL, NULL, 1024, 0, 0])
        .without(attr::SIGN)
        .with(attr::DECRYPT);
    let root = primary(&mut machine, &Template::storage()).handle;
    let (key, _) = child(&mut machine, root, &template, b"", b"");
    let len = 128;
    // Scheme, and the longest message.
    let oaep = |hash: u16, digest: usize| (words(&[OAEP, hash]), len - 2 * digest - 2);
    let paddings = [
        (words(&[NULL]), len),
        (words(&[RSAES]), len - 11),
        oaep(0x04, 20),
        oaep(0x0b, 32),
        oaep(0x0c, 48),
    ];
    let decrypt = |ciphertext: &[u8], scheme: &[u8]| {
        Command::new(RSA_DECRYPT)
            .handle(key)
            .sized(ciphertext)
            .raw(scheme)
            .sized(b"")
    };
    for (scheme, longest) in paddings {
        for size in [
            0,
            1,
            2,
            longest - 1,
            longest,
            longest + 1,
            len,
            len + 1,
            512,
            513,
        ] {
            // Below the modulus as a number.
            let mut message = vec![0x11; size];
            message.iter_mut().take(1).for_each(|byte| *byte = 1);
            let encrypt = Command::new(RSA_ENCRYPT)
                .handle(key)
                .sized(&message)
                .raw(&scheme)
                .sized(b"");
            let encrypted = machine.send(&encrypt, &mut []);
            assert_eq!(encrypted.is_ok(), size <= longest, "{scheme:x?} {size}");
            let Ok(reply) = encrypted else { continue };
            let ciphertext = reply.reader().sized().to_vec();
            assert_eq!(ciphertext.len(), len);
            let command = decrypt(&ciphertext, &scheme);
            let reply = machine.send(&command, &mut [Auth::password(b"")]).unwrap();
            let opened = reply.reader().sized().to_vec();
            match scheme.len() {
                // Without padding a number comes back, as long as the modulus.
                2 if scheme == words(&[NULL]) => assert!(opened.ends_with(&message)),
                _ => assert_eq!(opened, message),
            }
        }
        for size in [0, 1, len - 1, len + 1, 256, 512, 513, 600] {
            let command = decrypt(&vec![1; size], &scheme);
            let refused = machine.send(&command, &mut [Auth::password(b"")]);
            assert!(refused.is_err(), "{scheme:x?}, ciphertext of {size}");
        }
    }
}

/// CVE-2021-3565: the key of the inner wrapping was always the same.
#[test]
fn cve_2021_3565_the_key_of_an_inner_wrapping_is_another_one_each_time() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let (object, _) = child(&mut machine, root, &Template::hmac().movable(), b"", b"");
    let mut keys = BTreeSet::new();
    for _ in 0..16 {
        let [key, ..] = duplicate(&mut machine, object, root, b"", &[6, 128, 0x43]).unwrap();
        assert_eq!(key.len(), 16);
        assert!(keys.insert(key), "a key that was there before");
    }
    assert!(!keys.contains(&vec![0; 16]));
}

/// libtpms, March 2026: the number of a command was an index before it was compared with the table's ends.
#[test]
fn command_codes_around_every_end_of_the_table_are_listed_or_refused() {
    let mut machine = Machine::new();
    let (more, list) = capability(&mut machine, 2, 0, 254);
    assert!(!more);
    // TPMA_CC: the lower 16 bits and the vendor's bit are the code.
    let listed: BTreeSet<u32> = list[4..]
        .chunks(4)
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()) & 0x2000_ffff)
        .collect();
    let low = 0..=0x400;
    let ends = [
        0x7fff,
        0x8000,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
    ];
    // A listed code with a bit more.
    let bits = (9..32).map(|bit| cc::GET_RANDOM ^ 1 << bit);
    let vendor = 0x1fff_fff0..=0x2000_0010;
    let codes = low
        .chain(ends)
        .chain(bits)
        .chain(vendor)
        .chain(0x2000_0170..0x2000_0180);
    let mut refused = 0;
    for code in codes {
        let answer = machine.code(&Command::new(code).frame(None));
        let unknown = answer == rc::COMMAND_CODE;
        assert_eq!(unknown, !listed.contains(&code), "{code:#x}: {answer:#x}");
        refused += u32::from(unknown);
    }
    assert!(
        refused > 900 && listed.len() > 100,
        "{refused} {}",
        listed.len()
    );
}

/// libtpms 614, CVE-2022-23645, CVE-2026-75900: lengths inside a stored state were believed. Here each record is cut
/// at every length, and spoilt at many places: the TPM says that it does not start, or fails, or lives; it never
/// reads past an end.
#[test]
fn libtpms_614_every_record_cut_anywhere_is_refused_or_harmless() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    evict(&mut machine, rh::OWNER, root, 0x8100_0001).unwrap();
    define(&mut machine, INDEX, nv::PLAIN, b"auth", 64).unwrap();
    define(&mut machine, INDEX + 1, nv::PLAIN | nv::COUNTER, b"", 8).unwrap();
    define(&mut machine, INDEX + 2, nv::PLAIN | nv::PIN_PASS, b"", 8).unwrap_or_default();
    let command = Command::new(cc::NV_INCREMENT)
        .handle(rh::OWNER)
        .handle(INDEX + 1);
    machine.send(&command, &mut [Auth::password(b"")]).unwrap();
    machine.shutdown(1).unwrap();
    let whole = machine.store.records();
    assert!(whole.len() >= 4, "{} records", whole.len());
    assert_eq!(start_error(whole.clone()), None);
    for (id, record) in &whole {
        let cuts = (0..record.len()).map(|len| record[..len].to_vec());
        let longer = [
            [&record[..], &[0]].concat(),
            [&record[..], &[0xff; 64]].concat(),
        ];
        let spoilt = (0..record.len()).step_by(3).flat_map(|at| {
            [0xff, 0x80, 1].map(|bits| {
                let mut bad = record.clone();
                bad[at] ^= bits;
                bad
            })
        });
        for bad in cuts.chain(longer).chain(spoilt) {
            let mut records = whole.clone();
            records.insert(*id, bad);
            if start_error(records.clone()).is_none() {
                live(records);
            }
        }
    }
}

/// Uses everything that the records could hold.
fn live(records: std::collections::BTreeMap<u32, Vec<u8>>) {
    let store = MemoryStore::default();
    store.replace(records);
    let mut machine = Machine::off(&Profile::FULL, store, TestPlatform::new(9));
    if machine.tpm().power_on().is_err() {
        return;
    }
    if machine.startup(1).is_err() {
        let _ = machine.startup(0);
    }
    for index in [INDEX, INDEX + 1, INDEX + 2] {
        let read = Command::new(cc::NV_READ)
            .handle(rh::OWNER)
            .handle(index)
            .u16(8)
            .u16(0);
        let _ = machine.send(&Command::new(cc::NV_READ_PUBLIC).handle(index), &mut []);
        let _ = machine.send(&read, &mut [Auth::password(b"")]);
    }
    let _ = machine.send(&Command::new(cc::READ_PUBLIC).handle(0x8100_0001), &mut []);
    let _ = machine.send(&Command::new(cc::READ_CLOCK), &mut []);
    let _ = machine.shutdown(0);
}

/// CVE-2026-6726 (TCGVRT0010): what was in a slot was seen by what came after it, here in every order of kinds.
#[test]
fn cve_2026_6726_no_kind_of_object_sees_what_was_in_its_slot() {
    let mut machine = Machine::new();
    let root = primary(&mut machine, &Template::storage()).handle;
    let kinds = [
        Template::sealed(),
        Template::hmac(),
        Template::cipher(128),
        Template::signing(3),
    ];
    for before in &kinds {
        let data: &[u8] = if before.attributes & attr::ORIGIN == 0 {
            &[0x5a; 100]
        } else {
            b""
        };
        let (old, _) = child(&mut machine, root, before, b"secret auth", data);
        machine.flush(old).unwrap();
        for after in &kinds {
            let data: &[u8] = if after.attributes & attr::ORIGIN == 0 {
                b"x"
            } else {
                b""
            };
            let (new, made) = child(&mut machine, root, after, b"", data);
            assert_eq!(new, old, "the slot is used again");
            machine.flush(new).unwrap();
            // The public part alone, where a whole object was.
            let public = Command::new(cc::LOAD_EXTERNAL)
                .sized(b"")
                .sized(&made.public)
                .u32(rh::NULL);
            let partial = machine.send(&public, &mut []).unwrap().handle;
            assert_eq!(partial, old);
            for auth in [&b""[..], b"secret auth"] {
                for command in uses(partial) {
                    let refused = machine.send(&command, &mut [Auth::password(auth)]);
                    assert!(refused.is_err(), "{:#x} with {auth:?}", command.code);
                }
            }
            machine.flush(partial).unwrap();
        }
    }
}

/// What reads an object's sensitive part.
fn uses(object: u32) -> Vec<Command> {
    let null_ticket = [&[0x80, 0x24][..], &rh::NULL.to_be_bytes(), &[0, 0]].concat();
    let sign = Command::new(SIGN)
        .handle(object)
        .sized(&[7; 32])
        .u16(NULL)
        .raw(&null_ticket);
    let hmac = Command::new(0x155)
        .handle(object)
        .sized(b"data")
        .u16(SHA256);
    let crypt = Command::new(ENCRYPT_DECRYPT_2)
        .handle(object)
        .sized(&[0; 16]);
    vec![
        Command::new(cc::UNSEAL).handle(object),
        sign,
        hmac,
        crypt.u8(1).u16(0x43).sized(&[0; 16]),
        Command::new(SEQUENCE_UPDATE).handle(object).sized(b""),
        Command::new(IMPORT)
            .handle(object)
            .sized(b"")
            .sized(b"")
            .sized(b"")
            .sized(b"")
            .u16(NULL),
    ]
}
