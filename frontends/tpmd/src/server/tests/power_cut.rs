//! Power goes while INIT takes over a state that came by blobs: at the next INIT there is the old state, or the new one
//! with its registers; never the new one after a reset.
//!
//! The journal writes from the front to the back. So a cut leaves the file as it was, but for the first so many of the
//! bytes that a whole INIT changes.

use super::*;
use crate::blob::{self, Keys, Protection};
use crate::platform::HostPlatform;
use crate::protocol::control::{BlobKind, ControlResult};
use crate::state::{Durability, SharedStore, StateDirectory, StateOptions};
use ironroot_tpm::{Memory, ObjectSlot, SessionSlot, Tpm};
use std::cell::RefCell;

const PERMANENT: u32 = 1;
const VOLATILE: u32 = 2;
const DELETE_VOLATILE: u32 = 1;

const STARTUP: [u8; 12] = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0];
/// `TPM2_PCR_Read` of register 16 with SHA-256.
const PCR_READ: [u8; 20] = [
    0x80, 1, 0, 0, 0, 20, 0, 0, 1, 0x7e, 0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 1,
];
/// `TPM2_GetCapability` of `TPM_PT_PERMANENT`, whose last bit says whether the owner has a password.
const PERMANENT_ATTRIBUTES: [u8; 22] = [
    0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 6, 0, 0, 2, 0, 0, 0, 0, 1,
];
/// `TPM2_HierarchyChangeAuth` of the owner's, to the password 7.
const CHANGE_AUTH: [u8; 30] = [
    0x80, 2, 0, 0, 0, 30, 0, 0, 1, 0x29, 0x40, 0, 0, 1, 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0,
    0, 1, 7,
];
/// `TPM2_PCR_Extend` of register 16 with SHA-256; the digest follows.
const PCR_EXTEND: [u8; 33] = [
    0x80, 2, 0, 0, 0, 65, 0, 0, 1, 0x82, 0, 0, 0, 0x10, 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0,
    0, 0, 0, 1, 0, 0x0b,
];

/// What the next INIT finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// The owner has no password, and the registers are those of a reset.
    Old,
    /// The owner has one, and the register is extended.
    New,
    /// The owner has one, and the registers are those of a reset: the machine ran, and its power went.
    Reset,
}

/// A server with the TPM whose state lies in `place`.
fn with_server<R>(place: &Path, run: impl FnOnce(&mut Server<Tpm<'_>>) -> R) -> R {
    let options = StateOptions {
        directory: place.to_owned(),
        key: None,
        anchor: None,
        durability: Durability::None,
    };
    let nv_available = Rc::new(Cell::new(true));
    let log = Log::default();
    let directory = StateDirectory::open(place, true).unwrap();
    let store = directory.store(&options, None, Rc::clone(&nv_available), &log);
    let store = Rc::new(RefCell::new(store.unwrap()));
    let mut shared = SharedStore(Rc::clone(&store));
    let mut platform = HostPlatform::new(Rc::clone(&store));
    let profile = &Profile::PC_CLIENT;
    let memory = Memory {
        objects: &mut (0..profile.loaded_objects)
            .map(|_| ObjectSlot::EMPTY)
            .collect::<Vec<_>>(),
        sessions: &mut (0..profile.loaded_sessions)
            .map(|_| SessionSlot::EMPTY)
            .collect::<Vec<_>>(),
    };
    let tpm = Tpm::new(memory, &mut shared, &mut platform, profile).unwrap();
    let setting = Setting {
        listeners: Vec::new(),
        stop: UnixStream::pair().unwrap().0,
        nv_available,
        blobs: Blobs::new(store, directory, Keys::default(), false),
        profile,
        terminate: Terminate::Never,
        rules: Rules::default(),
        log,
    };
    run(&mut Server::new(Machine::new(tpm), setting))
}

impl Server<Tpm<'_>> {
    fn ask(&mut self, command: &[u8]) -> Vec<u8> {
        let len = self.machine.begin(None, command).expect("a short command");
        self.machine.answer(len).to_vec()
    }

    fn demand(&mut self, command: &[u8]) -> Vec<u8> {
        let answer = self.ask(command);
        assert_eq!(answer[6..10], [0; 4], "{command:x?}");
        answer
    }

    fn blob(&mut self, kind: u32) -> Vec<u8> {
        let mut answer = Vec::new();
        let result = self.get_blob(1, kind, 0, &mut answer);
        assert_eq!(result, ControlResult::Success);
        answer.split_off(12)
    }

    /// What INIT finds.
    fn find(&mut self) -> Found {
        assert_eq!(self.init(0), ControlResult::Success);
        let goes_on = self.ask(&PCR_READ)[6..10] == [0; 4];
        if !goes_on {
            self.demand(&STARTUP);
        }
        let register = self.demand(&PCR_READ);
        let extended = register.iter().rev().take(32).any(|byte| *byte != 0);
        assert_eq!(
            extended, goes_on,
            "registers of a machine that goes on, and of no other"
        );
        let owned = self.demand(&PERMANENT_ATTRIBUTES).last().unwrap() & 1 == 1;
        match (owned, goes_on) {
            (false, false) => Found::Old,
            (true, true) => Found::New,
            (true, false) => Found::Reset,
            (false, true) => panic!("the registers of another TPM"),
        }
    }
}

