//! Handles: stateless and of connections; versions, access, forging.

mod common;

use common::*;
use ironroot_psa_api::message::{CONNECT, DISCONNECT};
use ironroot_psa_api::{Error, Status, VERSION_NONE};

fn bare() -> World {
    world(vec![], vec![], vec![]).0
}

fn null_call(world: &mut World, client: i32, handle: u32) -> Status {
    world.call(ns(client), handle, control(7, 0, 0), 0, 0)
}

#[test]
fn a_null_call_reaches_the_service_with_the_callers_id_and_type() {
    let mut world = bare();
    assert_eq!(null_call(&mut world, -5, handle(0, 1)), Status::SUCCESS);
    let seen = &world.services_mut().seen;
    assert_eq!((seen.len(), seen[0].client, seen[0].kind), (1, -5, 7));
}

#[test]
fn only_negative_ids_can_call_from_the_non_secure_world() {
    use ironroot_psa_api::ClientId;
    use ironroot_spm::Caller;
    assert_eq!(Caller::non_secure(ClientId::new(1).unwrap()), None);
    assert!(Caller::non_secure(ClientId::NON_SECURE).is_some());
}

#[test]
fn handles_that_name_nothing_are_programmer_errors() {
    let mut world = bare();
    let good = handle(0, 1);
    let mut forged = vec![
        0,
        1,
        0x100,
        0x7fff_ffff,
        0xffff_ffff,
        0x8000_0000,
        handle(9, 1),
    ];
    forged.extend(
        (0..32)
            .filter(|bit| ![30, 0, 8, 9].contains(bit))
            .map(|bit| good ^ 1 << bit),
    );
    for handle in forged {
        let status = null_call(&mut world, -1, handle);
        assert!(
            [
                Error::ProgrammerError.status(),
                Error::ConnectionRefused.status()
            ]
            .contains(&status),
            "{handle:#x} gave {status:?}"
        );
    }
    assert!(world.services_mut().seen.is_empty());
}

#[test]
fn a_relaxed_service_serves_older_clients_and_no_newer_ones() {
    let mut world = bare();
    for version in [0, 1, 2] {
        assert_eq!(
            null_call(&mut world, -1, handle(0, version)),
            Status::SUCCESS
        );
    }
    assert_eq!(
        null_call(&mut world, -1, handle(0, 3)),
        Error::ProgrammerError.status()
    );
}

#[test]
fn a_strict_service_serves_its_own_version_only() {
    let mut world = bare();
    for version in [0, 1, 3, 255] {
        let status = null_call(&mut world, -1, handle(2, version));
        assert_eq!(status, Error::ProgrammerError.status());
    }
    assert_eq!(null_call(&mut world, -1, handle(2, 2)), Status::SUCCESS);
}

#[test]
fn a_secure_service_is_closed_and_invisible_to_the_non_secure_world() {
    let mut world = bare();
    assert_eq!(
        null_call(&mut world, -1, handle(1, 1)),
        Error::ConnectionRefused.status()
    );
    assert_eq!(world.version(ns(-1), 0x81), VERSION_NONE);
    assert_eq!(world.version(ns(-1), 0x80), 2);
    assert_eq!(world.version(ns(-1), 0x1234), VERSION_NONE);
    assert_eq!(world.framework_version(), 0x0101);
    assert!(world.services_mut().seen.is_empty());
}

#[test]
fn message_types_and_counts_that_break_the_rules_never_reach_a_service() {
    let mut world = bare();
    for word in [
        0xffff,
        0x8000,
        0x0500_0000,
        0x0302_0000,
        1 << 31,
        1 << 27,
        1 << 19,
        1 << 20,
    ] {
        let status = world.call(ns(-1), handle(0, 1), word, ARRAYS, ARRAYS + 0x100);
        assert_eq!(status, Error::ProgrammerError.status(), "{word:#x}");
    }
    assert!(world.services_mut().seen.is_empty());
}

#[test]
fn a_connection_lives_from_connect_to_close_and_keeps_its_rhandle() {
    let mut world = bare();
    let first = world.connect(ns(-1), 0x90, 1).unwrap();
    let second = world.connect(ns(-1), 0x90, 2).unwrap();
    assert_ne!(first, second);
    assert_eq!(null_call(&mut world, -1, second.0), Status(-7));
    assert_eq!(world.close(ns(-1), first.0), Ok(()));
    let seen: Vec<_> = world
        .services_mut()
        .seen
        .iter()
        .map(|seen| (seen.kind, seen.rhandle))
        .collect();
    assert_eq!(seen, [(CONNECT, 0), (CONNECT, 0), (7, 2), (DISCONNECT, 1)]);
}

