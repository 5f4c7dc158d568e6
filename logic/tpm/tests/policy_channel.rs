//! PolicyAcSendSelect and PolicyTransportSPDM: digests that can be made here, and sessions that nothing satisfies here.
#![cfg(feature = "full")]

mod common;
mod state_common;

use common::{Command, Machine, Start, alg, cc, crypto, rc, rh};
use crypto::{Hash, policy_step};

const AC_SEND_SELECT: u32 = 0x196;
const TRANSPORT: u32 = 0x1a1;

fn name(byte: u8) -> Vec<u8> {
    [&[0, 0x0b][..], &[byte; 32]].concat()
}

fn select(session: u32, include: u8) -> Command {
    Command::new(AC_SEND_SELECT)
        .handle(session)
        .sized(&name(1))
        .sized(&name(2))
        .sized(&name(3))
        .u8(include)
}

fn transport(session: u32, requester: &[u8], own: &[u8]) -> Command {
    Command::new(TRANSPORT)
        .handle(session)
        .sized(requester)
        .sized(own)
}

#[test]
fn sending_to_a_component_is_bound_to_names_and_to_the_command() {
    let mut machine = Machine::new();
    for include in [0, 1] {
        let session = machine.start(Start::trial());
        machine
            .send(&select(session.handle, include), &mut [])
            .unwrap();
        let object = if include == 1 { name(1) } else { Vec::new() };
        let parts = [&object[..], &name(2), &name(3), &[include]];
        let expected = policy_step(Hash::Sha256, &[0; 32], AC_SEND_SELECT, &parts);
        assert_eq!(machine.policy_digest(&session), expected);
        // A second limit finds no room; nor does another command.
        assert_eq!(
            machine
                .send(&select(session.handle, include), &mut [])
                .unwrap_err(),
            rc::CPHASH
        );
        let other = Command::new(cc::POLICY_COMMAND_CODE)
            .handle(session.handle)
            .u32(0x126);
        assert_eq!(
            machine.send(&other, &mut []).unwrap_err(),
            rc::parameter(rc::VALUE, 1)
        );
    }
    let session = machine.start(Start::policy());
    let code = Command::new(cc::POLICY_COMMAND_CODE)
        .handle(session.handle)
        .u32(0x126);
    machine.send(&code, &mut []).unwrap();
    assert_eq!(
        machine
            .send(&select(session.handle, 0), &mut [])
            .unwrap_err(),
        rc::COMMAND_CODE
    );
    let fresh = machine.start(Start::policy());
    assert_eq!(
        machine.send(&select(fresh.handle, 2), &mut []).unwrap_err(),
        rc::parameter(rc::VALUE, 4)
    );
}

#[test]
fn a_policy_of_a_secure_channel_is_computed_and_never_satisfied() {
    let mut machine = Machine::new();
    let (requester, own) = (name(7), name(8));
    let keys = |requester: &[u8], own: &[u8]| {
        let size = |name: &[u8]| (name.len() as u16).to_be_bytes();
        crypto::sha256(&[&size(requester), requester, &size(own), own])
    };
    for (requester, own, part) in [
        (&requester[..], &own[..], keys(&requester, &own)),
        (&[], &own, keys(&[], &own)),
        (&requester, &[], keys(&requester, &[])),
        (&[], &[], Vec::new()),
    ] {
        let mut session = machine.start(Start::policy());
        machine
            .send(&transport(session.handle, requester, own), &mut [])
            .unwrap();
        let expected = policy_step(Hash::Sha256, &[0; 32], TRANSPORT, &[&part]);
        assert_eq!(machine.policy_digest(&session), expected);
        assert_eq!(
            machine
                .send(&transport(session.handle, requester, own), &mut [])
                .unwrap_err(),
            rc::VALUE
        );
        // Also not after its context was saved and loaded.
        let save = Command::new(cc::CONTEXT_SAVE).handle(session.handle);
        let context = machine.send(&save, &mut []).unwrap().params;
        machine
            .send(&Command::new(cc::CONTEXT_LOAD).raw(&context), &mut [])
            .unwrap();
        let set = Command::new(cc::SET_PRIMARY_POLICY)
            .handle(rh::OWNER)
            .sized(&expected)
            .u16(alg::SHA256);
        machine.send(&set, &mut state_common::open()).unwrap();
        let change = Command::new(cc::HIERARCHY_CHANGE_AUTH)
            .handle(rh::OWNER)
            .sized(b"");
        let mut auths = [session.plain_use().into()];
        assert_eq!(
            machine.send(&change, &mut auths).unwrap_err(),
            rc::session(0x0b0, 1)
        );
        machine.flush(session.handle).unwrap();
    }
    let session = machine.start(Start::trial());
    let wrong_hash = [&[0, 0x99][..], &[7; 32]].concat();
    for (requester, own, code) in [
        (&wrong_hash[..], &[][..], rc::parameter(rc::HASH, 1)),
        (&[], &wrong_hash, rc::parameter(rc::HASH, 2)),
        (&name(1)[..33], &[], rc::parameter(rc::SIZE, 1)),
        (&[], &[0], rc::parameter(rc::SIZE, 2)),
        (&[0; 67], &[], rc::parameter(rc::SIZE, 1)),
    ] {
        assert_eq!(
            machine
                .send(&transport(session.handle, requester, own), &mut [])
                .unwrap_err(),
            code
        );
    }
}
