//! Streams of commands that bytes choose, for a fuzz target: half built out of what commands are made of (codes, handles
//! that often name something, sessions that often are right, templates, parts of earlier answers), half raw.
//!
//! ```text
//! step     = 0 power   kind                        | 1 raw      len bytes locality
//!          | 2 outside presence seconds            | other      command
//! command  = code shape handle* session* count item*
//! ```
//!
//! [`recipes`] are streams in which commands succeed.

#![allow(unreachable_pub, reason = "a part of two programs, not a library")]

mod ingredients;
pub mod recipes;

use super::store::{MemoryStore, TestPlatform};
use ingredients::{INGREDIENTS, ingredient};
use ironroot_tpm::{
    Locality, MAX_COMMAND, Memory, ObjectSlot, Profile, Progress, SessionSlot, Tpm,
};
use std::collections::BTreeMap;

/// Handles that commands are tried on: hierarchies, PCRs, indices, sessions, objects, persistent objects, timers.
const HANDLES: [u32; 24] = [
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
    0x4000_0110,
    0x4000_0111,
    0x4000_000d,
    0x8000_0003,
];
const FIRST_CODE: u16 = 0x11f;
const LAST_CODE: u16 = 0x1a4;
/// Steps of one stream at most.
const STEPS: usize = 64;
/// Answers whose parts can be used again.
const REMEMBERED: usize = 16;

/// How often each command was answered with success.
pub type Successes = BTreeMap<u32, u32>;

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

/// A good answer: its handle (0: it has none) and its parameters.
struct Answer {
    handle: u32,
    params: Vec<u8>,
}

/// What a client has seen.
#[derive(Default)]
struct Seen {
    answers: Vec<Answer>,
    successes: Successes,
}

/// Gives a new TPM the stream, and tells what succeeded. It never panics, every answer is well formed, and afterwards it still starts.
pub fn run(input: &[u8]) -> Successes {
    let mut input = Bytes(input);
    with_tpm(|tpm, outside| {
        let mut seen = Seen::default();
        begin(tpm, &mut seen);
        for _ in 0..STEPS {
            if input.0.is_empty() {
                break;
            }
            step(tpm, outside, &mut input, &mut seen);
        }
        tpm.power_off();
        tpm.power_on().expect("it starts after all that");
        seen.successes
    })
}

/// The codes of all commands, as GetCapability tells them.
pub fn codes() -> Vec<u32> {
    with_tpm(|tpm, _| {
        let mut seen = Seen::default();
        begin(tpm, &mut seen);
        let params = [2u32, 0, 254].map(u32::to_be_bytes).concat();
        send(tpm, 0, &frame(0x17a, 0, &[], &[], &params), &mut seen);
        let told = &seen.answers[0].params[9..];
        told.chunks(4)
            .map(|word| u32::from_be_bytes(word.try_into().expect("four")) & 0xffff)
            .collect()
    })
}

fn with_tpm<T>(work: impl FnOnce(&mut Tpm<'_>, &TestPlatform) -> T) -> T {
    let (mut store, mut platform) = (MemoryStore::default(), TestPlatform::new(1));
    let outside = platform.clone();
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
    work(&mut tpm, &outside)
}

/// Startup, and something to work on: an HMAC session and a policy session.
fn begin(tpm: &mut Tpm<'_>, seen: &mut Seen) {
    let startup = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0];
    assert_eq!(send(tpm, 0, &startup, seen), 0);
    for kind in [0, 1] {
        let start = recipes::start_session(kind);
        let start = frame(0x176, 0, &[0x4000_0007, 0x4000_0007], &[], &start);
        assert_eq!(send(tpm, 0, &start, seen), 0);
    }
    seen.answers.clear();
}

fn step(tpm: &mut Tpm<'_>, outside: &TestPlatform, input: &mut Bytes<'_>, seen: &mut Seen) {
    match input.byte() & 15 {
        0 => {
            tpm.power_off();
            tpm.power_on().expect("it starts again");
            let startup = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, input.byte() & 1];
            send(tpm, 0, &startup, seen);
        }
        1 => {
            let len = usize::from(input.byte());
            let locality = input.byte() % 5;
            send(tpm, locality, input.take(len), seen);
        }
        2 => {
            tpm.set_physical_presence(input.byte() & 1 == 1);
            outside.advance(u64::from(input.byte()) * 1000);
        }
        _ => {
            let (locality, command) = command(input, seen);
            send(tpm, locality, &command, seen);
        }
    }
}

fn command(input: &mut Bytes<'_>, seen: &Seen) -> (u8, Vec<u8>) {
    let code = FIRST_CODE + u16::from(input.byte()) % (LAST_CODE - FIRST_CODE + 1);
    let shape = input.byte();
    let handles: Vec<u32> = (0..shape & 3).map(|_| handle(input, seen)).collect();
    let area: Vec<u8> = (0..shape >> 2 & 3).flat_map(|_| session(input)).collect();
    let mut params = Vec::new();
    for _ in 0..input.byte() & 15 {
        item(input, seen, &mut params, 0);
    }
    let locality = match shape >> 4 & 7 {
        locality @ 0..=4 => locality,
        _ => 0,
    };
    let command = frame(code.into(), shape >> 2 & 3, &handles, &area, &params);
    (locality, command)
}