#[test]
fn a_closed_handle_is_dead_even_when_its_slot_is_taken_again() {
    let mut world = bare();
    let stale = world.connect(ns(-1), 0x90, 1).unwrap();
    world.close(ns(-1), stale.0).unwrap();
    let programmer_error = Error::ProgrammerError.status();
    assert_eq!(null_call(&mut world, -1, stale.0), programmer_error);
    assert_eq!(world.close(ns(-1), stale.0), Err(Error::ProgrammerError));
    let fresh = world.connect(ns(-1), 0x90, 1).unwrap();
    assert_eq!(null_call(&mut world, -1, stale.0), programmer_error);
    assert_eq!(null_call(&mut world, -1, fresh.0), Status(-7));
}

#[test]
fn another_clients_handle_is_worth_nothing() {
    let mut world = bare();
    let handle = world.connect(ns(-1), 0x90, 1).unwrap();
    assert_eq!(
        null_call(&mut world, -2, handle.0),
        Error::ProgrammerError.status()
    );
    assert_eq!(world.close(ns(-2), handle.0), Err(Error::ProgrammerError));
    assert_eq!(null_call(&mut world, -1, handle.0), Status(-7));
}

#[test]
fn closing_nothing_is_fine_and_closing_a_stateless_service_is_not() {
    let mut world = bare();
    assert_eq!(world.close(ns(-1), 0), Ok(()));
    assert_eq!(
        world.close(ns(-1), handle(0, 1)),
        Err(Error::ProgrammerError)
    );
}

#[test]
fn connect_refuses_what_it_should() {
    let mut world = bare();
    let refused = Err(Error::ConnectionRefused);
    assert_eq!(world.connect(ns(-1), 0x1234, 1), refused);
    assert_eq!(world.connect(ns(-1), 0x90, 3), refused);
    assert_eq!(world.connect(ns(-1), 0x81, 1), refused);
    assert_eq!(world.connect(ns(-1), 0x80, 1), Err(Error::ProgrammerError));
    assert!(world.services_mut().seen.is_empty());
}

#[test]
fn the_services_answer_to_connect_decides_and_a_refusal_frees_the_slot() {
    let mut world = bare();
    for _ in 0..20 {
        world.services_mut().connect_answer = -131;
        assert_eq!(world.connect(ns(-1), 0x90, 1), Err(Error::ConnectionBusy));
        world.services_mut().connect_answer = -130;
        assert_eq!(
            world.connect(ns(-1), 0x90, 1),
            Err(Error::ConnectionRefused)
        );
        world.services_mut().connect_answer = 5; // no answer a connect message knows
        assert_eq!(
            world.connect(ns(-1), 0x90, 1),
            Err(Error::ConnectionRefused)
        );
    }
    world.services_mut().connect_answer = 0;
    assert!(world.connect(ns(-1), 0x90, 1).is_ok());
}

#[test]
fn the_non_secure_world_cannot_take_the_last_connections() {
    let mut world = bare();
    let taken = (0..20)
        .filter(|_| world.connect(ns(-1), 0x90, 1).is_ok())
        .count();
    assert_eq!(taken, 6, "two of eight are kept for partitions");
    assert_eq!(world.connect(ns(-2), 0x90, 1), Err(Error::ConnectionBusy));
}

#[test]
fn a_connection_with_a_programmer_error_can_only_be_closed() {
    let mut world = bare();
    let handle = world.connect(ns(-1), 0x90, 1).unwrap();
    let error = Error::ProgrammerError.status();
    assert_eq!(
        world.call(ns(-1), handle.0, control(129, 0, 0), 0, 0),
        error
    );
    assert_eq!(null_call(&mut world, -1, handle.0), error);
    assert_eq!(
        world.services_mut().seen.len(),
        2,
        "the second call never arrived"
    );
    assert_eq!(world.close(ns(-1), handle.0), Ok(()));
    assert_eq!(world.services_mut().seen[2].kind, DISCONNECT);
}