/// The blobs of a TPM with a mark of either kind.
fn blobs(place: &Path) -> [Vec<u8>; 2] {
    with_server(place, |server| {
        assert_eq!(server.init(0), ControlResult::Success);
        server.demand(&STARTUP);
        server.demand(&CHANGE_AUTH);
        server.demand(&[&PCR_EXTEND[..], &[0x11; 32]].concat());
        [PERMANENT, VOLATILE].map(|kind| server.blob(kind))
    })
}

#[test]
fn a_power_cut_at_any_byte_of_an_init_leaves_the_old_state_or_the_new_one_with_its_registers() {
    let place = TempDir::new().unwrap();
    let [permanent, volatile] = blobs(&place.path().join("from"));
    let to = place.path().join("to");
    let file = to.join("tpm.state");
    assert_eq!(with_server(&to, |server| server.find()), Found::Old);
    let before = std::fs::read(&file).unwrap();
    with_server(&to, |server| {
        for (kind, blob) in [(PERMANENT, &permanent), (VOLATILE, &volatile)] {
            assert_eq!(server.set_blob(kind, blob), ControlResult::Success);
        }
        assert_eq!(server.init(DELETE_VOLATILE), ControlResult::Success);
    });
    let after = std::fs::read(&file).unwrap();
    let changed: Vec<_> = (0..before.len())
        .filter(|at| before[*at] != after[*at])
        .collect();
    // All bytes of the second transaction, which is short; the first in steps, for it holds whole blobs.
    let steps = (0..changed.len()).step_by(157);
    let last = changed.len().saturating_sub(220)..=changed.len();
    let mut found = Vec::new();
    for len in steps.chain(last.step_by(7)) {
        let mut cut = before.clone();
        for at in &changed[..len] {
            cut[*at] = after[*at];
        }
        std::fs::write(&file, &cut).unwrap();
        found.push((len, with_server(&to, |server| server.find())));
    }
    found.sort();
    assert!(found.is_sorted_by_key(|(_, found)| *found), "{found:?}");
    let new = found
        .iter()
        .filter(|(_, found)| *found == Found::New)
        .count();
    assert!(found[0].1 == Found::Old && new > 4, "{found:?}");
    for (len, found) in found {
        assert!(
            found != Found::Reset || len == changed.len(),
            "cut at {len}"
        );
    }
}

#[test]
fn halves_that_do_not_belong_together_change_not_a_byte() {
    let place = TempDir::new().unwrap();
    let [permanent, _] = blobs(&place.path().join("from"));
    let [_, volatile] = blobs(&place.path().join("other"));
    let to = place.path().join("to");
    assert_eq!(with_server(&to, |server| server.find()), Found::Old);
    let before = std::fs::read(to.join("tpm.state")).unwrap();
    with_server(&to, |server| {
        server.set_blob(PERMANENT, &permanent);
        server.set_blob(VOLATILE, &volatile);
        assert_eq!(server.init(DELETE_VOLATILE), ControlResult::Fail);
        assert!(!server.machine.is_powered());
        assert!(std::fs::read(to.join("tpm.state")).unwrap() == before);
        assert_eq!(server.find(), Found::Old);
    });
}

