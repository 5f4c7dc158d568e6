//! Sequences of hostile messages to the Root of Trust's services, among them honest ones of another client,
//! whose key and object must come through untouched.
//!
//! The input is a list of messages: service, type, how many buffers of which lengths, then their bytes. The first
//! buffer of a Crypto message is patched so that its function, key and handles are often valid ones.

#![no_main]

#[path = "../../logic/psa/tests/common/mod.rs"]
mod common;

use common::Rig;
use ironroot_client::crypto::key;
use ironroot_client::its;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, KeyAttributes, KeyId, KeyType, Usage};
use ironroot_psa_api::service::STANDARD;
use ironroot_psa_api::storage::{CreateFlags, StorageUid};
use libfuzzer_sys::fuzz_target;

const SECRET: [u8; 32] = [0xa7; 32];
const VICTIM: i32 = 50;

/// Takes the input apart, front to back; zeros when it is used up.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

fuzz_target!(|input: &[u8]| {
    let mut input = Bytes(input);
    let mut rig = Rig::default();
    let attributes =
        KeyAttributes::volatile(KeyType::RAW_DATA, 256, Usage::EXPORT, Algorithm::NONE);
    let uid = StorageUid::new(1).expect("not zero");
    let victim = key::import(
        rig.as_client(VICTIM),
        &attributes.persistent(KeyId(1)),
        &SECRET,
    )
    .expect("room for a key");
    its::set(&mut rig, uid, &SECRET, CreateFlags::NONE).expect("room for an object");

    let mut words = vec![0, 1, victim.0, KeyId::BUILTIN_HUK.0];
    for _ in 0..32 {
        if input.0.is_empty() {
            break;
        }
        rig.as_client(if input.byte() & 1 == 0 { -1 } else { 7 });
        message(&mut rig, &mut input, &mut words);
    }

    let mut out = [0; 32];
    rig.as_client(VICTIM);
    assert_eq!(key::export(&mut rig, victim, &mut out), Ok(32));
    assert_eq!(out, SECRET);
    assert_eq!(its::get(&mut rig, uid, 0, &mut out), Ok(32));
    assert_eq!(out, SECRET);
});

fn message(rig: &mut Rig, input: &mut Bytes<'_>, words: &mut Vec<u32>) {
    let services: Vec<_> = STANDARD
        .iter()
        .filter(|service| service.stateless_handle != 2)
        .collect();
    let service = services[usize::from(input.byte()) % services.len()];
    let in_count = usize::from(input.byte() % 4);
    let out_count = usize::from(input.byte()) % (4 - in_count);
    let crypto = service.stateless_handle == 1;
    let kind = if crypto {
        0
    } else {
        1001 + i32::from(input.byte() % 16)
    };
    let mut inputs: Vec<Vec<u8>> = (0..in_count)
        .map(|_| {
            let len = usize::from(input.byte());
            input.take(len).to_vec()
        })
        .collect();
    if let Some(first) = inputs.first_mut().filter(|_| crypto) {
        first.resize(CryptoRequest::SIZE, 0);
        let functions = CryptoFunction::ALL;
        let function = functions[usize::from(input.byte()) % functions.len()];
        first[40..42].copy_from_slice(&function.code().to_le_bytes());
        first[36..40].copy_from_slice(&u32::from(input.byte() % 18).to_le_bytes());
        for at in [0, 8] {
            let word = words[usize::from(input.byte()) % words.len()];
            first[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
    }
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let outputs: Vec<usize> = (0..out_count)
        .map(|_| usize::from(input.byte()) * 4)
        .collect();
    let (_, written) = rig.message(service.handle, kind, &inputs, &outputs);
    for output in written {
        assert!(!output.windows(16).any(|window| *window == SECRET[..16]));
        if let Some(word) = output.first_chunk().filter(|_| output.len() == 4) {
            words.push(u32::from_le_bytes(*word));
        }
    }
}