fn frame(code: u32, sessions: u8, handles: &[u32], area: &[u8], params: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = handles.iter().flat_map(|one| one.to_be_bytes()).collect();
    if sessions > 0 {
        body.extend((area.len() as u32).to_be_bytes());
        body.extend(area);
    }
    body.extend(params);
    let tag: u16 = if sessions > 0 { 0x8002 } else { 0x8001 };
    let mut command = tag.to_be_bytes().to_vec();
    command.extend((body.len() as u32 + 10).to_be_bytes());
    command.extend(code.to_be_bytes());
    command.extend(body);
    command
}

/// One of the table, or the handle of an answer, counted back from the last one that had any.
fn handle(input: &mut Bytes<'_>, seen: &Seen) -> u32 {
    let choice = usize::from(input.byte());
    let mut given = seen.answers.iter().rev().map(|answer| answer.handle);
    let given = match choice.checked_sub(0x80) {
        Some(back) => given.by_ref().filter(|handle| *handle != 0).nth(back),
        None => None,
    };
    given.unwrap_or(HANDLES[choice % HANDLES.len()])
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

/// Part of the parameters.
fn item(input: &mut Bytes<'_>, seen: &Seen, out: &mut Vec<u8>, depth: u8) {
    let kind = input.byte();
    let number = usize::from(kind & 31);
    let mut sized = |bytes: &[u8]| {
        out.extend((bytes.len() as u16).to_be_bytes());
        out.extend(bytes);
    };
    match kind >> 5 {
        0 => out.extend(input.take(number)),
        1 => sized(input.take(number)),
        2 => out.extend(ingredient(number % INGREDIENTS)),
        3 => sized(&ingredient(number % INGREDIENTS)),
        4 => out.extend((number as u16).to_be_bytes()),
        5 => out.extend(remembered(input.byte(), number, seen)),
        6 if depth < 3 => {
            let mut inner = Vec::new();
            (0..number & 7).for_each(|_| item(input, seen, &mut inner, depth + 1));
            sized(&inner);
        }
        _ => out.extend((number as u32).to_be_bytes()),
    }
}

/// Part of an earlier answer: `which` counts answers back, and its sized buffers.
fn remembered(which: u8, how: usize, seen: &Seen) -> Vec<u8> {
    let (back, part) = (usize::from(which >> 4), usize::from(which & 15));
    let Some(answer) = seen.answers.iter().rev().nth(back) else {
        return Vec::new();
    };
    let mut rest = answer.params.as_slice();
    for _ in 0..part {
        rest = split(rest).1;
    }
    match how % 6 {
        0 => answer.params.clone(),
        1 => [&rest[..rest.len().min(2)], split(rest).0].concat(),
        2 => split(rest).0.to_vec(),
        3 => rest.to_vec(),
        // A ticket: tag, hierarchy, digest.
        4 => {
            let (head, digest) = rest.split_at(rest.len().min(6));
            let len = digest.len().min(2 + split(digest).0.len());
            [head, &digest[..len]].concat()
        }
        _ => answer.handle.to_be_bytes().to_vec(),
    }
}

/// The content of the sized buffer at the beginning, and what follows it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((size, rest)) = bytes.split_first_chunk() else {
        return (&[], &[]);
    };
    let len = usize::from(u16::from_be_bytes(*size));
    rest.split_at(len.min(rest.len()))
}

/// The response code; a suspended command is let go on for a while, then cancelled.
fn send(tpm: &mut Tpm<'_>, locality: u8, command: &[u8], seen: &mut Seen) -> u32 {
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
    let word = |at: usize| u32::from_be_bytes(response[at..at + 4].try_into().expect("four"));
    assert!(len >= 10 && word(2) as usize == len);
    let code = word(6);
    assert!(code == 0 || len == 10, "an error is a header only");
    assert_ne!(code, 0x101, "failure mode was reached");
    if code == 0 {
        let number = u32::from_be_bytes(command[6..10].try_into().expect("four"));
        *seen.successes.entry(number).or_default() += 1;
        remember(number, &response[..len], seen);
    }
    code
}

fn remember(code: u32, response: &[u8], seen: &mut Seen) {
    let mut rest = &response[10..];
    let mut word = || {
        let (word, after) = rest.split_at(4);
        rest = after;
        u32::from_be_bytes(word.try_into().expect("four"))
    };
    let with_handle = [0x131, 0x157, 0x15b, 0x161, 0x167, 0x176, 0x186, 0x191].contains(&code);
    let handle = if with_handle { word() } else { 0 };
    let len = match response[1] {
        2 => word() as usize,
        _ => rest.len(),
    };
    if seen.answers.len() == REMEMBERED {
        seen.answers.remove(0);
    }
    seen.answers.push(Answer {
        handle,
        params: rest[..len].to_vec(),
    });
}
