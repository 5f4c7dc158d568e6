//! Records that a TPM did not write: its own state, what a shutdown kept, orderly data, an NV index, a persistent
//! object. Each is a real record with some bytes changed, cut or added, or bytes of the fuzzer's own. The engine
//! never panics: it refuses to start, or starts and answers, if need be with failure.

#![no_main]

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../logic/tpm/tests/common/store.rs"]
mod store;

use ironroot_tpm::{
    Locality, MAX_COMMAND, Memory, ObjectSlot, Profile, Progress, SessionSlot, Tpm,
};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use store::{MemoryStore, TestPlatform};

const INDEX: u32 = 0x0150_0000;
const ORDERLY: u32 = 0x0150_0001;
/// PERMANENT, RESUME, ORDERLY, PCRS, two indices.
const RECORDS: [u32; 6] = [1, 2, 3, 4, INDEX, ORDERLY];

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else {
        return;
    };
    let mut records = written().clone();
    let id = RECORDS[usize::from(choice & 7) % RECORDS.len()];
    let record = records.entry(id).or_default();
    match choice >> 6 {
        0 => *record = rest.to_vec(),
        1 => rest.chunks_exact(3).for_each(|change| {
            let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % record.len().max(1);
            if let Some(byte) = record.get_mut(at) {
                *byte ^= change[2];
            }
        }),
        2 => record.truncate(rest.first().map_or(0, |len| usize::from(*len) * 4)),
        _ => record.extend(rest),
    }
    let store = MemoryStore::default();
    store.replace(records);
    use_it(&store, u16::from(choice >> 3 & 1));
});

/// The records of a TPM with something of everything, after Shutdown(STATE).
fn written() -> &'static BTreeMap<u32, Vec<u8>> {
    static WRITTEN: OnceLock<BTreeMap<u32, Vec<u8>>> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let store = MemoryStore::default();
        with_tpm(&store, |tpm| {
            assert_eq!(code(tpm, 0x144, &[], &[0, 0]), 0);
            for (index, attributes) in [(INDEX, 0x0206_0006u32), (ORDERLY, 0x0606_0016)] {
                let public = [
                    &index.to_be_bytes()[..],
                    &[0, 0x0b],
                    &attributes.to_be_bytes(),
                    &[0, 0, 0, 8],
                ];
                let parameters = [&[0, 0, 0, 14][..], &public.concat()].concat();
                assert_eq!(code(tpm, 0x12a, &[OWNER], &parameters), 0);
            }
            assert_eq!(code(tpm, 0x137, &[OWNER, INDEX], b"\0\x04wxyz\0\0"), 0);
            assert_eq!(code(tpm, 0x134, &[OWNER, ORDERLY], &[]), 0);
            assert_eq!(code(tpm, 0x145, &[], &[0, 1]), 0);
        });
        store.records()
    })
}

const OWNER: u32 = 0x4000_0001;

/// Starts, and asks for everything that a record tells.
fn use_it(store: &MemoryStore, kind: u16) {
    with_tpm(store, |tpm| {
        if code(tpm, 0x144, &[], &kind.to_be_bytes()) != 0 {
            let _ = code(tpm, 0x144, &[], &[0, 0]);
        }
        for (what, first) in [(1u32, 0x0100_0000u32), (5, 0), (6, 0x200), (9, OWNER)] {
            let parameters = [what.to_be_bytes(), first.to_be_bytes(), [0, 0, 1, 0]];
            let _ = code(tpm, 0x17a, &[], &parameters.concat());
        }
        for index in [INDEX, ORDERLY] {
            let _ = code(tpm, 0x169, &[index], &[]);
            let _ = code(tpm, 0x14e, &[OWNER, index], &[0, 8, 0, 0]);
            let _ = code(tpm, 0x134, &[OWNER, index], &[]);
            let _ = code(tpm, 0x122, &[OWNER, index], &[]);
        }
        let _ = code(tpm, 0x126, &[0x4000_000a], &[]);
        let _ = code(tpm, 0x145, &[], &[0, 1]);
    });
}

fn with_tpm(store: &MemoryStore, work: impl FnOnce(&mut Tpm<'_>)) {
    let (mut store, mut platform) = (store.clone(), TestPlatform::new(1));
    let profile = &Profile::PC_CLIENT;
    let mut objects: Vec<_> = (0..profile.loaded_objects)
        .map(|_| ObjectSlot::EMPTY)
        .collect();
    let mut sessions: Vec<_> = (0..profile.loaded_sessions)
        .map(|_| SessionSlot::EMPTY)
        .collect();
    let memory = Memory {
        objects: &mut objects,
        sessions: &mut sessions,
    };
    if let Ok(mut tpm) = Tpm::new(memory, &mut store, &mut platform, profile)
        && tpm.power_on().is_ok()
    {
        work(&mut tpm);
    }
}

/// The response code of a command; with handles, it comes with the empty password for each that may need it.
fn code(tpm: &mut Tpm<'_>, code: u32, handles: &[u32], parameters: &[u8]) -> u32 {
    let mut body = Vec::new();
    handles
        .iter()
        .for_each(|handle| body.extend(handle.to_be_bytes()));
    let with_session = !handles.is_empty() && code != 0x169;
    if with_session {
        body.extend([0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 1, 0, 0]);
    }
    body.extend(parameters);
    let tag: u16 = if with_session { 0x8002 } else { 0x8001 };
    let mut command = tag.to_be_bytes().to_vec();
    command.extend((body.len() as u32 + 10).to_be_bytes());
    command.extend(code.to_be_bytes());
    command.extend(body);
    let mut response = vec![0; MAX_COMMAND];
    match tpm.begin(Locality::ZERO, &command, &mut response) {
        Progress::Done(len) if len >= 10 => {
            u32::from_be_bytes(response[6..10].try_into().expect("four bytes"))
        }
        other => panic!("{other:?}"),
    }
}
