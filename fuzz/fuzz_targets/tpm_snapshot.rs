//! Snapshots of a TPM and the blobs that they travel in: spoilt from outside (all must be refused), and below their
//! seals, where only the readers stand between the bytes and the TPM.

#![no_main]

#[path = "../../logic/tpm/tests/common/store.rs"]
mod store;

use ironroot_tpm::{
    Locality, MAX_COMMAND, MAX_SNAPSHOT, Memory, ObjectSlot, Profile, Progress, SessionSlot, Tpm,
};
use ironroot_tpmd::{probe, probe_records};
use libfuzzer_sys::fuzz_target;
use store::{MemoryStore, TestPlatform};

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else {
        return;
    };
    match choice % 4 {
        0 => {
            let _ = probe(rest);
        }
        1 => {
            let _ = probe_records(rest);
        }
        2 => with_tpm(|tpm| spoilt(tpm, rest)),
        _ => with_tpm(|tpm| below(tpm, rest)),
    }
});

fn with_tpm(run: impl FnOnce(&mut Tpm<'_>)) {
    let (mut store, mut platform) = (MemoryStore::default(), TestPlatform::new(1));
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
    let mut tpm = Tpm::new(memory, &mut store, &mut platform, profile).expect("a new TPM");
    tpm.power_on().expect("it starts");
    assert_eq!(send(&mut tpm, 0x144, &[0, 0]), 0);
    run(&mut tpm);
}

/// A snapshot that is spoilt where the input says does not come back; the TPM starts all the same.
fn spoilt(tpm: &mut Tpm<'_>, input: &[u8]) {
    let mut blob = vec![0; MAX_SNAPSHOT];
    let len = tpm.snapshot(&mut blob).expect("it has power");
    blob.truncate(len);
    let good = blob.clone();
    for pair in input.chunks_exact(3).take(8) {
        let at = usize::from(u16::from_be_bytes([pair[0], pair[1]])) % blob.len();
        blob[at] ^= pair[2];
    }
    let extra = usize::from(input.first().copied().unwrap_or_default() & 3);
    blob.truncate(blob.len() - extra);
    let is_good = blob == good;
    tpm.power_off();
    assert_eq!(tpm.power_on_from(&mut blob).is_ok(), is_good);
    if !is_good {
        assert!(!tpm.is_powered());
        tpm.power_on().expect("it starts");
        assert_eq!(send(tpm, 0x144, &[0, 0]), 0);
    }
    assert_eq!(send(tpm, 0x17b, &[0, 8]), 0);
}

/// Bytes as if they had been authenticated: they are taken, or the TPM is off; what was taken can be used and taken
/// again.
fn below(tpm: &mut Tpm<'_>, content: &[u8]) {
    tpm.power_on().expect("it starts");
    if !tpm.load_snapshot_content(content) {
        assert!(!tpm.is_powered());
        return;
    }
    for handle in [
        0x8000_0000u32,
        0x8000_0001,
        0x8000_0002,
        0x0200_0000,
        0x0300_0001,
    ] {
        let _ = send(tpm, 0x173, &handle.to_be_bytes());
        let _ = send(tpm, 0x189, &handle.to_be_bytes());
        let _ = send(tpm, 0x162, &handle.to_be_bytes());
    }
    let _ = send(tpm, 0x17b, &[0, 8]);
    let _ = send(tpm, 0x181, &[]);
    let mut blob = vec![0; MAX_SNAPSHOT];
    let len = tpm
        .snapshot(&mut blob)
        .expect("what was taken can be written");
    blob.truncate(len);
    tpm.power_off();
    tpm.power_on_from(&mut blob).expect("and taken again");
}

fn send(tpm: &mut Tpm<'_>, code: u32, body: &[u8]) -> u32 {
    let mut command = vec![0x80, 1];
    command.extend((body.len() as u32 + 10).to_be_bytes());
    command.extend(code.to_be_bytes());
    command.extend(body);
    let mut response = vec![0; MAX_COMMAND];
    let Progress::Done(len) = tpm.begin(Locality::ZERO, &command, &mut response) else {
        panic!("none of these commands takes long");
    };
    assert!(len >= 10);
    u32::from_be_bytes(response[6..10].try_into().expect("four bytes"))
}
