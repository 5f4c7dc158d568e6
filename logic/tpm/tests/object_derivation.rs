//! Primary keys follow from the seed as `docs/decisions/0012-keys-from-seeds.md` says.
//!
//! The seeds are looked for in the TPM's own record: wherever 64 bytes stand there from which the key follows.

#![cfg(feature = "full")]

mod common;
mod object_common;

use common::{Auth, Machine, cc, crypto, rh};
use ironroot_crypto::tpm::ec::{Curve, EcPoint};
use ironroot_crypto::tpm::source::KeySource;
use object_common::*;

const HIERARCHIES: [u32; 3] = [rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM];

/// Step 1 of the document.
fn source(seed: &[u8], hierarchy: u32, template: &[u8], data: &[u8]) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        b"IRONROOT PRIMARY 1\0",
        &hierarchy.to_be_bytes(),
        &(template.len() as u32).to_be_bytes(),
        template,
        data,
    ];
    crypto::hmac(crypto::Hash::Sha512, seed, &parts)
}

/// Step 2 of the document, index 0.
fn draw(source: &[u8], label: &str, len: u32) -> Vec<u8> {
    crypto::kdfa(crypto::Hash::Sha512, source, label, &[0; 4], &[], len * 8)
}

/// The unique field of an HMAC key with SHA-256 that follows from that seed.
fn unique_of(seed: &[u8], hierarchy: u32, template: &[u8]) -> Vec<u8> {
    let source = source(seed, hierarchy, template, b"");
    hash(
        SHA256,
        &[&draw(&source, "SEED", 32), &draw(&source, "KEYEDHASH", 32)],
    )
}

/// The seed of a hierarchy, from the TPM's record.
fn seed(machine: &mut Machine, hierarchy: u32) -> Vec<u8> {
    let template = Template::hmac();
    let made = try_primary(machine, hierarchy, &template, b"", b"").unwrap();
    machine.flush(made.handle).unwrap();
    let unique = &made.public[made.public.len() - 32..];
    let records = machine.store.records();
    let mut windows = records.values().flat_map(|record| record.windows(64));
    let found = windows.find(|seed| unique_of(seed, hierarchy, &template.bytes()) == unique);
    found.expect("a seed from which the key follows").to_vec()
}

#[test]
fn every_hierarchy_has_a_seed_of_its_own_in_the_record() {
    let mut machine = Machine::new();
    let seeds = HIERARCHIES.map(|hierarchy| seed(&mut machine, hierarchy));
    assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2] && seeds[0] != seeds[2]);
}

/// A template of the vectors: name, hierarchy, bytes.
fn templates() -> Vec<(String, u32, Vec<u8>)> {
    let text = include_str!("../../crypto/testdata/tpm_primary.json");
    let field = |key: &str| {
        let start = format!("\"{key}\": ");
        text.lines().filter_map(move |line| {
            let value = line.trim().strip_prefix(&start)?.trim_end_matches(',');
            Some(value.trim_matches('"').to_owned())
        })
    };
    let bytes = |hex: String| {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    };
    let places = field("hierarchy").map(|number| number.parse().unwrap());
    let all = field("name").zip(places).zip(field("template").map(bytes));
    all.map(|((name, hierarchy), template)| (name, hierarchy, template))
        .collect()
}

// The vectors say what follows from a source (logic/crypto checks that against a second implementation); this
// test says that the engine asks for the right one, for every template of the EK profile and the usual SRKs.
#[test]
fn keys_on_curves_are_those_that_follow_from_the_template_as_it_was_given() {
    let mut machine = Machine::new();
    let seeds = HIERARCHIES.map(|hierarchy| (hierarchy, seed(&mut machine, hierarchy)));
    let mut checked = 0;
    for (name, hierarchy, template) in templates() {
        let Some((_, seed)) = seeds.iter().find(|(known, _)| *known == hierarchy) else {
            continue;
        };
        if template[..2] != [0, 0x23] {
            continue;
        }
        for data in [&b""[..], b"the caller's data"] {
            let command = creation(cc::CREATE_PRIMARY, hierarchy, &template, b"auth", data);
            let reply = machine
                .send(&command, &mut [Auth::password(b"")])
                .expect(&name);
            machine.flush(reply.handle).unwrap();
            let public = reply.reader().sized().to_vec();
            let curve = Curve::ALL.into_iter().find(|curve| {
                public.len() > 2 * curve.coordinate_len() + 2 && ends_with_point(&public, *curve)
            });
            let curve = curve.expect("a curve");
            let source = KeySource::derived(seed, hierarchy, &template, data);
            let point = source.ec_scalar(curve).unwrap().public().unwrap();
            let unique = [sized(point.x()), sized(point.y())].concat();
            assert!(public.ends_with(&unique), "{name}");
            checked += 1;
        }
    }
    assert!(checked >= 34, "{checked} keys");
}

fn ends_with_point(public: &[u8], curve: Curve) -> bool {
    let len = curve.coordinate_len();
    let at = |from_end: usize| &public[public.len() - from_end..][..2];
    let size = (len as u16).to_be_bytes();
    let (rest, y) = public.split_at(public.len() - len);
    let x = &rest[rest.len() - 2 - len..rest.len() - 2];
    at(len + 2) == size && at(2 * len + 4) == size && EcPoint::new(curve, x, y).is_ok()
}

#[test]
fn an_rsa_key_follows_from_the_template_as_it_was_given() {
    use ironroot_crypto::tpm::rsa::{RsaSize, Step};
    let mut machine = Machine::new();
    let seed = seed(&mut machine, rh::ENDORSEMENT);
    let (_, hierarchy, template) = templates()
        .into_iter()
        .find(|(name, ..)| name == "EK L-1")
        .expect("the template");
    let command = creation(cc::CREATE_PRIMARY, hierarchy, &template, b"", b"");
    let reply = machine.send(&command, &mut [Auth::password(b"")]).unwrap();
    let source = KeySource::derived(&seed, hierarchy, &template, b"");
    let mut search = source.rsa_search(RsaSize::Rsa2048, 0).unwrap();
    let modulus = loop {
        if let Step::Done(key) = search.step(64).unwrap() {
            break key.public().modulus().to_vec();
        }
    };
    assert!(reply.reader().sized().ends_with(&sized(&modulus)));
}
