//! The small build: P-256, SHA-256 and SHA-384, AES-128-CFB; everything else is not known. docs/tpm-small.md says what it
//! leaves out.

#![cfg(not(feature = "full"))]

mod common;
mod object_common;
mod state_common;

use common::rc::{self, parameter};
use common::{Command, Machine, alg, crypto, rh};
use crypto::Hash;
use ironroot_tpm::Profile;
use object_common::*;
use state_common::{
    capability, define, extend, nv, open, pcr, pcr_of, property, read, select, write,
};
use std::collections::BTreeSet;

/// Codes of the lines of a table in `docs/` whose third cell is not "no".
fn listed(file: &str) -> BTreeSet<u32> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = std::fs::read_to_string(path.join(file)).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("| 0x"));
    let cells = lines.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .filter(|cells| cells[3] != "no")
        .map(|cells| u32::from_str_radix(&cells[1][2..], 16).unwrap())
        .collect()
}

#[test]
fn commands_are_those_of_the_full_build_without_those_that_the_guide_names() {
    let mut machine = Machine::with_profile(&Profile::SMALL);
    let (more, list) = capability(&mut machine, 2, 0, 254);
    assert!(!more);
    let told: BTreeSet<u32> = list[4..]
        .chunks(4)
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()) & 0xffff)
        .collect();
    let (whole, left_out) = (listed("tpm-conformance.md"), listed("tpm-small.md"));
    assert!(left_out.is_subset(&whole));
    let expected: BTreeSet<u32> = whole.difference(&left_out).copied().collect();
    assert_eq!(told, expected);
    for code in left_out {
        let command = [&[0x80, 1, 0, 0, 0, 10][..], &code.to_be_bytes()].concat();
        assert_eq!(machine.code(&command), rc::COMMAND_CODE, "{code:x}");
    }
}

#[test]
fn it_tells_its_own_limits_and_name() {
    let mut machine = Machine::with_profile(&Profile::SMALL);
    assert_eq!(property(&mut machine, 0x105), u32::from_be_bytes(*b"IRRT"));
    assert_eq!(
        [0x10e, 0x110, 0x111].map(|number| property(&mut machine, number)),
        [3, 3, 16]
    );
    let (_, banks) = capability(&mut machine, 5, 0, 1);
    let banks: Vec<_> = banks[4..].chunks(6).map(|bank| &bank[..2]).collect();
    assert_eq!(
        banks,
        [alg::SHA256.to_be_bytes(), alg::SHA384.to_be_bytes()]
    );
}

#[test]
fn a_measured_boot_is_quoted_over_both_banks() {
    let mut machine = Machine::with_profile(&Profile::SMALL);
    extend(&mut machine, 7, b"a boot loader");
    let event = Command::new(0x13c).handle(7).sized(b"an application");
    machine.send(&event, &mut open()).unwrap();
    let value = crypto::sha256(&[
        &crypto::sha256(&[&[0; 32], &crypto::sha256(&[b"a boot loader"])]),
        &crypto::sha256(&[b"an application"]),
    ]);
    assert_eq!(pcr(&mut machine, 7), value);
    let other = crypto::hash(
        Hash::Sha384,
        &[&[0; 48], &crypto::hash(Hash::Sha384, &[b"an application"])],
    );
    assert_eq!(pcr_of(&mut machine, alg::SHA384, 7).unwrap(), other);

    let template = Template::signing(3).with(attr::RESTRICTED);
    let key = primary(
        &mut machine,
        &template.parameters(&[NULL, 0x18, SHA256, 3, NULL]),
    );
    let quote = Command::new(0x158)
        .named(key.handle, &key.name)
        .sized(b"fresh")
        .u16(NULL)
        .raw(&select(alg::SHA256, 7));
    let reply = machine.send(&quote, &mut open()).unwrap();
    let mut reader = reply.reader();
    let attested = reader.sized();
    assert!(attested.starts_with(b"\xffTCG\x80\x18"));
    assert!(attested.ends_with(&crypto::sha256(&[&value])));
    assert_eq!([reader.u16(), reader.u16()], [0x18, SHA256]);
}

#[test]
fn a_signature_is_checked_and_the_self_test_passes() {
    let mut machine = Machine::with_profile(&Profile::SMALL);
    machine
        .send(&Command::new(0x143).u8(1), &mut [])
        .expect("SelfTest");
    let key = primary(&mut machine, &Template::signing(3));
    // Of the digest zero only the key's part of the sum is left.
    for digest in [crypto::sha256(&[b"message"]), vec![0; 32]] {
        let sign = Command::new(0x15d)
            .named(key.handle, &key.name)
            .sized(&digest)
            .u16(NULL)
            .raw(&[0x80, 0x24, 0x40, 0, 0, 7, 0, 0]);
        let reply = machine.send(&sign, &mut open()).unwrap();
        let signature = reply.params.clone();
        let verify = |digest: &[u8], signature: &[u8]| {
            Command::new(0x177)
                .named(key.handle, &key.name)
                .sized(digest)
                .raw(signature)
        };
        machine
            .send(&verify(&digest, &signature), &mut [])
            .expect("it is the key's");
        let mut other = digest.clone();
        other[31] ^= 1;
        let mut altered = signature.clone();
        *altered.last_mut().unwrap() ^= 1;
        for wrong in [verify(&other, &signature), verify(&digest, &altered)] {
            let refused = machine.send(&wrong, &mut []).unwrap_err();
            assert_eq!(refused, parameter(0x09b, 2));
        }
    }
}

#[test]
fn a_large_index_is_kept_over_power_and_limits_are_told() {
    let mut machine = Machine::with_profile(&Profile::SMALL);
    let data: Vec<u8> = (0..512u16).map(|number| number as u8).collect();
    define(&mut machine, 0x0150_0001, nv::PLAIN, b"", 768).unwrap();
    write(&mut machine, 0x0150_0001, &data, 256).unwrap();
    machine.reset();
    assert_eq!(read(&mut machine, 0x0150_0001, 512, 256).unwrap(), data);
    let too_large = define(&mut machine, 0x0150_0002, nv::PLAIN, b"", 769);
    assert_eq!(too_large.unwrap_err(), parameter(rc::SIZE, 2));
}

#[test]
fn data_are_sealed_and_kept() {
    let mut machine = Machine::with_profile(&Profile::SMALL);
    let root = primary(&mut machine, &Template::storage()).handle;
    evict(&mut machine, rh::OWNER, root, 0x8100_0001).unwrap();
    machine.flush(root).unwrap();
    let root = 0x8100_0001;
    let (object, _) = child(&mut machine, root, &Template::sealed(), b"auth", b"data");
    assert_eq!(unseal(&mut machine, object, b"auth").unwrap(), b"data");
    let wrong = unseal(&mut machine, object, b"other").unwrap_err();
    assert_ne!(wrong, 0);
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
