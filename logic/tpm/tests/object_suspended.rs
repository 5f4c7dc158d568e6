//! Long work goes on in steps: what may be answered meanwhile, what waits, what a cancel leaves.

#![cfg(feature = "full")]

mod common;
mod object_common;

use common::{Auth, Command, Machine, cc, rh};
use ironroot_tpm::{Locality, Progress};
use object_common::*;

const CANCELED: u32 = 0x909;
const READ_CLOCK: u32 = 0x181;
const GET_TEST_RESULT: u32 = 0x17c;

/// Begins a command; it must need steps.
fn begin(machine: &mut Machine, command: &Command, response: &mut [u8]) {
    let bytes = machine.sealed(command, &mut [Auth::password(b"")]);
    let progress = machine.tpm().begin(Locality::ZERO, &bytes, response);
    assert_eq!(progress, Progress::Pending);
    assert!(machine.tpm().is_suspended());
}

/// The answer of a command that overtakes; `None`: it waits.
fn meanwhile(machine: &mut Machine, command: &Command) -> Option<u32> {
    let bytes = machine.sealed(command, &mut []);
    let mut response = vec![0; 4096];
    let len = machine
        .tpm()
        .meanwhile(Locality::ZERO, &bytes, &mut response)?;
    Some(code(&response[..len]))
}

fn code(response: &[u8]) -> u32 {
    u32::from_be_bytes(response[6..10].try_into().unwrap())
}

fn overtaking() -> Vec<Command> {
    vec![
        Command::new(cc::GET_RANDOM).u16(32),
        Command::new(cc::GET_CAPABILITY).u32(6).u32(0x100).u32(1),
        Command::new(READ_CLOCK),
        Command::new(cc::PCR_READ)
            .u32(1)
            .u16(SHA256)
            .raw(&[3, 1, 0, 0]),
        Command::new(GET_TEST_RESULT),
    ]
}

#[test]
fn during_a_long_creation_random_numbers_come_and_a_flush_waits() {
    let mut machine = Machine::new();
    let parent = primary(&mut machine, &Template::storage()).handle;
    let mut response = vec![0; 4096];
    let long = creation(
        cc::CREATE,
        parent,
        &Template::signing_rsa(4096).bytes(),
        b"",
        b"",
    );
    begin(&mut machine, &long, &mut response);
    for _ in 0..3 {
        for command in overtaking() {
            assert_eq!(
                meanwhile(&mut machine, &command),
                Some(0),
                "{:#x}",
                command.code
            );
        }
        for waits in [
            Command::new(cc::FLUSH_CONTEXT).u32(parent),
            Command::new(cc::READ_PUBLIC).handle(parent),
            Command::new(cc::STIR_RANDOM).sized(b"x"),
            Command::new(cc::CONTEXT_SAVE).handle(parent),
        ] {
            assert_eq!(meanwhile(&mut machine, &waits), None, "{:#x}", waits.code);
        }
        assert_eq!(machine.tpm().step(1, &mut response), Progress::Pending);
    }
    let len = machine.tpm().cancel(&mut response).unwrap();
    assert_eq!(code(&response[..len]), CANCELED);
    assert!(machine.tpm().cancel(&mut response).is_none());
    machine.flush(parent).unwrap();
}

#[test]
fn the_smallest_steps_lead_to_a_key_that_works() {
    let mut machine = Machine::new();
    let parent = primary(&mut machine, &Template::storage()).handle;
    let mut response = vec![0; 4096];
    let create = creation(
        cc::CREATE,
        parent,
        &Template::signing_rsa(1024).bytes(),
        b"",
        b"",
    );
    begin(&mut machine, &create, &mut response);
    let mut steps = 0;
    let len = loop {
        steps += 1;
        if let Progress::Done(len) = machine.tpm().step(1, &mut response) {
            break len;
        }
    };
    assert!(steps > 2);
    assert_eq!(code(&response[..len]), 0);
    let mut reader = common::Reader(&response[14..len]);
    let (private, public) = (reader.sized(), reader.sized());
    try_load(&mut machine, parent, private, public).unwrap();
}

#[test]
fn what_overtakes_does_not_change_a_derived_key() {
    let template = Template::storage_rsa(1024).bytes();
    let command = creation(cc::CREATE_PRIMARY, rh::OWNER, &template, b"", b"");
    let key = |disturbed: bool| {
        let mut machine = Machine::new();
        let mut response = vec![0; 4096];
        begin(&mut machine, &command, &mut response);
        let len = loop {
            if disturbed {
                meanwhile(&mut machine, &Command::new(cc::GET_RANDOM).u16(64)).unwrap();
            }
            if let Progress::Done(len) = machine.tpm().step(7, &mut response) {
                break len;
            }
        };
        assert_eq!(code(&response[..len]), 0);
        // Behind header, handle and size: the public area.
        let mut reader = common::Reader(&response[18..len]);
        reader.sized().to_vec()
    };
    assert_eq!(key(true), key(false));
}

#[test]
fn a_cancelled_or_reset_command_leaves_nothing() {
    let mut machine = Machine::new();
    let mut response = vec![0; 4096];
    let command = creation(
        cc::CREATE_PRIMARY,
        rh::OWNER,
        &Template::storage_rsa(2048).bytes(),
        b"",
        b"",
    );
    let records = machine.store.records();
    begin(&mut machine, &command, &mut response);
    machine.tpm().cancel(&mut response).unwrap();
    assert_eq!(code(&machine_step(&mut machine)), 0x101);
    begin(&mut machine, &command, &mut response);
    machine.reset();
    assert!(!machine.tpm().is_suspended());
    begin(&mut machine, &command, &mut response);
    // Another command ends it.
    machine.send(&Command::new(READ_CLOCK), &mut []).unwrap();
    assert!(!machine.tpm().is_suspended());
    assert_eq!(
        machine.store.records().keys().collect::<Vec<_>>(),
        records.keys().collect::<Vec<_>>()
    );
    assert_eq!(
        read_public(&mut machine, 0x8000_0000).unwrap_err(),
        common::rc::REFERENCE_H0
    );
}

/// One step, though nothing is suspended.
fn machine_step(machine: &mut Machine) -> Vec<u8> {
    let mut response = vec![0; 64];
    match machine.tpm().step(1, &mut response) {
        Progress::Done(len) => response.truncate(len),
        Progress::Pending => panic!("nothing is suspended"),
    }
    response
}

#[test]
fn a_template_that_is_refused_is_never_suspended() {
    let mut machine = Machine::new();
    let refused = Template::signing_rsa(4096).without(attr::FIXED_TPM);
    let command = creation(cc::CREATE_PRIMARY, rh::OWNER, &refused.bytes(), b"", b"");
    let bytes = machine.sealed(&command, &mut [Auth::password(b"")]);
    let mut response = vec![0; 64];
    let progress = machine.tpm().begin(Locality::ZERO, &bytes, &mut response);
    assert_eq!(progress, Progress::Done(10));
}
