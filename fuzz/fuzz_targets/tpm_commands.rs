//! Streams of TPM commands: half built (code, handles that often name something, sessions that often are right),
//! half raw. The engine never panics; every answer is well formed; a command that failed leaves a TPM that works.

#![no_main]

#[path = "../../logic/tpm/tests/common/store.rs"]
mod store;

use ironroot_tpm::{
    Locality, MAX_COMMAND, Memory, ObjectSlot, Profile, Progress, SessionSlot, Tpm,
};
use libfuzzer_sys::fuzz_target;
use store::{MemoryStore, TestPlatform};

/// Handles that commands are tried on: hierarchies, PCRs, an index, sessions, objects, persistent objects.
const HANDLES: [u32; 20] = [
    0x4000_0001,
    0x4000_0007,
    0x4000_000a,
    0x4000_000b,
    0x4000_000c,
    0x4000_0009,
    0,
    16,
    23,
    0x0150_0000,
    0x0150_0001,
    0x0200_0000,
    0x0300_0000,
    0x0300_0001,
    0x0200_0001,
    0x8000_0000,
    0x8000_0001,
    0x8000_0002,
    0x8100_0000,
    0x8180_0000,
];
/// Number of handles that a command of each code takes is not known here: the first byte says.
const CODES: core::ops::RangeInclusive<u16> = 0x11f..=0x1a4;

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
    assert_eq!(
        code(&mut tpm, 0, &[0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0]),
        0
    );
    // Something to work on: a policy session and an HMAC session.
    for kind in [0, 1] {
        let start = [
            &[0x80, 1, 0, 0, 0, 43, 0, 0, 1, 0x76][..],
            &NULL,
            &NULL,
            &[0, 16],
            &[7; 16],
            &[0, 0, kind],
        ];
        let start = [start.concat(), vec![0, 0x10, 0, 0x0b]].concat();
        assert_eq!(code(&mut tpm, 0, &start), 0);
    }
    for _ in 0..64 {
        if input.0.is_empty() {
            break;
        }
        match input.byte() % 16 {
            0 => {
                tpm.power_off();
                tpm.power_on().expect("it starts again");
                let _ = code(
                    &mut tpm,
                    0,
                    &[0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, input.byte() & 1],
                );
            }
            1 => {
                let len = usize::from(input.byte());
                let locality = input.byte() % 5;
                let _ = code(&mut tpm, locality, input.take(len));
            }
            _ => {
                let locality = input.byte() % 5;
                let command = command(&mut input);
                let _ = code(&mut tpm, locality, &command);
            }
        }
    }
    tpm.power_off();
    tpm.power_on().expect("it starts after all that");
});

const NULL: [u8; 4] = [0x40, 0, 0, 7];

fn command(input: &mut Bytes<'_>) -> Vec<u8> {
    let code = CODES.start() + u16::from(input.byte()) % (CODES.end() - CODES.start() + 1);
    let shape = input.byte();
    let mut body = Vec::new();
    for _ in 0..shape & 3 {
        let handle = HANDLES[usize::from(input.byte()) % HANDLES.len()];
        body.extend(handle.to_be_bytes());
    }
    let sessions = usize::from(shape >> 2 & 3);
    if sessions > 0 {
        let area: Vec<u8> = (0..sessions).flat_map(|_| session(input)).collect();
        body.extend((area.len() as u32).to_be_bytes());
        body.extend(area);
    }
    // Parameters: sized buffers, whose sizes are often right, and raw bytes.
    for _ in 0..input.byte() % 6 {
        let kind = input.byte();
        let bytes = input.take(usize::from(kind >> 2));
        if kind & 3 != 0 {
            body.extend((bytes.len() as u16).to_be_bytes());
        }
        body.extend(bytes);
    }
    let tag: u16 = if sessions > 0 { 0x8002 } else { 0x8001 };
    let mut command = tag.to_be_bytes().to_vec();
    command.extend((body.len() as u32 + 10).to_be_bytes());
    command.extend(u32::from(code).to_be_bytes());
    command.extend(body);
    command
}

fn session(input: &mut Bytes<'_>) -> Vec<u8> {
    let choice = input.byte();
    let handle: u32 = match choice & 7 {
        0 => 0x0200_0000,
        1 | 2 => 0x0300_0001,
        3 => 0x0300_0000,
        _ => 0x4000_0009,
    };
    let nonce: &[u8] = if handle == 0x4000_0009 { &[] } else { &[9; 16] };
    let attributes = 1 | choice & 0xe0;
    let mut area = handle.to_be_bytes().to_vec();
    area.extend((nonce.len() as u16).to_be_bytes());
    area.extend(nonce);
    area.push(if handle == 0x4000_0009 { 1 } else { attributes });
    area.extend([0, 0]);
    area
}

/// The response code; a suspended command is let go on for a while, then cancelled.
fn code(tpm: &mut Tpm<'_>, locality: u8, command: &[u8]) -> u32 {
    let mut response = vec![0; MAX_COMMAND];
    let locality = Locality::new(locality).expect("0 to 4");
    let mut progress = tpm.begin(locality, command, &mut response);
    for _ in 0..4 {
        match progress {
            Progress::Done(_) => break,
            Progress::Pending => progress = tpm.step(1, &mut response),
        }
    }
    let len = match progress {
        Progress::Done(len) => len,
        Progress::Pending => tpm.cancel(&mut response).expect("it was suspended"),
    };
    let size = u32::from_be_bytes(response[2..6].try_into().expect("four bytes"));
    assert!(len >= 10 && size as usize == len);
    let code = u32::from_be_bytes(response[6..10].try_into().expect("four bytes"));
    assert!(code == 0 || len == 10, "an error is a header only");
    assert_ne!(code, 0x101, "failure mode was reached");
    code
}
