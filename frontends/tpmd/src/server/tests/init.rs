//! What an INIT that failed leaves for the next one.

use super::*;
use crate::blob::Keys;
use crate::protocol::control::ControlResult;
use crate::state::{Durability, HostStore, StateDirectory, StateOptions};
use ironroot_tpm::{SnapshotError, StartError, StoreError};
use std::cell::RefCell;

const VOLATILE: u32 = 2;

/// Failures that pass, or are no volatile state's fault.
const NOT_ITS_FAULT: [SnapshotError; 7] = [
    SnapshotError::Off,
    SnapshotError::Room,
    SnapshotError::Start(StartError::Entropy),
    SnapshotError::Start(StartError::Memory),
    SnapshotError::Start(StartError::Corrupt),
    SnapshotError::Start(StartError::Version),
    SnapshotError::Start(StartError::Store(StoreError::Unavailable)),
];
const ITS_FAULT: [SnapshotError; 3] = [
    SnapshotError::Format,
    SnapshotError::Version,
    SnapshotError::Integrity,
];

/// A toy that measured `b"before"`, has power and a store, and does not start the next time.
fn ready(place: &Path, refuses: SnapshotError) -> (Server<Toy>, Rc<RefCell<HostStore>>) {
    let mut toy = Toy::default();
    toy.refuses = Some(refuses);
    toy.measured = b"before".to_vec();
    let (mut server, _stopper) = server_of(place, toy, false);
    let options = StateOptions {
        directory: place.join("state"),
        key: None,
        anchor: None,
        durability: Durability::None,
    };
    let directory = StateDirectory::open(&options.directory, true).unwrap();
    let nv_available = Rc::clone(&server.setting.nv_available);
    let store = directory.store(&options, None, nv_available, &Log::default());
    let store = Rc::new(RefCell::new(store.unwrap()));
    server.setting.blobs = Blobs::new(Rc::clone(&store), directory, Keys::default(), false);
    (server, store)
}

/// A volatile blob of a toy that measured `b"came"`.
fn blob() -> Vec<u8> {
    let place = TempDir::new().unwrap();
    let mut toy = Toy::default();
    toy.measured = b"came".to_vec();
    let (mut server, _stopper) = server_of(place.path(), toy, true);
    let mut answer = Vec::new();
    let result = server.get_blob(1, VOLATILE, 0, &mut answer);
    assert_eq!(result, ControlResult::Success);
    answer.split_off(12)
}

#[test]
fn a_volatile_state_that_came_outlives_a_failure_that_is_not_its_fault_and_no_other() {
    let blob = blob();
    for (errors, then) in [
        (&NOT_ITS_FAULT[..], b"came".as_slice()),
        (&ITS_FAULT, b"before"),
    ] {
        for error in errors {
            let place = TempDir::new().unwrap();
            let (mut server, _) = ready(place.path(), *error);
            assert_eq!(server.set_blob(VOLATILE, &blob), ControlResult::Success);
            assert_eq!(server.init(0), ControlResult::Fail, "{error:?}");
            assert!(!server.machine.is_powered());
            assert_eq!(server.init(0), ControlResult::Success, "{error:?}");
            assert_eq!(server.machine.engine().measured, then, "{error:?}");
        }
    }
}

#[test]
fn a_volatile_state_that_was_stored_outlives_a_failure_that_is_not_its_fault_and_no_other() {
    for (errors, stays) in [(&NOT_ITS_FAULT[..], true), (&ITS_FAULT, false)] {
        for error in errors {
            let place = TempDir::new().unwrap();
            let (mut server, store) = ready(place.path(), *error);
            store.borrow_mut().keep_volatile(Some(b"stored")).unwrap();
            assert_eq!(server.init(0), ControlResult::Fail, "{error:?}");
            assert_eq!(store.borrow().volatile().is_some(), stays, "{error:?}");
            assert_eq!(server.init(0), ControlResult::Success, "{error:?}");
            let then = if stays { &b"stored"[..] } else { b"before" };
            assert_eq!(server.machine.engine().measured, then, "{error:?}");
        }
    }
}

#[test]
fn what_came_is_used_by_one_init_that_succeeds() {
    let place = TempDir::new().unwrap();
    let entropy = SnapshotError::Start(StartError::Entropy);
    let (mut server, store) = ready(place.path(), entropy);
    server.set_blob(VOLATILE, &blob());
    assert_eq!(server.init(0), ControlResult::Fail);
    assert_eq!(server.init(0), ControlResult::Success);
    store.borrow_mut().keep_volatile(Some(b"stored")).unwrap();
    assert_eq!(server.init(0), ControlResult::Success);
    assert_eq!(server.machine.engine().measured, b"stored");
}