#[test]
fn a_volatile_state_that_was_taken_over_is_used_once() {
    let place = TempDir::new().unwrap();
    let [permanent, volatile] = blobs(&place.path().join("from"));
    for flags in [0, DELETE_VOLATILE] {
        with_server(&place.path().join(format!("to{flags}")), |server| {
            server.set_blob(PERMANENT, &permanent);
            server.set_blob(VOLATILE, &volatile);
            assert_eq!(server.init(flags), ControlResult::Success);
            assert_eq!(server.ask(&PCR_READ)[6..10], [0; 4]);
            assert_eq!(server.find(), Found::Reset);
        });
    }
}

#[test]
fn a_volatile_state_that_cannot_be_removed_does_not_start_the_machine() {
    let place = TempDir::new().unwrap();
    let to = place.path().join("to");
    with_server(&to, |server| {
        assert_eq!(server.init(0), ControlResult::Success);
        server.demand(&STARTUP);
        server.demand(&CHANGE_AUTH);
        server.demand(&[&PCR_EXTEND[..], &[0x11; 32]].concat());
        assert_eq!(server.store_volatile(), ControlResult::Success);
    });
    with_server(&to, |server| {
        server.setting.nv_available.set(false);
        assert_eq!(server.init(DELETE_VOLATILE), ControlResult::Fail);
        assert!(!server.machine.is_powered());
        server.setting.nv_available.set(true);
        assert_eq!(server.init(DELETE_VOLATILE), ControlResult::Success);
        assert_eq!(server.ask(&PCR_READ)[6..10], [0; 4], "it goes on");
        assert_eq!(server.find(), Found::Reset);
    });
}

#[test]
fn blobs_that_could_not_be_written_are_what_the_next_init_goes_on_from() {
    let place = TempDir::new().unwrap();
    let [permanent, volatile] = blobs(&place.path().join("from"));
    let to = place.path().join("to");
    with_server(&to, |server| {
        assert_eq!(server.find(), Found::Old);
        server.machine.power_off_in_order();
        let before = std::fs::read(to.join("tpm.state")).unwrap();
        server.set_blob(PERMANENT, &permanent);
        server.set_blob(VOLATILE, &volatile);
        server.setting.nv_available.set(false);
        assert_eq!(server.init(DELETE_VOLATILE), ControlResult::Fail);
        assert!(!server.machine.is_powered());
        assert!(std::fs::read(to.join("tpm.state")).unwrap() == before);
        server.setting.nv_available.set(true);
        assert_eq!(server.find(), Found::New);
        assert_eq!(server.find(), Found::Reset);
    });
}

#[test]
fn a_volatile_blob_is_used_again_where_the_stored_one_could_not_be_removed() {
    let place = TempDir::new().unwrap();
    let to = place.path().join("to");
    let extend = [&PCR_EXTEND[..], &[0x11; 32]].concat();
    let (blob, register) = with_server(&to, |server| {
        assert_eq!(server.init(0), ControlResult::Success);
        server.demand(&STARTUP);
        server.demand(&extend);
        assert_eq!(server.store_volatile(), ControlResult::Success);
        server.demand(&extend);
        (server.blob(VOLATILE), server.demand(&PCR_READ))
    });
    with_server(&to, |server| {
        server.set_blob(VOLATILE, &blob);
        server.setting.nv_available.set(false);
        assert_eq!(server.init(0), ControlResult::Fail);
        assert!(!server.machine.is_powered());
        server.setting.nv_available.set(true);
        assert_eq!(server.init(0), ControlResult::Success);
        assert!(
            server.demand(&PCR_READ) == register,
            "the blob's, not the stored one's"
        );
    });
}

#[test]
fn a_permanent_blob_that_is_no_tpms_is_dropped() {
    let place = TempDir::new().unwrap();
    let records = blob::pack([(7, &b"not a TPM's"[..])].into_iter());
    let blob = blob::seal(
        BlobKind::Permanent,
        Protection::None,
        &Keys::default(),
        records,
    );
    with_server(place.path(), |server| {
        let set = server.set_blob(PERMANENT, &blob.unwrap());
        assert_eq!(set, ControlResult::Success);
        assert_eq!(server.init(0), ControlResult::Fail);
        assert!(!server.machine.is_powered());
        assert_eq!(server.find(), Found::Old);
    });
}
