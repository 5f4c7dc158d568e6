//! Saved contexts: spoilt from outside (all must be refused), and spoilt below their protection, where only the
//! readers of sessions, objects and sequences stand between the bytes and the slots.

#![no_main]

#[path = "../../logic/tpm/tests/common/store.rs"]
mod store;

use ironroot_tpm::{
    Locality, MAX_COMMAND, Memory, ObjectSlot, Profile, Progress, SessionSlot, Tpm,
};
use libfuzzer_sys::fuzz_target;
use store::{MemoryStore, TestPlatform};

const NULL: [u8; 4] = [0x40, 0, 0, 7];

fuzz_target!(|input: &[u8]| {
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
    assert_eq!(code(&send(&mut tpm, 0x144, &[0, 0])), 0);
    let Some((choice, rest)) = input.split_first() else {
        return;
    };
    match choice & 1 {
        0 => from_outside(&mut tpm, *choice, rest),
        _ => below(&mut tpm, *choice, rest),
    }
    assert_eq!(code(&send(&mut tpm, 0x17b, &[0, 8])), 0);
});

/// A session or a sequence is saved, spoilt where the input says, and must not come back.
fn from_outside(tpm: &mut Tpm<'_>, choice: u8, input: &[u8]) {
    let made = match choice & 2 {
        0 => {
            let params = [
                &NULL[..],
                &NULL,
                &[0, 16],
                &[7; 16],
                &[0, 0, choice >> 2 & 1, 0, 0x10, 0, 0x0b],
            ]
            .concat();
            send(tpm, 0x176, &params)
        }
        _ => send(tpm, 0x186, &[0, 0, 0, 0x0b]),
    };
    let saved = send(tpm, 0x162, &made[10..14]);
    assert_eq!(code(&saved), 0);
    let good = saved[10..].to_vec();
    let mut spoilt = good.clone();
    for pair in input.chunks_exact(3).take(8) {
        let at = usize::from(u16::from_be_bytes([pair[0], pair[1]])) % spoilt.len();
        spoilt[at] ^= pair[2];
    }
    let extra = usize::from(input.first().copied().unwrap_or_default() & 3);
    spoilt.truncate(spoilt.len() - extra);
    let answer = code(&send(tpm, 0x161, &spoilt));
    assert_eq!(answer == 0, spoilt == good, "a spoilt context came back");
}

/// Bytes as if they had been authenticated.
fn below(tpm: &mut Tpm<'_>, choice: u8, input: &[u8]) {
    let Some(handle) = tpm.load_context_content(choice & 2 == 0, input) else {
        return;
    };
    // What came back can be saved, read and flushed.
    let _ = send(tpm, 0x173, &handle.to_be_bytes());
    let _ = send(tpm, 0x189, &handle.to_be_bytes());
    let saved = send(tpm, 0x162, &handle.to_be_bytes());
    assert_eq!(code(&saved), 0, "what was loaded can be saved");
    assert_eq!(code(&send(tpm, 0x165, &handle.to_be_bytes())), 0);
    assert_eq!(code(&send(tpm, 0x165, &handle.to_be_bytes())) == 0, false);
}

fn send(tpm: &mut Tpm<'_>, code: u32, body: &[u8]) -> Vec<u8> {
    let mut command = vec![0x80, 1];
    command.extend((body.len() as u32 + 10).to_be_bytes());
    command.extend(code.to_be_bytes());
    command.extend(body);
    let mut response = vec![0; MAX_COMMAND];
    match tpm.begin(Locality::ZERO, &command, &mut response) {
        Progress::Done(len) => response.truncate(len),
        Progress::Pending => panic!("none of these commands takes long"),
    }
    response
}

fn code(response: &[u8]) -> u32 {
    u32::from_be_bytes(response[6..10].try_into().expect("four bytes"))
}
