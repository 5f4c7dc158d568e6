//! The server with the TPM itself: what overtakes the search for an RSA-4096 key, counted in the TPM's own steps.
//!
//! The test takes the server's turns itself, and the entropy is fixed: nothing here depends on time or chance.

use super::*;
use ironroot_tpm::{
    Change, Entropy, EntropyError, Memory, ObjectSlot, Profile, RecordId, SessionSlot, Store,
    StoreError, Ticks, Tpm, UniqueKey,
};
use std::collections::BTreeMap;

const STARTUP: u32 = 0x144;
const CREATE_PRIMARY: u32 = 0x131;
const CREATE: u32 = 0x153;
const READ_PUBLIC: u32 = 0x173;
const CANCELED: u32 = 0x909;
/// `TPM_RC_REFERENCE_H0`: nothing is loaded there.
const REFERENCE_H0: u32 = 0x910;
const OWNER: [u8; 4] = [0x40, 0, 0, 1];
const FIRST_OBJECT: [u8; 4] = [0x80, 0, 0, 0];
/// The size of the session area, and in it an empty password.
const PASSWORD: [u8; 13] = [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 1, 0, 0];
/// No auth value and no data; behind the template: no outside info, no PCRs.
const NO_SECRETS: [u8; 6] = [0, 4, 0, 0, 0, 0];
const NOTHING_ELSE: [u8; 6] = [0; 6];
/// A storage key on P-256.
const STORAGE: [u8; 28] = [
    0, 0x1a, 0, 0x23, 0, 0x0b, 0, 3, 4, 0x72, 0, 0, 0, 6, 0, 0x80, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10,
    0, 0, 0, 0,
];
/// A signing key, RSA-4096: RSASSA with SHA-256.
const SIGNING: [u8; 26] = [
    0, 0x18, 0, 1, 0, 0x0b, 0, 4, 0, 0x72, 0, 0, 0, 0x10, 0, 0x14, 0, 0x0b, 0x10, 0, 0, 0, 0, 0, 0,
    0,
];

/// Records in memory.
#[derive(Default)]
struct Records(BTreeMap<RecordId, Vec<u8>>);

impl Store for Records {
    fn read(&mut self, id: RecordId, out: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let Some(record) = self.0.get(&id) else {
            return Ok(None);
        };
        out[..record.len()].copy_from_slice(record);
        Ok(Some(record.len()))
    }

    fn at_or_after(&mut self, from: RecordId) -> Result<Option<RecordId>, StoreError> {
        Ok(self.0.range(from..).next().map(|(id, _)| *id))
    }

    fn commit(&mut self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        for change in changes {
            match change {
                Change::Set { id, data } => self.0.insert(*id, data.to_vec()),
                Change::Remove(id) => self.0.remove(id),
            };
        }
        Ok(())
    }

    fn free(&mut self) -> u32 {
        1 << 16
    }
}

/// The same entropy in every run; no time passes.
#[derive(Default)]
struct Fixed(u8);

impl Entropy for Fixed {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        for byte in out {
            self.0 = self.0.wrapping_mul(5).wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

impl Ticks for Fixed {
    fn now(&mut self) -> u64 {
        0
    }
}

impl UniqueKey for Fixed {
    fn derive(&mut self, _: &[u8], out: &mut [u8]) {
        out.fill(0x42);
    }
}

fn tpm() -> Tpm<'static> {
    let profile = &Profile::FULL;
    let objects = (0..profile.loaded_objects).map(|_| ObjectSlot::EMPTY);
    let sessions = (0..profile.loaded_sessions).map(|_| SessionSlot::EMPTY);
    let memory = Memory {
        objects: objects.collect::<Vec<_>>().leak(),
        sessions: sessions.collect::<Vec<_>>().leak(),
    };
    let store = Box::leak(Box::<Records>::default());
    let platform = Box::leak(Box::<Fixed>::default());
    Tpm::new(memory, store, platform, profile).unwrap()
}

/// A command of these parts; one with a password if `tag` says so.
fn of_parts(tag: u8, code: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = u32::try_from(10 + body.len()).unwrap();
    [
        &[0x80, tag][..],
        &len.to_be_bytes(),
        &code.to_be_bytes(),
        &body,
    ]
    .concat()
}

/// Takes turns until an answer of this length is there.
fn answer(server: &mut Server<Tpm<'static>>, client: &mut Client, len: usize) -> Vec<u8> {
    while server.running.is_some() || !client.has_input() {
        server.turn().unwrap();
    }
    client.read(len)
}

#[test]
fn during_create_rsa_4096_a_random_number_needs_two_steps_and_a_flush_of_the_parent_waits() {
    let place = TempDir::new().unwrap();
    let (mut server, _stopper) = server_of(place.path(), tpm(), true);
    let connect = || Client(UnixStream::connect(place.path().join("data")).unwrap());
    let (mut first, mut second, mut third) = (connect(), connect(), connect());
    first.send(&of_parts(1, STARTUP, &[&[0, 0]]));
    assert_eq!(code_of(&answer(&mut server, &mut first, 10)), 0);
    let parts: [&[u8]; 5] = [&OWNER, &PASSWORD, &NO_SECRETS, &STORAGE, &NOTHING_ELSE];
    first.send(&of_parts(2, CREATE_PRIMARY, &parts));
    let made = answer(&mut server, &mut first, 14);
    assert_eq!((code_of(&made), &made[10..]), (0, &FIRST_OBJECT[..]));
    first.drain();

    let parts: [&[u8]; 5] = [
        &FIRST_OBJECT,
        &PASSWORD,
        &NO_SECRETS,
        &SIGNING,
        &NOTHING_ELSE,
    ];
    first.send(&of_parts(2, CREATE, &parts));
    while server.machine.steps < 3 {
        server.turn().unwrap();
    }
    assert!(server.machine.is_suspended());

    let before = server.machine.steps;
    third.send(&of_parts(1, FLUSH_CONTEXT, &[&FIRST_OBJECT]));
    second.send(&of_parts(1, GET_RANDOM, &[&[0, 16]]));
    while !second.has_input() {
        server.turn().unwrap();
        assert!(server.machine.steps <= before + 2);
    }
    let random = second.read(28);
    assert_eq!((code_of(&random), &random[10..12]), (0, &[0, 16][..]));
    assert_ne!(random[12..], [0; 16]);

    for _ in 0..3 {
        server.turn().unwrap();
        assert!(server.machine.is_suspended());
        assert!(!third.has_input());
    }
    // The search would go on for some seconds; its end is the flush's turn.
    server.interrupt();
    assert_eq!(code_of(&first.read(10)), CANCELED);
    assert_eq!(code_of(&answer(&mut server, &mut third, 10)), 0);
    third.send(&of_parts(1, READ_PUBLIC, &[&FIRST_OBJECT]));
    let gone = answer(&mut server, &mut third, 10);
    assert_eq!(code_of(&gone), REFERENCE_H0);
}
